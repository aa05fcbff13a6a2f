"""What a logistic model needs of the data: answers and right ones per cluster and arm, equal clusters counted once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

if TYPE_CHECKING:
    from exx import PairedSample

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@frozen(eq=False, kw_only=True)
class Clusters:
    """Kinds of clusters, in an order that does not depend on that of the items.

    Attributes:
        sizes: Shape (kinds, 2): answers under control and treatment.
        sums: Shape (kinds, 2): how many of them are right; sums of shares where an item's mean counts as one answer.
        squares: Shape (kinds, 2): sums of the squares of what is added up in ``sums``.
        times: Shape (kinds,): how many clusters are of the kind.
    """

    sizes: Floats
    sums: Floats
    squares: Floats
    times: Floats

    @property
    def number(self) -> int:
        """Clusters."""
        return int(self.times.sum())

    @property
    def alike(self) -> bool:
        """All clusters hold as many answers under control, and under treatment."""
        return bool((self.sizes == self.sizes[0]).all())


@frozen(eq=False, kw_only=True)
class Answers:
    """A sample as single answers.

    Attributes:
        single: The numbers of answers are known and their sums are whole; else an item's mean counts as one answer.
        counts: Shape (n, 2): answers to each item.
        right: Shape (n, 2): the right ones among them.
        index: Shape (n,): which cluster each item is in, from 0.
        number: Clusters.
    """

    single: bool
    counts: Ints
    right: Floats
    index: Ints
    number: int


def answers_of(sample: PairedSample) -> Answers:
    """Turn means over answers back into counts."""
    means = np.column_stack([sample.control, sample.treatment])
    if sample.clusters is None:
        index, number = np.arange(sample.n), sample.n
    else:
        index, number = sample.cluster_index
    counts = np.ones(means.shape, dtype=np.int64)
    if sample.replicates is not None:
        counts = np.column_stack(sample.replicates)
    right = means * counts
    single = bool((counts > 0).all() and (np.abs(right - np.rint(right)) <= 1e-6).all())
    if single:
        return Answers(single=True, counts=counts, right=np.rint(right), index=index, number=number)
    ones = np.ones(means.shape, dtype=np.int64)
    return Answers(single=False, counts=ones, right=means, index=index, number=number)


def clusters_of(answers: Answers) -> Clusters:
    """Add up each cluster's answers, and count equal clusters."""
    squares = answers.right if answers.single else answers.right**2
    columns = [answers.counts, answers.right] + ([] if answers.single else [squares])
    added = np.column_stack(
        [
            np.bincount(answers.index, weights=part[:, arm], minlength=answers.number)
            for part in columns
            for arm in (0, 1)
        ]
    )
    kinds, times = _kinds(np.round(added, 10))  # so that the last digit does not depend on the order of the items
    return Clusters(
        sizes=kinds[:, 0:2],
        sums=kinds[:, 2:4],
        squares=kinds[:, 2:4] if answers.single else kinds[:, 4:6],
        times=times.astype(np.float64),
    )


def _kinds(rows: Floats) -> tuple[Floats, Ints]:
    """Distinct rows, sorted, and how often each occurs."""
    base = int(rows.max(initial=0)) + 1
    if rows.shape[1] == 4 and base**4 < 2**62:  # whole numbers, packed into one: far faster than comparing rows
        packed = rows.astype(np.int64) @ np.array([base**3, base**2, base, 1])
        codes, times = np.unique(packed, return_counts=True)
        digits = [codes // base**power % base for power in (3, 2, 1, 0)]
        return np.column_stack(digits).astype(np.float64), times
    kinds, times = np.unique(rows, axis=0, return_counts=True)
    return kinds, times
