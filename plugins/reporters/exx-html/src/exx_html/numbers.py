"""Numbers as a reader sees them, and text in which every character can be seen."""

from __future__ import annotations

import re

from exx import number

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e0fff\ud800-\udfff]"
)


def visible(text: str) -> str:
    """Write out control characters and marks of direction as ``⟨U+202E⟩``; line feeds and tabs stay."""
    return _UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


def count(value: int | None) -> str:
    """How many; a dash when nobody counted."""
    return "–" if value is None else f"{value:,}"


def interval(low: object, high: object) -> str:
    """Two ends on a scale of their own; a dash when one is not defined."""
    return "–" if low is None or high is None else f"{number(low)} to {number(high)}"


def where(temp: float, kind: str) -> str:
    """A place in words: ``Open-book, temperature 0``."""
    words = {"open": "Open-book", "closed": "Closed-book"}.get(kind, kind)
    return f"{words}, temperature\u00a0{temp:g}"
