"""The decision: better, worse, equivalent within the margin, or cannot tell; and what would settle it.

``better`` and ``worse`` need both the interval and the p-value: neither alone is a claim. ``equivalent`` needs the
whole 1 − 2·alpha interval within the margin, which is the two one-sided tests' decision (Schuirmann 1987); it comes
first, since a difference that is real and too small to matter is not an improvement. Absence of evidence is never
evidence of absence: everything else cannot be told.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import ceil
from statistics import NormalDist

from attrs import evolve

from exx.verdict.rows import PROBABLY, Answer, Rules, Settles, VerdictRow
from exx.verdict.words import sentence

_NORMAL = NormalDist()
_HOPELESS = 1e9


def primary_of(intended: Sequence[str], measured: Collection[str]) -> tuple[str, ...]:
    """The primary metrics: those intended that were measured, else exact match, else the first metric."""
    chosen = tuple(name for name in intended if name in measured)
    return chosen or tuple(name for name in ("em", *sorted(measured)) if name in measured)[:1]


def judged(row: VerdictRow, rules: Rules, *, usd_per_item: float | None = None) -> VerdictRow:
    """Fill in a row's answer, what would settle it, and the sentence."""
    row = evolve(row, answer=decide(row, rules.alpha), more_items=None, settles=None, more_usd=None)
    if row.answer == "cannot tell":
        more, settles = needed(row, rules.alpha)
        usd = None if more is None or usd_per_item is None else more * usd_per_item
        row = evolve(row, more_items=more, settles=settles, more_usd=usd)
    return evolve(row, sentence=sentence(row, rules.alpha))


def decide(row: VerdictRow, alpha: float) -> Answer:
    """Say what interval and test agree on; what they don't agree on cannot be told."""
    if is_equivalent(row, alpha):
        return "equivalent"
    if row.difference is None or not (row.excludes_zero and row.is_significant(alpha)):
        return "cannot tell"
    rises = row.difference > 0
    if row.higher_is_better is None:
        return "higher" if rises else "lower"
    return "better" if rises == row.higher_is_better else "worse"


def is_equivalent(row: VerdictRow, alpha: float) -> bool:
    """Whether the 1 − 2·alpha interval lies within the margin on both sides."""
    low, high = row.one_sided(alpha)
    if row.margin is None or low is None or high is None:
        return False
    return -row.margin < low and high < row.margin


def needed(row: VerdictRow, alpha: float) -> tuple[int | None, Settles | None]:
    """Count the further items that would probably settle a row, if the true difference is the one seen.

    The standard error is read off the interval and shrinks with √n; the items are enough when the difference is
    significant, or shown to be within the margin, with probability ``PROBABLY``. The cheaper of the two counts. It is
    a plan, not a power of this experiment: the difference seen is itself uncertain.
    """
    if row.n < 2 or row.difference is None or row.low is None or row.high is None or row.high <= row.low:
        return None, None
    error = (row.high - row.low) / (2 * _NORMAL.inv_cdf((1 + row.level) / 2))
    probably, size = _NORMAL.inv_cdf(PROBABLY), abs(row.difference)
    plans: list[tuple[int, Settles]] = []
    if size > 0:
        plans += _plan(row.n, (_NORMAL.inv_cdf(1 - alpha / 2) + probably) * error / size, "difference")
    if row.margin is not None and size < row.margin:
        # Both one-sided tests have to succeed: with a difference near zero each must do so more often.
        both = _NORMAL.inv_cdf(1 - (1 - PROBABLY) / 2) if size < row.margin / 2 else probably
        ratio = (_NORMAL.inv_cdf(1 - alpha) + both) * error / (row.margin - size)
        plans += _plan(row.n, ratio, "equivalence")
    return min(plans, default=(None, None), key=lambda plan: plan[0] or 0)


def _plan(n: int, ratio: float, settles: Settles) -> list[tuple[int, Settles]]:
    wanted = n * min(ratio, _HOPELESS) ** 2
    return [(max(1, ceil(wanted - n)), settles)]
