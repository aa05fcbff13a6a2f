"""Finds an item's fields in a row: under their own names or those that ``columns`` gives, and as CSV writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from math import isnan
from typing import Any, NoReturn

from attrs import define, field

from exx import UnusableRow, shown

FIELDS = ("id", "question", "answers", "answer", "context", "is_unanswerable", "group", "dataset")

_ABSENT = object()
_FLAGS = {"true": True, "false": False, "1": True, "0": False}
_SEPARATE = (
    'write a JSON list, ["Paris"], or set `answer_separator: "|"`; '
    "if each row has one answer, say so: `columns: {answer: %s}`"
)
_JSON_LIST = 'such as ["Paris", "Lutetia"]; in CSV every quote of it is doubled'


@define(kw_only=True)
class Columns:
    """Where each field is, and how it is written there.

    Attributes:
        names: The file's name for a field, where it has another; a dot leads into an object: ``answers.text``.
        table: The file is CSV: every cell is text.
        separator: What separates the answers of one cell of CSV.
        missing: Texts that mean that a cell of CSV holds nothing.
        found: The mapped names that some row had.
    """

    names: Mapping[str, str] = field(factory=dict)
    table: bool = False
    separator: str | None = None
    missing: tuple[str, ...] = ()
    found: set[str] = field(factory=set)

    def name(self, ours: str) -> str:
        """What the file calls a field."""
        return self.names.get(ours, ours)

    def all_names(self) -> tuple[str, ...]:
        """The columns that can matter."""
        return (*_unmapped(tuple(self.names)), *(name for theirs in self.names.values() for name in _steps(theirs)))

    def check_header(self, names: Sequence[str]) -> None:
        """Insist, once for a table, that what is mapped is there, and that nothing looks misspelt.

        Raises:
            UnusableRow: With the nearest name.
        """
        for ours, theirs in self.names.items():
            if not set(_steps(theirs)) & set(names):
                _refuse_unmapped(ours, theirs, names)
        _check_names(tuple(names), tuple(self.names.items()))

    def row(self, row: Any, example: str) -> dict[str, Any]:
        """The fields of a row that are there, by our names for them.

        Raises:
            UnusableRow: It is no object, or a field looks misspelt; CSV whose answers cannot be told apart.
        """
        if not isinstance(row, Mapping):
            raise UnusableRow(f"expected an object such as {example}, found {shown(row)}")
        _check_names(tuple(row), tuple(self.names.items()))
        fields = {name: row[name] for name in _unmapped(tuple(self.names)) if name in row}
        for ours, theirs in self.names.items():
            value = _look(row, theirs)
            if value is not _ABSENT:
                self.found.add(ours)
                fields[ours] = value
        fields = {name: None if isinstance(value, float) and isnan(value) else value for name, value in fields.items()}
        return self._read_cells(fields) if self.table else fields

    def unfound(self) -> str | None:
        """A mapped field that no row had; None if there is none."""
        return next((ours for ours in self.names if ours not in self.found), None)

    def _read_cells(self, cells: dict[str, str]) -> dict[str, Any]:
        """The same with an empty cell as None, and with lists and flags read."""
        fields: dict[str, Any] = {
            name: None if not cell.strip() or cell.strip() in self.missing else cell for name, cell in cells.items()
        }
        if fields.get("answers") is not None:
            fields["answers"] = self._answers(fields["answers"].strip())
        flag = fields.get("is_unanswerable")
        if flag is not None:
            fields["is_unanswerable"] = _FLAGS.get(flag.strip().lower(), flag)
        return fields

    def _answers(self, cell: str) -> list[Any]:
        name = self.name("answers")
        if cell.startswith("["):
            try:
                value = json.loads(cell)
            except (ValueError, RecursionError) as cause:
                reason = f'"{name}" begins like a JSON list, but is none: {cause}; found {shown(cell)}'
                raise UnusableRow(reason, name, _JSON_LIST) from cause
            return list(value)
        if self.separator:
            return [part for part in map(str.strip, cell.split(self.separator)) if part]
        raise UnusableRow(f'"{name}" must be a list of texts, found {shown(cell)}', name, _SEPARATE % name)


@lru_cache(maxsize=64)
def _unmapped(mapped: tuple[str, ...]) -> tuple[str, ...]:
    """Fields that are looked for under their own names; who maps `answer` or `answers` means that one alone."""
    taken = {*mapped, *(("answer", "answers") if {"answer", "answers"} & set(mapped) else ())}
    return tuple(name for name in FIELDS if name not in taken)


@lru_cache(maxsize=256)
def _check_names(names: tuple[str, ...], mapped: tuple[tuple[str, str], ...]) -> None:
    """Refuse a misspelt field: ignored, it would quietly turn an open-book question into a closed-book one, say."""
    for ours, theirs in mapped:
        absent = not set(_steps(theirs)) & set(names)
        if absent and (ours == "question" or get_close_matches(theirs, names, n=1, cutoff=0.75)):
            _refuse_unmapped(ours, theirs, names)
    own = _unmapped(tuple(ours for ours, _ in mapped))
    taken = {name for _, theirs in mapped for name in _steps(theirs)}
    missing = [name for name in own if name not in names]
    for name in names:
        if name in taken or name in FIELDS:
            continue
        if close := get_close_matches(name.lower(), missing, n=1, cutoff=0.85):
            raise UnusableRow(f'unknown field "{name}", did you mean "{close[0]}"?', name)
    if "question" in missing:
        reason = f'"question" is required, but missing; fields found: {_listed(names)}'
        raise UnusableRow(reason, "question", "if it has another name: `columns: {question: NAME}`")


def _refuse_unmapped(ours: str, theirs: str, names: Sequence[str]) -> NoReturn:
    close = get_close_matches(theirs, names, n=1)
    near = f', did you mean "{close[0]}"?' if close else ";"
    reason = f'there is no "{theirs}"{near} fields found: {_listed(names)}'
    raise UnusableRow(reason, theirs, f"`columns.{ours}` names it")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names) or "none"


def _steps(name: str) -> tuple[str, str]:
    """A name, and the object that it may be a path into."""
    return name, name.partition(".")[0]


def _look(row: Mapping[str, Any], name: str) -> Any:
    """A field by its name, else by its path through objects; ``_ABSENT`` if there is none."""
    if name in row:
        return row[name]
    value: Any = row
    for step in name.split("."):
        if not isinstance(value, Mapping) or step not in value:
            return _ABSENT
        value = value[step]
    return value
