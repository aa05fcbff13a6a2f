"""Two trials side by side: the same items, one arm of each, by the installed analyses; and which items flipped.

The first trial stands where the control does and the second where the treatment does, so every statistic of a trial
is one of the comparison too.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import asdict, evolve, field, frozen

from exx.config.load import build_config
from exx.config.schema import Config
from exx.config.structure import Origin
from exx.errors import DataError, RunError
from exx.experiment import Experiment
from exx.records import CONDITIONS, Condition, Json, Metric
from exx.results import rules_of
from exx.rows import read_columns
from exx.runs.differences import Change, changed_items, changes, warnings
from exx.runs.flips import Flip, FlipCount, count_flips, list_flips
from exx.runs.opened import OpenTrial
from exx.verdict import VerdictRow, sided, verdict_rows

_KEYS = ("item_key", "type", "condition", "temp")
_HINT = "exx score makes this file anew"
Cell = tuple[str, str, float]
"""An item's key, its type and a temperature."""


@frozen
class ScoredRow:
    """What a score file says of an item in one arm.

    Attributes:
        group: Items of one group are not independent; empty without one.
        answers: How many answers the values are means of; 0 where the file does not say.
        values: For each metric, its value; None where there is none.
        spreads: For each metric, the deviation of those answers.
    """

    group: str
    answers: int
    values: tuple[float | None, ...]
    spreads: tuple[float | None, ...]


@frozen(eq=False)
class Scored:
    """One arm of a trial's score file.

    Attributes:
        metrics: Its metrics, in the order of its columns.
        rows: By item, type and temperature.
    """

    metrics: Sequence[str]
    rows: Mapping[Cell, ScoredRow]

    @property
    def temps(self) -> set[float]:
        """Temperatures."""
        return {temp for _, _, temp in self.rows}


@frozen(kw_only=True)
class Comparison:
    """Two trials, one arm of each.

    Attributes:
        a: Name of the first.
        b: Name of the second.
        arm: The arm compared.
        changes: Settings that differ.
        warnings: What to mind, in words.
        shared: Items with a row in both.
        only_a: Items of the first alone, at the temperatures compared.
        only_b: Items of the second alone.
        verdict: What can be said about each metric; ``control`` is the first, ``treatment`` the second.
        sentences: The verdict's primary rows in words.
        counts: How many items flipped, by primary metric and place.
        flips: Some of them with both answers.
    """

    a: str
    b: str
    arm: Condition
    changes: Sequence[Change]
    warnings: Sequence[str]
    shared: int
    only_a: int
    only_b: int
    verdict: Sequence[VerdictRow]
    sentences: Sequence[str]
    counts: Sequence[FlipCount]
    flips: Sequence[Flip] = field(factory=tuple)

    def to_json(self) -> dict[str, Json]:
        """All of it as plain data."""
        return {
            "a": self.a,
            "b": self.b,
            "arm": self.arm,
            "config_differences": [asdict(change) for change in self.changes],
            "warnings": list(self.warnings),
            "items": {"shared": self.shared, "only_a": self.only_a, "only_b": self.only_b},
            "verdict": [_row_json(row) for row in self.verdict],
            "sentences": list(self.sentences),
            "flips": {
                "counts": [asdict(count) for count in self.counts],
                "items": [asdict(flip) for flip in self.flips],
            },
        }


def _row_json(row: VerdictRow) -> dict[str, Any]:
    told: dict[str, Any] = asdict(row)
    told["a"], told["b"] = told.pop("control"), told.pop("treatment")
    return told


def matched(left: Sequence[OpenTrial], right: Sequence[OpenTrial]) -> list[tuple[OpenTrial, OpenTrial]]:
    """Which trial is compared with which: the only ones there are, else those of the same slug.

    Raises:
        RunError: No two go together.
    """
    if len(left) == len(right) == 1:
        return [(left[0], right[0])]
    known = {trial.slug: trial for trial in right}
    pairs = [(trial, known[trial.slug]) for trial in left if trial.slug in known]
    if not pairs:
        have = [f"{trial.title}" for trial in (*left, *right)]
        raise RunError("these runs have no trial in common", hint=f"compare two of {', '.join(have)}")
    return pairs


def compare_trials(a: OpenTrial, b: OpenTrial, arm: Condition, *, flips: int = 0) -> Comparison:
    """Compare one arm of two trials by the analyses of the second one's config.

    Args:
        a: The first.
        b: The second, which is judged.
        arm: Which arm of both.
        flips: How many items to list that flipped, per primary metric and place.

    Raises:
        RunError: They have no item in common at a common temperature.
        DataError: A file of theirs is damaged.
    """
    left, right, notes = _aligned(a, b, arm)
    other = changed_items(a, b)
    if other:
        left, right = _without(left, other), _without(right, other)
        notes.append(f"{len(other)} items have one name and two texts; they are left out")
    shared = left.rows.keys() & right.rows.keys()
    if not shared:
        hint = "exx show says which datasets and temperatures a run has"
        raise RunError(f"{a.title} and {b.title} have no item of the {arm} arm in common", hint=hint)
    only_a, only_b = len(left.rows) - len(shared), len(right.rows) - len(shared)
    if only_a or only_b:
        notes.append(f"not every item is in both: {only_a} only in {a.title}, {only_b} only in {b.title}")
    names = [name for name in left.metrics if name in right.metrics]
    known = {metric.name: metric for metric in (*a.results.metrics, *b.results.metrics)}
    rows = _verdict(a, b, (left, right), sorted(shared), {name: known[name] for name in names})
    primary = [row for row in rows if row.primary]
    moved = count_flips(primary, *_values(left, right, shared, {row.metric for row in primary}))
    found = changes(a, b)
    titles = _titles(a, b)
    return Comparison(
        a=titles[0],
        b=titles[1],
        arm=arm,
        changes=found,
        warnings=[*warnings(a, b, found, (arm,)), *notes],
        shared=len(shared),
        only_a=only_a,
        only_b=only_b,
        verdict=[evolve(row, sentence=sided(row, *titles)) for row in rows],
        sentences=[sided(row, *titles) for row in primary],
        counts=[one.count for one in moved],
        flips=list_flips(moved, a.results, b.results, arm, flips) if flips else [],
    )


def _titles(a: OpenTrial, b: OpenTrial) -> tuple[str, str]:
    return (a.title, b.title) if a.title != b.title else ("A", "B")


def _aligned(a: OpenTrial, b: OpenTrial, arm: Condition) -> tuple[Scored, Scored, list[str]]:
    """The arm of both at the temperatures they share; at the only one of each where they share none."""
    left, right = read_arm(a.results.folder / "per_item_scores.csv", arm), _arm_of(b, arm)
    common = left.temps & right.temps
    if common:
        alone = sorted((left.temps | right.temps) - common)
        told = [f"only one of them has temperature {temp:g}, which is left out" for temp in alone]
        return _at(left, common), _at(right, common), told
    if len(left.temps) == len(right.temps) == 1:
        (one,), (other,) = left.temps, right.temps
        moved = {(item, kind, other): row for (item, kind, _), row in left.rows.items()}
        told = [f"temperature {one:g} is compared with temperature {other:g}"]
        return Scored(left.metrics, moved), right, told
    return _at(left, common), _at(right, common), []


def _arm_of(trial: OpenTrial, arm: Condition) -> Scored:
    return read_arm(trial.results.folder / "per_item_scores.csv", arm)


def _at(scored: Scored, temps: set[float]) -> Scored:
    return Scored(scored.metrics, {cell: row for cell, row in scored.rows.items() if cell[2] in temps})


def _without(scored: Scored, items: set[str]) -> Scored:
    return Scored(scored.metrics, {cell: row for cell, row in scored.rows.items() if cell[0] not in items})


def read_arm(path: Path, arm: Condition) -> Scored:
    """Read one arm of a score file.

    Raises:
        DataError: The file is missing or damaged, or an item is there twice.
    """
    metrics = _metrics_of(path)
    more = [name for metric in metrics for name in (metric, f"{metric}_std")]
    rows: dict[Cell, ScoredRow] = {}
    for number, row in enumerate(read_columns(path, _KEYS, optional=("group", "n_samples", *more), hint=_HINT), 2):
        if row[2] != arm:
            if row[2] not in CONDITIONS:
                raise DataError(path, f"condition {row[2]!r}, expected control or treatment", line=number, hint=_HINT)
            continue
        try:
            item, kind, temp, scored = row[0], row[1], float(row[3]) + 0.0, _scored(row[4:])
        except ValueError as cause:
            raise DataError(path, f"not a number ({cause})", line=number, hint=_HINT) from cause
        if (item, kind, temp) in rows:
            raise DataError(path, f"the item {item!r} is there twice in one arm", line=number, hint=_HINT)
        rows[item, kind, temp] = scored
    return Scored(metrics, rows)


def _scored(cells: Sequence[str]) -> ScoredRow:
    group, answers, *numbers = cells
    values = tuple(float(text) if text else None for text in numbers)
    return ScoredRow(group, int(float(answers or 0)), values[::2], values[1::2])


def _metrics_of(path: Path) -> list[str]:
    """The columns that have a deviation beside them; that a file is missing is told by whoever reads its rows."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8-sig", newline="") as lines:
        header = next(csv.reader(lines), [])
    return [name for name in header if f"{name}_std" in header]


def _verdict(
    a: OpenTrial, b: OpenTrial, sides: tuple[Scored, Scored], cells: Sequence[Cell], metrics: Mapping[str, Metric]
) -> list[VerdictRow]:
    # numpy is needed here and nowhere before.
    from exx.pipeline.statistics import analyze_scores
    from exx.pipeline.statistics_table import scores_of
    from exx.pipeline.statistics_write import document

    config, experiment = _experiment(b)
    table = _columns(f"{a.title} and {b.title}", sides, cells, list(metrics))
    primary = tuple(name for name in config.verdict.primary if name in metrics)
    primary = primary or tuple(name for name in ("em", *metrics) if name in metrics)[:1]
    seed = config.stats.random_seed
    made = analyze_scores(scores_of(table, metrics), experiment.analyses, seed=seed, primary=primary)
    return verdict_rows(document(made), tuple(metrics.values()), primary, rules_of(config.verdict))


def _experiment(trial: OpenTrial) -> tuple[Config, Experiment]:
    from exx.plugins import load_plugins

    config, origin = trial.results.config, Origin("the run's config")
    if config is None:
        config, origin = build_config({}, Origin("the defaults"))
    return config, Experiment(config, origin, load_plugins())


def _columns(title: str, sides: tuple[Scored, Scored], cells: Sequence[Cell], metrics: Sequence[str]) -> Any:
    from exx.pipeline.statistics_table import Columns

    rows = [(cell, arm, side) for arm, side in zip(CONDITIONS, sides, strict=True) for cell in cells]
    picked = [(side.rows[cell], side.metrics) for cell, _, side in rows]
    answers = [row.answers for row, _ in picked]
    spreads = {name: [row.spreads[known.index(name)] for row, known in picked] for name in metrics}
    return Columns(
        title=title,
        items=[cell[0] for cell, _, _ in rows],
        conditions=[arm for _, arm, _ in rows],
        temps=[cell[2] for cell, _, _ in rows],
        types=[cell[1] for cell, _, _ in rows],
        values={name: [row.values[known.index(name)] for row, known in picked] for name in metrics},
        groups=[row.group for row, _ in picked],
        answers=answers if any(answers) else None,
        spreads=spreads if max(answers) > 1 else {},
    )


def _values(
    left: Scored, right: Scored, cells: set[Cell], metrics: set[str]
) -> tuple[Mapping[str, Mapping[Cell, float]], Mapping[str, Mapping[Cell, float]]]:
    def of(side: Scored) -> Mapping[str, Mapping[Cell, float]]:
        return {name: dict(_defined(side, name, cells)) for name in sorted(metrics)}

    return of(left), of(right)


def _defined(side: Scored, metric: str, cells: set[Cell]) -> Iterator[tuple[Cell, float]]:
    at = side.metrics.index(metric)
    for cell in cells:
        value = side.rows[cell].values[at]
        if value is not None:
            yield cell, value
