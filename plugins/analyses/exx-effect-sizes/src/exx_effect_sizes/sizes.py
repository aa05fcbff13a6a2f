"""Effect sizes from the distinct deltas and the two arms' values."""

from __future__ import annotations

from math import asin, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exx_effect_sizes.noncentral import correction, limits

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def standardised(values: Floats, counts: Ints, control: Floats, treatment: Floats) -> dict[str, Any]:
    """d_z, g_z and d_av with the limits of the first two; n ≥ 2 and deltas that are not all equal.

    Args:
        values: Distinct deltas, ascending, at least two.
        counts: How many items have each.
        control: The control's values.
        treatment: The treatment's values.
    """
    n = int(counts.sum())
    mean = float(values @ counts) / n
    d = mean / sqrt(float(counts @ (values - mean) ** 2) / (n - 1))
    ci, j = limits(d, n), correction(n - 1)
    pooled = sum(float(np.var(np.sort(arm), ddof=1)) for arm in (control, treatment)) / 2
    sizes: dict[str, Any] = {"d_z": d, "d_z_ci_95": list(ci)}
    if j:
        sizes |= {"g_z": j * d, "g_z_ci_95": [j * limit for limit in ci]}
    if pooled > 0:
        sizes["d_av"] = mean / sqrt(pooled)
    return sizes


def dominance(values: Floats, counts: Ints) -> dict[str, Any]:
    """How often which arm is ahead, within pairs; n ≥ 1."""
    n = int(counts.sum())
    wins, losses = int(counts[values > 0].sum()), int(counts[values < 0].sum())
    sizes: dict[str, Any] = {
        "n_pos": wins,
        "n_neg": losses,
        "n_zero": n - wins - losses,
        "cliffs_delta": (wins - losses) / n,
        "prob_superiority": (wins + (n - wins - losses) / 2) / n,
    }
    if wins + losses:
        sizes["sign_rate_nonzero"] = (wins - losses) / (wins + losses)
        sizes["rank_biserial"] = _rank_biserial(values, counts)
    return sizes


def _rank_biserial(values: Floats, counts: Ints) -> float:
    changed = values != 0
    sizes, index = np.unique(np.round(np.abs(values[changed]), 12), return_inverse=True)
    times = np.bincount(index, weights=counts[changed], minlength=len(sizes))
    ranks = (np.cumsum(times) - (times - 1) / 2)[index] * counts[changed]
    signed: float = float(ranks @ np.sign(values[changed])) / float(ranks.sum())
    return signed


def between(control: Floats, treatment: Floats) -> tuple[float, float | None]:
    """Cliff's delta of every treatment value against every control value, as if the items were not paired.

    Returns:
        Over all n² pairs of values, and over those of different items only, which takes two items.
    """
    n, ordered = len(control), np.sort(control)
    below, up_to = np.searchsorted(ordered, treatment), np.searchsorted(ordered, treatment, side="right")
    surplus = int(below.sum()) + int(up_to.sum()) - n * n
    own = int(np.sign(np.round(treatment - control, 12)).sum())
    return surplus / n**2, (surplus - own) / (n * (n - 1)) if n > 1 else None


def cohens_h(control: Floats, treatment: Floats) -> float:
    """Difference of two proportions on the scale on which their variance does not depend on them."""
    first, second = (min(1.0, max(0.0, float(np.sort(arm).mean()))) for arm in (treatment, control))
    return 2 * asin(sqrt(first)) - 2 * asin(sqrt(second))
