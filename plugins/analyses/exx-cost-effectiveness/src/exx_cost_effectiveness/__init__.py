"""Registers the analysis ``cost_effectiveness``."""

from __future__ import annotations

from exx import hookimpl


@hookimpl
def exx_register_analyses() -> list[type]:
    """Offer the analysis."""
    from exx_cost_effectiveness.analysis import CostEffectiveness

    return [CostEffectiveness]
