"""Minimum-likelihood limits of the odds of a binomial split: the set of odds that a two-sided exact test keeps.

That test adds up every split no likelier than the observed one. As the odds grow from 0, a split j below b joins the
sum at the odds θ_j at which both are equally likely, so the p-value jumps there and is not monotone: its segments are
gone through from outside in. No library does this.

Source:
    Sterne, Biometrika 41 (1954) 275-278: the set, of which this is the hull.
"""

from __future__ import annotations

from math import inf

import numpy as np
from numpy.typing import NDArray

from exx_mcnemar.binomial import log_factorials, lower_tail, odds_interval

_FAR_OUT = 1e-5  # no odds whose upper tail is smaller than this share of alpha are kept


def minlike_interval(b: int, c: int, alpha: float = 0.05) -> tuple[float, float]:
    """Hull of the odds b : c with a minimum-likelihood p-value above alpha; 0 and infinity where an edge is open."""
    high = _lower(c, b, alpha)
    return _lower(b, c, alpha), 1 / high if high else inf


def _lower(b: int, c: int, alpha: float) -> float:
    """The smallest odds that are kept."""
    if b == 0:
        return 0.0
    outermost, _ = odds_interval(b, c, mid=False, alpha=2 * _FAR_OUT * alpha)
    joins = _joins(b, c)
    first = int(np.searchsorted(joins, outermost))
    for j in range(first, b + 1):
        # Between two jumps the p-value falls and then rises, so it is largest at the ends.
        start = float(joins[j - 1]) if j else 0.0
        end = float(joins[j]) if j < b else b / c if c else inf
        if j > first and _p_value(b, c, start, j) > alpha:
            return start
        if _p_value(b, c, end, j) > alpha:
            return _root(b, c, max(start, outermost), end, j, alpha)
    return float(joins[-1])


def _joins(b: int, c: int) -> NDArray[np.float64]:
    """Odds at which each split below b becomes as unlikely as b, ascending."""
    logs = log_factorials(b + c)
    below = np.arange(b)
    chords = (logs[b] + logs[c]) - (logs[below] + logs[b + c - below])
    found: NDArray[np.float64] = np.exp(chords / (b - below))
    return found


def _p_value(b: int, c: int, odds: float, j: int) -> float:
    """P(X ≥ b) + P(X < j)."""
    if odds in (0, inf):
        return float(odds == inf)
    p = odds / (1 + odds)
    return lower_tail(c, b + c, 1 - p) + lower_tail(j - 1, b + c, p)


def _root(b: int, c: int, low: float, high: float, j: int, alpha: float) -> float:
    high = min(high, 1e300)
    for _ in range(200):
        middle = (low + high) / 2 if high < 2 * low else (low * high) ** 0.5 if low else high / 2
        if not low < middle < high:
            break
        low, high = (low, middle) if _p_value(b, c, middle, j) > alpha else (middle, high)
    return high
