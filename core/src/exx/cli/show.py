"""Tables and words on a terminal; whatever comes from models, datasets or files is made harmless first."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Sequence
from typing import Any

import click
import orjson

from exx.wording import UNSAFE, clean

__all__ = ["clean", "emit_json", "note", "say", "say_paragraph", "size_words", "table"]


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int] = ()) -> None:
    """Print a table: drawn on a terminal, tab-separated in a pipe."""
    if not sys.stdout.isatty():
        click.echo("\t".join(columns))
        for row in rows:
            click.echo("\t".join(clean(cell).replace("\t", " ").replace("\n", " ") for cell in row))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        drawn.add_column(column, justify="right" if index in numeric else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(clean(cell)) for cell in row))
    Console().print(drawn)


def size_words(size: int) -> str:
    """A number of bytes in words: ``512 B``, ``1.5 MB`` (a million and a half)."""
    if size < 1000:
        return f"{size} B"
    scaled = size / 1000
    for unit in ("kB", "MB", "GB"):
        if scaled < 1000:
            return f"{scaled:.1f} {unit}"
        scaled /= 1000
    return f"{scaled:.1f} TB"


def emit_json(value: Any) -> None:
    """Print one JSON object on stdout; what a terminal would obey is escaped, as JSON allows."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
    sys.stdout.write(UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def say(text: str) -> None:
    """Print a line on stdout."""
    click.echo(clean(text))


def say_paragraph(text: str) -> None:
    """Print running text and an empty line; on a terminal, broken between words at its width."""
    plain = clean(text)
    click.echo((click.wrap_text(plain, shutil.get_terminal_size().columns) if sys.stdout.isatty() else plain) + "\n")


def note(text: str) -> None:
    """Print a line on stderr. Where nobody reads it any more, the work goes on without it."""
    with contextlib.suppress(BrokenPipeError):
        click.echo(clean(text), err=True)
