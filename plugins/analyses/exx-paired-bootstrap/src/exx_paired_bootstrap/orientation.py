"""Which way round a sample is put before anything is drawn, so that swapped arms mirror the interval to the last digit.

A drawn interval, and one whose limit lies exactly on a step of its law, would otherwise depend on which arm is which.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_NOTHING = 1e-12


def side_of(total: float, points: Floats, beside: Ints) -> int:
    """1 to leave a sample as it is, −1 to mirror it, 0 if it is its own mirror image.

    Args:
        total: Sum of all deltas.
        points: Distinct deltas or sums of groups, ascending, and among equals in the order of ``beside``.
        beside: What belongs to each: how many items have it, or how large the group is.
    """
    if abs(total) > _NOTHING * max(1.0, float(np.abs(points) @ beside)):
        return 1 if total > 0 else -1
    order = np.lexsort((beside, -points))
    for unlike in (np.round(points + points[order], 12), beside - beside[order]):
        first = np.flatnonzero(unlike)
        if len(first):
            return 1 if unlike[first[0]] > 0 else -1
    return 0


def turned(found: dict[str, Any], side: int) -> dict[str, Any]:
    """Put what was found for the turned sample back: intervals mirrored, or made symmetric for a symmetric sample."""
    if side == 1:
        return found
    return {name: _back(value, side) if _has_side(name) else value for name, value in found.items()}


def _has_side(name: str) -> bool:
    return name in ("z0", "acceleration") or name.removesuffix("_90") in ("bca", "percentile", "studentised")


def _back(value: Any, side: int) -> Any:
    if isinstance(value, list):
        low, high = value
        return [-high, -low] if side else [(low - high) / 2, (high - low) / 2]
    return value if value is None else side * value + 0.0
