"""What became of every planned answer: the pairs that count, what they lost, and what came back in each arm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from exx import percent, points
from exx_markdown.text import bullets, escape, spread, table, where

if TYPE_CHECKING:
    from exx import Results

_PAIRED = (
    "Every question is compared with itself: only those with a value in both arms count, and that is n wherever it is "
    "told. A pair that lost its value in one arm is left out. One without a value in either arm is mostly a question "
    "that the metric does not apply to."
)
_WORST = (
    "What the verdict would be if every value that pairs lost had gone against the treatment (0 under the treatment, 1 "
    "under the control), and if it had gone for it:"
)
_STATES = (
    "Every planned answer ends in one of these states. An answer that declines, says nothing, or was cut off after it "
    "had said something is scored as it is; failed and missing ones, and those cut off before any text, are lost."
)
_COUNTED = (
    "Abstained is the share of answers that decline to answer. Cut off are answers that reached the token limit, "
    "failed are requests without an answer. A dash means that the score file does not say."
)


def balance(results: Results) -> list[str]:
    """How many questions have an answer in both arms, and what was lost."""
    rows = []
    for part, name in _parts(results):
        alone = part.content.get("n_unpaired") or {}
        arms = [f"{alone.get(arm, 0):,}" for arm in ("control", "treatment")]
        missing = [_lost(results, part.metrics), _undefined(results, part.metrics)]
        place = where(part.address.temp, part.address.type)
        rows.append([place, name, f"{part.content.get('n_items', 0):,}", *arms, *missing])
    header = ["Where", "Part", "Pairs", "Control only", "Treatment only", "Lost in one arm", "No value in either arm"]
    return ["## Data and pairing", _PAIRED, table(header, rows, numbers=(2, 3, 4)), *_integrity(results)]


def _integrity(results: Results) -> list[str]:
    """What was lost, whether that fell on one arm, and what the worst of it would do to the verdict."""
    kept = results.integrity()
    if not kept.known:
        return [f"What became of every planned answer cannot be told: {escape(kept.reason)}."]
    worst = [
        [
            case.title,
            where(case.address.temp, case.address.type),
            f"{case.lost:,}",
            f"{case.n:,}",
            _bound(case.lowest),
            _bound(case.highest),
            case.answer,
            "–" if case.holds is None else "yes" if case.holds else "no",
        ]
        for case in kept.worst
    ]
    shown = {case.sentence for case in kept.worst if case.reason is None}
    said = [sentence for sentence in kept.sentences if sentence not in shown]
    told = [bullets(map(escape, said)) if len(said) > 1 else escape(" ".join(said))]
    if worst:
        header = ["Metric", "Where", "Lost", "Pairs", "All against", "All for", "Verdict", "Would it hold?"]
        told += [_WORST, table(header, worst, numbers=(2, 3))]
    return ["### Lost answers", *told]


def _bound(bound: Any) -> str:
    if bound is None:
        return "–"
    ends = spread((bound.low, bound.high), points)
    return f"{points(bound.difference)} ({ends}): {bound.answer}"


def _lost(results: Results, metrics: Mapping[str, Any]) -> str:
    missing = {name: entry.get("missing") or {} for name, entry in metrics.items()}
    return _counted(
        results, {name: arms.get("control", 0) + arms.get("treatment", 0) for name, arms in missing.items()}
    )


def _undefined(results: Results, metrics: Mapping[str, Any]) -> str:
    return _counted(results, {name: (entry.get("missing") or {}).get("both", 0) for name, entry in metrics.items()})


def _counted(results: Results, counts: Mapping[str, int]) -> str:
    """Metrics by how many pairs they lack: ``3 in every metric``, or ``226 in False answers``."""
    by_count: dict[int, list[str]] = {}
    for name, count in counts.items():
        by_count.setdefault(count, []).append(results.metric(name).title)
    told = [f"{count:,} in {', '.join(titles)}" for count, titles in sorted(by_count.items()) if count]
    if len(by_count) == 1 and told:
        return f"{next(iter(by_count)):,} in every metric"
    return "; ".join(told) or "0"


def _parts(results: Results) -> Iterator[tuple[Any, str]]:
    """Every block with a name; a part that is the whole is named with it and not shown twice."""
    only: set[str] = set()
    for part in results.blocks(subgroups=True):
        if part.address.subgroup is None:
            subgroups = part.content.get("subgroups", {})
            only = {column for column, values in subgroups.items() if len(values) == 1}
            alone = [f"{column} {value}" for column in subgroups if column in only for value in subgroups[column]]
            yield part, f"all: {', '.join(alone)}" if alone else "all"
        elif part.address.subgroup[0] not in only:
            yield part, " ".join(part.address.subgroup)


def answers(results: Results) -> list[str]:
    """What came back in each arm: answered, declined, cut off, failed."""
    kept = results.integrity()
    if kept.known:
        header, *rows = kept.table()
        return ["## Answers", _STATES, table(header, rows, numbers=range(3, len(header)))]
    if not results.has("per_item_scores.csv"):
        return ["## Answers", "per_item_scores.csv is not among the results, so answers cannot be counted."]
    places = [(whole.address.temp, whole.address.type) for whole in results.blocks()]
    shown = [arm for arm in results.arms if (arm.temp, arm.type) in places]
    rows = [
        [
            where(arm.temp, arm.type),
            arm.dataset,
            arm.condition,
            f"{arm.items:,}",
            _count(arm.answered),
            percent(arm.abstained),
            _count(arm.truncated),
            _count(arm.failed),
        ]
        for arm in sorted(shown, key=lambda arm: (places.index((arm.temp, arm.type)), arm.dataset, arm.condition))
    ]
    header = ["Where", "Dataset", "Arm", "Questions", "Answers", "Abstained", "Cut off", "Failed"]
    return ["## Answers", _COUNTED, table(header, rows, numbers=range(3, 8))]


def _count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"
