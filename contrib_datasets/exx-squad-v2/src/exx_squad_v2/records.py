"""Reads SQuAD 2.0 from the official JSON or from the hub's rows: the same questions become the same items."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from exx import Fields, Item, Layout, ReadLog, Row, UnusableRow, format_of, read_rows, shown

_COLUMNS = ("id", "context", "question", "answers")
_OTHER_LAYOUT = "for questions in a layout of your own there is the dataset `jsonl`"
_OLD = "SQuAD 1.1 lacks it: use a file of version 2.0"
_LAYOUT = Layout(inside="data", columns=_COLUMNS, required=_COLUMNS, hint=_OTHER_LAYOUT)


class Question(NamedTuple):
    """One question as its file has it, on a passage that has been checked; ``answers`` are distinct."""

    fields: Fields
    context: str
    answers: tuple[str, ...]
    is_impossible: bool


def read_items(path: Path, name: str, log: ReadLog) -> Iterator[Item]:
    """Yield the questions in the order of the file.

    Args:
        path: The file.
        name: Its own name, by which its layout is told.
        log: What messages call it, and what to do about a question that cannot be used.

    Raises:
        DataError: A question that cannot be used and may not be skipped, with its place and field; no questions.
    """
    rows = read_rows(path, log, _LAYOUT, name=name)
    nested = format_of(path, log.where, _LAYOUT, name=name) == "json"
    places: dict[str, int | str] = {}
    for place, value, context in _official(rows, log) if nested else _published(rows):
        try:
            question = _of_article(value, context) if context is not None else _of_row(value)
            item = _item(question)
            _check_new(item.id, places)
        except UnusableRow as cause:
            log.refuse(place, cause)
        else:
            places[item.id] = place
            yield item
    log.finish(len(places), hint=_OTHER_LAYOUT)


def _check_new(identity: str, places: Mapping[str, int | str]) -> None:
    if identity in places:
        first = places[identity]
        at = f"line {first}" if isinstance(first, int) else first
        raise UnusableRow(f"{identity!r} was already used at {at}", "id")


def _published(rows: Iterator[Row]) -> Iterator[tuple[int | str, object, None]]:
    """Rows as the hub has them: each is a question with its passage."""
    for place, value in rows:
        yield place, value, None


def _official(articles: Iterator[Row], log: ReadLog) -> Iterator[tuple[str, object, str]]:
    """The official layout: articles of paragraphs, and of each its questions; yields (place, question, passage)."""
    for row in articles:
        try:
            paragraphs = Fields.of(row.value).list("paragraphs")
        except UnusableRow as cause:
            log.refuse(row.place, cause)
            continue
        for number, paragraph in enumerate(paragraphs):
            yield from _of_paragraph(paragraph, f"{row.place}.paragraphs[{number}]", log)


def _of_paragraph(paragraph: object, place: str, log: ReadLog) -> Iterator[tuple[str, object, str]]:
    questions: list[object] = []
    try:
        fields = Fields.of(paragraph)
        questions = fields.list("qas")
        context = fields.text("context")
    except UnusableRow as cause:
        log.refuse(place, cause, rows=max(1, len(questions)))
        return
    for number, question in enumerate(questions):
        yield f"{place}.qas[{number}]", question, context


def _of_article(value: object, context: str) -> Question:
    fields = Fields.of(value)
    answers = tuple(dict.fromkeys(answer.text("text") for answer in fields.each("answers")))
    impossible = fields.get("is_impossible", hint=_OLD)
    if not isinstance(impossible, bool):
        raise UnusableRow(f"expected true or false, found {shown(impossible)}", "is_impossible")
    if impossible == bool(answers):
        reason = f"is {shown(impossible)}, but {'there are' if answers else 'there are no'} answers"
        raise UnusableRow(reason, "is_impossible")
    return Question(fields, context, answers, impossible)


def _of_row(value: object) -> Question:
    """``answers`` is {text: […], answer_start: […]}, empty for an unanswerable question."""
    fields = Fields.of(value, hint=_OTHER_LAYOUT)
    context = fields.text("context")
    answers = fields.inner("answers").texts("text")
    return Question(fields, context, answers, not answers)


def _item(question: Question) -> Item:
    return Item(
        dataset="squad_v2",
        id=question.fields.text("id"),
        question=question.fields.text("question"),
        answers=question.answers,
        context=question.context,
        is_unanswerable=question.is_impossible,
        group=_group(question.context),
    )


@lru_cache(maxsize=4)
def _group(context: str) -> str:
    """Name a passage by its text: the one thing that both layouts have of it."""
    return hashlib.sha256(context.encode()).hexdigest()[:16]
