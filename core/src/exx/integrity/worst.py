"""The worst case: what a row of the verdict would be if every lost value had fallen to one side."""

from __future__ import annotations

from collections.abc import Mapping
from math import erfc, sqrt
from statistics import NormalDist
from typing import Any

from attrs import evolve, frozen

from exx.records import Address
from exx.verdict.rows import Answer, Rules, VerdictRow
from exx.verdict.rules import decide
from exx.wording import points, where

_SAME = 1e-6


@frozen(kw_only=True)
class Bound:
    """The difference with every lost value at one extreme, and what the verdict would then be.

    Attributes:
        difference: treatment − control, over all planned pairs that the metric applies to.
        low: Lower end of its interval: the verdict's, moved along and stretched as the values' spread asks.
        high: Upper end.
        answer: What the rules say of it.
    """

    difference: float
    low: float | None
    high: float | None
    answer: Answer


@frozen(kw_only=True)
class WorstCase:
    """What a row of the verdict would be if the lost values had gone the worst way.

    Attributes:
        metric: Name of the metric.
        title: Its name in words.
        address: Temperature and type.
        n: Pairs the verdict rests on.
        lost: Pairs that lost a value of this metric.
        answer: The verdict's answer.
        lowest: Every lost value 1 under the control and 0 under the treatment; None where it cannot be said.
        highest: The other way round.
        difference: treatment − control, as the verdict has it.
        level: Confidence level of the intervals.
        reason: Why it cannot be said.
    """

    metric: str
    title: str
    address: Address
    n: int
    lost: int
    answer: Answer
    lowest: Bound | None = None
    highest: Bound | None = None
    difference: float | None = None
    level: float = 0.95
    reason: str | None = None

    @property
    def worst(self) -> Bound | None:
        """The end against the difference seen; where that claims nothing, the end that would."""
        if self.lowest is None or self.highest is None:
            return None
        against, along = self.lowest, self.highest
        if (self.difference or 0.0) < 0:
            against, along = along, against
        return along if not self._claims and against.answer == self.answer != along.answer else against

    @property
    def holds(self) -> bool | None:
        """Whether the answer is the same in the worst case; None where that cannot be said."""
        return None if self.worst is None else self.worst.answer == self.answer

    @property
    def _claims(self) -> bool:
        """Whether the answer names a direction; if not, either end may be the worse one."""
        return self.answer not in ("equivalent", "cannot tell")

    @property
    def sentence(self) -> str:
        """All this in words."""
        place = f"{self.title} ({where(self.address)})"
        worst = self.worst
        if worst is None or self.lowest is None or self.highest is None:
            return f"{place}: what the lost answers could change cannot be said: {self.reason}."
        lost = f"the lost values ({self.lost:,} {'pair' if self.lost == 1 else 'pairs'})"
        seen = f"{points(self.difference)} points would"
        if self._claims:
            ones, zeros = ("control", "treatment") if worst is self.lowest else ("treatment", "control")
            fate = "still be" if self.holds else f"not be “{self.answer}” but"
            return (
                f"{place}: had {lost} all been 1 under the {ones} and 0 under the {zeros}, {seen} be "
                f"{points(worst.difference)}{self._ends(worst)}, and the answer would {fate} “{worst.answer}”."
            )
        between = f"lie between {points(self.lowest.difference)} and {points(self.highest.difference)}"
        fate = f"and the answer would still be “{self.answer}”"
        if not self.holds:
            end = "lower" if worst is self.lowest else "upper"
            fate = (
                f"and at the {end} end{self._ends(worst)} the answer would not be “{self.answer}” but “{worst.answer}”"
            )
        return f"{place}: wherever {lost} had fallen, {seen} {between}, {fate}."

    def _ends(self, bound: Bound) -> str:
        if bound.low is None:
            return ""
        return f" ({100 * self.level:g} % CI about {points(bound.low)} to {points(bound.high)})"


def worst_case(row: VerdictRow, ends: Mapping[str, Any], rules: Rules) -> WorstCase:
    case = WorstCase(
        metric=row.metric,
        title=row.title,
        address=row.address,
        n=row.n,
        lost=ends["lost"],
        answer=row.answer,
        difference=row.difference,
        level=row.level,
    )
    scored = ends["scored"]
    if row.difference is None or not scored["n"]:
        return evolve(case, reason="no pair has a value in both arms")
    if scored["n"] != row.n or abs(scored["mean"] - row.difference) > _SAME:
        return evolve(case, reason="integrity.json and significance.json are not about the same answers")
    lowest, highest = (_bound(row, scored, ends[name], rules) for name in ("lowest", "highest"))
    return evolve(case, lowest=lowest, highest=highest)


def _bound(row: VerdictRow, scored: Mapping[str, Any], moved: Mapping[str, Any], rules: Rules) -> Bound:
    """Move a row's interval to where the lost values would put it, and ask the rules again.

    The interval keeps its shape and is stretched by the ratio of the plain standard errors with and without the lost
    values, so that what it allows for (shared passages, say) stays allowed for. The p-value is the normal one of the
    moved interval, and never smaller than the verdict's for a smaller difference; its adjustment is the verdict's.
    """
    assert row.difference is not None
    centre = row.difference + moved["mean"] - scored["mean"]
    before, after = _error(scored), _error(moved)
    ends = [row.low, row.high, row.low_90, row.high_90]
    if before:
        ends = [None if end is None else centre + (end - row.difference) * after / before for end in ends]
    else:  # every pair had the same difference: there is nothing to stretch
        reach = (NormalDist().inv_cdf((1 + row.level) / 2) * after, NormalDist().inv_cdf(0.95) * after)
        sides = (-reach[0], reach[0], -reach[1], reach[1])
        ends = [None if end is None else centre + side for end, side in zip(ends, sides, strict=True)]
    low, high, low_90, high_90 = ends
    there = evolve(row, difference=centre, low=low, high=high, low_90=low_90, high_90=high_90)
    p_value = _p_value(row, there)
    adjusted = None
    if p_value is not None and row.q_value is not None and row.p_value is not None:
        factor = row.q_value / row.p_value if row.p_value > 0 else 1.0
        adjusted = min(1.0, p_value * max(1.0, factor))
    there = evolve(there, p_value=p_value, q_value=adjusted)
    return Bound(difference=centre, low=low, high=high, answer=decide(there, rules.alpha))


def _error(values: Mapping[str, Any]) -> float:
    return (values["sd"] or 0.0) / sqrt(values["n"]) if values["n"] else 0.0


def _p_value(row: VerdictRow, there: VerdictRow) -> float | None:
    if row.p_value is None or row.difference is None or there.difference is None:
        return None
    if there.low is None or there.high is None or there.high <= there.low:
        return None
    error = (there.high - there.low) / (2 * NormalDist().inv_cdf((1 + row.level) / 2))
    p_value = erfc(abs(there.difference) / error / sqrt(2))
    if there.difference * row.difference >= 0 and abs(there.difference) <= abs(row.difference):
        return max(p_value, row.p_value)
    return p_value
