"""Reading predictions.csv and the score file beside it, and putting tokens and scores of an item together.

Both are read by columns, without a row ever being looked at in Python, and without pandas.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen
from numpy.typing import NDArray
from pyarrow import csv

from exx import DataError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ARMS = ("control", "treatment")
TYPES = ("open", "closed")
TOKENS = ("prompt_tokens", "completion_tokens", "cached_tokens")
_PREDICTIONS = ("custom_id", "condition", "temp", "prompt_tokens", "completion_tokens")
_SCORES = ("item_key", "type", "condition", "temp")
_ITEM = r"(?s)^([^|]*\|[^|]*)\|.*$"  # a custom_id begins with the item's key


@frozen(eq=False, kw_only=True)
class Part:
    """The items of one temperature and type that have answers with token counts under both arms.

    Attributes:
        temp: The temperature.
        type: ``open`` or ``closed``.
        tokens: Shape (2, n, 3): mean tokens per answer by arm and item: prompt, completion, cached.
        scores: By metric, shape (2, n); NaN where there is none.
        groups: Shape (n,): number of each item's group, −1 without one.
        unmetered: Answers left out since the server gave no token counts.
        left_out: Items of the score file without tokens under both arms.
    """

    temp: float
    type: str
    tokens: Floats
    scores: dict[str, Floats]
    groups: Ints
    unmetered: int
    left_out: int


def read(folder: Path, metrics: Sequence[str]) -> list[Part] | str:
    """Read both tables; in words why not, if there is nothing to compare.

    Raises:
        DataError: A table is damaged.
    """
    answers, scored = folder / "predictions.csv", folder / "per_item_scores.csv"
    if not answers.is_file():
        return f"there is no predictions.csv in {folder.name}, so nobody knows how many tokens the answers took"
    if not scored.is_file():
        return "there is no per_item_scores.csv beside predictions.csv"
    rows = _table(answers, _PREDICTIONS, ("temp", *TOKENS), ("cached_tokens", "error"), "exx parse makes it anew")
    items = _table(scored, _SCORES, ("temp", *metrics), ("group", *metrics), "exx score makes it anew")
    if not items.num_rows:
        return "the score file holds no rows"
    return list(_parts(rows, items, answers, scored))


def _table(path: Path, needed: Sequence[str], numbers: Sequence[str], optional: Sequence[str], hint: str) -> pa.Table:
    try:
        with path.open(encoding="utf-8-sig") as file:
            header = file.readline().rstrip("\r\n").split(",")
        names = [*needed, *(name for name in dict.fromkeys(optional) if name in header)]
        missing = [name for name in needed if name not in header]
        if missing:
            raise DataError(path, f"no column {', '.join(missing)}", line=1, hint=hint)
        convert = csv.ConvertOptions(
            column_types={name: pa.float64() if name in numbers else pa.string() for name in names},
            include_columns=names,
            null_values=[""],
            strings_can_be_null=False,
        )
        size = min(max(path.stat().st_size, 1), 1 << 26)  # no answer may be longer than a block
        return csv.read_csv(
            path,
            read_options=csv.ReadOptions(block_size=size),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=convert,
        )
    except (pa.ArrowException, OSError, UnicodeDecodeError) as cause:
        raise DataError(path, f"damaged ({cause})", hint=hint) from cause


def _values(column: Any, kind: type[np.generic], missing: float) -> NDArray[Any]:
    """A column of numbers. Not by ``to_numpy``, nor by any call that takes a list or a scalar.

    Those import pandas wherever it is installed, which takes longer than all the rest.
    """
    array = pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column
    if not len(array):
        return np.zeros(0, dtype=kind)
    valid, data = array.buffers()
    values = np.frombuffer(data, kind, count=array.offset + len(array))[array.offset :].copy()
    if array.null_count:
        bits = np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")
        values[bits[array.offset : array.offset + len(array)] == 0] = missing
    return values


def _words(column: Any) -> tuple[Ints, list[str]]:
    """Which word stands in each row, and the words."""
    coded = column.dictionary_encode().unify_dictionaries()
    whole = pa.concat_arrays(coded.chunks)
    return _values(whole.indices, np.int32, -1).astype(np.int64), whole.dictionary.to_pylist()


def _codes(path: Path, column: Any, known: Sequence[str], name: str) -> Ints:
    codes, words = _words(column)
    for code, word in enumerate(words):
        if word not in known:
            row = int(np.flatnonzero(codes == code)[0]) + 1
            raise DataError(path, f"row {row} after the header: {name} {word!r}, expected {' or '.join(known)}")
    places: Ints = np.array([known.index(word) for word in words], dtype=np.int64)[codes]
    return places


@frozen(eq=False)
class _Answers:
    """Answers by row: which item, arm and temperature, and their tokens; −1 for an item without scores."""

    item: Ints
    arm: Ints
    temp: Floats
    tokens: Floats
    unmetered: NDArray[np.bool_]


def _answers(rows: pa.Table, path: Path, keys: Any) -> _Answers:
    there = rows.column_names
    columns = [_values(rows[name], np.float64, 0.0) if name in there else np.zeros(len(rows)) for name in TOKENS]
    tokens = np.column_stack(columns)
    if not (tokens >= 0).all():
        raise DataError(path, "a count of tokens is negative or no number", hint="exx parse makes it anew")
    item = pc.index_in(pc.replace_substring_regex(rows["custom_id"], _ITEM, r"\1"), value_set=keys)
    arm, temp = _codes(path, rows["condition"], ARMS, "condition"), _values(rows["temp"], np.float64, -1.0)
    kept = np.ones(len(rows), dtype=bool)
    if "error" in there:
        kept = _values(pc.binary_length(rows["error"]), np.int32, 0) == 0
    return _Answers(
        item=_values(item, np.int32, -1).astype(np.int64)[kept],
        arm=arm[kept],
        temp=temp[kept],
        tokens=tokens[kept],
        unmetered=tokens[kept, :2].sum(axis=1) == 0,  # a question has at least one token
    )


def _parts(rows: pa.Table, items: pa.Table, answers: Path, scored: Path) -> Iterator[Part]:
    keys = pc.unique(items["item_key"])
    given = _answers(rows, answers, keys)
    item = _values(pc.index_in(items["item_key"], value_set=keys), np.int32, -1).astype(np.int64)
    arm, kind = _codes(scored, items["condition"], ARMS, "condition"), _codes(scored, items["type"], TYPES, "type")
    temps = _values(items["temp"], np.float64, -1.0)
    groups = _groups(items, item, keys)
    metrics = [name for name in items.column_names if name not in (*_SCORES, "group")]
    for temp in np.unique(temps).tolist():
        mine = (given.temp == temp) & (given.item >= 0)
        means, counts = _means(given, mine & ~given.unmetered, len(keys))
        for code, word in enumerate(TYPES):
            at = (temps == temp) & (kind == code)
            here = np.unique(item[at])
            if not len(here):
                continue
            kept = here[(counts[:, here] > 0).all(axis=0)]
            scores = {}
            for name in metrics:
                values = np.full((2, len(keys)), np.nan)
                values[arm[at], item[at]] = _values(items[name], np.float64, np.nan)[at]
                scores[name] = values[:, kept]
            yield Part(
                temp=temp,
                type=word,
                tokens=means[:, kept],
                scores=scores,
                groups=groups[kept],
                unmetered=int((mine & given.unmetered & np.isin(given.item, here)).sum()),
                left_out=len(here) - len(kept),
            )


def _means(given: _Answers, rows: NDArray[np.bool_], number: int) -> tuple[Floats, Ints]:
    """Shape (2, items, 3): mean tokens per answer; and shape (2, items): how many answers."""
    cell = given.arm[rows] * number + given.item[rows]
    counts = np.bincount(cell, minlength=2 * number)
    sums = [np.bincount(cell, weights=given.tokens[rows, which], minlength=2 * number) for which in range(3)]
    means: Floats = np.column_stack(sums) / np.maximum(counts, 1)[:, None]
    return means.reshape(2, number, 3), counts.reshape(2, number)


def _groups(items: pa.Table, item: Ints, keys: Any) -> Ints:
    """The group of each item, −1 without one; passages of two datasets are two, whatever they are called."""
    group = np.full(len(keys), -1, dtype=np.int64)
    if "group" not in items.column_names:
        return group
    dataset, _ = _words(pc.replace_substring_regex(items["item_key"], r"(?s)\|.*$", ""))
    codes, words = _words(items["group"])
    named = np.array([bool(word) for word in words], dtype=bool)[codes]
    group[item[named]] = (dataset * len(words) + codes)[named]
    return group
