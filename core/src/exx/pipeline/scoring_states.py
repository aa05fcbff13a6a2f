"""Writing integrity.json: how every planned answer ended, which pairs lost one, and what the lost ones could have done.

What is planned: for every item, each sample at each temperature in every arm that was asked at all. The items are those
with a row in predictions.csv, and the other prepared ones of the same type and dataset.

An answer is lost when it has no value: its request failed, it was cut off before any text, or it has no row. A
truncated answer with some text is scored as it stands, and an empty one says nothing; neither is lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import fsum, sqrt
from typing import Any

from attrs import define, field

from exx.integrity import STATES
from exx.pipeline.items import FILES
from exx.pipeline.scoring_judge import Column
from exx.pipeline.scoring_read import CUT, FAILED, TRUNCATED, Predictions
from exx.records import CONDITIONS, Metric

ANSWERED, ABSTAINED, EMPTY, CUT_OFF, FAILURE, MISSING = STATES

_BLANK = "blank"

Kind = tuple[str, str, bool]
"""What decides which metrics an item has: type, dataset, and whether it is unanswerable."""

_Rows = Sequence[int]
_Cell = tuple[Kind, tuple[_Rows, _Rows]]


@define
class Plan:
    """What was planned, as far as files tell.

    Attributes:
        predictions: The rows that are there.
        unanswerable: The first row of every item that is unanswerable.
        absent: Prepared items without any row, of the types and datasets that were asked.
        arms: Those with any row.
        samples: Answers to each item, by type and temperature.
        lost: The rows without a value.
    """

    predictions: Predictions
    unanswerable: set[int]
    absent: Mapping[Kind, int]
    arms: tuple[str, ...] = ()
    samples: dict[tuple[str, float], int] = field(factory=dict)
    lost: set[int] = field(factory=set)

    @classmethod
    def of(cls, predictions: Predictions, unanswerable: set[int], absent: Mapping[Kind, int]) -> Plan:
        """Work the plan out from the rows; ``absent`` may name more items than were asked."""
        asked = {key[:2] for key in predictions.rows_of}
        order: dict[str, int] = {kind: rank for rank, kind in enumerate(FILES)}
        seen: dict[tuple[str, float], set[int]] = {}
        for slot in predictions.slots:
            seen.setdefault((slot.type, slot.temp), set()).add(slot.sample)
        return cls(
            predictions,
            unanswerable,
            {kind: count for kind, count in absent.items() if kind[:2] in asked},
            tuple(arm for arm in CONDITIONS if any(slot.condition == arm for slot in predictions.slots)),
            {place: len(seen[place]) for place in sorted(seen, key=lambda place: (place[1], order[place[0]]))},
            {row for row, state in enumerate(predictions.states) if state >= CUT},
        )

    def items(self) -> Counter[tuple[str, str]]:
        """Planned items by type and dataset."""
        counts = Counter(key[:2] for key in self.predictions.rows_of)
        for (kind, dataset, _), count in self.absent.items():
            counts[kind, dataset] += count
        return counts

    def cells(self, kind: str, temp: float) -> Iterator[_Cell]:
        """Every planned item of a place with its rows in both arms."""
        found = self.predictions
        arm_of = [
            CONDITIONS.index(slot.condition) if (slot.type, slot.temp) == (kind, temp) else -1 for slot in found.slots
        ]
        for (type_, dataset, _), rows in found.rows_of.items():
            if type_ == kind:
                pair: tuple[list[int], list[int]] = ([], [])
                for row in rows:
                    arm = arm_of[found.slot_of[row]]
                    if arm >= 0:
                        pair[arm].append(row)
                yield (type_, dataset, rows[0] in self.unanswerable), pair
        for absent, count in self.absent.items():
            if absent[0] == kind:
                for _ in range(count):
                    yield absent, ((), ())


def integrity_of(
    plan: Plan, abstained: Sequence[bool], metrics: Sequence[Metric], columns: Mapping[str, Column]
) -> dict[str, Any]:
    """Make the content of integrity.json.

    Args:
        plan: What was planned.
        abstained: Whether each row's answer declines.
        metrics: What was measured.
        columns: By metric, a value per row; None where it is not defined.
    """
    pairs: list[dict[str, Any]] = []
    extremes: list[dict[str, Any]] = []
    for (kind, temp), samples in plan.samples.items():
        if len(plan.arms) < len(CONDITIONS):
            continue
        cells = list(plan.cells(kind, temp))
        here = _pairs(plan, cells, samples)
        pairs += [{"temp": temp, "type": kind, "dataset": dataset, **counts} for dataset, counts in here.items()]
        if any(counts["whole"] < counts["planned"] for counts in here.values()):
            place = {"temp": temp, "type": kind}
            extremes += [{**place, **found} for found in _all_extremes(plan, cells, samples, metrics, columns)]
    return {"schema_version": 2, "arms": _arms(plan, abstained), "pairs": pairs, "extremes": extremes}


def _arms(plan: Plan, abstained: Sequence[bool]) -> list[dict[str, Any]]:
    found = plan.predictions
    dataset_of = [""] * len(found.texts)
    for (_, dataset, _), rows in found.rows_of.items():
        for row in rows:
            dataset_of[row] = dataset
    counts = _states(found, dataset_of, abstained)
    items = plan.items()
    arms: list[dict[str, Any]] = []
    for (kind, temp), samples in plan.samples.items():
        for dataset in sorted(dataset for type_, dataset in items if type_ == kind):
            planned = items[kind, dataset] * samples
            for arm in plan.arms:
                seen = counts.get((temp, kind, dataset, arm), Counter())
                told = {state: seen[state] for state in STATES}
                told[MISSING] = planned - sum(told.values())
                place = {"temp": temp, "type": kind, "dataset": dataset, "condition": arm}
                arms.append({**place, "items": items[kind, dataset], "planned": planned, **told, "blank": seen[_BLANK]})
    return arms


def _states(
    found: Predictions, dataset_of: Sequence[str], abstained: Sequence[bool]
) -> dict[tuple[float, str, str, str], Counter[str]]:
    """Count the states by temperature, type, dataset and arm; those cut off before any text once more, as ``blank``."""
    states = map(_state, found.states, found.texts, abstained)
    counts: dict[tuple[float, str, str, str], Counter[str]] = {}
    together = Counter(zip(found.slot_of, dataset_of, states, strict=True))
    together.update(
        (slot, dataset, _BLANK)
        for slot, dataset, state in zip(found.slot_of, dataset_of, found.states, strict=True)
        if state == CUT
    )
    for (slot, dataset, state), count in together.items():
        asked = found.slots[slot]
        counts.setdefault((asked.temp, asked.type, dataset, asked.condition), Counter())[state] += count
    return counts


def _state(became: int, text: str, abstained: bool) -> str:
    """Name what became of a request; an empty answer goes by that name although it declines as well."""
    if became == FAILED:
        return FAILURE
    if became in (TRUNCATED, CUT):
        return CUT_OFF
    if not text or text.isspace():
        return EMPTY
    return ABSTAINED if abstained else ANSWERED


def _pairs(plan: Plan, cells: Sequence[_Cell], samples: int) -> dict[str, dict[str, int]]:
    """Count the pairs of a place by dataset and by what they lost."""
    names = ("planned", "whole", "control", "treatment", "both", "partly", "control_more", "treatment_more")
    found: dict[str, dict[str, int]] = {}
    lost = plan.lost
    for (_, dataset, _), (control, treatment) in cells:
        counts = found.get(dataset) or found.setdefault(dataset, dict.fromkeys(names, 0))
        counts["planned"] += 1
        # An arm that lacks rows has lost those too.
        gone = samples - sum(row not in lost for row in control), samples - sum(row not in lost for row in treatment)
        if gone == (0, 0):
            counts["whole"] += 1
            continue
        counts[_how_lost(*gone, samples)] += 1
        if gone[0] != gone[1]:
            counts["control_more" if gone[0] > gone[1] else "treatment_more"] += 1
    return dict(sorted(found.items()))


def _how_lost(control: int, treatment: int, samples: int) -> str:
    if control == samples:
        return "both" if treatment == samples else "control"
    return "treatment" if treatment == samples else "partly"


def _all_extremes(
    plan: Plan, cells: Sequence[_Cell], samples: int, metrics: Sequence[Metric], columns: Mapping[str, Column]
) -> Iterator[dict[str, Any]]:
    for metric in metrics:
        column = columns.get(metric.name)
        found = _Extremes() if column is None else _extremes(plan.lost, cells, samples, column)
        if found.whole or found.partly:
            yield {"metric": metric.name, **found.to_json()}


@define
class _Extremes:
    """A metric's differences in one place: of pairs that lost nothing, and of the others with their two extremes.

    Attributes:
        whole: treatment − control of every whole pair.
        partly: The same of pairs that lost a replicate; then with the lost values 1 under the control and 0 under the
            treatment; then the other way round.
        gone: These extremes of pairs without a value in one arm, or in both.
    """

    whole: list[float] = field(factory=list)
    partly: list[tuple[float, float, float]] = field(factory=list)
    gone: list[tuple[float, float]] = field(factory=list)

    def to_json(self) -> dict[str, Any]:
        lowest = [*(low for _, low, _ in self.partly), *(low for low, _ in self.gone)]
        highest = [*(high for *_, high in self.partly), *(high for _, high in self.gone)]
        return {
            "lost": len(lowest),
            "scored": _summary(self.whole + [difference for difference, *_ in self.partly]),
            "lowest": _summary(self.whole + lowest),
            "highest": _summary(self.whole + highest),
        }


def _extremes(lost: set[int], cells: Sequence[_Cell], samples: int, column: Column) -> _Extremes:
    found = _Extremes()
    measured: set[Kind] = set()
    silent: Counter[Kind] = Counter()
    for kind, rows in cells:
        if all(len(own) == samples and lost.isdisjoint(own) for own in rows):  # as nearly all are
            before, after = (_value(own, column) for own in rows)
            if before is not None and after is not None:
                measured.add(kind)
                found.whole.append(after - before)
            continue
        (control, c_gone), (treatment, t_gone) = (_known(lost, own, samples, column) for own in rows)
        if not control and not treatment and c_gone == t_gone == samples:
            silent[kind] += 1
        elif (control or c_gone == samples) and (treatment or t_gone == samples):  # else: not defined for the item
            measured.add(kind)
            low = _mean(treatment, t_gone, 0.0) - _mean(control, c_gone, 1.0)
            high = _mean(treatment, t_gone, 1.0) - _mean(control, c_gone, 0.0)
            if not control or not treatment:
                found.gone.append((low, high))
            else:
                found.partly.append((_mean(treatment, 0, 0.0) - _mean(control, 0, 0.0), low, high))
    # Where both arms are silent, the metric is taken as defined if it is for other items of the same kind.
    found.gone += [(-1.0, 1.0)] * sum(count for kind, count in silent.items() if kind in measured)
    return found


def _value(rows: _Rows, column: Column) -> float | None:
    """The mean of an arm that lost nothing; None where the metric is not defined."""
    if len(rows) == 1:
        return column[rows[0]]
    values = [value for row in rows if (value := column[row]) is not None]
    return fsum(values) / len(values) if values else None


def _known(lost: set[int], rows: _Rows, samples: int, column: Column) -> tuple[list[float], int]:
    """The values of an arm's answers, and how many answers it lost."""
    here = [row for row in rows if row not in lost]
    return [value for row in here if (value := column[row]) is not None], samples - len(here)


def _mean(values: Sequence[float], lost: int, each: float) -> float:
    return (fsum(values) + lost * each) / (len(values) + lost)


def _summary(values: Sequence[float]) -> dict[str, Any]:
    if not values:
        return {"n": 0, "mean": None, "sd": None}
    mean = fsum(values) / len(values)
    spread = sqrt(fsum((value - mean) ** 2 for value in values) / (len(values) - 1)) if len(values) > 1 else None
    return {"n": len(values), "mean": mean, "sd": spread}
