"""From the samples of several datasets to one answer: fixed, random, macro and micro means with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import erfc, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtri, stdtr, stdtrit

from exx_meta_analysis import heterogeneity as het

if TYPE_CHECKING:
    from exx import PairedSample, Spread

Floats = NDArray[np.float64]

_LEVEL = 0.95
ESTIMATORS = {"dl": het.tau2_dl, "pm": het.tau2_pm, "reml": het.tau2_reml}


def summary(samples: Mapping[str, PairedSample], method: str) -> dict[str, Any]:
    """Pool samples of one metric, by dataset.

    Returns:
        ``headline`` (the finding's estimate, interval and p-value), ``reason``, and the details of the finding.
    """
    spreads = {name: sample.spread for name, sample in samples.items()}
    used = [(spread.mean, spread.se**2) for spread in spreads.values() if spread.mean is not None and spread.se]
    left_out = {name: spread.reason for name, spread in spreads.items() if not spread.se}
    y, v = np.array(used, dtype=np.float64).reshape(-1, 2).T
    found = pool(y, v, method)
    reasons = [f"left out of the pooled means: {name} ({why})" for name, why in left_out.items()]
    return {
        **found,
        "reason": "; ".join([*([found["reason"]] if found["reason"] else []), *reasons]) or None,
        "macro": _averaged(list(spreads.values()), by_items=False),
        "micro": _averaged(list(spreads.values()), by_items=True),
        "datasets": {name: _listed(spread) for name, spread in spreads.items()},
    }


def pool(y: Floats, v: Floats, method: str = "reml") -> dict[str, Any]:
    """Pool effects.

    Args:
        y: Shape (k,): effects.
        v: Shape (k,): their variances, above 0.
        method: Whose τ² the headline rests on: ``dl``, ``pm`` or ``reml``.

    Returns:
        ``headline``, ``reason``, ``k``, ``fixed``, ``random``, ``heterogeneity`` and, by estimator, ``random_by``.
    """
    k = len(y)
    fixed = _normal(*het.pooled(y, v)) if k else _undefined()
    if k < 2:
        reason = "random, heterogeneity: there is one dataset" if k else "no dataset has a standard error"
        nothing: dict[str, Any] = {"random": None, "heterogeneity": None, "random_by": None}
        return {"k": k, "fixed": fixed, **nothing, "headline": fixed, "reason": reason}
    by = {name: _random(y, v, estimate(y, v)) for name, estimate in ESTIMATORS.items()}
    few = "two datasets say next to nothing about how datasets differ: t has 1 degree of freedom" if k == 2 else None
    return {
        "k": k,
        "fixed": fixed,
        "random": {"method": method, **by[method]},
        "heterogeneity": _heterogeneity(y, v),
        "random_by": by,
        "headline": by[method],
        "reason": few,
    }


def _heterogeneity(y: Floats, v: Floats) -> dict[str, Any]:
    q, df = het.cochran_q(y, v), len(y) - 1
    tau2 = het.q_profile(y, v)
    return {
        "Q": q,
        "df": df,
        "p_value": float(chdtrc(df, q)),
        "I2": het.i2_from_q(q, df),
        "I2_ci_95": [het.i2_from_tau2(limit, v) for limit in tau2],
        "tau2_ci_95": list(tau2),
    }


def _random(y: Floats, v: Floats, tau2: float) -> dict[str, Any]:
    """The random-effects mean for one τ²; ``ci_95`` is the guarded Hartung-Knapp interval."""
    k = len(y)
    mean, se = het.pooled(y, v, tau2)
    factor = sqrt(het.cochran_q(y, v, tau2) / (k - 1))
    normal = float(ndtri((1 + _LEVEL) / 2))
    return {
        **_by_t(mean, se * max(1.0, factor), tau2, k),
        "tau2": tau2,
        "I2": het.i2_from_tau2(tau2, v),
        "prediction_95_t_km2": _ends(mean, _quantile(k - 2) * sqrt(tau2 + se**2)) if k > 2 else None,
        "unguarded": _by_t(mean, se * factor, tau2, k),
        "normal": {**_normal(mean, se), "prediction_95": _ends(mean, normal * sqrt(tau2 + se**2)) if k > 2 else None},
    }


def _by_t(mean: float, se: float, tau2: float, k: int) -> dict[str, Any]:
    """Mean, interval, test and prediction interval with Student's t and k − 1 degrees of freedom."""
    t = _quantile(k - 1)
    return {
        "delta_mean": mean,
        "se": se,
        "ci_95": _ends(mean, t * se),
        "p_value": 2 * float(stdtr(k - 1, -abs(mean) / se)) if se > 0 else None,
        "prediction_95": _ends(mean, t * sqrt(tau2 + se**2)) if k > 2 else None,
    }


def _normal(mean: float, se: float) -> dict[str, Any]:
    reach = float(ndtri((1 + _LEVEL) / 2)) * se
    return {"delta_mean": mean, "se": se, "ci_95": _ends(mean, reach), "p_value": erfc(abs(mean) / se / sqrt(2))}


def _ends(mean: float, reach: float) -> list[float]:
    return [mean - reach, mean + reach]


def _quantile(df: float) -> float:
    return float(stdtrit(df, (1 + _LEVEL) / 2))


def _undefined() -> dict[str, Any]:
    return dict.fromkeys(("delta_mean", "se", "ci_95", "p_value"))


def _averaged(spreads: Sequence[Spread], *, by_items: bool) -> dict[str, Any]:
    """Mean over these very datasets, each with one vote (macro) or one per item (micro).

    The interval treats the datasets as given: its variance is Σω²v, with the degrees of freedom of Welch and
    Satterthwaite. It is None as soon as one dataset has no standard error.
    """
    present = [spread for spread in spreads if spread.n]
    sizes = np.array([spread.n if by_items else 1.0 for spread in present])
    shares = sizes / sizes.sum()
    mean = float(shares @ np.array([spread.mean for spread in present]))
    if not all(spread.se for spread in present):
        return {"delta_mean": mean, "se": None, "ci_95": None, "reason": "a dataset has no standard error"}
    each = shares**2 * np.array([spread.se for spread in present]) ** 2
    variance = float(each.sum())
    df = variance**2 / float((each**2 / np.array([spread.df for spread in present])).sum())
    ends = _ends(mean, _quantile(df) * sqrt(variance))
    return {"delta_mean": mean, "se": sqrt(variance), "df": df, "ci_95": ends}


def _listed(spread: Spread) -> dict[str, Any]:
    groups = {} if spread.n_clusters is None else {"n_clusters": spread.n_clusters}
    why = {"reason": spread.reason} if spread.reason else {}
    return {"n": spread.n, "delta_mean": spread.mean, "se": spread.se, **groups, **why}
