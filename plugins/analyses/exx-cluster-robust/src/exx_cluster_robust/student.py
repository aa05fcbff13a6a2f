"""Limits and p-value of an estimate with a standard error, from Student's t."""

from __future__ import annotations

from sys import float_info
from typing import Any

from scipy.special import stdtr, stdtrit

_SMALLEST = float_info.min  # p-values are never 0: smaller ones are written as the smallest normal number


def student(estimate: float | None, error: float | None, df: float | None) -> dict[str, Any]:
    """Two-sided p-value ``p``, 95 % ``interval``, and the 90 % one, ``ci_90``.

    Args:
        estimate: Of a difference that would be 0.
        error: Its standard error, above 0.
        df: Degrees of freedom, above 0; not necessarily whole.
    """
    if estimate is None or not error or not df:
        raise ValueError(f"an estimate of {estimate} with a standard error of {error} on {df} df has no interval")
    p = 2 * float(stdtr(df, -abs(estimate) / error))
    reaches = [float(stdtrit(df, level)) * error for level in (0.975, 0.95)]
    interval, ci_90 = ([estimate - reach, estimate + reach] for reach in reaches)
    return {"p": min(1.0, max(_SMALLEST, p)), "interval": interval, "ci_90": ci_90}
