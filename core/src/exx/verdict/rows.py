"""What a verdict is made of: the rules it goes by, and one row per metric, temperature and item type."""

from __future__ import annotations

from collections.abc import Mapping
from math import isclose
from statistics import NormalDist
from typing import Literal

from attrs import field, frozen

from exx.records import Address

Answer = Literal["better", "worse", "higher", "lower", "equivalent", "cannot tell"]
Settles = Literal["difference", "equivalence"]

PROBABLY = 0.8
"""How likely "probably" is: the power at which the items that are still needed are counted."""


@frozen(kw_only=True)
class Rules:
    """What the verdict goes by.

    Attributes:
        alpha: How small p (adjusted, where it was adjusted) must be; equivalence is shown at the level 1 − 2·alpha.
        margin: The largest difference, as a share, that does not matter; None: every difference matters, and nothing
            is ever equivalent.
        margins: Other margins, by metric.
    """

    alpha: float = 0.05
    margin: float | None = 0.01
    margins: Mapping[str, float] = field(factory=dict)

    def margin_of(self, metric: str) -> float | None:
        """The margin of a metric."""
        return self.margins.get(metric, self.margin)


@frozen(kw_only=True)
class VerdictRow:
    """What the experiment says about one metric in one place. Rates are in [0, 1]; ``None`` is not defined.

    Attributes:
        metric: Name of the metric.
        title: Its name in words.
        address: Temperature and item type.
        n: Complete pairs.
        control: Mean under the control.
        treatment: Mean under the treatment.
        difference: treatment − control.
        low: Lower end of the difference's interval.
        high: Upper end.
        level: Confidence level of the interval.
        method: How the interval was made; None where the file does not say.
        low_90: Lower end of the 90 % interval: both ends within the margin show equivalence at 5 %.
        high_90: Its upper end.
        low_items: Lower end of the interval that takes all items as independent, where some share a group.
        high_items: Its upper end.
        design_effect: By what factor sharing groups widens the variance; None when no two items share one.
        p_value: Of the hypothesis that the arms do not differ.
        q_value: The same, adjusted for the family of hypotheses it is one of.
        margin: The largest difference that does not matter.
        higher_is_better: Which way is good; None if neither is by itself.
        primary: The experiment was made to answer for this metric.
        answer: ``better`` and ``worse`` speak of the treatment; ``higher`` and ``lower`` are said of a metric without
            a good side; ``equivalent`` means that the difference is within the margin, whatever its sign.
        more_items: How many further items would probably settle what cannot be told, if the true difference is the
            one seen; None where nothing is open, or nothing can be said.
        settles: What they would probably show.
        more_usd: Their price at this run's prices.
        sentence: All this in words.
        reason: Why something is not defined.
    """

    metric: str
    title: str
    address: Address
    n: int
    control: float | None = None
    treatment: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    method: str | None = None
    low_90: float | None = None
    high_90: float | None = None
    low_items: float | None = None
    high_items: float | None = None
    design_effect: float | None = None
    p_value: float | None = None
    q_value: float | None = None
    margin: float | None = None
    higher_is_better: bool | None = True
    primary: bool = False
    answer: Answer = "cannot tell"
    more_items: int | None = None
    settles: Settles | None = None
    more_usd: float | None = None
    sentence: str = ""
    reason: str | None = None

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies to one side of zero, the side of the difference itself."""
        if self.difference is None or self.low is None or self.high is None:
            return False
        return self.low > 0 if self.difference > 0 else self.high < 0

    def one_sided(self, alpha: float) -> tuple[float | None, float | None]:
        """The ends of the 1 − 2·alpha interval: beyond either lies what a one-sided test at alpha rules out.

        At 5 % it is the 90 % interval where the file has one; else the one there is, scaled as for a normal law.
        """
        if isclose(alpha, 0.05) and self.low_90 is not None:
            return self.low_90, self.high_90
        if self.difference is None or self.low is None or self.high is None:
            return None, None
        ratio = NormalDist().inv_cdf(1 - alpha) / NormalDist().inv_cdf((1 + self.level) / 2)
        return self.difference + ratio * (self.low - self.difference), self.difference + ratio * (
            self.high - self.difference
        )

    def is_significant(self, alpha: float) -> bool:
        """Whether the adjusted p-value, or the plain one where nothing was adjusted, is below alpha."""
        decisive = self.p_value if self.q_value is None else self.q_value
        return decisive is not None and decisive < alpha
