"""Scores that come from no score file: a table in memory, made of columns, as the statistics engine takes it.

Two runs side by side are such a table, and so is anyone's own. What cannot be a score is refused with its row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from attrs import field, frozen

from exx.errors import DataError
from exx.paired import Floats, Ints
from exx.pipeline.statistics_read import KNOWN, TYPES, Scores
from exx.records import CONDITIONS, Metric

Number = float | None


@frozen(kw_only=True, eq=False)
class Columns:
    """A table of scores, column by column; every column has one entry per row.

    Attributes:
        title: What the table is, for messages.
        items: Names of the items; the same name in the other arm is the same item.
        conditions: ``control`` or ``treatment``.
        temps: Temperatures.
        types: ``open`` or ``closed``.
        values: By metric; None where there is none.
        datasets: Which dataset the item is of; None: what stands before ``|`` in the item's name, if anything does.
        groups: Items of one dataset with the same group are not independent; empty or None without one.
        answers: How many answers the values are means of; None where nobody said.
        spreads: By metric: standard deviation of those answers.
        first_row: Number of the first row, for messages.
    """

    title: str
    items: Sequence[str]
    conditions: Sequence[str]
    temps: Sequence[float]
    types: Sequence[str]
    values: Mapping[str, Sequence[Number]]
    datasets: Sequence[str] | None = None
    groups: Sequence[str | None] | None = None
    answers: Sequence[int] | None = None
    spreads: Mapping[str, Sequence[Number]] = field(factory=dict)
    first_row: int = 1

    def refuse(self, row: int, reason: str) -> DataError:
        """The exception to raise about a row, counted from 0."""
        return DataError(self.title, f"row {row + self.first_row}: {reason}")


def scores_of(table: Columns, metrics: Mapping[str, Metric] | None = None) -> Scores:
    """Make of a table what the statistics engine takes.

    Args:
        table: The table.
        metrics: Descriptions of its metrics; one that is described nowhere goes by its name.

    Raises:
        DataError: The table is empty, or holds something that cannot be a score; with its row.
    """
    if not table.items:
        raise DataError(table.title, "holds no rows")
    described = {**KNOWN, **(metrics or {})}
    item, names = _codes(table.items)
    temp, temps = _temps(table)
    dataset, datasets = _datasets(table, item, names)
    return Scores(
        path=Path(table.title),
        item=item,
        condition=_member(table, table.conditions, "condition", CONDITIONS),
        type=_member(table, table.types, "type", TYPES),
        temp=temp,
        temps=temps,
        dataset_of=dataset,
        datasets=datasets,
        group=_groups(table, dataset[item]),
        columns={name: _numbers(table, name, column) for name, column in table.values.items()},
        metrics={name: described.get(name) or _unknown(name, table.values[name]) for name in table.values},
        answers=None if table.answers is None else np.array(table.answers, dtype=np.int64),
        spreads={name: _numbers(table, f"{name}_std", column) for name, column in table.spreads.items()},
    )


def _unknown(name: str, values: Sequence[Number]) -> Metric:
    return Metric(name, name, binary=all(value is None or value in (0, 1) for value in values))


def _codes(words: Sequence[Any]) -> tuple[Ints, list[Any]]:
    """Number distinct words in the order of their first appearance."""
    known: dict[Any, int] = {}
    codes = np.fromiter((known.setdefault(word, len(known)) for word in words), np.int64, count=len(words))
    return codes, list(known)


def _member(table: Columns, words: Sequence[str], column: str, known: Sequence[str]) -> Ints:
    places = {word: place for place, word in enumerate(known)}
    for row, word in enumerate(words):
        if word not in places:
            raise table.refuse(row, f"{column} {word!r}, expected {' or '.join(known)}")
    return np.fromiter((places[word] for word in words), np.int64, count=len(words))


def _temps(table: Columns) -> tuple[Ints, list[float]]:
    codes, found = _codes(table.temps)
    for code, value in enumerate(found):
        if not (isfinite(value) and value >= 0):
            raise table.refuse(int(np.flatnonzero(codes == code)[0]), f"temp {value!r} is not a temperature")
    temps = sorted(found)
    places = np.array([temps.index(value) for value in found], dtype=np.int64)
    return places[codes], [float(value) + 0.0 for value in temps]


def _datasets(table: Columns, item: Ints, names: Sequence[str]) -> tuple[Ints, list[str]]:
    """Per item, which dataset it is of."""
    if table.datasets is None:
        words = [name.partition("|")[0] if "|" in name else None for name in names]
    else:
        codes, found = _codes(table.datasets)
        of_item = np.full(len(names), -1, dtype=np.int64)
        of_item[item] = codes
        odd = np.flatnonzero(of_item[item] != codes)
        if len(odd):
            row = int(odd[0])
            other = found[int(of_item[item[row]])]
            raise table.refuse(
                row, f"item {table.items[row]!r} is of {table.datasets[row]!r} here, and of {other!r} too"
            )
        words = [found[int(code)] for code in of_item]
    known = list(dict.fromkeys(word for word in words if word is not None))
    return np.array([known.index(word) if word is not None else -1 for word in words], dtype=np.int64), known


def _groups(table: Columns, dataset: Ints) -> Ints | None:
    if table.groups is None or not any(table.groups):
        return None
    pairs = list(zip(dataset.tolist(), table.groups, strict=True))
    codes, _ = _codes(pairs)
    blank = np.array([not group for group in table.groups], dtype=bool)
    return np.where(blank, -1, codes)


def _numbers(table: Columns, name: str, column: Sequence[Number]) -> Floats:
    for row, value in enumerate(column):
        if value is not None and not isfinite(value):
            raise table.refuse(row, f"{name} {value!r} is not a number")
    return np.array([np.nan if value is None else value for value in column], dtype=np.float64)
