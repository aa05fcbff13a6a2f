"""McNemar's exact and mid-p test for exx."""

from __future__ import annotations

from exx import hookimpl


@hookimpl
def exx_register_analyses() -> list[type]:
    """Offer the analysis."""
    from exx_mcnemar.analysis import McNemar

    return [McNemar]
