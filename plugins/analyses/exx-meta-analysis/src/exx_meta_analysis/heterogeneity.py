"""How much the effects of several studies differ beyond their own uncertainty: Q, τ² by three estimators, I².

Written here since statsmodels' ``combine_effects`` (0.15) does not cut the DerSimonian-Laird τ² and I² off at 0, and
has neither REML nor Q-profile limits. Every root is bracketed and found to the last digits.

Sources:
    DerSimonian & Laird (1986), Paule & Mandel (1982), Viechtbauer (2005): the estimators.
    Viechtbauer, Statistics in Medicine 26 (2007) 37-52: the limits.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

Floats = NDArray[np.float64]


def pooled(y: Floats, v: Floats, tau2: float = 0.0) -> tuple[float, float]:
    """Mean of the effects weighted by 1/(v + τ²), and its standard error."""
    weights = 1 / (v + tau2)
    total = float(weights.sum())
    return float(weights @ y) / total, total**-0.5


def cochran_q(y: Floats, v: Floats, tau2: float = 0.0) -> float:
    """Weighted squared distances of the effects from their pooled mean; falls as τ² grows."""
    mean, _ = pooled(y, v, tau2)
    return float((y - mean) ** 2 @ (1 / (v + tau2)))


def tau2_dl(y: Floats, v: Floats) -> float:
    """The moment estimator of DerSimonian and Laird, at least 0."""
    weights = 1 / v
    scale = float(weights.sum() - (weights @ weights) / weights.sum())
    return max(0.0, (cochran_q(y, v) - (len(y) - 1)) / scale)


def tau2_pm(y: Floats, v: Floats) -> float:
    """The τ² of Paule and Mandel, with which Q is what it would be on average."""
    return tau2_where(y, v, len(y) - 1)


def tau2_where(y: Floats, v: Floats, q: float) -> float:
    """The τ² with which Q has a given value; 0 where Q is smaller than that already."""
    return _root(lambda tau2: q - cochran_q(y, v, tau2), v)


def tau2_reml(y: Floats, v: Floats) -> float:
    """The restricted maximum-likelihood estimate, at least 0; the best of all local maxima."""
    top = 10 * (float(np.ptp(y)) ** 2 + float(v.max()))
    grid = np.concatenate([[0.0], np.geomspace(float(v.min()) * 1e-6, top, 200)])
    slopes = _score(y, v, grid)
    falls = np.flatnonzero((slopes[:-1] > 0) & (slopes[1:] <= 0))
    peaks = [_between(lambda tau2: -float(_score(y, v, np.array([tau2]))[0]), *grid[at : at + 2]) for at in falls]
    return max([0.0, *peaks], key=lambda tau2: _likelihood(y, v, tau2))


def i2_from_q(q: float, df: int) -> float:
    """Share of Q beyond what uncertainty alone would give, in percent; 0 at least."""
    return 100 * max(0.0, (q - df) / q) if q > 0 else 0.0


def i2_from_tau2(tau2: float, v: Floats) -> float:
    """Share of τ² in the variance of a typical study's effect, in percent."""
    weights = 1 / v
    typical = (len(v) - 1) * weights.sum() / (weights.sum() ** 2 - weights @ weights)
    return float(100 * tau2 / (tau2 + typical))


def q_profile(y: Floats, v: Floats, level: float = 0.95) -> tuple[float, float]:
    """Limits of τ²: those with which Q lies at the edges of its χ² law."""
    df, tail = len(y) - 1, (1 - level) / 2
    return tau2_where(y, v, float(chdtri(df, tail))), tau2_where(y, v, float(chdtri(df, 1 - tail)))


def _score(y: Floats, v: Floats, tau2: Floats) -> Floats:
    """Shape of ``tau2``: twice the derivative of the restricted log likelihood there."""
    weights = 1 / (v + tau2[:, None])
    total, squares = weights.sum(axis=1), (weights**2).sum(axis=1)
    away = y - (weights @ y / total)[:, None]
    slope: Floats = ((weights * away) ** 2).sum(axis=1) - total + squares / total
    return slope


def _likelihood(y: Floats, v: Floats, tau2: float) -> float:
    """The restricted log likelihood but for a constant."""
    weights = 1 / (v + tau2)
    away = y - pooled(y, v, tau2)[0]
    return float(np.log(weights).sum() - np.log(weights.sum()) - weights @ away**2) / 2


def _root(rising: Callable[[float], float], v: Floats) -> float:
    """The root of a rising function of τ² ≥ 0; 0 if it is positive there already."""
    if rising(0.0) >= 0:
        return 0.0
    high = float(v.max())
    while rising(high) < 0:
        high *= 2
    return _between(rising, 0.0, high)


def _between(rising: Callable[[float], float], low: float, high: float) -> float:
    while high - low > 1e-15 * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return float(low + high) / 2
