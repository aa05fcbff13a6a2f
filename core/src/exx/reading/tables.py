"""Reads CSV: what each row holds under the names of the header, and a plain word about the row that holds none."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

from exx.errors import DataError
from exx.reading.layout import Layout
from exx.reading.lines import MAX_LINE, read_lines
from exx.reading.log import ReadLog, Row, UnusableRow
from exx.rows import allow_long_fields

_DELIMITERS = (",", ";", "\t")
_QUOTES = "quotes within a quoted cell are doubled; a cell with a line feed or a delimiter in it needs quotes around it"


def read_csv(file: BinaryIO, log: ReadLog, layout: Layout) -> Iterator[Row]:
    """Yield a row for every record after the header: a mapping of column to text; the place is its first line.

    Args:
        file: UTF-8, with a header.
        log: Takes what cannot be used.
        layout: Says what separates cells (if not, it is the comma, semicolon or tab that the header holds most of), and
            which columns there must be.

    Raises:
        DataError: No header, a column that stands in it twice; a record that may not be skipped and is not UTF-8, has
            more or fewer cells than the header, or is badly quoted.
    """
    allow_long_fields()
    physical = _Physical(file, log)
    header_line = next(physical, "")
    cells = layout.delimiter or _sniffed(header_line)
    header = next(csv.reader([header_line], delimiter=cells), [])
    names = [name.strip() for name in header]
    _check_header(names, log)
    if (bad := physical.problem()) is not None:
        raise log.refusal(physical.first, bad)
    layout.check_columns(names, log, 1)
    reader = csv.reader(physical, delimiter=cells, strict=True)
    while True:
        physical.begin()
        try:
            values = next(reader, None)
        except csv.Error as cause:
            log.refuse(physical.first, UnusableRow(f"not valid CSV: {cause}", hint=_QUOTES))
            continue
        if values is None:
            return
        if bad := physical.problem() or _ragged(values, names, cells):
            bad.field = next((name for name, value in zip(names, values, strict=False) if "\ufffd" in value), "")
            log.refuse(physical.first, bad)
        elif values:
            yield Row(physical.first, dict(zip(names, values, strict=True)))


def _ragged(values: list[str], names: list[str], delimiter: str) -> UnusableRow | None:
    """Say what is wrong with the number of cells; none at all is a blank line."""
    if not values or len(values) == len(names):
        return None
    hint = f"cells are separated by {delimiter!r}; {_QUOTES}"
    return UnusableRow(f"has {len(values)} cells, the header has {len(names)}", hint=hint)


class _Physical:
    """The lines of the file as text; remembers where a record began, and what about its bytes is not UTF-8."""

    def __init__(self, file: BinaryIO, log: ReadLog) -> None:
        self.first = 1
        self._bad: UnusableRow | None = None
        self._lines = read_lines(file, log)
        self._size = 0
        self._fresh = True

    def begin(self) -> None:
        """The next line is the first of a record."""
        self._bad, self._size, self._fresh = None, 0, True

    def problem(self) -> UnusableRow | None:
        """What is wrong with the bytes of the record so far, if anything."""
        return self._bad

    def __iter__(self) -> _Physical:
        return self

    def __next__(self) -> str:
        number, line = next(self._lines)
        if self._fresh:
            self.first, self._fresh = number, False
        self._size += len(line)
        if self._size > MAX_LINE:
            raise csv.Error(f"the record is longer than {MAX_LINE:,} bytes: a closing quote is missing")
        try:
            return line.decode()
        except UnicodeDecodeError as bad:
            if self._bad is None:
                of = f" of line {number}" if number != self.first else " of the line"
                reason = f"byte {bad.start + 1}{of} (0x{line[bad.start]:02x}) is not UTF-8"
                self._bad = UnusableRow(reason, hint="save the file as UTF-8")
            return line.decode(errors="replace")


def _sniffed(header: str) -> str:
    found = Counter({mark: header.count(mark) for mark in _DELIMITERS})
    return max(_DELIMITERS, key=lambda mark: found[mark])


def _check_header(names: list[str], log: ReadLog) -> None:
    if not any(names):
        raise DataError(log.where, "has no header: the first line names the columns", line=1)
    twice = [name for name, count in Counter(names).items() if count > 1 and name]
    if twice:
        raise DataError(log.where, f"the column {twice[0]!r} stands in the header twice", line=1, hint="rename one")
