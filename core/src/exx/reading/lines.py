"""Reads a file line by line, no line longer than is sensible, and JSON Lines from it."""

from __future__ import annotations

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from typing import BinaryIO

import orjson

from exx.errors import DataError
from exx.reading.log import ReadLog, Row, UnusableRow

MAX_LINE = 16_000_000
EXAMPLE = '{"question": "…", "answers": ["…"]}'

_ONE_A_LINE = f"each line must be one whole object, such as {EXAMPLE}"


def read_lines(file: BinaryIO, log: ReadLog) -> Iterator[tuple[int, bytes]]:
    r"""Yield (number from 1, line) for every line, with its end; only ``\n`` ends one.

    A line of more than ``MAX_LINE`` bytes is refused, and never held in memory as a whole.

    Raises:
        DataError: The file is UTF-16, or a line is too long and may not be skipped.
    """
    number = 0
    while line := file.readline(MAX_LINE + 1):
        number += 1
        if number == 1:
            line = _without_mark(line, log)
        if len(line) <= MAX_LINE:
            yield number, line
            continue
        log.refuse(number, too_long("the line"))
        while line and not line.endswith(b"\n"):
            line = file.readline(MAX_LINE)


def too_long(what: str) -> UnusableRow:
    """The refusal of something that nobody means to be one question."""
    return UnusableRow(f"{what} is longer than {MAX_LINE:,} bytes", hint="is a line feed missing, or a quote?")


def read_json_lines(file: BinaryIO, log: ReadLog) -> Iterator[Row]:
    """Yield a row for every line that is not blank; its value is what the line says, of whatever type.

    Raises:
        DataError: A line that is not UTF-8 or not JSON and may not be skipped.
    """
    for number, line in read_lines(file, log):
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError as cause:
            if line.strip():
                log.refuse(number, _explained(line, cause))
        else:
            yield Row(number, value)


def _without_mark(line: bytes, log: ReadLog) -> bytes:
    if line.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise DataError(log.where, "the file is UTF-16", hint="save it as UTF-8")
    return line.removeprefix(BOM_UTF8)


def _explained(line: bytes, cause: orjson.JSONDecodeError) -> UnusableRow:
    try:
        text = line.decode().strip()
    except UnicodeDecodeError as bad:
        reason = f"byte {bad.start + 1} of the line (0x{line[bad.start]:02x}) is not UTF-8"
        return UnusableRow(reason, _field_with_bad_bytes(line), "save the file as UTF-8")
    said = text if len(text) <= 60 else f"{text[:59]}…"
    return UnusableRow(f"not valid JSON, at column {cause.colno}: {cause.msg}; the line is: {said}", hint=_advice(text))


def _field_with_bad_bytes(line: bytes) -> str:
    """The field that the bytes stand in; empty if the line is no object otherwise either."""
    try:
        value = orjson.loads(line.decode(errors="replace"))
    except orjson.JSONDecodeError:
        return ""
    fields = value.items() if isinstance(value, dict) else ()
    return next((name for name, inner in fields if "\ufffd" in orjson.dumps(inner).decode()), "")


def _advice(text: str) -> str:
    if text.startswith("["):
        return f"this looks like one JSON array: name the file .json; otherwise {_ONE_A_LINE}"
    if text.startswith("{") and not text.endswith("}"):
        return f"this looks like an object spread over several lines; {_ONE_A_LINE}"
    return _ONE_A_LINE
