"""McNemar's test when items share passages: whole groups change sides, and errors are robust to what groups share.

Within a group the wins and losses may depend on each other in any way. If the arms are exchangeable, each group's
surplus of wins, b_g − c_g, might as well have had the other sign; given its size, the sum over all groups has an exact
law.

Sources:
    Yang, Sun & Hardin, Biometrical Journal 52 (2010) 638-652: tests for clustered matched pairs.
    Durkalski, Palesch, Lipsitz & Rust, Statistics in Medicine 22 (2003) 2417-2428: McNemar's test from group sums.
    Liang & Zeger, Biometrika 73 (1986) 13-22: the robust error, here of log(b/c).
"""

from __future__ import annotations

from math import erfc, exp, gcd, log, sqrt
from sys import float_info
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from exx import PairedSample, signed_sum_tail

Ints = NDArray[np.int64]

_SMALLEST = float_info.min  # p-values are never 0: smaller ones are written as the smallest normal number


def of_groups(sample: PairedSample) -> dict[str, Any] | None:
    """Test and bound one metric group by group.

    Args:
        sample: Its values, in [0, 1]; an arm is right on an item above ½, and an item at exactly ½ is left out.

    Returns:
        ``p_exact``, ``p_mid``, the ``difference`` with its CR2 ``interval``, and ``or_ci_95``; None when no two decided
        items share a group.
    """
    decided = _decided(sample)
    if decided.clusters is None:
        return None
    surplus = np.rint(decided.clusters[0]).astype(np.int64)
    spread = decided.spread
    found: dict[str, Any] = {
        "n_clusters": len(surplus),
        **_flipped(surplus),
        "difference": decided.mean_delta,
        "interval": None,
        "or_ci_95": _odds(decided),
    }
    if spread.se is not None and spread.df is not None and spread.mean is not None:
        reach = float(stdtrit(spread.df, 0.975)) * spread.se
        found["interval"] = [spread.mean - reach, spread.mean + reach]
    return found


def _decided(sample: PairedSample) -> PairedSample:
    """Majorities in place of means; a tie has none."""
    kept = (np.abs(sample.control - 0.5) > 1e-9) & (np.abs(sample.treatment - 0.5) > 1e-9)
    groups = None if sample.groups is None else sample.groups[kept]
    control, treatment = ((arm[kept] > 0.5).astype(np.float64) for arm in (sample.control, sample.treatment))
    return PairedSample(
        address=sample.address, metric=sample.metric, control=control, treatment=treatment, groups=groups
    )


def _flipped(surplus: Ints) -> dict[str, Any]:
    """Two-sided p-values over all ways in which whole groups change sides."""
    steps, times = np.unique(np.abs(surplus[surplus != 0]), return_counts=True)
    sum_ = abs(int(surplus.sum()))
    method = "exact (whole groups change sides)"
    if not sum_:
        return {"p_exact": 1.0, "p_mid": 1.0, "method": method}
    unit = gcd(*steps.tolist())
    steps, sum_ = steps // unit, sum_ // unit
    tail = signed_sum_tail(steps, times, sum_)
    beyond = signed_sum_tail(steps, times, sum_ + 2) if sum_ + 2 <= int(times @ steps) else 0.0
    if tail is None or beyond is None:
        p = erfc(sum_ / sqrt(2 * float(times @ steps.astype(np.float64) ** 2)))
        return {"p_exact": _bounded(p), "p_mid": _bounded(p), "method": "normal (whole groups change sides)"}
    return {"p_exact": _bounded(2 * tail), "p_mid": _bounded(tail + beyond), "method": method}


def _bounded(p: float) -> float:
    return min(1.0, max(_SMALLEST, p))


def _odds(decided: PairedSample) -> list[float] | None:
    """Limits of b/c from the robust error of its logarithm, with t of G − 1; None without both kinds or any spread."""
    index, groups = decided.cluster_index
    wins = np.bincount(index, weights=decided.deltas > 0, minlength=groups)
    losses = np.bincount(index, weights=decided.deltas < 0, minlength=groups)
    b, c = float(wins.sum()), float(losses.sum())
    if not b or not c or groups < 2:
        return None
    parts = np.sort(wins / b - losses / c)
    variance = float(parts @ parts) * groups / (groups - 1)
    reach = float(stdtrit(groups - 1, 0.975)) * sqrt(variance)
    return [exp(log(b / c) - reach), exp(log(b / c) + reach)] if variance > 1e-20 else None
