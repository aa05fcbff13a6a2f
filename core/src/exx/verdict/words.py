"""The verdict in words: a sentence for each row, and the rows as a table of plain strings."""

from __future__ import annotations

from collections.abc import Sequence
from math import isclose

from exx.verdict.rows import PROBABLY, VerdictRow
from exx.wording import dollars, p_text, percent, points, where

_CORRECTNESS = ("em", "answer_match")
_TOO_MANY = 10_000_000


def sentence(row: VerdictRow, alpha: float) -> str:
    """What was seen, what it means and, for a primary metric, what would settle what is open."""
    parts = [_what_was_seen(row), _what_it_means(row, alpha)]
    if row.primary:
        parts.append(what_would_settle(row))
    return " ".join(part for part in parts if part)


def _what_was_seen(row: VerdictRow) -> str:
    if row.n == 0 or row.control is None or row.treatment is None or row.difference is None:
        return f"{row.title} cannot be compared: {row.reason or 'it is not defined here'}."
    before, after, questions = percent(row.control), percent(row.treatment), _questions(row.n)
    seen = f"{points(row.difference)} points ({_how_sure(row)})"
    if row.metric in _CORRECTNESS:
        return (
            f"Under the treatment {after} of the answers to {questions} were right, under the control {before}: "
            f"a difference of {seen}."
        )
    return f"{row.title}: {after} under the treatment, {before} under the control, over {questions}: {seen}."


def _questions(n: int) -> str:
    return "1 question" if n == 1 else f"{n:,} questions"


def _how_sure(row: VerdictRow) -> str:
    spread = "no interval"
    if row.low is not None:
        spread = f"{100 * row.level:g} % CI {points(row.low)} to {points(row.high)}"
    groups = ["allowing for questions that share a passage"] if row.design_effect is not None else []
    p_value = f"p {p_text(row.p_value)}" if row.p_value is not None else "no p-value"
    adjusted = [f"adjusted for multiple testing q {p_text(row.q_value)}"] if row.q_value is not None else []
    return ", ".join([spread, p_value, *adjusted, *groups])


def _what_it_means(row: VerdictRow, alpha: float) -> str:
    if row.difference is None or row.n == 0:
        return "This experiment cannot tell."
    if row.answer == "equivalent":
        return _equivalent(row, alpha)
    if row.answer != "cannot tell":
        near, far = sorted((abs(row.low or 0.0), abs(row.high or 0.0)))
        return f"The treatment is {row.answer}, by somewhere between {_size(near)} and {_size(far)} points."
    return f"This experiment cannot tell whether the treatment helps{_why_not(row, alpha)}."


def _equivalent(row: VerdictRow, alpha: float) -> str:
    (low, high), level = row.one_sided(alpha), 1 - 2 * alpha
    shown = f"the {100 * level:g} % interval, {points(low)} to {points(high)}, lies within ±{_size(row.margin or 0.0)}"
    said = f"Treatment and control are equivalent within the margin: {shown} points."
    if row.excludes_zero and row.is_significant(alpha):
        said += " There is a difference, but one smaller than what was said to matter."
    return said


def _why_not(row: VerdictRow, alpha: float) -> str:
    if row.low is None or row.high is None:
        return f": {row.reason or 'there is no interval'}"
    if row.p_value is None:
        return f": there is no p-value; {rules_out(row)}"
    if row.excludes_zero != row.is_significant(alpha):
        return f": {_disagreement(row, alpha)}"
    return f"; {rules_out(row)}"


def _disagreement(row: VerdictRow, alpha: float) -> str:
    name, value = ("p", row.p_value) if row.q_value is None else ("q", row.q_value)
    if not row.excludes_zero:
        return f"{name} {p_text(value)} is below {alpha:g}, yet the interval takes in zero"
    if row.q_value is not None and row.p_value is not None and row.p_value < alpha:
        return f"p {p_text(row.p_value)} would be small enough by itself, but not among so many comparisons"
    return f"the interval leaves out zero, yet {name} {p_text(value)} is not below {alpha:g}"


def rules_out(row: VerdictRow) -> str:
    """Say which differences the interval leaves out, the good side first."""
    up, down = row.high or 0.0, -(row.low or 0.0)
    good, bad = (("gain", up), ("loss", down)) if row.higher_is_better else (("fall", down), ("rise", up))
    # An end at zero itself leaves the change on that side neither in nor out by any margin: better not to claim it.
    told = [_above(*change) for change in (good, bad) if change[1] != 0]
    return f"it rules out {' and '.join(told)}" if told else "its interval is zero alone"


def _above(change: str, end: float) -> str:
    return f"a {change} above {_size(end)} points" if end > 0 else f"any {change}"


def _size(value: float) -> str:
    return f"{abs(100 * value):.1f}"


def what_would_settle(row: VerdictRow) -> str:
    """How many more items, at what price, would probably settle what cannot be told; empty where nothing is open."""
    if row.more_items is None:
        return ""
    if row.more_items > _TOO_MANY:
        return "If the true difference is the one seen, more than ten million further questions would be needed."
    price = f" (about {dollars(row.more_usd)} at this run's prices)" if row.more_usd is not None else ""
    shows = "the difference" if row.settles == "difference" else "that it is within the margin"
    return (
        f"If the true difference is the one seen, about {rounded(row.more_items):,} more questions{price} would show "
        f"{shows} with a probability of {100 * PROBABLY:g} %."
    )


def rounded(count: int) -> int:
    """A count to two digits, upwards: a plan is no more exact than that."""
    step: int = 10 ** max(0, len(str(count)) - 2)
    return -(-count // step) * step


def table_header() -> list[str]:
    """Names of the columns of ``render_table``; the third to the ninth hold numbers."""
    return ["Metric", "Where", "n", "Control", "Treatment", "Difference", "95 % CI", "p", "q", "Answer"]


def render_table(rows: Sequence[VerdictRow]) -> list[list[str]]:
    """The rows as plain strings, for the command line's table and for reports; a star marks the primary metrics."""
    return [_cells(row) for row in rows]


def _cells(row: VerdictRow) -> list[str]:
    level = "" if isclose(row.level, 0.95) else f" ({100 * row.level:g} %)"
    return [
        f"{row.title} *" if row.primary else row.title,
        where(row.address),
        f"{row.n:,}",
        percent(row.control),
        percent(row.treatment),
        points(row.difference),
        "–" if row.low is None else f"{points(row.low)} to {points(row.high)}{level}",
        p_text(row.p_value).removeprefix("= "),
        p_text(row.q_value).removeprefix("= "),
        row.answer,
    ]
