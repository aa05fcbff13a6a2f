"""Effect sizes of a paired difference for exx."""

from __future__ import annotations

from exx import hookimpl


@hookimpl
def exx_register_analyses() -> list[type]:
    """Offer the analysis."""
    from exx_effect_sizes.analysis import EffectSizes

    return [EffectSizes]
