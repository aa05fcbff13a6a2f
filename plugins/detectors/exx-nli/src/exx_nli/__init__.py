"""Registers the detector ``nli``."""

from __future__ import annotations

from typing import Any

from exx import hookimpl


@hookimpl
def exx_register_detectors() -> list[type[Any]]:
    """Offer the detector."""
    from exx_nli.detector import NliDetector

    return [NliDetector]
