"""Risk-coverage curves from tables of how many questions have each confidence, and how much loss they hold together.

Every function takes tables with the confidence levels, highest first, along the first axis, and any axes after it: the
observed table and thousands of resampled ones are the same to them.

Within a level the order of the questions is not known. The area is the average over all their orders, which replaces
each loss by the level's mean: after j of the m questions of a level the risk is (S + j·mean)/(M + j), where M questions
with a loss of S came before. So a level adds m·mean + (S − mean·M)·(H(M + m) − H(M)) to the sum of the risks, with
harmonic numbers H; no threshold grid, and no chord where the curve is a hyperbola.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def harmonic(largest: int) -> Array:
    """Shape (largest + 1,): 1 + 1/2 + … + 1/k for k from 0."""
    return np.concatenate([[0.0], np.cumsum(1 / np.arange(1, largest + 1))])


def area(counts: Array, losses: Array, sums: Array) -> Array:
    """Area under the risk-coverage curve: the mean of the risks of the k most confident questions over k = 1 … n.

    Args:
        counts: Shape (levels, …): questions.
        losses: Shape (levels, …): their losses added up.
        sums: ``harmonic`` up to the largest number of questions.
    """
    after = np.cumsum(counts, axis=0)
    lost = np.cumsum(losses, axis=0) - losses
    before = after - counts
    mean = _over(losses, counts)
    steps = sums[after.astype(np.int64)] - sums[before.astype(np.int64)]
    whole: Array = (losses + (lost - mean * before) * steps).sum(axis=0) / np.maximum(after[-1], 1)
    return whole


def points(counts: Array, losses: Array) -> tuple[Array, Array]:
    """Coverage and risk when everything down to each level is answered; the risk of nothing is NaN."""
    after = np.cumsum(counts, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return after / after[-1], np.cumsum(losses, axis=0) / after


def risk_at(counts: Array, losses: Array, kept: Array) -> Array:
    """Risk of a given number of the most confident questions, averaged over the orders within a level; NaN for none.

    Args:
        counts: Shape (levels, …).
        losses: Shape (levels, …).
        kept: Shape (…): how many questions are answered.
    """
    before = np.cumsum(counts, axis=0) - counts
    taken = np.minimum(np.maximum(kept - before, 0), counts)
    with np.errstate(invalid="ignore", divide="ignore"):
        risk: Array = (taken * _over(losses, counts)).sum(axis=0) / kept
    return risk


def _over(part: Array, whole: Array) -> Any:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
