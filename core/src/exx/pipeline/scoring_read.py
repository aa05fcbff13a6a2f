"""Reading what is scored: predictions.csv row by row, and the prepared items they belong to."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from operator import itemgetter
from pathlib import Path
from typing import Any

import orjson
from attrs import define, field, frozen

from exx.errors import DataError
from exx.pipeline.items import FILES
from exx.records import CONDITIONS, Item
from exx.rows import allow_long_fields

ItemId = tuple[str, str, str]
"""Type, dataset, id."""

Chunk = list[tuple[Item, list[int]]]
"""Items, each with the rows that answer it."""

ANSWERED, TRUNCATED, CUT, FAILED = range(4)
"""What became of a request. ``TRUNCATED``: cut off, but with something to score; ``CUT``: cut off before any text."""

_REQUIRED = ("dataset", "item_id", "type", "condition", "temp", "sample_index", "finish_reason", "response_text")
_CHUNK_ITEMS = 4_096
_CHUNK_BYTES = 16_000_000
_PREPARED = "exx prepare writes this file"


@frozen
class Slot:
    """Which of an item's requests a row answers."""

    type: str
    condition: str
    temp: float
    sample: int


@define
class Predictions:
    """The rows of predictions.csv, as far as scoring needs them; all lists go by row.

    Attributes:
        path: The file.
        texts: The answers.
        states: ``ANSWERED``, ``TRUNCATED``, ``CUT`` or ``FAILED``.
        slot_of: Index into ``slots``.
        slots: Every distinct slot.
        rows_of: The rows of each item, in order of appearance.
    """

    path: Path
    texts: list[str] = field(factory=list)
    states: list[int] = field(factory=list)
    slot_of: list[int] = field(factory=list)
    slots: list[Slot] = field(factory=list)
    rows_of: dict[ItemId, list[int]] = field(factory=dict)

    def line(self, row: int) -> int:
        """Find the line of the file on which a row begins; reads the file again."""
        with _rows(self.path) as (reader, _):
            begins = int(reader.line_num) + 1
            number = -1
            for values in reader:
                number += bool(values)
                if number == row:
                    return begins
                begins = int(reader.line_num) + 1
        return begins

    def error(self, row: int, reason: str, *, hint: str | None = None) -> DataError:
        """Make the exception for a row that cannot be used."""
        return DataError(self.path, reason, line=self.line(row), hint=hint)


def read_predictions(path: Path) -> Predictions:
    """Read the columns that scoring needs; further columns are ignored.

    Raises:
        DataError: A column is missing, a row is malformed, a field is out of its range, or two rows answer the same
            request; with file and line.
    """
    found = Predictions(path)
    slots: dict[tuple[str, str, str, str], int] = {}
    with _rows(path) as (reader, columns):
        pick = itemgetter(*(columns[name] for name in _REQUIRED))
        width, error_at = len(columns), columns.get("error")
        for values in reader:
            if len(values) != width:
                if not values:
                    continue
                raise found.error(len(found.texts), f"{len(values)} fields, expected {width}")
            dataset, item_id, kind, condition, temp, sample, finish, text = pick(values)
            slot = slots.get((kind, condition, temp, sample))
            if slot is None:
                slot = slots[kind, condition, temp, sample] = _add_slot(found, kind, condition, temp, sample)
            if error_at is not None and values[error_at]:
                state = FAILED
            elif finish == "length":
                state = TRUNCATED if text and not text.isspace() else CUT
            else:
                state = ANSWERED
            rows = found.rows_of.get((kind, dataset, item_id))
            if rows is None:
                found.rows_of[kind, dataset, item_id] = [len(found.texts)]
            else:
                rows.append(len(found.texts))
            found.texts.append(text)
            found.states.append(state)
            found.slot_of.append(slot)
    _refuse_repeats(found)
    return found


@contextmanager
def _rows(path: Path) -> Iterator[tuple[Any, dict[str, int]]]:
    """Open predictions.csv behind its header, and say where each column is."""
    allow_long_fields()
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            columns = {name: at for at, name in enumerate(next(reader, []))}
            missing = [name for name in _REQUIRED if name not in columns]
            if missing:
                raise DataError(
                    path, f"no column {', '.join(map(repr, missing))}", line=1, hint="exx parse writes this file"
                )
            try:
                yield reader, columns
            except csv.Error as cause:
                raise DataError(path, f"malformed CSV: {cause}", line=reader.line_num) from cause
    except OSError as cause:
        raise DataError(path, f"cannot be read: {cause.strerror or cause}") from cause
    except UnicodeDecodeError as cause:
        raise DataError(path, f"not UTF-8 text ({cause.reason})", line=_first_bad_line(path)) from cause


def _first_bad_line(path: Path) -> int:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line != line.decode(errors="replace").encode():
                return number
    return 1


def _add_slot(found: Predictions, kind: str, condition: str, temp: str, sample: str) -> int:
    row = len(found.texts)
    if kind not in FILES:
        raise found.error(row, f"type {kind!r}, expected 'open' or 'closed'")
    if condition not in CONDITIONS:
        raise found.error(row, f"condition {condition!r}, expected 'control' or 'treatment'")
    try:
        warmth = float(temp)
    except ValueError:
        warmth = -1.0
    if not isfinite(warmth) or warmth < 0:
        raise found.error(row, f"temp {temp!r}, expected a number from 0 up")
    if not (sample.isascii() and sample.isdecimal()):
        raise found.error(row, f"sample_index {sample!r}, expected a whole number from 0 up")
    slot = Slot(kind, condition, warmth + 0.0, int(sample))
    if slot in found.slots:
        return found.slots.index(slot)
    found.slots.append(slot)
    return len(found.slots) - 1


def _refuse_repeats(found: Predictions) -> None:
    slot_of = found.slot_of
    for (_, dataset, item_id), rows in found.rows_of.items():
        if len(rows) > 1 and len({slot_of[row] for row in rows}) < len(rows):
            taken = [slot_of[row] for row in rows]
            at = next(n for n, slot in enumerate(taken) if slot in taken[:n])
            slot = found.slots[taken[at]]
            first = found.line(rows[taken.index(taken[at])])
            raise found.error(
                rows[at],
                f"a second answer of {dataset}|{item_id} for {slot.condition}, temp {slot.temp}, sample {slot.sample}; "
                f"the first is on line {first}",
            )


def read_items(
    folder: Path, predictions: Predictions, absent: Counter[tuple[str, str, bool]] | None = None
) -> Iterator[Chunk]:
    """Yield the prepared items that have predictions, with the rows of these, in chunks that fit into memory.

    Args:
        folder: Holds the prepared items.
        predictions: The rows.
        absent: Counts the items without predictions: by type, dataset, and whether they are unanswerable.

    Raises:
        DataError: A record that cannot be used or comes twice, with file and line; or, at the end, a prediction whose
            item is not among the prepared ones.
    """
    used = bytearray(len(predictions.texts))  # 1 at the first row of every item that was found
    chunk: Chunk = []
    size = 0
    for kind, name in FILES.items():
        path = folder / name
        for number, line in _lines(path):
            record = _record(path, number, line)
            try:
                rows = predictions.rows_of.get((kind, record["dataset"], record["id"]))
            except (KeyError, TypeError) as cause:
                raise DataError(path, "'id' and 'dataset' must be texts", line=number, hint=_PREPARED) from cause
            if rows is None:
                if absent is not None:
                    absent[kind, record["dataset"], record.get("is_unanswerable") is True] += 1
                continue
            if used[rows[0]]:
                raise DataError(path, f"a second item {record['dataset']}|{record['id']}", line=number, hint=_PREPARED)
            used[rows[0]] = 1
            chunk.append((_item(path, number, record, kind), rows))
            size += len(line)
            if len(chunk) == _CHUNK_ITEMS or size > _CHUNK_BYTES:
                yield chunk
                chunk, size = [], 0
    _refuse_strangers(folder, predictions, used)
    yield chunk


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.isspace():
                    yield number, line
    except FileNotFoundError:
        return  # a run of one type alone has one file alone
    except OSError as cause:
        raise DataError(path, f"cannot be read: {cause.strerror or cause}") from cause


def _record(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as cause:
        raise DataError(path, f"not JSON: {cause}", line=number) from cause
    if not isinstance(record, dict):
        raise DataError(path, f"expected an object, found {type(record).__name__}", line=number)
    return record


def _item(path: Path, number: int, record: dict[str, Any], kind: str) -> Item:
    context = record.get("context") if kind == "open" else None
    unanswerable = record.get("is_unanswerable", False)
    group = record.get("group")
    question: Any = record.get("question")
    answers: Any = record.get("answers")
    sound = (
        type(answers) is list
        and type(question) is str
        and type(unanswerable) is bool
        and (answers or unanswerable)
        and (kind == "closed" or type(context) is str)
        and (group is None or type(group) is str)
        and _all_texts(answers)
    )
    if not sound:
        raise DataError(path, _flaw(record, kind), line=number, hint=_PREPARED)
    return Item(record["dataset"], record["id"], question, tuple(answers), context, unanswerable, group)


def _all_texts(values: list[Any]) -> bool:
    try:
        "".join(values)  # the quickest way to ask
    except TypeError:
        return False
    return True


def _flaw(record: dict[str, Any], kind: str) -> str:
    """Say what is wrong with a record that cannot be used."""
    answers, group = record.get("answers"), record.get("group")
    if not isinstance(answers, list) or not _all_texts(answers):
        return "'answers' must be a list of texts"
    if not isinstance(record.get("question"), str):
        return "'question' must be a text"
    if kind == "open" and not isinstance(record.get("context"), str):
        return "'context' must be a text in an open-book item"
    if group is not None and not isinstance(group, str):
        return "'group' must be a text or null"
    if not isinstance(record.get("is_unanswerable", False), bool):
        return "'is_unanswerable' must be true or false"
    return "no answers, although the item is not marked 'is_unanswerable'"


def _refuse_strangers(folder: Path, predictions: Predictions, used: bytearray) -> None:
    strangers = [key for key, rows in predictions.rows_of.items() if not used[rows[0]]]
    if not strangers:
        return
    names = ", ".join(f"{dataset}|{item_id}" for _, dataset, item_id in strangers[:3])
    more = f" and {len(strangers) - 3} more" if len(strangers) > 3 else ""
    absent = [name for name in FILES.values() if not (folder / name).exists()]
    hint = f"{folder} has no {absent[0]}" if absent else f"were these items prepared with another config than {folder}?"
    raise predictions.error(
        predictions.rows_of[strangers[0]][0],
        f"{len(strangers)} items are not in {folder} under the type given: {names}{more}",
        hint=hint,
    )
