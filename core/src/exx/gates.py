"""Gates: conditions such as ``em.ci_low < -0.01`` under which a finished run counts as failed, for automatic checks.

A gate is ``NAME.FIELD OP NUMBER``, or ``NAME[SCOPE].FIELD OP NUMBER`` for some places alone. It fails when its
condition holds in any of its places, and also when a value is not defined: what was not measured was not shown to be
well.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from exx.config.words import near
from exx.errors import UsageError
from exx.records import Json
from exx.results import Results
from exx.verdict import VerdictRow
from exx.wording import where

_FORM = "expected NAME.FIELD OP NUMBER, such as 'em.ci_low < -0.01', or NAME[open,0.0].FIELD OP NUMBER"
_GATE = re.compile(
    r"\s*(?P<name>[A-Za-z_]\w*)\s*(?:\[(?P<scope>[^\]]*)\])?\s*\.\s*(?P<field>\w+)"
    r"\s*(?P<op><=|>=|==|!=|<|>)\s*(?P<limit>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*"
)
_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
METRIC_FIELDS: Mapping[str, str] = {
    "control": "control",
    "treatment": "treatment",
    "delta": "difference",
    "ci_low": "low",
    "ci_high": "high",
    "delta_ci_low": "low",
    "delta_ci_high": "high",
    "delta_ci_90_low": "low_90",
    "delta_ci_90_high": "high_90",
    "p_value": "p_value",
    "q_value": "q_value",
    "n": "n",
}
"""Fields of a metric, and what a row of the verdict calls them."""
RUN_FIELDS: Mapping[str, tuple[str, ...]] = {
    "cost": ("usd", "usd_saved", "usd_total", "tokens"),
    "answers": ("requests", "failed", "truncated", "lost"),
    "verdict": ("better", "worse", "equivalent", "cannot_tell"),
    "guards": ("held", "got_worse", "not_shown"),
}
"""Names that are no metrics, and their fields: sums over the whole run."""


@frozen
class Gate:
    """A condition under which a run counts as failed.

    Attributes:
        text: As it was written.
        name: A metric, or one of ``RUN_FIELDS``.
        field: What of it.
        op: The comparison.
        limit: What it is compared with.
        type: Only ``open`` or ``closed`` places.
        temp: Only this temperature.
        dataset: Only this dataset.
    """

    text: str
    name: str
    field: str
    op: str
    limit: float
    type: str | None = None
    temp: float | None = None
    dataset: str | None = None

    def holds(self, value: float) -> bool:
        """Whether the condition is met, so that the gate fails."""
        return _OPERATORS[self.op](value, self.limit)

    @property
    def about_metric(self) -> bool:
        """It is about a metric, place by place, rather than about the run as a whole."""
        return self.name not in RUN_FIELDS


@frozen
class Value:
    """What a gate looked at in one place.

    Attributes:
        where: The place in words.
        value: What is there; None when it is not defined.
        reason: Why not.
    """

    where: str
    value: float | None
    reason: str | None = None


@frozen
class GateResult:
    """How a run fared at a gate.

    Attributes:
        gate: The gate.
        values: Every place it looked at.
    """

    gate: Gate
    values: Sequence[Value]

    @property
    def offending(self) -> list[Value]:
        """The places where the condition is met, and those without a value."""
        return [one for one in self.values if one.value is None or self.gate.holds(one.value)]

    @property
    def passed(self) -> bool:
        """The condition is met nowhere, and there was something to look at."""
        return bool(self.values) and not self.offending

    @property
    def sentence(self) -> str:
        """The outcome in words."""
        if self.passed:
            return f"passed: {self.gate.text}: {'; '.join(map(_told, self.values))}"
        return f"failed: {self.gate.text}: {'; '.join(map(_told, self.offending)) or 'nothing to look at'}"

    def to_json(self) -> dict[str, Json]:
        """Plain data."""
        places: list[Json] = [
            {"where": one.where, "value": one.value, "reason": one.reason, "fails": one in self.offending}
            for one in self.values
        ]
        return {"gate": self.gate.text, "passed": self.passed, "values": places, "sentence": self.sentence}


def _told(one: Value) -> str:
    return f"{one.where}: {one.value:.6g}" if one.value is not None else f"{one.where}: not defined, {one.reason}"


def parse_gate(text: str) -> Gate:
    """Read a gate; nothing of it is ever executed.

    Raises:
        UsageError: It is not a gate, or there is no such field.
    """
    found = _GATE.fullmatch(text)
    if found is None:
        raise UsageError(
            f"--fail-if {text!r} is not a gate: {_FORM}", hint="quote it, since a shell takes < and > itself"
        )
    name, field = found["name"], found["field"]
    fields = RUN_FIELDS.get(name, tuple(METRIC_FIELDS))
    if field not in fields:
        raise UsageError(f"--fail-if {text!r}: {name} has no field {field!r}{near(field, fields)}")
    if found["scope"] is not None and name in RUN_FIELDS:
        raise UsageError(f"--fail-if {text!r}: {name} is of the whole run and takes no scope")
    scope = dict(_scope(text, found["scope"])) if found["scope"] is not None else {}
    return Gate(" ".join(text.split()), name, field, found["op"], float(found["limit"]), **scope)


def _scope(text: str, words: str) -> Iterator[tuple[str, Any]]:
    seen = set()
    for word in (part.strip() for part in words.split(",")):
        number = re.fullmatch(r"\d+\.?\d*|\.\d+", word)
        key = "temp" if number else "type" if word in ("open", "closed") else "dataset"
        if not word or key in seen:
            what = f"has two of a kind ({word!r})" if word else "has an empty part"
            raise UsageError(
                f"--fail-if {text!r}: its scope {what}", hint="such as [open], [0.7] or [squad_v2,open,0.0]"
            )
        seen.add(key)
        yield key, float(word) if number else word


def check_names(gates: Sequence[Gate], metrics: Sequence[str]) -> None:
    """Refuse gates about metrics that no scorer measures.

    Args:
        gates: The gates.
        metrics: Every metric that may be measured.

    Raises:
        UsageError: A gate is about something else.
    """
    for gate in gates:
        if gate.about_metric and gate.name not in metrics:
            known = sorted({*metrics, *RUN_FIELDS})
            raise UsageError(f"--fail-if {gate.text!r}: nothing measures {gate.name!r}{near(gate.name, known)}")


def evaluate(gates: Sequence[Gate], trials: Mapping[str, Results | None]) -> list[GateResult]:
    """Look at every gate.

    Args:
        gates: The gates.
        trials: Results by slug; None for a trial that has none yet.

    Raises:
        UsageError: A metric or a place that a gate names does not exist in these results.
    """
    return [GateResult(gate, list(_values(gate, trials))) for gate in gates]


def _values(gate: Gate, trials: Mapping[str, Results | None]) -> Iterator[Value]:
    here = {slug: results for slug, results in trials.items() if results is not None}
    yield from (Value(slug, None, "it has no statistics yet") for slug in trials if slug not in here)
    if not gate.about_metric:
        if here:
            yield _of_run(gate, list(here.values()))
        return
    rows = {slug: _rows(gate, results) for slug, results in here.items()}
    if here and not any(rows.values()):
        raise _nowhere(gate, list(here.values()))
    for slug, found in rows.items():
        prefix = f"{slug}, " if len(trials) > 1 else ""
        if not found:
            yield Value(slug, None, f"{gate.name} was not measured there")
        for place, row in found:
            value = getattr(row, METRIC_FIELDS[gate.field])
            why = None if value is not None else row.reason or f"there is no {gate.field}"
            yield Value(f"{prefix}{place}", None if value is None else float(value), why)


def _rows(gate: Gate, results: Results) -> list[tuple[str, VerdictRow]]:
    """The rows of the verdict that a gate is about, each with its place in words."""
    if gate.dataset is None:
        found = [(where(row.address), row) for row in results.verdict()]
    else:
        found = [
            (f"{gate.dataset}, {where(row.address)}", row)
            for block in results.blocks(subgroups=True)
            if block.address.subgroup == ("dataset", gate.dataset)
            for row in results.subgroup_verdict(block)
        ]
    return [(place, row) for place, row in found if _fits(gate, row)]


def _fits(gate: Gate, row: VerdictRow) -> bool:
    address = row.address
    return row.metric == gate.name and gate.type in (None, address.type) and gate.temp in (None, address.temp)


def _nowhere(gate: Gate, trials: Sequence[Results]) -> UsageError:
    rows = [row for results in trials for row in results.verdict()]
    metrics = sorted({row.metric for row in rows})
    if gate.name not in metrics:
        return UsageError(f"--fail-if {gate.text!r}: {gate.name!r} was not measured{near(gate.name, metrics)}")
    places = dict.fromkeys(f"[{row.address.type},{row.address.temp}]" for row in rows if row.metric == gate.name)
    datasets = dict.fromkeys(
        block.address.subgroup[1]
        for results in trials
        for block in results.blocks(subgroups=True)
        if block.address.subgroup
    )
    hint = f"{gate.name} was measured in {', '.join(places)}; datasets: {', '.join(datasets) or 'none'}"
    return UsageError(f"--fail-if {gate.text!r}: there is no such place", hint=hint)


def _of_run(gate: Gate, trials: Sequence[Results]) -> Value:
    """A sum over the trials; not defined as soon as one of them is not."""
    total = 0.0
    for results in trials:
        value, reason = _READERS[gate.name](results, gate.field)
        if value is None:
            return Value("the run", None, reason)
        total += value
    return Value("the run", total)


Read = tuple[float | None, str | None]


def _cost(results: Results, field: str) -> Read:
    if results.costs is None:
        return None, "there is no costs.json"
    total = results.costs["total"]
    if field == "tokens":
        return float(total["tokens"]["total"]), None
    key = {"usd": "spent", "usd_saved": "saved", "usd_total": "total"}[field]
    usd = total.get("usd") or {}
    return usd.get(key), usd.get("reason") or "no price is known"


def _answers(results: Results, field: str) -> Read:
    if field == "lost":
        integrity = results.integrity()
        return (float(sum(arm.lost for arm in integrity.arms)), None) if integrity.known else (None, integrity.reason)
    if results.costs is None:
        return None, "there is no costs.json"
    return float(results.costs["total"][field]), None


def _verdict(results: Results, field: str) -> Read:
    answer = field.replace("_", " ")
    return float(sum(row.primary and row.answer == answer for row in results.verdict())), None


def _guards(results: Results, field: str) -> Read:
    status = field.replace("_", " ")
    return float(sum(guard.status == status for guard in results.guards())), None


_READERS: Mapping[str, Callable[[Results, str], Read]] = {
    "cost": _cost,
    "answers": _answers,
    "verdict": _verdict,
    "guards": _guards,
}
