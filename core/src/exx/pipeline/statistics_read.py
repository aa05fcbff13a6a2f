"""Reading per_item_scores.csv, strictly: columns of numbers, and a code for everything that is a word.

What cannot be a score stops the reading with its line. A blank is a missing value and becomes NaN here; whoever pairs
the items drops it and counts it. No row is looked at in Python unless there is something to complain about.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np
from attrs import field, frozen

from exx.errors import DataError
from exx.paired import Floats, Ints
from exx.records import CONDITIONS, Metric
from exx.state.files import read_json

if TYPE_CHECKING:
    import pyarrow as pa

KEYS = ("item_key", "type", "condition", "temp")
TYPES = ("open", "closed")
COUNT = "n_samples"
_LARGEST_ARRAY = 1 << 31  # bytes of text that one array can hold
HINT = "exx score makes this file anew"

# Fewer abstentions are not better in themselves: whether they are depends on what is asked. They count as "lower is
# better" because an abstention is no answer; what is claimed too often shows in the two rates below it.
KNOWN = {
    metric.name: metric
    for metric in (
        Metric("em", "Exact match"),
        Metric("f1", "Token F1", binary=False),
        Metric("answer_match", "Answer match"),
        Metric("abstain_rate", "Abstention rate", higher_is_better=None),
        Metric("false_answer_rate", "False answers", higher_is_better=False),
        Metric("unsupported_rate", "Unsupported answers", higher_is_better=False),
    )
}


@frozen(eq=False)
class Scores:
    """A score file, one entry per row where nothing else is said.

    Attributes:
        path: Where it was read from.
        item: Code of the item; codes follow the order of first appearance.
        condition: 0 control, 1 treatment.
        type: Index into ``TYPES``.
        temp: Index into ``temps``.
        temps: Temperatures, ascending.
        dataset_of: Per item code, an index into ``datasets``; -1 for a key without a dataset.
        datasets: Names of the datasets, in the order of first appearance.
        group: Code of the row's group, distinct between datasets; -1 without one; None if the file has no groups.
        columns: By metric: the values, NaN where the file has a blank.
        metrics: What is known of each metric, in the order of the columns.
        answers: How many answers the row's means are over; None if the file does not say.
        spreads: By metric: standard deviation of those answers, NaN where there is none; only with several answers.
    """

    path: Path
    item: Ints
    condition: Ints
    type: Ints
    temp: Ints
    temps: Sequence[float]
    dataset_of: Ints
    datasets: Sequence[str]
    group: Ints | None
    columns: Mapping[str, Floats]
    metrics: Mapping[str, Metric]
    answers: Ints | None = None
    spreads: Mapping[str, Floats] = field(factory=dict)


def read_scores(path: Path, metrics: Mapping[str, Metric] | None = None) -> Scores:
    """Read a score file.

    Args:
        path: The CSV file. A ``metrics.json`` beside it describes its metrics.
        metrics: Descriptions that take precedence over ``metrics.json`` and over the known ones.

    Raises:
        DataError: The file is missing or empty, lacks a column, or holds something that cannot be a score.
    """
    header = _header(path)
    described = {**KNOWN, **_beside(path), **(metrics or {})}
    names = [name for name in header if name in described or (f"{name}_std" in header and name not in KEYS)]
    text = [*KEYS, *(["group"] if "group" in header else [])]
    counted = [COUNT] if COUNT in header and COUNT not in names else []
    table = _table(path, text, [*names, *counted])
    if not table.num_rows:
        raise DataError(path, "holds no rows", line=1, hint=HINT)
    item, keys = _codes(table["item_key"])
    temp, temps = _temps(path, table["temp"])
    dataset_of, datasets = _datasets(keys)
    return Scores(
        path=path,
        item=item,
        condition=_member(path, table["condition"], "condition", CONDITIONS),
        type=_member(path, table["type"], "type", TYPES),
        temp=temp,
        temps=temps,
        dataset_of=dataset_of,
        datasets=datasets,
        group=_groups(table["group"], dataset_of[item]) if "group" in header else None,
        columns={name: _numbers(path, table[name], name, bounded=name in described) for name in names},
        metrics={name: described.get(name) or Metric(name, name, binary=False) for name in names},
        **(_replicates(path, table[COUNT], header, names) if counted else {}),
    )


def _replicates(path: Path, column: pa.ChunkedArray, header: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    """How many answers each row is about, and their spread where any row is about several."""
    answers = np.nan_to_num(_numbers(path, column, COUNT, bounded=False))
    odd = (answers < 0) | (answers != np.rint(answers))
    if odd.any():
        _refuse(path, COUNT, answers, odd, "is not a whole number")
    found: dict[str, Any] = {"answers": answers.astype(np.int64)}
    spreads = {name: f"{name}_std" for name in names if f"{name}_std" in header}
    if spreads and answers.max() > 1:  # one answer has no spread, so there is nothing to read
        table = _table(path, [], list(spreads.values()))
        found["spreads"] = {name: _numbers(path, table[std], std, bounded=False) for name, std in spreads.items()}
    return found


def _header(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader(file), [])
    except FileNotFoundError as cause:
        raise DataError(path, "no such file", hint=HINT) from cause
    except (OSError, UnicodeDecodeError, csv.Error) as cause:
        raise DataError(path, f"cannot be read: {cause}", hint=HINT) from cause
    missing = [name for name in KEYS if name not in header]
    if missing:
        found = f"found {', '.join(header)}" if header else "the file is empty"
        raise DataError(path, f"no column {', '.join(missing)}; {found}", line=1, hint=HINT)
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(path, f"column {', '.join(twice)} is there more than once", line=1, hint=HINT)
    return header


def _beside(path: Path) -> dict[str, Metric]:
    file = path.with_name("metrics.json")
    if not file.exists():
        return {}
    described = read_json(file)
    try:
        return {entry["name"]: Metric(**entry) for entry in described}
    except (TypeError, KeyError) as cause:
        reason = f"must be a list of objects with name, title, higher_is_better and binary ({cause!r})"
        raise DataError(file, reason, hint=HINT) from cause


def _table(path: Path, text: Sequence[str], names: Sequence[str]) -> pa.Table:
    import pyarrow as pa

    try:
        return _parse(path, text, names, quick=True)
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError):
        # Again as text and in one thread, where a row that is cut off is told with its number; numbers come later.
        try:
            return _parse(path, [*text, *names], [], quick=False)
        except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as cause:
            raise DataError(path, f"damaged ({cause})", hint=HINT) from cause


def _parse(path: Path, text: Sequence[str], names: Sequence[str], *, quick: bool) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv as reader

    words = {name: pa.string() if name == "item_key" else pa.dictionary(pa.int32(), pa.string()) for name in text}
    convert = reader.ConvertOptions(
        column_types={**words, **dict.fromkeys(names, pa.float64())},
        include_columns=[*text, *names],
        null_values=[""],
        strings_can_be_null=False,
    )
    read = reader.ReadOptions(use_threads=quick, block_size=1 << 22)
    return reader.read_csv(path, read_options=read, convert_options=convert)


def _codes(column: pa.ChunkedArray) -> tuple[Ints, pa.Array]:
    """Number the distinct words of a column; returns the number of each row, and the words."""
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type) and column.nbytes < _LARGEST_ARRAY:
        whole = pa.concat_arrays(column.chunks).dictionary_encode()  # a tenth of the time that unifying takes
    elif not pa.types.is_dictionary(column.type):
        whole = pa.concat_arrays(column.dictionary_encode().unify_dictionaries().chunks)
    else:
        whole = pa.concat_arrays(column.unify_dictionaries().chunks)
    return _plain(whole.indices).astype(np.int64), whole.dictionary


def _plain(array: pa.Array) -> Any:
    # Neither ``to_numpy`` nor a scalar: those import pandas wherever it is installed, which takes longer than the rest.
    return np.from_dlpack(array)


def _member(path: Path, column: pa.ChunkedArray, name: str, known: Sequence[str]) -> Ints:
    codes, words = _codes(column)
    found = words.to_pylist()
    for code, word in enumerate(found):
        if word not in known:
            line = _line(codes == code)
            raise DataError(path, f"{name} {word!r}, expected {' or '.join(known)}", line=line, hint=HINT)
    places: Ints = np.array([known.index(word) for word in found], dtype=np.int64)[codes]
    return places


def _temps(path: Path, column: pa.ChunkedArray) -> tuple[Ints, list[float]]:
    codes, words = _codes(column)
    values = []
    for code, word in enumerate(words.to_pylist()):
        value = _number(word)
        if value is None or not 0 <= value < float("inf"):
            raise DataError(path, f"temp {word!r} is not a temperature", line=_line(codes == code), hint=HINT)
        values.append(value + 0.0)
    temps = sorted(set(values))
    places: Ints = np.array([temps.index(value) for value in values], dtype=np.int64)[codes]
    return places, temps


def _datasets(keys: pa.Array) -> tuple[Ints, list[str]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = pc.split_pattern(keys, "|", max_splits=1)
    first = parts.flatten().take(parts.offsets.slice(0, len(parts)))
    codes, words = _codes(pa.chunked_array([first]))
    named = _plain(pc.list_value_length(parts)) == 2
    used, renumbered = np.unique(codes[named], return_inverse=True)
    dataset = np.full(len(codes), -1, dtype=np.int64)
    dataset[named] = renumbered
    return dataset, [unquote(words[int(code)].as_py()) for code in used]


def _groups(column: pa.ChunkedArray, dataset: Ints) -> Ints | None:
    codes, words = _codes(column)
    blank = np.array([not word for word in words.to_pylist()], dtype=bool)[codes]
    if blank.all():
        return None
    # Passages of different datasets are different passages, whatever they are called.
    _, group = np.unique((dataset + 1) * len(words) + codes, return_inverse=True)
    return np.where(blank, -1, group).astype(np.int64)


def _numbers(path: Path, column: pa.ChunkedArray, name: str, *, bounded: bool) -> Floats:
    import pyarrow as pa

    if not pa.types.is_floating(column.type):
        return _slowly(path, column, name)
    values, blank = _floats(pa.concat_arrays(column.chunks))
    odd = ~np.isfinite(values)
    if odd.any():
        _refuse(path, name, values, odd, "is not a number")
    if bounded and not (values.min() >= 0 and values.max() <= 1):
        _refuse(path, name, values, (values < 0) | (values > 1), "is not between 0 and 1")
    values[blank] = np.nan
    return values


def _floats(array: pa.Array) -> tuple[Floats, Any]:
    """The numbers, 0 where there is none, and a mask of where there is none."""
    valid, data = array.buffers()
    values = np.frombuffer(data, np.float64, count=len(array), offset=8 * array.offset).copy()
    if valid is None:
        return values, np.zeros(len(array), dtype=bool)
    bits = np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")
    blank = bits[array.offset : array.offset + len(array)] == 0
    values[blank] = 0.0
    return values, blank


def _slowly(path: Path, column: pa.ChunkedArray, name: str) -> Floats:
    codes, words = _codes(column)
    values = []
    for code, word in enumerate(words.to_pylist()):
        value = _number(word) if word else float("nan")
        if value is None:
            raise DataError(path, f"{name} {word!r} is not a number", line=_line(codes == code), hint=HINT)
        values.append(value)
    return np.array(values, dtype=np.float64)[codes]


def _number(word: str) -> float | None:
    try:
        value = float(word)
    except ValueError:
        return None
    return value if value - value == 0 else None


def _refuse(path: Path, name: str, values: Floats, bad: Any, why: str) -> None:
    row = int(np.flatnonzero(bad)[0])
    raise DataError(path, f"{name} {float(values[row])!r} {why}", line=row + 2, hint=HINT)


def _line(rows: Any) -> int:
    return int(np.flatnonzero(rows)[0]) + 2
