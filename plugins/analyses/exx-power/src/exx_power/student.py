"""The paired t test: its power, the smallest difference it finds, and the number of items it takes.

The noncentral t law is integrated over the chi law by quadrature, since ``scipy.stats.nct`` costs 1.5 s to import and
answers NaN for some ordinary arguments.
"""

from __future__ import annotations

from functools import cache, lru_cache
from math import ceil, inf, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, gammaln, ndtr, ndtri, stdtrit

Floats = NDArray[np.float64]

MOST_ITEMS = 1e12


@cache
def _nodes() -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.legendre.leggauss(200)
    return nodes, weights


def _chi(df: float) -> tuple[Floats, Floats]:
    """Nodes and weights of the law of √(χ²/df)."""
    nodes, weights = _nodes()
    low, high = max(0.0, 1 - 9 / sqrt(2 * df)), 1 + 9 / sqrt(2 * df) + 12 / df
    at = low + (high - low) * (nodes + 1) / 2
    with np.errstate(divide="ignore"):
        logs = (df - 1) * np.log(at) - df * at**2 / 2
    constant = (df / 2) * np.log(df / 2) + np.log(2) - gammaln(df / 2)
    return at, weights * (high - low) / 2 * np.exp(logs + constant)


def power(delta: float, sd: float, n: float, alpha: float) -> float:
    """Power of the two-sided test, both tails.

    Args:
        delta: True mean difference.
        sd: Standard deviation of the deltas, above 0.
        n: Items, above 1; with groups, divided by the design effect, so not necessarily whole.
        alpha: Level.
    """
    df, shift = n - 1, abs(delta) * sqrt(n) / sd
    critical = float(stdtrit(df, 1 - alpha / 2))
    if df > 1e6:
        return float(ndtr(shift - critical) + ndtr(-shift - critical))
    at, weights = _chi(df)
    return min(1.0, float(weights @ (ndtr(shift - critical * at) + ndtr(-shift - critical * at))))


@lru_cache(maxsize=4096)
def smallest(sd: float, n: float, alpha: float, wanted: float) -> float | None:
    """The difference found with the wanted power; None where no difference up to 1e6 standard errors is."""
    low, high = 0.0, (float(ndtri(wanted)) + float(stdtrit(n - 1, 1 - alpha / 2))) * sd / sqrt(n)
    for _ in range(60):
        if power(high, sd, n, alpha) >= wanted:
            break
        low, high = high, 2 * high
    else:
        return None
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if power(middle, sd, n, alpha) >= wanted else (middle, high)
    return high


@lru_cache(maxsize=4096)
def required(delta: float, sd: float, alpha: float, wanted: float) -> float:
    """The number of independent items that gives the wanted power, not rounded; infinite above 1e12."""
    normal = ((float(ndtri(1 - alpha / 2)) + float(ndtri(wanted))) * sd / delta) ** 2
    if normal > MOST_ITEMS:
        return inf
    low, high = 1.0, normal + 3
    while power(delta, sd, high, alpha) < wanted:
        low, high = high, high + 2 * (high - low)
    while high - low > 1e-7 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if power(delta, sd, middle, alpha) >= wanted else (middle, high)
    return high


def whole(n: float, design_effect: float = 1.0) -> int | None:
    """Items to plan for: rounded up after the design effect, at least 2; None where it is infinite."""
    if n == inf:
        return None
    product = n * design_effect
    return max(2, ceil(product - 1e-6 * min(1.0, product)))


def upper_sd(sd: float, df: float, level: float = 0.8) -> float:
    """One-sided upper confidence limit of a standard deviation, from its chi-squared law."""
    return sd * sqrt(df / float(chdtri(df, level)))
