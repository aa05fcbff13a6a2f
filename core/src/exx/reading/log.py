"""What became of the rows of a file: the first that cannot be used stops the reading, or is skipped and counted."""

from __future__ import annotations

from collections import Counter
from math import isnan
from typing import Any, Literal, NamedTuple

import orjson
from attrs import asdict, define, field, frozen

from exx.errors import DataError

OnError = Literal["fail", "skip"]
ON_ERROR: tuple[OnError, OnError] = ("fail", "skip")

KEPT = 20
_LONGEST = 60


class Row(NamedTuple):
    """One row of a file.

    Attributes:
        place: Its line, from 1; or in words where lines mean nothing: ``row 3`` of Parquet, ``data[3]`` of JSON, both
            from 0.
        value: What it holds, as the file has it.
    """

    place: int | str
    value: Any


class UnusableRow(Exception):
    """Why a row cannot be used; whoever reads the file knows which one it is.

    Attributes:
        reason: What was expected and what was found.
        field: The field that is at fault, by its path within the row; empty for the row as a whole.
        hint: What to do.
    """

    def __init__(self, reason: str, field: str = "", hint: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field
        self.hint = hint


@frozen
class SkippedRow:
    """A row that was passed over: where it is, which field is at fault (or empty), and why."""

    place: str
    field: str
    reason: str


@define
class ReadLog:
    """Takes note of what cannot be used while a file is read.

    Attributes:
        where: What messages call the file.
        on_error: ``fail``: the first row that cannot be used stops the reading. ``skip``: such rows are passed over.
        skipped: How many were.
        first: The first ``KEPT`` of them.
        counts: Whatever else the reader counts, by what it is and then by its value: ``answer types`` say.
    """

    where: str
    on_error: OnError = "fail"
    skipped: int = 0
    first: list[SkippedRow] = field(factory=list)
    counts: dict[str, Counter[str]] = field(factory=dict)

    def refuse(self, place: int | str, cause: UnusableRow, *, rows: int = 1) -> None:
        """Skip a row, if that is allowed; or as many as a larger unit holds, such as a passage.

        Raises:
            DataError: It is not; with file, place, field and reason.
        """
        if self.on_error == "fail":
            raise self.refusal(place, cause) from cause
        self.skipped += rows
        if len(self.first) < KEPT:
            words = f"line {place}" if isinstance(place, int) else place
            self.first.append(SkippedRow(words, cause.field, cause.reason))

    def refusal(self, place: int | str, cause: UnusableRow) -> DataError:
        """Make the message about a row."""
        if isinstance(place, int):
            return DataError(self.where, with_field(cause.field, cause.reason), line=place, hint=cause.hint)
        reason = with_field(cause.field, cause.reason)
        joint = "" if not place else ": " if reason == cause.reason else "."
        return DataError(self.where, f"{place}{joint}{reason}", hint=cause.hint)

    def count(self, what: str, value: str) -> None:
        """Count one more of something."""
        self.counts.setdefault(what, Counter())[value] += 1

    def finish(self, used: int, *, hint: str | None = None) -> None:
        """Say that the file has been read.

        Raises:
            DataError: No row of it could be used.
        """
        if used:
            return
        if not self.skipped:
            raise DataError(self.where, "holds no questions", hint=hint)
        first = self.first[0]
        why = f"{first.place}: {with_field(first.field, first.reason)}"
        rows = "1 row was" if self.skipped == 1 else f"{self.skipped:,} rows were"
        raise DataError(self.where, f"holds no usable question; {rows} skipped, the first at {why}", hint=hint)

    def to_json(self) -> dict[str, Any]:
        """Plain data for a manifest."""
        return {"count": self.skipped, "first": [asdict(row) for row in self.first]}


def with_field(field: str, reason: str) -> str:
    """A reason with the field in front, unless it names the field itself."""
    named = not field or f'"{field}"' in reason or reason.startswith(f"the {field} ")
    return reason if named else f"{field}: {reason}"


def shown(value: Any) -> str:
    """A value as its file has it, cut to fit a message."""
    if isinstance(value, float) and isnan(value):
        return "NaN"
    try:
        text = orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # half a character, a number beyond 64 bits
        text = ascii(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
