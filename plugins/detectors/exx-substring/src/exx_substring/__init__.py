"""Registers the detector ``baseline``."""

from __future__ import annotations

from typing import Any

from exx import hookimpl


@hookimpl
def exx_register_detectors() -> list[type[Any]]:
    """Offer the detector."""
    from exx_substring.detector import SubstringDetector

    return [SubstringDetector]
