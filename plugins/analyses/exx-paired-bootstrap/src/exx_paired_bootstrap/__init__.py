"""Bootstrap interval of the mean paired difference for exx, from the exact law where there is one."""

from __future__ import annotations

from exx import hookimpl


@hookimpl
def exx_register_analyses() -> list[type]:
    """Offer the analysis."""
    from exx_paired_bootstrap.analysis import PairedBootstrap

    return [PairedBootstrap]
