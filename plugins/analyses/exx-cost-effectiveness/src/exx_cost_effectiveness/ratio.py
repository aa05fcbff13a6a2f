"""The ratio of two means that were observed together: resampled, and after Fieller."""

from __future__ import annotations

from math import sqrt

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy.special import stdtrit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CELLS = 4_000_000  # numbers drawn at a time, so that memory stays small


@frozen(eq=False, kw_only=True)
class Units:
    """What is resampled: items, or whole groups; equal ones counted, in an order that is not that of the items.

    Attributes:
        cost: Shape (k,): sum of the differences in cost.
        effect: Shape (k,): sum of the differences in effect.
        size: Shape (k,): items.
        times: Shape (k,): how many units are like this.
    """

    cost: Floats
    effect: Floats
    size: Floats
    times: Ints

    @property
    def number(self) -> int:
        """Units, equal ones included."""
        return int(self.times.sum())


def units_of(cost: Floats, effect: Floats, groups: Ints) -> Units:
    """Put items together that belong together: those of a group; then count equal units."""
    alone = groups < 0
    index = np.where(alone, groups.max(initial=-1) + 1 + np.cumsum(alone), groups)
    _, index = np.unique(index, return_inverse=True)
    sums = [np.bincount(index, weights=values) for values in (cost, effect)]
    rows = np.round(np.column_stack([*sums, np.bincount(index)]), 12)
    order = np.lexsort(rows.T)
    rows = rows[order]
    first = np.flatnonzero(np.concatenate([[True], (rows[1:] != rows[:-1]).any(axis=1)]))
    times = np.diff(np.append(first, len(rows)))
    return Units(cost=rows[first, 0], effect=rows[first, 1], size=rows[first, 2], times=times)


def resample(units: Units, runs: int, rng: np.random.Generator) -> Floats:
    """Shape (runs, 2): mean cost and mean effect of each resample."""
    columns = np.column_stack([units.cost, units.effect, units.size])
    kinds, number = len(units.times), units.number
    found = np.empty((runs, 3))
    if kinds * 10 < number:  # many are equal: how often each kind is drawn is all that counts
        step = max(1, _CELLS // kinds)
        for start in range(0, runs, step):
            size = min(step, runs - start)
            found[start : start + size] = rng.multinomial(number, units.times / number, size=size) @ columns
    else:
        every = np.repeat(columns, units.times, axis=0)
        step = max(1, _CELLS // number)
        for start in range(0, runs, step):
            size = min(step, runs - start)
            drawn = rng.integers(0, number, size=(size, number), dtype=np.int32)
            found[start : start + size] = np.column_stack([column[drawn].sum(axis=1) for column in every.T])
    means: Floats = found[:, :2] / found[:, 2:]
    return means


def interval(means: Floats) -> tuple[float, float] | str:
    """Percentile interval of cost over effect for a gain; in words why there is none.

    A resample without a gain has no ratio. It lies beyond the dearest of those with one if it costs more, and beyond
    the cheapest if it saves; where there are more than 2.5 % of these, nothing is said.
    """
    cost, effect = means.T
    gained = effect > 0
    if (~gained).mean() > 0.025:
        return f"{100 * (~gained).mean():.1f} % of the resamples gain nothing: the cost of a gain has no bounds"
    beyond = np.where(cost >= 0, np.inf, -np.inf)
    ratios = np.sort(np.where(gained, cost / np.where(gained, effect, 1.0), beyond))
    low, high = (ratios[max(0, int(np.ceil(level * len(ratios))) - 1)] for level in (0.025, 0.975))
    return float(low), float(high)


def fieller(units: Units) -> tuple[float, float] | str:
    """Fieller's 95 % limits from cluster-robust variances (CR1) and Student's t; in words why there are none."""
    number, n = units.number, float(units.times @ units.size)
    if number < 2:
        return "a standard error needs two items or groups"
    cost, effect = float(units.times @ units.cost) / n, float(units.times @ units.effect) / n
    left = np.column_stack([units.cost - units.size * cost, units.effect - units.size * effect])
    spread = (left * units.times[:, None]).T @ left * number / (number - 1) / n**2
    t = float(stdtrit(number - 1, 0.975)) ** 2
    a, b, c = effect**2 - t * spread[1, 1], effect * cost - t * spread[0, 1], cost**2 - t * spread[0, 0]
    if a <= 0:
        return "the effect does not differ from 0, so the ratio has no bounds"
    root = sqrt(max(0.0, b * b - a * c))
    return (b - root) / a, (b + root) / a
