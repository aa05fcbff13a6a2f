"""Limits of the mean from the law of its resamples: percentile, BCa and studentised.

Sources:
    Efron, Journal of the American Statistical Association 82 (1987) 171-185: BCa.
    Hall, Annals of Statistics 16 (1988) 927-953: why to studentise.
"""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exx_paired_bootstrap.laws import AtomsLaw, Law, law_of
from exx_paired_bootstrap.resamples import MOST, number_of_resamples, resamples

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEVELS = {"": 0.95, "_90": 0.90}
MOST_DEGENERATE = 0.01  # a larger share of resamples without spread says nothing about the others
_NORMAL = NormalDist()
_NOTHING = 1e-12


def intervals(
    values: Floats, counts: Ints, lattice: int | None, draws: int, rng: np.random.Generator, *, studentise: bool = False
) -> dict[str, Any]:
    """Bound a mean in every way.

    Args:
        values: Distinct deltas, ascending, at least two.
        counts: How many items have each.
        lattice: The L for which L·values are integers, or None.
        draws: Resamples, where the law cannot be had without.
        rng: Source of the resamples.
        studentise: Work the studentised limits out even where resamples have to be drawn for them.

    Returns:
        ``bca``, ``percentile`` and perhaps ``studentised`` limits, each at 95 % and, with ``_90`` in its name, at 90 %;
        ``z0``, ``acceleration``, the standard error ``se`` and the ``law`` in words.
    """
    law = law_of(values, counts, lattice, draws, rng)
    n = int(counts.sum())
    centred = values - float(values @ counts) / n
    spread = float(counts @ centred**2)
    found = from_law(law, float(counts @ centred**3) / (6 * spread**1.5))
    found |= {"se": sqrt(spread) / n, "law": law.title}
    if studentise or number_of_resamples(n, len(values)) <= MOST:
        found |= _studentised(centred, counts, draws, rng, mean=float(values @ counts) / n)
    return found


def from_law(law: Law, acceleration: float) -> dict[str, Any]:
    """Percentile and BCa limits, with what the latter are made of."""
    z0 = _NORMAL.inv_cdf(min(max(law.share_below(), 1e-12), 1 - 1e-12))
    found: dict[str, Any] = {"z0": z0, "acceleration": acceleration}
    for name, level in LEVELS.items():
        tails = ((1 - level) / 2, (1 + level) / 2)
        found[f"percentile{name}"] = [law.quantile(tail) for tail in tails]
        found[f"bca{name}"] = [law.quantile(_bca_level(z0, acceleration, _NORMAL.inv_cdf(tail))) for tail in tails]
    return found


def _bca_level(z0: float, acceleration: float, z: float) -> float:
    return _NORMAL.cdf(z0 + (z0 + z) / (1 - acceleration * (z0 + z)))


def _studentised(centred: Floats, counts: Ints, draws: int, rng: np.random.Generator, *, mean: float) -> dict[str, Any]:
    n = int(counts.sum())
    found = resamples(np.stack([centred, centred**2], axis=1), counts, draws, rng)
    shift = found.totals[:, 0] / n
    variance = (found.totals[:, 1] - n * shift**2) / (n - 1) / n
    error = sqrt(float(counts @ centred**2) / (n - 1) / n)
    return from_ratios(shift, variance, found.weights, centre=mean, error=error) | {"studentised_law": found.title}


def from_ratios(shift: Floats, variance: Floats, weights: Floats, *, centre: float, error: float) -> dict[str, Any]:
    """Studentised limits: resamples without spread are left out, and too many of them leave the limits undefined.

    Args:
        shift: Each resample's estimate less the observed one.
        variance: Each resample's squared standard error.
        weights: How probable each resample is.
        centre: The observed estimate.
        error: Its standard error.
    """
    kept = variance > _NOTHING * error**2
    without = max(0.0, 1 - float(weights[kept].sum() / weights.sum()))
    found: dict[str, Any] = {"degenerate_share": without}
    if without > MOST_DEGENERATE:
        why = f"{100 * without:.2g} % of the resamples have no spread, too many to studentise the others"
        return found | {"studentised": None, "studentised_90": None, "reason": why}
    law = AtomsLaw.of(shift[kept] / np.sqrt(variance[kept]), weights[kept], 0.0, "")
    for name, level in LEVELS.items():
        low, high = (law.quantile(tail) for tail in ((1 - level) / 2, (1 + level) / 2))
        found[f"studentised{name}"] = [centre - high * error, centre - low * error]
    return found
