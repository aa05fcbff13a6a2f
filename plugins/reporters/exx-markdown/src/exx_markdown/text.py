"""Markdown that stays what it was meant to be: escaping of text that others wrote, and the few shapes a report needs.

Models and datasets write what they like. Nothing of it may become a link, HTML, a heading, a table cell, an escape
sequence of a terminal, or text that runs backwards.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Any

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_MARKUP = re.compile(
    r"[\\`*\[\]|~$]|<(?=[a-z/!?])|&(?=[#a-z])|^[>#]|(?<![0-9a-z])_|_(?![0-9a-z])|:(?=//)|(?<=www)\.", re.IGNORECASE
)


def visible(text: str, longest: int | None = None) -> str:
    """One line in which every character can be seen; control and direction marks become ``⟨U+202E⟩``."""
    cut = longest is not None and len(text) > longest
    line = text[:longest].replace("\r\n", "\n").replace("\n", " ⏎ ").replace("\t", " ")
    if not line.isprintable():
        line = "".join(_seen(character) for character in line)
    return f"{line}…" if cut else line


def _seen(character: str) -> str:
    return f"⟨U+{ord(character):04X}⟩" if unicodedata.category(character) in _INVISIBLE else character


def escape(text: object) -> str:
    """Text as text, within a line or a table cell."""
    return _MARKUP.sub(lambda found: f"\\{found[0]}", visible(str(text)))


def code(text: str, longest: int | None = None) -> str:
    """Text as a code span, in which nothing has a meaning; not for table cells, where a bar still has one."""
    line = visible(text, longest)
    if not line.strip():
        return "*(nothing)*"
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    return f"{fence} {line} {fence}" if line[0] in "` " or line[-1] in "` " else f"{fence}{line}{fence}"


def block(text: str, language: str = "") -> str:
    """Text of several lines as a code block."""
    lines = [visible(line) for line in text.rstrip("\n").split("\n")]
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return "\n".join([f"{fence}{language}", *lines, fence])


def table(header: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Iterable[int] = ()) -> str:
    """A table; the columns in ``numbers`` are set to the right. Cells are escaped."""
    right = set(numbers)
    rule = ["---:" if column in right else "---" for column in range(len(header))]
    lines = [[escape(cell) for cell in header], rule, *([escape(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def bullets(lines: Iterable[str]) -> str:
    """A list; the lines are Markdown already."""
    return "\n".join(f"- {line}" for line in lines)


def fold(summary: str, paragraphs: Iterable[str]) -> list[str]:
    """Paragraphs that are shown when the reader asks for them; where a viewer knows no folding, they are just shown."""
    return [f"<details>\n<summary>{html.escape(visible(summary))}</summary>", *paragraphs, "</details>"]


def main_table(
    header: Sequence[str],
    rows: Sequence[Sequence[object]],
    others: Sequence[Sequence[object]],
    *,
    numbers: Iterable[int] = (),
) -> list[str]:
    """A table of what matters most, and one of the rest to unfold; without the former all of it at once."""
    columns = tuple(numbers)
    if not rows or not others:
        return [table(header, [*rows, *others], numbers=columns)]
    rest = fold("The other metrics", [table(header, others, numbers=columns)])
    return [table(header, rows, numbers=columns), *rest]


def amount(share: float) -> str:
    """A size in percentage points, without a sign: ``1 point``, ``2.5 points``."""
    value = f"{100 * share:g}"
    return f"{value} point" if value == "1" else f"{value} points"


def spread(ends: Sequence[Any] | None, shown: Callable[[Any], str]) -> str:
    """Both ends of an interval, each shown by the function given; a dash when one is not defined."""
    return "–" if not ends or None in ends else f"{shown(ends[0])} to {shown(ends[1])}"


def where(temp: float, kind: str) -> str:
    """A place in words: ``Open-book, temperature 0``."""
    words = {"open": "Open-book", "closed": "Closed-book"}.get(kind, kind)
    return f"{words}, temperature {temp:g}"
