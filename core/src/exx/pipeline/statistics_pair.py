"""Pairing: from the rows of a score file to blocks of samples in which every item has both arms.

A block is what was measured at one temperature on one type of item, on all items or on those of one dataset.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from exx.errors import DataError
from exx.paired import Ints, PairedBlock, PairedSample
from exx.pipeline.statistics_read import HINT, TYPES, Scores
from exx.records import Address

T = TypeVar("T", np.float64, np.int64)


def pair(scores: Scores) -> list[PairedBlock]:
    """Pair the rows by item: one block per temperature and type that has rows, each with its subgroups.

    Raises:
        DataError: An item has two rows in one arm at one temperature.
    """
    blocks = []
    for temp, value in enumerate(scores.temps):
        for kind, word in enumerate(TYPES):
            rows = np.flatnonzero((scores.temp == temp) & (scores.type == kind))
            if len(rows):
                blocks.append(_whole(scores, Address(temp=value, type=word), _slots(scores, rows)))
    return blocks


def _slots(scores: Scores, rows: Ints) -> Ints:
    """Shape (2, items): the row of each item of the file in each arm, -1 without one."""
    slots = np.full((2, len(scores.dataset_of)), -1, dtype=np.int64)
    slots[scores.condition[rows], scores.item[rows]] = rows
    kept = slots[scores.condition[rows], scores.item[rows]]
    if not np.array_equal(kept, rows):
        first = rows[int(np.flatnonzero(kept != rows)[0])]
        same = (scores.item[rows] == scores.item[first]) & (scores.condition[rows] == scores.condition[first])
        once, again = rows[same][:2].tolist()
        reason = f"the same item_key, condition and temp as line {once + 2}"
        raise DataError(scores.path, reason, line=again + 2, hint=HINT)
    return slots


def _whole(scores: Scores, address: Address, slots: Ints) -> PairedBlock:
    items = np.flatnonzero((slots >= 0).any(axis=0))
    block = _block(scores, address, slots[:, items], items)
    block.subgroups = {"dataset": dict(_by_dataset(scores, block, slots[:, items], items))}
    return block


def _by_dataset(scores: Scores, block: PairedBlock, slots: Ints, items: Ints) -> Iterator[tuple[str, PairedBlock]]:
    dataset = scores.dataset_of[items]
    for code, name in sorted(enumerate(scores.datasets), key=itemgetter(1)):
        members = dataset == code
        if not members.any():
            continue
        address = Address(temp=block.address.temp, type=block.address.type, subgroup=("dataset", name))
        if members.all():
            samples = {metric: sample.at(address) for metric, sample in block.samples.items()}
            part = PairedBlock(address=address, samples=samples, n_items=block.n_items, n_unpaired=block.n_unpaired)
        else:
            part = _block(scores, address, slots[:, members], items[members])
        yield name, part


def _block(scores: Scores, address: Address, slots: Ints, items: Ints) -> PairedBlock:
    control, treatment = slots
    both = (control >= 0) & (treatment >= 0)
    unpaired = {"control": int((treatment < 0).sum()), "treatment": int((control < 0).sum())}
    samples = {}
    for name in scores.metrics:
        sample = _sample(scores, name, slots[:, both], unpaired, address)
        if sample.n or _measured(scores, name, slots):
            samples[name] = sample
    return PairedBlock(address=address, samples=samples, n_items=int(both.sum()), n_unpaired=unpaired)


def _measured(scores: Scores, name: str, slots: Ints) -> bool:
    values = scores.columns[name][slots[slots >= 0]]
    return not bool(np.isnan(values).all())


def _sample(scores: Scores, name: str, rows: Ints, unpaired: dict[str, int], address: Address) -> PairedSample:
    column = scores.columns[name]
    control, treatment = column[rows[0]], column[rows[1]]
    no_control, no_treatment = np.isnan(control), np.isnan(treatment)
    kept = ~(no_control | no_treatment)
    left_out = {
        "missing": int((~kept).sum()),
        "missing_control": int((no_control & ~no_treatment).sum()),
        "missing_treatment": int((no_treatment & ~no_control).sum()),
        "missing_both": int((no_control & no_treatment).sum()),
    }
    return PairedSample(
        address=address,
        metric=scores.metrics[name],
        control=control[kept],
        treatment=treatment[kept],
        groups=_groups(scores, rows[:, kept]),
        n_unpaired={**unpaired, **left_out},
        items=np.flatnonzero(kept),
        replicates=_both(scores.answers, rows[:, kept]),
        spreads=_both(scores.spreads.get(name), rows[:, kept]),
    )


def _both(column: NDArray[T] | None, rows: Ints) -> tuple[NDArray[T], NDArray[T]] | None:
    return None if column is None else (column[rows[0]], column[rows[1]])


def _groups(scores: Scores, rows: Ints) -> Ints | None:
    if scores.group is None:
        return None
    group = np.maximum(scores.group[rows[0]], scores.group[rows[1]])  # a row without its group takes its partner's
    return group if (group >= 0).any() else None
