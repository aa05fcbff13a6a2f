"""Numbers in words, the same way on the command line and in every report.

Rates are per cent with one decimal, differences percentage points with their sign, whatever the metric.
"""

from __future__ import annotations

import re
from math import isinf

from exx.records import Address

# Control characters (terminal escapes begin with one) and the marks that reorder or hide text.
UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def clean(text: str) -> str:
    """Text without anything that a terminal would obey instead of show, or that reorders what stands around it."""
    return UNSAFE.sub("\ufffd", text)


def percent(rate: float | None) -> str:
    """A rate in [0, 1] as per cent with one decimal; a dash when it is not defined."""
    return "–" if rate is None else f"{100 * rate:.1f} %"


def points(difference: float | None) -> str:
    """A difference of rates in percentage points, always with its sign."""
    if difference is None:
        return "–"
    text = f"{abs(100 * difference):.1f}"
    return text if text == "0.0" else f"{'−' if difference < 0 else '+'}{text}"


def p_text(p_value: float | None) -> str:
    """A p-value with its relation: ``= 0.12``, ``< 0.001``; never rounded onto or across 0.05."""
    if p_value is None:
        return "–"
    if p_value < 0.001:
        return "< 0.001"
    if 0.995 <= p_value < 1:
        return "> 0.99"
    decimals = 2 if p_value >= 0.1 else 3
    while round(p_value, decimals) == 0.05 and p_value != 0.05:
        decimals += 1
    return f"= {p_value:.{decimals}f}"


def where(address: Address) -> str:
    """An address in words: ``open-book, temperature 0``."""
    kind = {"open": "open-book", "closed": "closed-book"}.get(address.type, address.type)
    return f"{kind}, temperature {address.temp:g}"


def p_value(value: float | None) -> str:
    """A p- or q-value by itself, as in a table; never rounded onto or across 0.05."""
    return p_text(value).removeprefix("= ")


def number(value: object) -> str:
    """A number on a scale of its own, to four digits; a dash when it is not defined, ``∞`` for an infinite one."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return {"Infinity": "∞", "-Infinity": "−∞"}.get(value, value)
    if not isinstance(value, int | float):
        return str(value)
    if isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.4g}".replace("-", "−")


def dollars(usd: float | None) -> str:
    """An amount of money: cents, and as many decimals more as a small amount needs; a dash when it is not known."""
    if usd is None:
        return "–"
    sign, size = "−" if usd < 0 else "", abs(usd)
    if size == 0 or size >= 0.1:
        return f"{sign}${size:,.2f}"
    if size < 0.000001:
        return "less than $0.000001"
    digits = 2
    while round(size, digits) < 10 ** (1 - digits):
        digits += 1
    return f"{sign}${size:.{digits}f}"
