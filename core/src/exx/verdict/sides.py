"""A verdict's row in words for two sides that go by names of their own, on any scale: runs, or anybody's conditions."""

from __future__ import annotations

from exx.verdict.rows import VerdictRow
from exx.wording import p_text, percent, points, where


def amount(value: float | None, *, rates: bool = True) -> str:
    """A mean: per cent for rates, else four digits; a dash when it is not defined."""
    if rates or value is None:
        return percent(value)
    return f"{value:,.4g}".replace("-", "−")


def change(value: float | None, *, rates: bool = True) -> str:
    """A difference with its sign: points for rates, else four digits."""
    if rates or value is None:
        return points(value)
    return "0" if value == 0 else f"{'−' if value < 0 else '+'}{abs(value):,.4g}"


def sided(row: VerdictRow, a: str, b: str, *, rates: bool = True, place: str | None = None) -> str:
    """What was seen and what it means, in a sentence: ``a`` stands where the control does, ``b`` is what is judged.

    Args:
        row: The row; its ``answer`` is about ``b``.
        a: Name of the one side.
        b: Name of the other.
        rates: The values are shares, told in per cent and percentage points.
        place: Where, in words; None: the row's address, empty: not said.
    """
    place = where(row.address) if place is None else place
    head = f"{row.title} ({place})" if place else row.title
    if row.n == 0 or row.difference is None:
        return f"{head} cannot be compared: {row.reason or 'it is not defined here'}."
    seen = f"{a} {amount(row.control, rates=rates)}, {b} {amount(row.treatment, rates=rates)}"
    moved = f"{change(row.difference, rates=rates)}{' points' if rates else ''} ({_how_sure(row, rates)})"
    items = "1 shared item" if row.n == 1 else f"{row.n:,} shared items"
    return f"{head}: {seen}: {moved}, over {items}. {_meaning(row, a, b, rates)}"


def _how_sure(row: VerdictRow, rates: bool) -> str:
    if row.low is None or row.high is None:
        spread = "no interval"
    else:
        ends = f"{change(row.low, rates=rates)} to {change(row.high, rates=rates)}"
        spread = f"{100 * row.level:g} % CI {ends}"
    told = [spread, f"p {p_text(row.p_value)}" if row.p_value is not None else "no p-value"]
    told += [f"q {p_text(row.q_value)}"] if row.q_value is not None else []
    return ", ".join(told)


def _meaning(row: VerdictRow, a: str, b: str, rates: bool) -> str:
    if row.answer == "equivalent":
        margin = f"{100 * (row.margin or 0.0):g} points" if rates else f"{row.margin or 0.0:g}"
        return f"They are equivalent within ±{margin}."
    if row.answer == "cannot tell":
        ends = f": the interval runs from {change(row.low, rates=rates)} to {change(row.high, rates=rates)}"
        return f"This cannot tell whether {b} differs from {a}{ends if row.low is not None else ''}."
    return f"{b} is {row.answer} than {a}."
