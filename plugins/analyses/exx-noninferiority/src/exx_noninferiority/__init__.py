"""Non-inferiority and equivalence within a margin for exx."""

from __future__ import annotations

from exx import hookimpl


@hookimpl
def exx_register_analyses() -> list[type]:
    """Offer the analysis."""
    from exx_noninferiority.analysis import NonInferiority

    return [NonInferiority]
