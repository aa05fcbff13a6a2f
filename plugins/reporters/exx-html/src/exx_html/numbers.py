"""Numbers as a reader sees them, and text in which every character can be seen."""

from __future__ import annotations

import re

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e0fff\ud800-\udfff]"
)


def visible(text: str) -> str:
    """Write out control characters and marks of direction as ``⟨U+202E⟩``; line feeds and tabs stay."""
    return _UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


def percent(share: float | None) -> str:
    """A share in [0, 1] as per cent; a dash when it is not defined."""
    return "–" if share is None else f"{100 * share:.1f} %"


def points(difference: float | None) -> str:
    """A difference of shares in percentage points, with its sign."""
    if difference is None:
        return "–"
    text = f"{abs(100 * difference):.1f}"
    return text if text == "0.0" else f"{'−' if difference < 0 else '+'}{text}"


def number(value: object) -> str:
    """A number on a scale of its own, to four digits; a dash when it is not defined."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return {"Infinity": "∞", "-Infinity": "−∞"}.get(value, value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if value in (float("inf"), float("-inf")):
        return "∞" if value > 0 else "−∞"
    return f"{value:.4g}".replace("-", "−")


def count(value: int | None) -> str:
    """How many; a dash when nobody counted."""
    return "–" if value is None else f"{value:,}"


def p_value(value: float | None) -> str:
    """A p- or q-value, never rounded onto 0.05; a dash when it is not defined."""
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


def interval(low: object, high: object) -> str:
    """Two ends on a scale of their own; a dash when one is not defined."""
    return "–" if low is None or high is None else f"{number(low)} to {number(high)}"


def where(temp: float, kind: str) -> str:
    """A place in words: ``Open-book, temperature 0``."""
    words = {"open": "Open-book", "closed": "Closed-book"}.get(kind, kind)
    return f"{words}, temperature\u00a0{temp:g}"
