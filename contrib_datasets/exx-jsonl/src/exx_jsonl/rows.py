"""Reads JSON Lines: what each line holds, with its number, and a plain word about the line that holds none."""

from __future__ import annotations

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from exx import DataError

EXAMPLE = '{"question": "…", "answers": ["…"]}'

_ONE_A_LINE = f"each line must be one whole object, such as {EXAMPLE}"


def read_rows(path: Path, where: str) -> Iterator[tuple[int, Any]]:
    r"""Yield (line number from 1, parsed value) for every line that is not blank.

    Lines end at ``\n`` alone: JSON text may hold the other characters that Python takes for line ends.

    Args:
        path: The file.
        where: What messages call it.

    Raises:
        DataError: A line that is not UTF-8 or not JSON.
    """
    with path.open("rb") as file:
        _skip_mark(file, where)
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, _parse(line, number, where)


def _skip_mark(file: BinaryIO, where: str) -> None:
    start = file.read(len(BOM_UTF8))
    if start.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise DataError(where, "the file is UTF-16", hint="save it as UTF-8")
    if start != BOM_UTF8:
        file.seek(0)


def _parse(line: bytes, number: int, where: str) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as cause:
        raise _explained(line, number, where, cause) from cause


def _explained(line: bytes, number: int, where: str, cause: orjson.JSONDecodeError) -> DataError:
    try:
        text = line.decode().strip()
    except UnicodeDecodeError as bad:
        reason = f"byte {bad.start + 1} of the line (0x{line[bad.start]:02x}) is not UTF-8"
        return DataError(where, reason, line=number, hint="save the file as UTF-8")
    shown = text if len(text) <= 60 else f"{text[:59]}…"
    reason = f"not valid JSON, at column {cause.colno}: {cause.msg}; the line is: {shown}"
    return DataError(where, reason, line=number, hint=_advice(text))


def _advice(text: str) -> str:
    if text.startswith("["):
        return f"this looks like one JSON array; {_ONE_A_LINE}"
    if text.startswith("{") and not text.endswith("}"):
        return f"this looks like an object spread over several lines; {_ONE_A_LINE}"
    return _ONE_A_LINE
