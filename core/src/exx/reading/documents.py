"""Reads the elements of one array of a JSON document, one by one: the document may be larger than the memory."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from exx.errors import DataError
from exx.reading.layout import Layout
from exx.reading.log import ReadLog, Row, shown

MAX_ELEMENT = 64_000_000

_CHUNK = 1 << 20
_SPACE = re.compile(r"[ \t\n\r]*")
# Words may be cut off at the end of what has been read: `-Infinity` is the longest.
_WORD = 16


def read_document(file: BinaryIO, log: ReadLog, layout: Layout) -> Iterator[Row]:
    """Yield the elements of the document, if it is an array, or of the array that one of its fields holds.

    Args:
        file: The document, in UTF-8.
        log: What messages call it.
        layout: Says which field.

    Raises:
        DataError: Not JSON, with line and column; another layout; an element of more than ``MAX_ELEMENT`` characters.
    """
    text = _Text(file, log.where)
    inside, hint = layout.inside, layout.hint
    start = text.peek()
    if start == "[":
        yield from _array(text, "")
    elif start == "{" and inside is not None:
        yield from _field(text, log, inside, hint)
    else:
        wanted = "an array" if inside is None else f"an object with the field {inside!r}"
        raise DataError(log.where, f"expected {wanted}, found {shown(text.value())}", hint=hint)
    if text.peek():
        raise text.error("something follows the end of the document")


def _array(text: _Text, name: str) -> Iterator[Row]:
    text.take("[")
    number = 0
    while not text.ends("]", first=number == 0):
        yield Row(f"{name}[{number}]", text.value())
        number += 1


def _field(text: _Text, log: ReadLog, inside: str, hint: str | None) -> Iterator[Row]:
    text.take("{")
    names: list[str] = []
    while not text.ends("}", first=not names):
        name = text.value()
        if not isinstance(name, str):
            raise text.error("expected the name of a field")
        names.append(name)
        text.take(":")
        if name != inside:
            text.value()
        elif text.peek() == "[":
            yield from _array(text, name)
        else:
            raise DataError(log.where, f"{inside}: expected a list, found {shown(text.value())}", hint=hint)
    if inside not in names:
        found = ", ".join(names) or "none"
        raise DataError(log.where, f"{inside}: required, but missing; fields found: {found}", hint=hint)


class _Text:
    """The text of a document, of which only the part about to be parsed is in memory."""

    def __init__(self, file: BinaryIO, where: str) -> None:
        self._file = file
        self._where = where
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._at = 0
        self._over = False
        self._lines = 0  # that have been let go of,
        self._columns = 0  # and how much of the next one
        # NaN is no JSON, but many write it: as a value it can be told together with its field.
        self._parse = json.JSONDecoder().raw_decode

    def peek(self) -> str:
        """The next character that is no white space; empty at the end."""
        while True:
            found = _SPACE.match(self._text, self._at)
            assert found
            self._at = found.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if self._over:
                return ""
            self._more(_CHUNK)

    def take(self, character: str) -> None:
        """Go over a character that has to come next."""
        if (found := self.peek()) != character:
            raise self.error(f"expected {character!r}, found {found!r}" if found else "it ends too early")
        self._at += 1

    def ends(self, bracket: str, *, first: bool) -> bool:
        """Go over the bracket that ends a list, or over the comma before its next entry."""
        if self.peek() == bracket:
            self._at += 1
            return True
        if not first:
            self.take(",")
        return False

    def value(self) -> Any:
        """Go over the value that comes next, and return it."""
        self.peek()
        size = _CHUNK
        while True:
            try:
                value, end = self._parse(self._text, self._at)
            except json.JSONDecodeError as cause:
                cut = cause.pos >= len(self._text) - _WORD or cause.msg.startswith("Unterminated string")
                if self._over or not cut:
                    raise self.error(cause.msg, cause.pos) from cause
            except (RecursionError, ValueError) as cause:  # a number of thousands of digits
                why = "is nested too deeply" if isinstance(cause, RecursionError) else str(cause)
                raise self.error(why) from cause
            else:
                if end < len(self._text) or self._over:
                    self._at = end
                    return value
            if len(self._text) - self._at > MAX_ELEMENT:
                raise self.error(f"what begins here is longer than {MAX_ELEMENT:,} characters")
            self._more(size)
            size *= 2

    def error(self, reason: str, at: int | None = None) -> DataError:
        """Make the message about a place in the document."""
        at = self._at if at is None else at
        line = self._lines + self._text.count("\n", 0, at) + 1
        begin = self._text.rfind("\n", 0, at)
        column = at - begin if begin >= 0 else self._columns + at + 1
        return DataError(self._where, f"line {line}, column {column}: not valid JSON: {reason}")

    def _more(self, size: int) -> None:
        gone = self._text[: self._at]
        self._lines += gone.count("\n")
        last = gone.rfind("\n")
        self._columns = self._at - last - 1 if last >= 0 else self._columns + self._at
        data = self._file.read(size)
        try:
            self._text = self._text[self._at :] + self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as cause:
            before = self._text[self._at :].count("\n") + cause.object[: cause.start].count(b"\n")
            reason = f"byte 0x{cause.object[cause.start]:02x} on line {self._lines + before + 1} is not UTF-8"
            raise DataError(self._where, reason, hint="save the file as UTF-8") from cause
        self._at = 0
        self._over = not data
