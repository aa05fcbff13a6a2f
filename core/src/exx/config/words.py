"""Words that messages about settings share."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any


def shown(value: Any) -> str:
    """A value for a message: short, and never more than a line."""
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"


def near(word: str, known: Sequence[str], *, quiet: bool = False) -> str:
    """Words that point to the nearest known name, or list the known ones; ``quiet`` leaves the list out."""
    close = get_close_matches(word, known, n=1)
    if close:
        return f", did you mean {close[0]!r}?"
    if quiet:
        return ""
    return f"; known here: {', '.join(known)}" if known else "; nothing is expected here"
