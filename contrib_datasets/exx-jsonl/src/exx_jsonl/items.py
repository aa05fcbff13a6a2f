"""Turns rows into items, whatever file they were read from, and says in plain words why a row cannot be one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import orjson
from attrs import define, evolve, field

from exx import DataError, Item, ReadLog, Row, UnusableRow, check_characters, shown
from exx_jsonl.columns import Columns

EXAMPLE = '{"question": "…", "answers": ["…"]}'

_AHEAD = 100  # rows looked at for an id before it is settled that this file has none

_NO_ANSWER = 'give "answers": ["…"], or "is_unanswerable": true if the passage does not hold the answer'
_NO_PASSAGE = (
    "a question without a passage is closed-book: leave the field out, or set `null_context: closed_book` to take "
    "null and empty cells for that"
)


@define(kw_only=True)
class Maker:
    """Makes items of rows.

    Attributes:
        log: Takes rows that cannot be used.
        columns: Where the fields are.
        dataset: The items' dataset; None takes each row's own.
        default: The dataset of rows that name none.
        null_is_closed: A passage that is null means that there is none; otherwise it is refused.
        places: Where each item was.
        repeats: How often a question without an id has come.
        ids: Whether rows must have an id: either all rows of a file have one, or none has.
    """

    log: ReadLog
    columns: Columns
    dataset: str | None
    default: str
    null_is_closed: bool = False
    places: dict[tuple[str, str], int | str] = field(factory=dict)
    repeats: dict[tuple[str, str], int] = field(factory=dict)
    ids: bool = False

    def items(self, rows: Iterable[Row]) -> Iterator[Item]:
        """Yield an item per row, in order.

        Raises:
            DataError: A row that cannot be used and may not be skipped, an id that was used before, no rows at all, or
                a column that no row has.
        """
        self.ids = "id" in self.columns.names
        for row in rows if self.ids else self._looked_ahead(rows):
            try:
                item = self._item(row)
            except UnusableRow as cause:
                self.log.refuse(row.place, cause)
            else:
                yield item
        self.log.finish(len(self.places))
        if (unfound := self.columns.unfound()) is not None:
            reason = f'no row has a field "{self.columns.name(unfound)}"'
            raise DataError(self.log.where, reason, hint=f"`columns.{unfound}` names it")

    def _looked_ahead(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The same rows; whether they must have an id is known before the first, which may be the one that lacks it."""
        rows, seen, broken = iter(rows), [], None
        try:
            for row in islice(rows, _AHEAD):
                seen.append(row)
                self.ids = isinstance(row.value, Mapping) and self._has_id(row.value)
                if self.ids:
                    break
        except DataError as cause:  # one of these rows cannot be read: those before it come first
            broken = cause
        yield from seen
        if broken is not None:
            raise broken
        yield from rows

    def _has_id(self, row: Mapping[str, Any]) -> bool:
        value = row.get("id")
        if isinstance(value, str):
            return bool(value.strip()) and not (self.columns.table and value.strip() in self.columns.missing)
        return type(value) is int

    def _item(self, row: Row) -> Item:
        fields = self.columns.row(row.value, EXAMPLE)
        question, context = self._question(fields), self._context(fields)
        given = self._name(fields, "id")
        if (given is not None) != self.ids:
            name = self.columns.name("id")
            but = "is missing, but other rows have one" if self.ids else "is given, but the rows before have none"
            raise UnusableRow(f'"{name}" {but}', name, "give every row an id, or none")
        unanswerable = self._flag(fields)
        item = Item(
            dataset=self.dataset or self._text(fields, "dataset") or self.default,
            id=given or _hash(question, context),
            question=question,
            answers=self._no_answers(fields, context) if unanswerable else self._answers(fields),
            context=context,
            is_unanswerable=unanswerable,
            # Questions on one passage are not independent of each other, whether or not the file says so.
            group=self._name(fields, "group") or (None if context is None else _hash(context)),
        )
        return self._apart(item, row.place, given)

    def _apart(self, item: Item, place: int | str, given: str | None) -> Item:
        """Refuse an id that was used before; a question that comes again is kept apart if nobody gave it an id."""
        key = item.dataset, item.id
        first = self.places.setdefault(key, place)
        if first == place:
            return item
        if given is not None:
            at = f"on line {first}" if isinstance(first, int) else f"at {first}"
            reason = f'the id "{item.id}" was already used {at}'
            raise UnusableRow(reason, self.columns.name("id"), "ids must be unique in a dataset")
        self.repeats[key] = self.repeats.get(key, 1) + 1
        return evolve(item, id=f"{item.id}#{self.repeats[key]}")

    def _question(self, row: Mapping[str, Any]) -> str:
        question = self._text(row, "question")
        if question is None:
            name = self.columns.name("question")
            raise UnusableRow(f'"{name}" must be a text, found {self._shown(row.get("question"))}', name)
        return question

    def _context(self, row: Mapping[str, Any]) -> str | None:
        if "context" in row and row["context"] is None and not self.null_is_closed:
            name = self.columns.name("context")
            raise UnusableRow(f'"{name}" must be a text, found {self._shown(None)}', name, _NO_PASSAGE)
        return self._text(row, "context", "leave it out if there is no passage")

    def _text(self, row: Mapping[str, Any], ours: str, hint: str | None = None) -> str | None:
        value = row.get(ours)
        if value is None:
            return None
        name = self.columns.name(ours)
        if not isinstance(value, str):
            raise UnusableRow(f'"{name}" must be a text, found {shown(value)}', name)
        text = value.strip()
        if not text:
            raise UnusableRow(f'"{name}" is empty', name, hint)
        if not text.isascii():
            check_characters(text, name)
        return text

    def _name(self, row: Mapping[str, Any], ours: str) -> str | None:
        """A text or a whole number: both are common as ids."""
        value = row.get(ours)
        return str(value) if type(value) is int else self._text(row, ours)

    def _flag(self, row: Mapping[str, Any]) -> bool:
        value = row.get("is_unanswerable")
        if value is None or isinstance(value, bool):
            return bool(value)
        name = self.columns.name("is_unanswerable")
        raise UnusableRow(f'"{name}" must be true or false, found {shown(value)}', name)

    def _answers(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        several, one = row.get("answers"), row.get("answer")
        name, single = self.columns.name("answers"), self.columns.name("answer")
        if several is not None and one is not None:
            raise UnusableRow('has both "answer" and "answers"', name, 'keep one: "answers" takes a list')
        if one is not None:
            if isinstance(one, list):
                raise UnusableRow(
                    f'"{single}" must be one text, found {shown(one)}', single, 'a list goes under "answers"'
                )
            return (_answer_text(one, single),)
        if several is None:
            raise UnusableRow("no right answer is given", name, _NO_ANSWER)
        if not isinstance(several, list):
            hint = f'write "{name}": [{shown(several)}]' if isinstance(several, str) else None
            raise UnusableRow(f'"{name}" must be a list of texts, found {shown(several)}', name, hint)
        if not several:
            raise UnusableRow(f'"{name}" is empty', name, _NO_ANSWER)
        return tuple(dict.fromkeys(_answer_text(answer, name) for answer in several))

    def _no_answers(self, row: Mapping[str, Any], context: str | None) -> tuple[str, ...]:
        flag = self.columns.name("is_unanswerable")
        for ours in ("answers", "answer"):
            if row.get(ours):
                name = self.columns.name(ours)
                reason = f'"{flag}" is true, but "{name}" holds {shown(row[ours])}'
                raise UnusableRow(reason, name, "remove one of the two")
        if context is None:
            reason = f'"{flag}" is true, but there is no "{self.columns.name("context")}"'
            hint = 'only a passage can fail to hold the answer: give it as "context"'
            raise UnusableRow(reason, self.columns.name("context"), hint)
        return ()

    def _shown(self, value: Any) -> str:
        return "an empty cell or NaN" if value is None and self.columns.table else shown(value)


def _answer_text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        numeric = isinstance(value, int | float) and not isinstance(value, bool)
        hint = f'put it in quotes: "{shown(value)}"' if numeric else None
        raise UnusableRow(f'"{name}" must hold text, found {shown(value)}', name, hint)
    text = value.strip()
    if not text:
        raise UnusableRow(f'"{name}" holds an empty text', name, _NO_ANSWER)
    if not text.isascii():
        check_characters(text, name)
    return text


def _hash(*texts: str | None) -> str:
    return hashlib.sha256(orjson.dumps(texts)).hexdigest()[:16]
