"""What analyses are given: the same items under control and treatment, side by side.

``PairedSample`` is one metric on one set of items, ``PairedBlock`` all metrics of that set, ``Study`` a whole trial.
Deltas are treatment − control. They are put onto their lattice before anything compares them, since
0.8 − 0.6, 0.4 − 0.2 and 0.6 − 0.4 are three different doubles but one and the same difference.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from copy import copy
from fractions import Fraction
from functools import cached_property
from math import lcm
from pathlib import Path

import numpy as np
from attrs import define, field
from numpy.typing import NDArray

from exx.records import Address, Json, Metric, Price
from exx.spread import Spread, spread_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LARGEST_LATTICE = 5_000
_DECIMALS = 12


def generator(seed: int, *where: str) -> np.random.Generator:
    """Make the random generator of one call, from the run's seed and the call's address alone.

    So a result changes neither with the order of the calls nor with what other analyses run.
    """
    text = "\x1f".join([str(seed), *where])
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()))


@define(kw_only=True, eq=False, slots=False)
class PairedSample:
    """One metric on the items that both arms have a value for.

    Attributes:
        address: Temperature, item type and subgroup.
        metric: What was measured.
        control: Shape (n,): the control arm's values, means over replicates, no NaN.
        treatment: Shape (n,): the treatment arm's values of the same items, in the same order.
        groups: Shape (n,): small number of each item's group, -1 for an item without one; None if no item has a group.
        n_unpaired: Items left out: only this arm has a row (``control``, ``treatment``); both arms have a row, but
            ``missing`` of them lack a value: only the control's (``missing_control``), only the treatment's
            (``missing_treatment``) or both (``missing_both``, as for a metric that is not defined for the item).
        items: Shape (n,): which of the block's items each pair is, ascending; what joins the metrics of a block item by
            item. None where nobody said.
        replicates: Shape (n,) each: how many answers each value of control and treatment is the mean of; None where
            nobody said.
        spreads: Shape (n,) each: standard deviation of those answers (ddof 1), NaN where it is not known; None where
            there is one answer each, or nobody said.
    """

    address: Address
    metric: Metric
    control: Floats
    treatment: Floats
    groups: Ints | None = None
    n_unpaired: Mapping[str, int] = field(factory=dict)
    items: Ints | None = None
    replicates: tuple[Ints, Ints] | None = None
    spreads: tuple[Floats, Floats] | None = None

    @property
    def n(self) -> int:
        """Complete pairs."""
        return len(self.control)

    @cached_property
    def _distinct(self) -> tuple[Floats, Ints, int | None]:
        values, counts = np.unique(_rounded(self.treatment - self.control), return_counts=True)
        step = lattice_of(values)
        return _onto(values, step), counts.astype(np.int64), step

    @property
    def deltas(self) -> Floats:
        """Shape (n,): treatment − control, on the lattice, in the order of the items."""
        return _onto(_rounded(self.treatment - self.control), self.lattice)

    @property
    def unique(self) -> tuple[Floats, Ints]:
        """Distinct deltas in ascending order, and how many items have each: all that most analyses need."""
        return self._distinct[0], self._distinct[1]

    @property
    def lattice(self) -> int | None:
        """The smallest L with L·delta an integer for every delta; None for continuous deltas."""
        return self._distinct[2]

    @property
    def mean_delta(self) -> float | None:
        """Mean difference; None without pairs."""
        values, counts = self.unique
        return float(values @ counts / self.n) if self.n else None

    @cached_property
    def clusters(self) -> tuple[Floats, Ints] | None:
        """Sum of the deltas and number of items of every group; None unless two items share a group.

        An item without a group is a group of its own. The order is that of the sums, then the sizes, so it does not
        depend on the order of the items.
        """
        if self.groups is None:
            return None
        index, number = self.cluster_index
        if number == self.n:
            return None
        unit = self.lattice or 10**_DECIMALS
        # Added up as whole numbers, so that the last digit does not depend on the order of the items.
        sums = np.bincount(index, weights=np.rint(self.deltas * unit), minlength=number) / unit
        sizes = np.bincount(index, minlength=number).astype(np.int64)
        order = np.lexsort((sizes, sums))
        return sums[order], sizes[order]

    @property
    def cluster_index(self) -> tuple[Ints, int]:
        """Shape (n,): from 0, which cluster each item is in; and how many clusters there are."""
        groups = np.full(self.n, -1, dtype=np.int64) if self.groups is None else self.groups
        alone = groups < 0
        index = np.empty(self.n, dtype=np.int64)
        used = np.bincount(groups[~alone]) > 0
        number = int(used.sum())
        index[~alone] = (np.cumsum(used) - 1)[groups[~alone]]
        index[alone] = number + np.arange(int(alone.sum()))
        return index, number + int(alone.sum())

    @cached_property
    def spread(self) -> Spread:
        """How uncertain the mean delta is: cluster-robust where items share a group, and as if independent."""
        return spread_of(*self.unique, self.clusters)

    def at(self, address: Address) -> PairedSample:
        """Give the same sample another address; what was worked out for one serves the other."""
        _ = self._distinct, self.clusters
        twin = copy(self)
        twin.address = address
        return twin


def _rounded(values: Floats) -> Floats:
    rounded: Floats = np.round(values, _DECIMALS)
    return rounded


def _onto(values: Floats, step: int | None) -> Floats:
    return values if step is None else np.round(values * step) / step + 0.0  # + 0.0 turns −0.0 into 0.0


def lattice_of(values: Floats) -> int | None:
    """Find the smallest L up to 5,000 for which L times every value is an integer; None if there is none."""
    whole = 1
    for value in values.tolist():
        if abs(whole * value - round(whole * value)) <= 1e-9:
            continue
        fraction = Fraction(value).limit_denominator(_LARGEST_LATTICE)
        if abs(float(fraction) - value) > 1e-9:
            return None
        whole = lcm(whole, fraction.denominator)
        if whole > _LARGEST_LATTICE:
            return None
    return whole


@define(kw_only=True, eq=False)
class PairedBlock:
    """Every metric on one set of items.

    Attributes:
        address: Temperature, item type and subgroup.
        samples: By metric name, in the order of the score file's columns.
        n_items: Items with a row in both arms.
        n_unpaired: Items with a row in only one arm: ``{"control": …, "treatment": …}``.
        subgroups: The block's parts: ``subgroups["dataset"]["squad_v2"]``; empty for a subgroup's own block.
    """

    address: Address
    samples: Mapping[str, PairedSample]
    n_items: int
    n_unpaired: Mapping[str, int]
    subgroups: Mapping[str, Mapping[str, PairedBlock]] = field(factory=dict)


@define(kw_only=True, eq=False)
class Study:
    """A whole trial.

    Attributes:
        blocks: Every block, subgroups included.
        seed: The config's random seed; derive generators from it with ``generator``.
        stats: The config's ``stats`` section.
        folder: Where per_item_scores.csv is; the trial's other tables (predictions.csv, support.csv) lie beside it.
            None for samples that came from no file.
        prepared: Folder of the prepared items; None when it is not at hand.
        price: What the trial's tokens cost; None when nobody knows.
        primary: Names of the primary metrics; empty where nobody said.
    """

    blocks: Sequence[PairedBlock]
    seed: int
    stats: Mapping[str, Json]
    folder: Path | None = None
    prepared: Path | None = None
    price: Price | None = None
    primary: Sequence[str] = ()

    def generator(self, *where: str) -> np.random.Generator:
        """Make the random generator for a part of the work, such as ``("power", "em")``."""
        return generator(self.seed, *where)
