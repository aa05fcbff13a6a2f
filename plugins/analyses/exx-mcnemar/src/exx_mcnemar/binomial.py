"""Tails of the binomial law to nearly full precision, and what follows from them: p-values and odds limits.

Sums of a few hundred terms around the observed count are faster to start and more accurate in the far tail than a
library's incomplete beta function, so no library is needed.

Sources:
    Loader, Fast and Accurate Computation of Binomial Probabilities (2000): the probability without cancellation.
    Clopper & Pearson, Biometrika 26 (1934) 404-413: the exact limits.
"""

from __future__ import annotations

from math import exp, inf, lgamma, log, log1p, pi, sqrt
from sys import float_info

import numpy as np
from numpy.typing import NDArray

_SMALLEST = float_info.min  # p-values are never 0: smaller ones are written as the smallest normal number
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)


def p_exact(b: int, c: int) -> float:
    """Two-sided p-value of b against c under Binomial(b + c, ½): twice the smaller tail, at most 1."""
    return max(_SMALLEST, min(1.0, 2 * lower_tail(min(b, c), b + c, 0.5)))


def p_mid(b: int, c: int) -> float:
    """The same with only half the probability of the observed split; 1 for an even split."""
    if b == c:
        return 1.0
    few, all_ = min(b, c), b + c
    return max(_SMALLEST, 2 * lower_tail(few, all_, 0.5) - pmf(few, all_, 0.5))


def odds_interval(b: int, c: int, *, mid: bool, alpha: float = 0.05) -> tuple[float, float]:
    """Interval for the odds b : c of a binomial split; 0 and infinity where an edge of the data leaves it open.

    Args:
        b: Count of the first kind.
        c: Count of the second kind.
        mid: Invert the mid-p test instead of the exact one: shorter, and not guaranteed.
        alpha: One minus the confidence level.
    """
    high = _lower_odds(c, b, alpha, mid=mid)
    return _lower_odds(b, c, alpha, mid=mid), 1 / high if high else inf


def pmf(k: int, m: int, p: float) -> float:
    """Probability of k successes in m trials, 0 < p < 1."""
    if k in (0, m):
        return exp(m * (log1p(-p) if k == 0 else log(p)))
    rest = m - k
    log_core = _stirling(m) - _stirling(k) - _stirling(rest) - _deviance(k, m * p) - _deviance(rest, m * (1 - p))
    return exp(log_core) * sqrt(m / (2 * pi * k * rest))


def lower_tail(k: int, m: int, p: float) -> float:
    """Probability of at most k successes in m trials; accurate to some 1e-13, relatively, for k not above m·p."""
    if k < 0:
        return 0.0
    # Each term is the one above it times a ratio; beyond nine standard deviations nothing is left to add.
    terms = min(k, int(9.5 * sqrt(m * p * (1 - p))) + 60)
    successes = np.arange(k, k - terms, -1.0)
    ratios = successes / (m - successes + 1) * ((1 - p) / p)
    return pmf(k, m, p) * (1 + float(np.cumprod(ratios).sum()))


def log_factorials(m: int) -> NDArray[np.float64]:
    """log 0! … log m!."""
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, m + 1)))])


def _lower_odds(b: int, c: int, alpha: float, *, mid: bool) -> float:
    """Solve P(X ≥ b) = α/2, or its mid-p form, for the odds of a success."""
    if b == 0:
        return 0.0
    m, target = b + c, log(alpha / 2)
    x = _start(b, m)
    # The logarithm of a binomial tail is concave in the log odds: Newton's steps go to the root from the left.
    for _ in range(60):
        p = 1 / (1 + exp(-x))
        tail, point = lower_tail(c, m, 1 - p), pmf(b, m, p)
        slope = b * (1 - p) * point
        if mid:
            tail -= point / 2
            slope = (slope + c * p * point) / 2
        step = (log(tail) - target) * tail / slope
        x -= step
        if abs(step) < 1e-13 * max(1.0, abs(x)):
            break
    return exp(x)


def _start(b: int, m: int) -> float:
    """Log odds of Wilson's lower limit."""
    z, share = 1.96, b / m
    low = (share + z * z / (2 * m) - z * sqrt(share * (1 - share) / m + z * z / (4 * m * m))) / (1 + z * z / m)
    low = max(low, 1e-3 / m)
    return log(low) - log1p(-low)


def _stirling(n: int) -> float:
    """Error of Stirling's formula for log n!."""
    if n <= 15:
        return lgamma(n + 1) - (n + 0.5) * log(n) + n - 0.5 * log(2 * pi)
    return float(sum(term / n ** (2 * order + 1) for order, term in enumerate(_STIRLING)))


def _deviance(x: int, mean: float) -> float:
    """x·log(x / mean) + mean − x, without the cancellation near the mean."""
    relative = (x - mean) / mean
    return mean * ((1 + relative) * log1p(relative) - relative)
