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


def points(difference: float | None) -> str:
    """A difference of shares in percentage points, with its sign; a dash when it is not defined."""
    if difference is None:
        return "–"
    text = f"{abs(100 * difference):.1f}"
    return text if text == "0.0" else f"{'−' if difference < 0 else '+'}{text}"


def amount(share: float) -> str:
    """A size in percentage points, without a sign: ``1 point``, ``2.5 points``."""
    value = f"{100 * share:g}"
    return f"{value} point" if value == "1" else f"{value} points"


def spread(ends: Sequence[Any] | None, shown: Callable[[Any], str]) -> str:
    """Both ends of an interval, each shown by the function given; a dash when one is not defined."""
    return "–" if not ends or None in ends else f"{shown(ends[0])} to {shown(ends[1])}"


def share(part: float | None) -> str:
    """A share in [0, 1] as per cent."""
    return "–" if part is None else f"{100 * part:.1f} %"


def number(value: object) -> str:
    """A number on a scale of its own, to four digits; a dash when it is not defined."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return {"Infinity": "∞", "-Infinity": "−∞"}.get(value, value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return str(value)
    if value in (float("inf"), float("-inf")):
        return "∞" if value > 0 else "−∞"
    return f"{value:.4g}".replace("-", "−")


def p_value(value: float | None) -> str:
    """A p- or q-value, to as many digits as it takes to tell it from 0.05; a dash when it is not defined."""
    if value is None:
        return "–"
    if value < 0.001:
        return "< 0.001"
    if 0.995 <= value < 1:
        return "> 0.99"
    return f"{value:.4f}" if 0.0495 <= value < 0.0505 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def dollars(value: float | None) -> str:
    """US dollars, to the cent or, for small sums, to two digits; a dash when they are not defined."""
    if value is None:
        return "–"
    amount = f"{abs(value):,.2f}" if abs(value) >= 0.1 or value == 0 else f"{abs(value):#.2g}"
    if "e" in amount:
        amount = f"{abs(value):.8f}"
    return f"{'−' if value < 0 else ''}${amount}"


def where(temp: float, kind: str) -> str:
    """A place in words: ``Open-book, temperature 0``."""
    words = {"open": "Open-book", "closed": "Closed-book"}.get(kind, kind)
    return f"{words}, temperature {temp:g}"
