"""Reads TriviaQA from the official JSON or from the hub's rows: the same questions become the same items."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from attrs import evolve

from exx import Fields, Item, Layout, ReadLog, UnusableRow, read_rows

_COLUMNS = ("question_id", "question", "answer")
_OTHER_LAYOUT = "for questions in a layout of your own there is the dataset `jsonl`"
_LAYOUT = Layout(inside="Data", columns=_COLUMNS, required=_COLUMNS, hint=_OTHER_LAYOUT)


class Names(NamedTuple):
    """What a layout calls its fields."""

    id: str
    question: str
    answer: str
    value: str
    aliases: str
    type: str
    human: str


_OFFICIAL = Names("QuestionId", "Question", "Answer", "Value", "Aliases", "Type", "HumanAnswers")
_HUB = Names("question_id", "question", "answer", "value", "aliases", "type", "human_answers")


def read_items(path: Path, name: str, log: ReadLog) -> Iterator[Item]:
    """Yield the questions in the order of the file.

    Args:
        path: The file.
        name: Its own name, by which its layout is told.
        log: What messages call it, and what to do about a question that cannot be used; counts the types of answers.

    Raises:
        DataError: A question that cannot be used and may not be skipped, with its place and field; no questions.
    """
    seen: dict[str, list[str]] = {}
    for place, value in read_rows(path, log, _LAYOUT, name=name):
        try:
            item, kind = _item(value)
            item = _apart(item, seen)
        except UnusableRow as cause:
            log.refuse(place, cause)
        else:
            log.count("answer types", kind or "not given")
            yield item
    log.finish(len(seen), hint=_OTHER_LAYOUT)


def _item(value: Any) -> tuple[Item, str]:
    fields = Fields.of(value, hint=_OTHER_LAYOUT)
    names = _HUB if "question" in fields.values or "question_id" in fields.values else _OFFICIAL
    answer = fields.inner(names.answer)
    kind = answer.values.get(names.type)
    item = Item("triviaqa", fields.text(names.id), fields.text(names.question), _answers(answer, names))
    return item, kind if isinstance(kind, str) else ""


def _answers(answer: Fields, names: Names) -> tuple[str, ...]:
    """The aliases, which the official evaluation compares with; the answer itself comes first if it is one of them."""
    written = [alias for alias in answer.list(names.aliases) if alias != ""]
    aliases = Fields({names.aliases: written}, answer.at).texts(names.aliases)
    value = answer.values.get(names.value)
    value = value.strip() if isinstance(value, str) else ""
    if value and (value in aliases or not aliases):
        aliases = (value, *aliases)
    if answer.values.get(names.human) is not None:
        aliases = (*aliases, *answer.texts(names.human))
    if not aliases:
        reason = "there are neither aliases nor a value"
        raise UnusableRow(reason, answer.path(names.aliases), "the test set has no answers: use the development set")
    return tuple(dict.fromkeys(aliases))


def _apart(item: Item, seen: dict[str, list[str]]) -> Item:
    """Keep a question that comes again, as it does on the hub once for each kind of evidence, under an id of its own.

    Raises:
        UnusableRow: Another question has this id.
    """
    before = seen.setdefault(item.id, [])
    before.append(item.question)
    if before[0] != item.question:
        raise UnusableRow(f"{item.id!r} already belongs to another question, {before[0]!r}", "question_id")
    return item if len(before) == 1 else evolve(item, id=f"{item.id}#{len(before)}")
