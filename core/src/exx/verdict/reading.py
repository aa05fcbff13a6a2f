"""Reading the verdict's rows off significance.json: which interval and which p-value stand for a metric.

The engine writes what stands for a metric beside it: ``ci_95``, ``p_value`` and, where it was adjusted, ``q_value``.
Files without these, such as those of an older exx, are read by looking for them in what the analyses said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isclose
from typing import Any

from attrs import evolve

from exx.records import Address, Metric
from exx.verdict.rows import Rules, VerdictRow
from exx.verdict.rules import judged

_TESTS = ("mcnemar", "permutation", "wilcoxon")


def verdict_rows(
    significance: Mapping[str, Any],
    metrics: Sequence[Metric],
    primary: Sequence[str],
    rules: Rules,
    prices: Mapping[float, float] | None = None,
) -> list[VerdictRow]:
    """Read one row per metric × temperature × type, the primary metrics first and in their own order.

    Args:
        significance: The content of significance.json.
        metrics: What is known of the metrics; one that is missing here goes by its name, and higher is better.
        primary: Names of the primary metrics.
        rules: What the verdict goes by.
        prices: Dollars that an item has cost, both arms together, by temperature.
    """
    known = {metric.name: metric for metric in metrics}
    order = {name: rank for rank, name in enumerate(primary)}
    usd = prices or {}
    rows = []
    for address, block in _blocks(significance):
        for name, entry in block.get("metrics", {}).items():
            row = _row(address, known.get(name, Metric(name, name)), entry, block)
            row = evolve(row, primary=name in order, margin=rules.margin_of(name))
            rows.append(judged(row, rules, usd_per_item=usd.get(address.temp)))
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
    low_90, high_90 = entry.get("ci_90") or (None, None)
    low_items, high_items = entry.get("ci_95_items") or (None, None)
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
        method=entry.get("ci_95_method"),
        low_90=low_90,
        high_90=high_90,
        low_items=low_items,
        high_items=high_items,
        design_effect=entry.get("design_effect"),
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


def _is_mean(finding: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    estimate, delta = finding.get("estimate"), entry.get("delta_mean")
    return estimate is not None and delta is not None and isclose(estimate, delta, abs_tol=1e-9)


def p_and_q(entry: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Find the p-value of a metric's hypothesis, and its adjusted value.

    They are ``p_value`` and ``q_value`` beside the metric. Without them, the test that carries a q-value counts; and
    without an adjustment McNemar's for a binary metric (mid-p), else the permutation test, else Wilcoxon's. A p-value
    of any other analysis may be about something else, as that of a non-inferiority test is; and with replicates
    McNemar's test is about majorities, not about the mean.
    """
    if entry.get("p_value") is not None:
        return entry["p_value"], entry.get("q_value")
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
