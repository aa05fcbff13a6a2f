"""What stands for a metric: of all that the analyses say, the one interval and the one p-value a reader is given.

A finding says itself what it could stand for, and how well (``Finding.default_for``); the core knows no analysis by its
name. Where items share a group these are cluster-robust, and what independent items would give stands beside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from exx.records import Finding, Json

ABOUT_Q = "q_value: "  # a reason that begins so explains a missing q-value and nothing else
PLACES = ("interval", "p_value", "interval_items", "p_value_items")


def defaults(findings: Sequence[Finding]) -> tuple[dict[str, Json], list[str]]:
    """Choose among the findings on one metric at one address.

    Returns:
        What to write beside the metric's means: ``ci_95`` and ``ci_90`` with ``ci_95_method``, ``p_value`` and
        ``q_value`` with ``p_value_method``, and with shared groups ``ci_95_items`` and ``p_value_items``, which take
        items as independent; and the reasons why some of these are None.
    """
    made: dict[str, Json] = {}
    reasons = []
    chosen = {place: _best(findings, place) for place in PLACES}
    if (best := chosen["interval"]) is not None:
        known = _value(best, "interval")
        made |= {"ci_95": known, "ci_90": best.details.get("ci_90"), "ci_95_method": _method(best)}
        reasons += [] if known else [f"ci_95, ci_90: {best.reason or 'not defined'}"]
    if (best := chosen["p_value"]) is not None:
        made |= {"p_value": best.p_value, "q_value": best.q_value, "p_value_method": _method(best)}
        reasons += _missing_p(best)
    for place, name in (("interval_items", "ci_95_items"), ("p_value_items", "p_value_items")):
        if (best := chosen[place]) is not None:
            made[name] = _value(best, place)
    return made, reasons


def _missing_p(best: Finding) -> list[str]:
    if best.p_value is None:
        return [f"p_value: {best.reason or 'not defined'}"]
    if best.q_value is None:
        return [f"{ABOUT_Q}{(best.reason or 'not adjusted').removeprefix(ABOUT_Q)}"]
    return []


def _best(findings: Sequence[Finding], place: str) -> Finding | None:
    """The finding with the highest number: with a value if any has one, and with an adjusted p-value if any has."""
    offers = [finding for finding in findings if place in finding.default_for]

    def rank(one: Finding) -> tuple[bool, bool, int]:
        return _value(one, place) is not None, place == "p_value" and one.q_value is not None, one.default_for[place]

    return max(offers, key=rank, default=None)


def _value(finding: Finding, place: str) -> Json:
    if place == "p_value":
        return finding.p_value
    if place == "interval":
        return None if finding.low is None or finding.high is None else [finding.low, finding.high]
    items = finding.details.get("items")
    return items.get(place.removesuffix("_items")) if isinstance(items, Mapping) else None


def _method(finding: Finding) -> str:
    how: Any = finding.details.get("method")
    return f"{finding.analysis}: {how}" if isinstance(how, str) else finding.analysis
