"""The answer to "did the treatment help?", in numbers and in plain words, read off significance.json.

One row per metric, temperature and item type. A row says ``better`` or ``worse`` only when the interval of the
difference excludes zero and the p-value (adjusted for its family where it was) is below alpha; otherwise the
experiment cannot tell, and the row says what the interval still rules out. Absence of evidence is never reported as
evidence of absence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isclose
from typing import Any, Literal

from attrs import evolve, frozen

from exx.records import Address, Metric
from exx.wording import p_text, percent, points, where

Answer = Literal["better", "worse", "higher", "lower", "cannot tell"]

_CORRECTNESS = ("em", "answer_match")
_TESTS = ("mcnemar", "permutation", "wilcoxon")


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
        group_low: Lower end when whole groups (passages) are resampled; None when no two items share one.
        group_high: Upper end, likewise.
        p_value: Of the hypothesis that the arms do not differ.
        q_value: The same, adjusted for the family of hypotheses it is one of.
        higher_is_better: Which way is good; None if neither is by itself.
        primary: The experiment was made to answer for this metric.
        answer: ``better`` and ``worse`` speak of the treatment; ``higher`` and ``lower`` are said of a metric without
            a good side.
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
    group_low: float | None = None
    group_high: float | None = None
    p_value: float | None = None
    q_value: float | None = None
    higher_is_better: bool | None = True
    primary: bool = False
    answer: Answer = "cannot tell"
    sentence: str = ""
    reason: str | None = None


def verdict_rows(
    significance: Mapping[str, Any], metrics: Sequence[Metric], primary: Sequence[str], alpha: float
) -> list[VerdictRow]:
    """Read one row per metric × temperature × type, the primary metrics first and in their own order.

    Args:
        significance: The content of significance.json.
        metrics: What is known of the metrics; one that is missing here goes by its name, and higher is better.
        primary: Names of the primary metrics.
        alpha: How small p must be.
    """
    known = {metric.name: metric for metric in metrics}
    order = {name: rank for rank, name in enumerate(primary)}
    rows = [
        judged(evolve(_row(address, known.get(name, Metric(name, name)), entry, block), primary=name in order), alpha)
        for address, block in _blocks(significance)
        for name, entry in block.get("metrics", {}).items()
    ]
    if len({row.metric for row in rows if row.primary}) > 1:
        rows = [evolve(row, sentence=f"{row.title}: {row.sentence}") if row.primary else row for row in rows]
    return sorted(rows, key=lambda row: order.get(row.metric, len(order)))


def _blocks(significance: Mapping[str, Any]) -> Iterator[tuple[Address, Mapping[str, Any]]]:
    for temp, types in significance.get("results", {}).items():
        for kind, block in types.items():
            yield Address(float(temp), kind), block


def _row(address: Address, metric: Metric, entry: Mapping[str, Any], block: Mapping[str, Any]) -> VerdictRow:
    n = entry.get("n_items", block.get("n_items", 0))
    low, high, level = interval(entry)
    group_low, group_high = group_interval(entry, n)
    p_value, q_value = p_and_q(entry)
    return VerdictRow(
        metric=metric.name,
        title=metric.title,
        address=address,
        n=n,
        control=entry.get("mean_control"),
        treatment=entry.get("mean_treatment"),
        difference=entry.get("delta_mean"),
        low=low,
        high=high,
        level=level,
        group_low=group_low,
        group_high=group_high,
        p_value=p_value,
        q_value=q_value,
        higher_is_better=metric.higher_is_better,
        reason=_reason(entry, n, low),
    )


def interval(entry: Mapping[str, Any]) -> tuple[float | None, float | None, float]:
    """Find the interval of a metric's mean difference, with its level.

    It is ``ci_95``; without one, McNemar's, if its estimate is the mean difference. Other analyses have intervals of
    other things, whose estimates may happen to be equal to it.
    """
    low, high = entry.get("ci_95") or (None, None)
    if low is not None and high is not None:
        return low, high, 0.95
    finding = _findings(entry).get("mcnemar", {})
    if finding.get("low") is not None and finding.get("high") is not None and _is_mean(finding, entry):
        return finding["low"], finding["high"], finding.get("level") or 0.95
    return None, None, 0.95


def group_interval(entry: Mapping[str, Any], n: int) -> tuple[float | None, float | None]:
    """Find the interval an analysis made by resampling whole groups, if some items share a group."""
    for finding in _findings(entry).values():
        cluster = finding.get("cluster")
        if isinstance(cluster, Mapping) and cluster.get("n_clusters", n) < n and cluster.get("low") is not None:
            return cluster["low"], cluster["high"]
    return None, None


def _is_mean(finding: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    estimate, delta = finding.get("estimate"), entry.get("delta_mean")
    return estimate is not None and delta is not None and isclose(estimate, delta, abs_tol=1e-9)


def p_and_q(entry: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Find the p-value of a metric's hypothesis, and its adjusted value.

    The test that carries the q-value is the one that counts; without an adjustment it is McNemar's for a binary metric
    (mid-p), else the permutation test, else Wilcoxon's. A p-value of any other analysis may be about something else,
    as that of a non-inferiority test is; and with replicates McNemar's test is about majorities, not about the mean.
    """
    findings = _findings(entry)
    for name in (*_TESTS, *findings):
        finding = findings.get(name, {})
        if finding.get("q_value") is not None:
            return finding.get("p_value"), finding["q_value"]
    tests = _TESTS if not findings.get("mcnemar", {}).get("replicated") else _TESTS[1:]
    p_values = [findings.get(name, {}).get(key) for name in tests for key in ("p_mid", "p_value")]
    return next((p for p in (*p_values, entry.get("perm_p_value")) if p is not None), None), None


def _findings(entry: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {name: value for name, value in entry.items() if isinstance(value, Mapping)}


def _reason(entry: Mapping[str, Any], n: int, low: float | None) -> str | None:
    if n == 0:
        return "no item has a value in both arms"
    if low is not None:
        return None
    said = [why for why in str(entry.get("reason") or "").split("; ") if why.startswith("ci_95: ")]
    found = [f.get("reason") for f in _findings(entry).values() if "low" in f and f["low"] is None]
    return next((why.removeprefix("ci_95: ") for why in (*said, *found) if why), None)


# --- the decision ----------------------------------------------------------------------------------------------------


def judged(row: VerdictRow, alpha: float) -> VerdictRow:
    """Fill in a row's answer and sentence."""
    row = evolve(row, answer=decide(row, alpha))
    return evolve(row, sentence=f"{_what_was_seen(row)} {_what_it_means(row, alpha)}".strip())


def decide(row: VerdictRow, alpha: float) -> Answer:
    """Say better or worse where interval and test agree on it, and that it cannot be told everywhere else."""
    sure = excludes_zero(row) and groups_agree(row) and is_significant(row, alpha)
    if row.difference is None or not sure:
        return "cannot tell"
    rises = row.difference > 0
    if row.higher_is_better is None:
        return "higher" if rises else "lower"
    return "better" if rises == row.higher_is_better else "worse"


def excludes_zero(row: VerdictRow) -> bool:
    """Whether the interval lies to one side of zero, the side of the difference itself."""
    return row.difference is not None and _beyond_zero(row.difference, row.low, row.high)


def groups_agree(row: VerdictRow) -> bool:
    """Whether the interval over whole groups, where there is one, leaves out zero too."""
    if row.group_low is None or row.difference is None:
        return True
    return _beyond_zero(row.difference, row.group_low, row.group_high)


def _beyond_zero(difference: float, low: float | None, high: float | None) -> bool:
    if low is None or high is None:
        return False
    return low > 0 if difference > 0 else high < 0


def is_significant(row: VerdictRow, alpha: float) -> bool:
    """Whether the adjusted p-value, or the plain one where nothing was adjusted, is below alpha."""
    decisive = row.p_value if row.q_value is None else row.q_value
    return decisive is not None and decisive < alpha


# --- the words -------------------------------------------------------------------------------------------------------


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
    spread = (
        f"{100 * row.level:g} % CI {points(row.low)} to {points(row.high)}" if row.low is not None else "no interval"
    )
    p_value = f"p {p_text(row.p_value)}" if row.p_value is not None else "no p-value"
    adjusted = [f"adjusted for multiple testing q {p_text(row.q_value)}"] if row.q_value is not None else []
    return ", ".join([spread, p_value, *adjusted])


def _what_it_means(row: VerdictRow, alpha: float) -> str:
    if row.difference is None or row.n == 0:
        return "This experiment cannot tell."
    if row.answer != "cannot tell":
        near, far = sorted((abs(row.low or 0.0), abs(row.high or 0.0)))
        return f"The treatment is {row.answer}, by somewhere between {_size(near)} and {_size(far)} points."
    return f"This experiment cannot tell whether the treatment helps{_why_not(row, alpha)}."


def _why_not(row: VerdictRow, alpha: float) -> str:
    if row.low is None or row.high is None:
        return f": {row.reason or 'there is no interval'}"
    if row.p_value is None:
        return f": there is no p-value; {rules_out(row)}"
    if excludes_zero(row) != is_significant(row, alpha):
        return f": {_disagreement(row, alpha)}"
    if excludes_zero(row):
        spread = f"{points(row.group_low)} to {points(row.group_high)}"
        return f": resampling whole groups of questions gives {spread}, which takes in zero"
    return f"; {rules_out(row)}"


def _disagreement(row: VerdictRow, alpha: float) -> str:
    name, value = ("p", row.p_value) if row.q_value is None else ("q", row.q_value)
    if not excludes_zero(row):
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
