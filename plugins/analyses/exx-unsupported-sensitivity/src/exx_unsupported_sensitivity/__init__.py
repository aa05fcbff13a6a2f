"""Registers the analysis ``unsupported_sensitivity``."""

from __future__ import annotations

from exx import hookimpl


@hookimpl
def exx_register_analyses() -> list[type]:
    """Offer the analysis."""
    from exx_unsupported_sensitivity.analysis import UnsupportedSensitivity

    return [UnsupportedSensitivity]
