"""Confidence limits of a standardised mean, from the noncentral t law.

Sources:
    Goulet-Pelletier & Cousineau, The Quantitative Methods for Psychology 14 (2018) 242-265: limits of d and g.
    Hedges, Journal of Educational Statistics 6 (1981) 107-128: the correction factor.
"""

from __future__ import annotations

from functools import cache
from math import erfc, exp, lgamma, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_NODES = 240
_Z = 1.959963984540054


def limits(d: float, n: int, alpha: float = 0.05) -> tuple[float, float]:
    """Limits of the population's mean/sd, given the sample's d with n items: n ≥ 2."""
    t, df = d * sqrt(n), n - 1
    low, high = (_solve(t, df, level) / sqrt(n) for level in (1 - alpha / 2, alpha / 2))
    return low, high


def correction(df: int) -> float:
    """Hedges's J, by which d overestimates in small samples; 0 for one degree of freedom."""
    return exp(lgamma(df / 2) - lgamma((df - 1) / 2)) / sqrt(df / 2) if df > 1 else 0.0


def _solve(t: float, df: int, level: float) -> float:
    """The noncentrality under which P(T ≤ t) is ``level``; it falls as the noncentrality grows."""
    reach = 1.0 + 3 * _Z * sqrt(1 + t * t / (2 * df))
    low, high = t - reach, t + reach
    while _below(t, df, low) < level:
        low -= reach
    while _below(t, df, high) > level:
        high += reach
    f_low, f_high = _below(t, df, low) - level, _below(t, df, high) - level
    moved = 0
    for _ in range(100):
        # Illinois: false position that halves the weight of an end that has stayed twice; faster than bisection.
        middle = (low * f_high - high * f_low) / (f_high - f_low)
        found = _below(t, df, middle) - level
        if abs(found) < 1e-14 or high - low < 1e-12 * max(1.0, abs(middle)):
            break
        if found > 0:
            low, f_low, f_high, moved = middle, found, f_high / 2 if moved > 0 else f_high, 1
        else:
            high, f_high, f_low, moved = middle, found, f_low / 2 if moved < 0 else f_low, -1
    return middle


def _below(t: float, df: int, noncentrality: float) -> float:
    """P(T ≤ t): the normal distribution function averaged over the law of the estimated spread."""
    spread, weights = _spread(df)
    return float(weights @ [erfc((noncentrality - t * s) / sqrt(2)) / 2 for s in spread])


@cache
def _spread(df: int) -> tuple[list[float], Floats]:
    """Nodes and weights for the law of s = χ/√df: equal steps in log s, for which the trapezoidal rule is accurate."""
    logs = np.linspace(_edge(df, -1.0), _edge(df, 1.0), _NODES)
    weights = np.exp(_log_density(df, logs))
    return np.exp(logs).tolist(), weights / weights.sum()


def _edge(df: int, side: float) -> float:
    """Where, to the left or right of its peak at 0, the density of log s has fallen by e^−40."""
    near, far = 0.0, side * (1 + 40 / df)
    while abs(far - near) > 1e-6:
        middle = (near + far) / 2
        near, far = (middle, far) if float(_log_density(df, np.float64(middle))) > -40 else (near, middle)
    return far


def _log_density(df: int, logs: Any) -> Any:
    return df * (logs - np.expm1(2 * logs) / 2)
