"""Risk-coverage curves and their areas for exx."""

from __future__ import annotations

from exx import hookimpl


@hookimpl
def exx_register_analyses() -> list[type]:
    """Offer the analysis."""
    from exx_selective_risk.analysis import SelectiveRisk

    return [SelectiveRisk]
