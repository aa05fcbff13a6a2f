"""The units of resampling as rows of numbers, and thousands of resamples of them at the cost of their distinct rows.

A unit is a question, or a group of questions. Its row holds, arm by arm, how many of its questions have each
confidence, their losses, and how many have each loss. Whatever is compared depends on the rows' sums alone.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen

from exx_selective_risk.pairs import Floats, Ints, Pairs

_MOST_LOSSES = 200  # distinct losses up to which the best order is resampled too
_MOST_DRAWS = 2_000_000  # single units over all resamples; beyond it fewer resamples are drawn, but not below
_FEWEST = 400
_FEW = 64
_CHUNK = 1_000_000
_COST = 5  # drawing one binomial count takes about as long as drawing and counting this many single units


@frozen(eq=False)
class Tables:
    """Sums over units.

    Attributes:
        levels: Distinct confidences, highest first.
        values: Distinct losses, lowest first.
        rows: Shape (distinct units, 2 · width): the control's half and the treatment's.
        times: How many units have each row.
        swapped: The arms stand the other way round in ``rows``.
        symmetric: With the arms swapped the units would be the same.
    """

    levels: Floats
    values: Floats
    rows: Floats
    times: Ints
    swapped: bool
    symmetric: bool

    @property
    def best_order(self) -> bool:
        """Whether rows hold the counts of the losses, which the best order needs."""
        return len(self.values) <= _MOST_LOSSES

    @property
    def units(self) -> int:
        """Questions or groups."""
        return int(self.times.sum())

    def split(self, arms: Floats) -> tuple[Floats, Floats, Floats]:
        """Take tables apart: counts by confidence, losses by confidence, counts by loss (of width 0 if not held)."""
        levels = len(self.levels)
        return arms[:levels], arms[levels : 2 * levels], arms[2 * levels :]

    def observed(self) -> Floats:
        """Shape (width, 2, 1): the table of the sample itself."""
        return self._arms(_sums(self.times[None].astype(np.float64), self.rows))

    def resampled(self, draws: int, rng: np.random.Generator) -> Floats:
        """Shape (width, 2, draws): tables of as many units drawn with replacement."""
        units, distinct = self.units, len(self.rows)
        by_count = _COST * distinct < units
        draws = min(draws, max(_FEWEST, _MOST_DRAWS // (_COST * distinct if by_count else units)))
        step = max(1, _CHUNK // (distinct if by_count else units))
        sizes = [min(step, draws - first) for first in range(0, draws, step)]
        made = [_sums(self._drawn(size, rng, by_count=by_count), self.rows) for size in sizes]
        return self._arms(np.concatenate(made, axis=1))

    def _drawn(self, draws: int, rng: np.random.Generator, *, by_count: bool) -> Floats:
        """Shape (draws, distinct): how often each distinct row is drawn."""
        units, distinct = self.units, len(self.rows)
        if by_count:
            return rng.multinomial(units, self.times / units, size=draws).astype(np.float64)
        which = rng.integers(units, size=(draws, units))
        if distinct < units:
            which = np.repeat(np.arange(distinct), self.times)[which]
        which += (np.arange(draws) * distinct)[:, None]
        return np.bincount(which.ravel(), minlength=draws * distinct).reshape(draws, distinct).astype(np.float64)

    def _arms(self, sums: Floats) -> Floats:
        arms = sums.reshape(2, -1, sums.shape[1]).transpose(1, 0, 2)
        return np.ascontiguousarray(arms[:, ::-1] if self.swapped else arms)


def _sums(drawn: Floats, rows: Floats) -> Floats:
    """Shape (2 · width, draws): the rows' sums, each as often as drawn."""
    # For a few rows a library for large matrices takes longer to wake its threads than to multiply.
    sums: Floats = rows.T @ drawn.T if len(rows) > _FEW else np.einsum("ru,uw->wr", drawn, rows)
    return sums


def tabulate(pairs: Pairs) -> Tables:
    """Count a sample's distinct units.

    The arms are put into an order of their own, not that of their names, so that swapping them mirrors every resample.
    """
    levels, confidence = np.unique(pairs.confidence, return_inverse=True)
    values, loss = np.unique(pairs.loss, return_inverse=True)
    shape = pairs.loss.shape
    confidence, loss = len(levels) - 1 - confidence.reshape(shape), loss.reshape(shape)
    code = confidence * len(values) + loss
    if pairs.groups is None:
        kinds = len(levels) * len(values)
        cells, times = np.unique(code[0] * kinds + code[1], return_counts=True)
        keys = np.stack(np.divmod(cells, kinds), axis=1)
        halves = [_halves(keys[:, arm], np.arange(len(keys)), len(levels), values) for arm in (0, 1)]
        rows = np.concatenate(halves, axis=1)
    else:
        halves = [_halves(code[arm], pairs.groups, len(levels), values) for arm in (0, 1)]
        rows, times = np.unique(np.concatenate(halves, axis=1), axis=0, return_counts=True)
    here, there = _sorted(rows, times), _sorted(np.roll(rows, rows.shape[1] // 2, axis=1), times)
    mine, other = (table.tobytes() + count.tobytes() for table, count in (here, there))
    rows, times = there if other < mine else here
    return Tables(levels[::-1], values, rows, times, swapped=other < mine, symmetric=other == mine)


def _halves(code: Ints, unit: Ints, levels: int, values: Floats) -> Floats:
    """Shape (units, width): one arm's counts by confidence, losses by confidence and, if few, counts by loss."""
    units, kinds = int(unit.max()) + 1, len(values)
    at, loss = np.divmod(code, kinds)
    place, size = unit * levels + at, units * levels
    counts = np.bincount(place, minlength=size).reshape(units, levels)
    losses = np.round(np.bincount(place, weights=values[loss], minlength=size), 12).reshape(units, levels)
    if kinds > _MOST_LOSSES:
        return np.concatenate([counts.astype(np.float64), losses], axis=1)
    by_loss = np.bincount(unit * kinds + loss, minlength=units * kinds).reshape(units, kinds)
    whole: Floats = np.concatenate([counts, losses, by_loss], axis=1)
    return whole


def _sorted(rows: Floats, times: Ints) -> tuple[Floats, Ints]:
    order = np.lexsort(rows.T[::-1])
    return np.ascontiguousarray(rows[order]), times[order]
