"""Registers the detector ``overlap``."""

from __future__ import annotations

from typing import Any

from exx import hookimpl


@hookimpl
def exx_register_detectors() -> list[type[Any]]:
    """Offer the detector."""
    from exx_overlap.detector import OverlapDetector

    return [OverlapDetector]
