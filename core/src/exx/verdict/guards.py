"""Guards: metrics that must not get worse for a better answer to be good news, and the price of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from attrs import frozen

from exx.records import Address
from exx.verdict.rows import VerdictRow
from exx.wording import dollars, percent, points, where

Status = Literal["held", "got worse", "not shown"]
COST = "cost"


@frozen(kw_only=True)
class GuardRow:
    """How a guard fared in one place.

    Attributes:
        metric: Name of the metric, or ``cost``.
        title: Its name in words.
        address: Temperature and item type; None for the price, which is of a temperature as a whole.
        temp: Temperature.
        status: ``got worse``: shown to be worse; ``held``: shown not to be worse by more than the margin;
            ``not shown``: neither.
        change: treatment − control; of the price, relative to the control's.
        worst: The end of the interval on the bad side, as a share; None without one, and for the price.
        margin: How much worse would not matter.
        sentence: All this in words.
    """

    metric: str
    title: str
    address: Address | None
    temp: float
    status: Status
    change: float | None
    worst: float | None
    margin: float | None
    sentence: str


def guard_rows(rows: Sequence[VerdictRow], guards: Sequence[str], alpha: float = 0.05) -> list[GuardRow]:
    """Judge the guards among a verdict's rows, in the guards' order; one that was not measured has no row."""
    return [_guard(row, alpha) for name in guards for row in rows if row.metric == name]


def _guard(row: VerdictRow, alpha: float) -> GuardRow:
    worst = _worst(row, alpha)
    # A metric without a good side gets worse by moving at all.
    bad: tuple[str, ...] = ("worse",) if row.higher_is_better is not None else ("higher", "lower")
    status: Status = "not shown"
    if row.answer in bad:
        status = "got worse"
    elif row.answer in ("better", "equivalent") or _within(worst, row.margin):
        status = "held"
    return GuardRow(
        metric=row.metric,
        title=row.title,
        address=row.address,
        temp=row.address.temp,
        status=status,
        change=row.difference,
        worst=worst,
        margin=row.margin,
        sentence=f"{row.title} ({where(row.address)}): {_words(row, status, worst)}",
    )


def _worst(row: VerdictRow, alpha: float) -> float | None:
    """How much worse it may have got: the bad end of the one-sided interval; negative when it got better."""
    low, high = row.one_sided(alpha)
    if low is None or high is None:
        return None
    if row.higher_is_better is None:
        return max(-low, high)
    return -low if row.higher_is_better else high


def _within(worst: float | None, margin: float | None) -> bool:
    return worst is not None and worst < (margin or 0.0)


def _words(row: VerdictRow, status: Status, worst: float | None) -> str:
    if row.difference is None:
        return f"cannot be compared: {row.reason or 'it is not defined here'}."
    seen = f"{percent(row.control)} → {percent(row.treatment)} ({points(row.difference)} points)"
    if status == "got worse":
        return f"got worse, {seen}."
    if status == "held":
        size = 100 * (row.margin or 0.0)
        return f"did not get worse by more than {size:g} {'point' if size == 1 else 'points'}, {seen}."
    if worst is None:
        return f"not shown to have held, {seen}: there is no interval."
    return f"not shown to have held, {seen}: it may have got worse by up to {100 * worst:.1f} points."


def cost_guard(difference: Mapping[str, Any], control: Mapping[str, Any], limit: float) -> list[GuardRow]:
    """Judge what a request costs under the treatment, per temperature.

    Args:
        difference: ``difference`` of costs.json.
        control: ``conditions.control`` of costs.json.
        limit: Relative rise that does not matter, such as 0.1 for a tenth.
    """
    rows = []
    for temp, change in difference.items():
        more = change.get("usd_per_1000_requests")
        before = (control.get(temp, {}).get("usd") or {}).get("per_1000_requests")
        if more is None or not before:
            continue
        share = more / before
        status: Status = "held" if share <= limit else "got worse"
        rise = "more" if more >= 0 else "less"
        told = f"{dollars(abs(more))} {rise} per 1,000 requests than the control's {dollars(before)}"
        rows.append(
            GuardRow(
                metric=COST,
                title="Cost",
                address=None,
                temp=float(temp),
                status=status,
                change=share,
                worst=None,
                margin=limit,
                sentence=f"Cost (temperature {float(temp):g}): the treatment takes {told} ({round(100 * share):+d} %).",
            )
        )
    return rows
