"""Percentile and BCa limits from the law of the resampled mean, and the same for whole groups of items.

Sources:
    Efron, Journal of the American Statistical Association 82 (1987) 171-185: BCa.
    Field & Welsh, Journal of the Royal Statistical Society B 69 (2007) 369-390: resampling clusters.
"""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exx_paired_bootstrap.laws import Law, SampledLaw, law_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEVEL = 0.95
_NORMAL = NormalDist()
_Z = _NORMAL.inv_cdf((1 + LEVEL) / 2)
_CHUNK = 400_000  # entries drawn at once: as many as fit into a processor's cache


def intervals(
    values: Floats, counts: Ints, lattice: int | None, draws: int, rng: np.random.Generator
) -> dict[str, Any]:
    """Work out both intervals of a mean.

    Args:
        values: Distinct deltas, ascending, at least two.
        counts: How many items have each.
        lattice: The L for which L·values are integers, or None.
        draws: Resamples, where the law cannot be had without.
        rng: Source of the resamples.

    Returns:
        ``bca`` and ``percentile`` limits, ``z0``, ``acceleration``, the standard error ``se`` and the ``law`` in words.
    """
    law = law_of(values, counts, lattice, draws, rng)
    n = int(counts.sum())
    centred = values - float(values @ counts) / n
    spread = float(counts @ centred**2)
    acceleration = float(counts @ centred**3) / (6 * spread**1.5)
    z0 = _NORMAL.inv_cdf(min(max(law.share_below(), 1e-12), 1 - 1e-12))
    return {
        "bca": [law.quantile(_bca_level(z0, acceleration, z)) for z in (-_Z, _Z)],
        "percentile": percentile(law),
        "z0": z0,
        "acceleration": acceleration,
        "se": sqrt(spread) / n,
        "law": law.title,
    }


def percentile(law: Law) -> list[float]:
    """Equal-tailed limits of a law."""
    return [law.quantile((1 - LEVEL) / 2), law.quantile((1 + LEVEL) / 2)]


def _bca_level(z0: float, acceleration: float, z: float) -> float:
    return _NORMAL.cdf(z0 + (z0 + z) / (1 - acceleration * (z0 + z)))


def of_groups(sums: Floats, sizes: Ints, draws: int, rng: np.random.Generator) -> dict[str, Any]:
    """Percentile limits from resampling whole groups; None and a reason for fewer than two.

    A resample's mean is the sum of its groups' deltas over the number of its items, so only sums and sizes are drawn.

    Args:
        sums: Sum of the deltas of each group.
        sizes: Its number of items.
        draws: Resamples.
        rng: Source of the resamples.
    """
    groups = len(sums)
    how = {"level": LEVEL, "method": "percentile", "n_clusters": groups, "n_resamples": draws}
    if groups < 2:
        return {"low": None, "high": None, "reason": "an interval needs two groups", **how}
    pairs, times = np.unique(np.column_stack([sums, sizes]), axis=0, return_counts=True)
    if len(pairs) * 20 < groups:
        drawn = rng.multinomial(groups, times / groups, size=draws) @ pairs
        means = drawn[:, 0] / drawn[:, 1]
    else:
        means = _drawn(sums + 1j * sizes, draws, rng)
    observed = float(sums.sum()) / float(sizes.sum())
    low, high = percentile(SampledLaw(np.sort(np.round(means, 12)), observed, ""))
    return {"low": low, "high": high, **how}


def _drawn(table: NDArray[np.complex128], draws: int, rng: np.random.Generator) -> Floats:
    """Ratios of the sums of resampled entries; complex, so that a sum and a size are fetched as one."""
    groups, means = len(table), np.empty(draws)
    rows = max(1, _CHUNK // groups)
    width = np.uint16 if groups <= 1 << 16 else np.int64
    for first in range(0, draws, rows):
        picked = rng.integers(0, groups, size=(min(rows, draws - first), groups), dtype=width)
        totals = table.take(picked).sum(axis=1)
        means[first : first + rows] = totals.real / totals.imag
    return means
