"""Reads SQuAD 2.0 from the official JSON or from Parquet; either way the same questions become the same items."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from exx import DataError, Item

_COLUMNS = ["id", "context", "question", "answers"]
_OTHER_LAYOUT = "for questions in a layout of your own there is the dataset `jsonl`"


class Record(NamedTuple):
    """One question as its file has it, unchecked, with its place in the file."""

    place: str
    id: Any
    question: Any
    context: Any
    answers: Any
    is_impossible: Any


class UnusableError(Exception):
    """What is wrong at which place of a file."""

    def __init__(self, place: str, reason: str, hint: str | None = None) -> None:
        super().__init__(f"{place}: {reason}" if place else reason)
        self.hint = hint


def read_items(path: Path, where: str, *, parquet: bool) -> Iterator[Item]:
    """Yield the questions in the order of the file.

    Args:
        path: The file.
        where: What messages call it.
        parquet: Whether it is Parquet rather than JSON.

    Raises:
        DataError: A record that cannot be used, with its place and field; an id that was used before; no questions.
    """
    try:
        yield from _unique(_from_parquet(path) if parquet else _from_json(path))
    except UnusableError as cause:
        raise DataError(where, str(cause), hint=cause.hint) from cause


def _unique(records: Iterable[Record]) -> Iterator[Item]:
    places: dict[str, str] = {}
    for record in records:
        item = _item(record)
        first = places.setdefault(item.id, record.place)
        if first != record.place:
            raise UnusableError(f"{record.place}.id", f"{item.id!r} was already used at {first}")
        yield item
    if not places:
        raise UnusableError("", "holds no questions")


def _from_json(path: Path) -> Iterator[Record]:
    try:
        document = orjson.loads(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as cause:
        place = f"line {cause.lineno}, column {cause.colno}"
        raise UnusableError(place, f"not valid JSON: {cause.msg}", _OTHER_LAYOUT) from cause
    for i, article in enumerate(_list(document, "data", "")):
        for j, paragraph in enumerate(_list(article, "paragraphs", f"data[{i}]")):
            place = f"data[{i}].paragraphs[{j}]"
            context = _get(paragraph, "context", place)
            for k, question in enumerate(_list(paragraph, "qas", place)):
                yield _json_record(question, context, f"{place}.qas[{k}]")


def _json_record(question: Any, context: Any, place: str) -> Record:
    answers = [
        _get(answer, "text", f"{place}.answers[{n}]") for n, answer in enumerate(_list(question, "answers", place))
    ]
    impossible = _get(question, "is_impossible", place)
    return Record(place, _get(question, "id", place), _get(question, "question", place), context, answers, impossible)


def _from_parquet(path: Path) -> Iterator[Record]:
    """Rows as the hub has them: ``answers`` is {text: […], answer_start: […]}, empty for an unanswerable question."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            _check_columns(file.schema_arrow.names)
            columns = ([b.column(name).to_pylist() for name in _COLUMNS] for b in file.iter_batches(columns=_COLUMNS))
            rows = chain.from_iterable(zip(*batch, strict=True) for batch in columns)
            for number, values in enumerate(rows):
                yield _parquet_record(f"row {number}", *values)
    except (pa.ArrowException, OSError) as cause:
        raise UnusableError("", f"not a whole Parquet file: {cause}") from cause


def _check_columns(names: list[str]) -> None:
    missing = [name for name in _COLUMNS if name not in names]
    if missing:
        raise UnusableError("", f"has no column {missing[0]!r}; columns found: {', '.join(names)}", _OTHER_LAYOUT)


def _parquet_record(place: str, identity: Any, context: Any, question: Any, answers: Any) -> Record:
    texts = _list(answers, "text", f"{place}.answers")
    return Record(place, identity, question, context, texts, not texts)


def _item(record: Record) -> Item:
    place = record.place
    if not isinstance(record.is_impossible, bool):
        raise UnusableError(f"{place}.is_impossible", f"expected true or false, found {_shown(record.is_impossible)}")
    answers = tuple(dict.fromkeys(_text(answer, f"{place}.answers[{n}]") for n, answer in enumerate(record.answers)))
    if record.is_impossible == bool(answers):
        reason = f"is {_shown(record.is_impossible)}, but {'there are' if answers else 'there are no'} answers"
        raise UnusableError(f"{place}.is_impossible", reason)
    context = _text(record.context, f"{place}.context")
    return Item(
        dataset="squad_v2",
        id=_text(record.id, f"{place}.id"),
        question=_text(record.question, f"{place}.question"),
        answers=answers,
        context=context,
        is_unanswerable=record.is_impossible,
        group=_group(context),
    )


@lru_cache(maxsize=4)
def _group(context: str) -> str:
    """Name a passage by its text: the one thing that JSON and Parquet both have of it."""
    return hashlib.sha256(context.encode()).hexdigest()[:16]


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise UnusableError(place, f"expected text, found {_shown(value)}")
    text = value.strip()
    if not text:
        raise UnusableError(place, "is empty")
    return text


def _list(record: Any, field: str, place: str) -> Iterable[Any]:
    value = _get(record, field, place)
    if not isinstance(value, list):
        raise UnusableError(f"{place}.{field}".lstrip("."), f"expected a list, found {_shown(value)}")
    return value


def _get(record: Any, field: str, place: str) -> Any:
    if not isinstance(record, Mapping):
        raise UnusableError(place, f"expected an object, found {_shown(record)}", None if place else _OTHER_LAYOUT)
    if field not in record:
        found = ", ".join(record) or "none"
        hint = "SQuAD 1.1 lacks it: use a file of version 2.0" if field == "is_impossible" else None
        hint = hint or (None if place else _OTHER_LAYOUT)
        raise UnusableError(f"{place}.{field}".lstrip("."), f"required, but missing; fields found: {found}", hint)
    return record[field]


def _shown(value: Any) -> str:
    text = orjson.dumps(value, default=repr).decode()
    return text if len(text) <= 60 else f"{text[:59]}…"
