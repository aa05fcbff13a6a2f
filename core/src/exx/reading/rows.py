"""The one way into a file of rows, whatever its layout: told by its first bytes, its name, and its first line."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from exx.reading.documents import read_document
from exx.reading.layout import Format, Layout
from exx.reading.lines import read_json_lines
from exx.reading.log import ReadLog, Row
from exx.reading.parquet import read_parquet
from exx.reading.unpack import kind_of, open_plain

_SUFFIXES: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_PEEK = 1 << 16
_PLAIN = Layout()


def read_rows(path: Path, log: ReadLog, layout: Layout = _PLAIN, *, name: str | None = None) -> Iterator[Row]:
    """Yield the rows of a file one by one: JSON Lines, JSON, CSV or Parquet, plain or packed (gzip, Zstandard, zip).

    Memory is bounded, whatever the file holds. Rows that cannot even be parsed go to ``log``.

    Args:
        path: The file.
        log: What messages call it, and what to do about rows that cannot be used.
        layout: What the reader expects.
        name: The file's own name, where it is stored under another.

    Raises:
        DataError: It cannot be read, is in another layout, or a row may not be skipped.
    """
    with open_plain(path, log.where, name or path.name) as (file, own_name):
        chosen = layout.format or _format(file, own_name, layout)
        if chosen == "parquet":
            yield from read_parquet(path, log, layout)
        elif chosen == "csv":
            from exx.reading.tables import read_csv

            yield from read_csv(file, log, layout)
        elif chosen == "json":
            yield from read_document(file, log, layout)
        else:
            yield from read_json_lines(file, log)


def format_of(path: Path, where: str, layout: Layout = _PLAIN, *, name: str | None = None) -> Format:
    """Tell a file's format without reading more than its beginning.

    Raises:
        DataError: It cannot be read.
    """
    with open_plain(path, where, name or path.name) as (file, own_name):
        return layout.format or _format(file, own_name, layout)


def _format(file: BufferedReader[Any], name: str, layout: Layout) -> Format:
    start = file.peek(_PEEK)[:_PEEK]
    if kind_of(start) == "parquet":
        return "parquet"
    known = _SUFFIXES.get(PurePosixPath(name).suffix.lower())
    return known or _json_or_lines(start, layout)


def _json_or_lines(start: bytes, layout: Layout) -> Format:
    """Lines, if the first one is a whole object and not the document itself; an array is a document."""
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"["):
        return "json"
    if layout.inside is None or not text.startswith(b"{"):
        return "jsonl"
    line, end, rest = text.partition(b"\n")
    try:
        value: Any = orjson.loads(line) if end or len(start) < _PEEK else None
    except orjson.JSONDecodeError:
        return "json"
    several = isinstance(value, dict) and layout.inside not in value and rest.strip()
    return "jsonl" if several else "json"
