"""The same limits when whole groups are resampled: the mean is then a ratio, of the groups' sums to their sizes.

Sources:
    Field & Welsh, Journal of the Royal Statistical Society B 69 (2007) 369-390: resampling clusters.
    Hall, The Bootstrap and Edgeworth Expansion (1992): the law of many resampled groups as a series.
"""

from __future__ import annotations

from math import comb, erf, exp, pi, sqrt
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from exx_paired_bootstrap.interval import from_law, from_ratios
from exx_paired_bootstrap.laws import AtomsLaw, Law, law_of
from exx_paired_bootstrap.resamples import MOST, Resamples, number_of_resamples, resamples

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MANY_GROUPS = 500
_SMALL = 0.03  # first term of the series; what is left out is some square of it


def group_intervals(
    sums: Floats, sizes: Ints, lattice: int | None, draws: int, rng: np.random.Generator, *, studentise: bool = False
) -> dict[str, Any]:
    """Bound a mean by resampling at least two groups.

    Args:
        sums: Sum of the deltas of each group; their means are not all equal.
        sizes: Its number of items.
        lattice: The L for which L·sums are integers, or None.
        draws: Resamples, where the law cannot be had without.
        rng: Source of the resamples.
        studentise: Work the studentised limits out even where resamples have to be drawn for them.

    Returns:
        The same as for items.
    """
    groups, n = len(sums), int(sizes.sum())
    mean = float(sums.sum()) / n
    residuals = sums - sizes * mean
    spread = float(residuals @ residuals)
    few = number_of_resamples(groups, 1 + int(np.count_nonzero(np.diff(sums + 1j * sizes)))) <= MOST
    listed = _resamples(sums, sizes, mean, draws, rng) if studentise or few else None
    law = _law(sums, sizes, lattice, listed, draws, rng)
    found = from_law(law, float((residuals**3).sum()) / (6 * spread**1.5))
    found |= {"se": sqrt(spread) / n, "law": law.title}
    if listed is not None:
        shift, variance = _ratios(listed, groups)
        error = sqrt(spread * groups / (groups - 1)) / n
        found |= from_ratios(shift, variance, listed.weights, centre=mean, error=error)
        found["studentised_law"] = listed.title
    return found


def _law(
    sums: Floats, sizes: Ints, lattice: int | None, listed: Resamples | None, draws: int, rng: np.random.Generator
) -> Law:
    mean = float(sums.sum()) / int(sizes.sum())
    one_size = int(sizes[0]) if int(sizes.min()) == int(sizes.max()) else None
    exact = listed is not None and listed.title.startswith("exact")
    series = None if exact or (one_size and lattice) else SeriesLaw.of(sums, sizes)
    if series is not None:
        return series
    if one_size:  # then the mean is that of the groups' means, and no ratio
        values, counts = np.unique(np.round(sums / one_size, 12), return_counts=True)
        return law_of(values, counts, None if lattice is None else lattice * one_size, draws, rng)
    found = listed if listed is not None else _resamples(sums, sizes, mean, draws, rng)
    points = np.round(mean + found.totals[:, 0] / found.totals[:, 1], 12)
    return AtomsLaw.of(points, found.weights, mean, found.title)


def _resamples(sums: Floats, sizes: Ints, mean: float, draws: int, rng: np.random.Generator) -> Resamples:
    """Totals of what residual u, size m, and their products u², um and m² sum up to."""
    pairs, times = np.unique(np.column_stack([sums, sizes]), axis=0, return_counts=True)
    u, m = pairs[:, 0] - mean * pairs[:, 1], pairs[:, 1]
    return resamples(np.stack([u, m, u * u, u * m, m * m], axis=1), times, draws, rng)


def _ratios(found: Resamples, groups: int) -> tuple[Floats, Floats]:
    u, m, uu, um, mm = found.totals.T
    shift = u / m
    variance = (uu - 2 * shift * um + shift**2 * mm) / m**2 * groups / (groups - 1)
    return shift, variance


@frozen(eq=False)
class SeriesLaw:
    """Many groups: P(θ* ≤ θ̂ + δ) = P(Σ(u − δm) ≤ 0), by Edgeworth's series with four cumulants; error of order G^−3/2.

    Attributes:
        title: How the law was got at.
        mean: θ̂.
        groups: How many groups are drawn.
        size: Mean size of a group.
        moments: E u^i·(m − size)^j, for i + j ≤ 4.
    """

    title: str
    mean: float
    groups: int
    size: float
    moments: dict[tuple[int, int], float]

    @classmethod
    def of(cls, sums: Floats, sizes: Ints) -> SeriesLaw | None:
        """Take the moments; None where groups are too few, or one weighs too much, for a series."""
        groups, n = len(sums), int(sizes.sum())
        if groups < _MANY_GROUPS:
            return None
        mean, size = float(sums.sum()) / n, n / groups
        u, m = sums - sizes * mean, sizes - size
        moments = {(i, j): float((u**i * m**j).sum()) / groups for i in range(5) for j in range(5 - i)}
        law = cls("Edgeworth's series for the sums of many groups", mean, groups, size, moments)
        _, skewness, kurtosis = law._shape(0.0)
        small = abs(skewness) / (6 * sqrt(groups)) < _SMALL and abs(kurtosis) / (24 * groups) < _SMALL / 3
        return law if small else None

    def share_below(self) -> float:
        """P(mean* < mean) + P(mean* = mean) / 2, in [0, 1]."""
        return self._below(0.0)

    def quantile(self, level: float) -> float:
        """The mean whose cumulative probability is ``level``, in (0, 1)."""
        reach = 12 * sqrt(self.moments[2, 0] / self.groups) / self.size
        low, high = -reach, reach
        while high - low > 1e-13 * reach:
            middle = (low + high) / 2
            low, high = (low, middle) if self._below(middle) >= level else (middle, high)
        return self.mean + high

    def _shape(self, delta: float) -> tuple[float, float, float]:
        """Standard deviation, skewness and excess kurtosis of u − δm."""
        second, third, fourth = (
            sum(comb(k, j) * (-delta) ** j * self.moments[k - j, j] for j in range(k + 1)) for k in (2, 3, 4)
        )
        return sqrt(second), third / second**1.5, fourth / second**2 - 3

    def _below(self, delta: float) -> float:
        deviation, skewness, kurtosis = self._shape(delta)
        z, root = sqrt(self.groups) * delta * self.size / deviation, sqrt(self.groups)
        series = skewness / (6 * root) * (z * z - 1) + kurtosis / (24 * self.groups) * (z**3 - 3 * z)
        series += skewness**2 / (72 * self.groups) * (z**5 - 10 * z**3 + 15 * z)
        return (1 + erf(z / sqrt(2))) / 2 - exp(-z * z / 2) / sqrt(2 * pi) * series
