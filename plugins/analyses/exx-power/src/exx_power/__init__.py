"""Registers the analysis ``power``."""

from __future__ import annotations

from exx import hookimpl


@hookimpl
def exx_register_analyses() -> list[type]:
    """Offer the analysis."""
    from exx_power.analysis import Power

    return [Power]
