"""Registers the analysis ``mixed_effects``."""

from __future__ import annotations

from exx import hookimpl


@hookimpl
def exx_register_analyses() -> list[type]:
    """Offer the analysis."""
    from exx_mixed_effects.analysis import MixedEffects

    return [MixedEffects]
