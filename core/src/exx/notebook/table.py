"""The analyses on anybody's own table of scores: no experiment, no files, no config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from math import isnan
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field, frozen

from exx.config.load import build_config
from exx.config.schema import Config
from exx.config.structure import Origin
from exx.errors import DataError, UsageError
from exx.experiment import Experiment
from exx.notebook.figure import Figure
from exx.notebook.frames import pandas
from exx.notebook.run import forest
from exx.notebook.verdict import VerdictTable, escaped
from exx.pipeline.statistics import Statistics, analyze_scores
from exx.pipeline.statistics_pair import pair
from exx.pipeline.statistics_read import KNOWN, Scores
from exx.pipeline.statistics_table import Columns, scores_of
from exx.pipeline.statistics_write import document
from exx.records import CONDITIONS, Metric
from exx.results import rules_of
from exx.verdict import Rules, VerdictRow, sided, verdict_rows
from exx.wording import clean, where

if TYPE_CHECKING:
    import pandas as pd

TITLE = "the table"
_NEEDED = ("item", "condition", "score")
_OPTIONAL = ("metric", "type", "temp", "dataset", "group", "sample")
_LONGEST_LIST = 10


@define(slots=False, eq=False, repr=False)
class TableComparison:
    """What the analyses say about a table.

    Attributes:
        control: What the control is called in the table.
        treatment: What is judged.
        verdict: What can be said about each metric in each place, the primary metrics first.
        unpaired: Items without a score under the other condition, which are left out: by condition.
        statistics: Every finding, with the samples it rests on.
    """

    control: str
    treatment: str
    verdict: VerdictTable
    unpaired: Mapping[str, int]
    statistics: Statistics = field(repr=False)

    @property
    def significance(self) -> dict[str, Any]:
        """Everything, laid out as significance.json is."""
        return document(self.statistics)

    @property
    def sentences(self) -> list[str]:
        """The primary rows of the verdict in words."""
        return [row.sentence for row in self.verdict if row.primary]

    @cached_property
    def findings(self) -> pd.DataFrame:
        """One line per finding of every analysis, its details a mapping.

        Raises:
            ExxError: pandas is not installed.
        """
        lines = []
        for one in self.statistics.findings:
            place = {"temp": one.address.temp, "type": one.address.type}
            part = "=".join(one.address.subgroup) if one.address.subgroup else ""
            numbers = {name: getattr(one, name) for name in ("estimate", "low", "high", "level", "p_value", "q_value")}
            about = {"family": one.family or "", "reason": one.reason or "", "details": dict(one.details)}
            lines.append({"analysis": one.analysis, "metric": one.metric, **place, "subgroup": part, "n": one.n})
            lines[-1] |= numbers | about
        frame: pd.DataFrame = pandas().DataFrame(lines)
        return frame

    def plot_forest(self, metrics: Sequence[str] | None = None) -> Figure:
        """Differences with their intervals; of these metrics, or of all.

        Raises:
            ValueError: There is nothing to draw, or the scores are not shares, which the figure is made for.
        """
        if not self.verdict.rates:
            raise ValueError("the scores are not between 0 and 1, so their differences are no percentage points")
        return forest(self.verdict, f"Differences, {self.treatment} − {self.control}", metrics)

    @property
    def _left_out(self) -> list[str]:
        return [
            f"{count:,} item{'s' if count != 1 else ''} scored under {name} alone: left out"
            for name, count in self.unpaired.items()
            if count
        ]

    def __repr__(self) -> str:
        """The verdict in words and as a table."""
        return "\n".join([*map(clean, self.sentences), *map(clean, self._left_out), "", repr(self.verdict)])

    def _repr_html_(self) -> str:
        said = "".join(f"<p>{escaped(words)}</p>" for words in (*self.sentences, *self._left_out))
        return f"<div>{said}{self.verdict._repr_html_()}</div>"


def compare(
    table: Any,
    *,
    control: str | None = None,
    treatment: str | None = None,
    primary: Sequence[str] | None = None,
    lower_is_better: Sequence[str] = (),
    margin: float | None = None,
    settings: Mapping[str, Any] | None = None,
) -> TableComparison:
    """Run every installed analysis on a long table: one line per item, condition and metric.

    Args:
        table: A DataFrame (pandas, polars, pyarrow), a mapping of columns, or a list of mappings. Columns ``item``,
            ``condition`` and ``score``, and if you like ``metric``, ``type`` (``open`` or ``closed``), ``temp``,
            ``dataset``, ``group`` (items of one group are not independent) and ``sample`` (of several answers to an
            item, which one).
        control: The condition that stands for how things were; needed unless the conditions are ``control`` and
            ``treatment``.
        treatment: The one that is judged; default: the other one.
        primary: The metrics the table was made for; default: those of the settings, else the first.
        lower_is_better: Metrics of which less is good.
        margin: The largest difference that does not matter, on the scale of the scores; default: that of the settings
            for shares, and on any other scale none: every difference matters there.
        settings: A config's sections ``stats``, ``verdict`` and ``analyses``: ``{"verdict": {"alpha": 0.01}}``.

    Raises:
        DataError: The table lacks a column or a condition, holds a line twice, or has a score that is no number; with
            the line, counted from 1.
        UsageError: It cannot be told which condition is which.
        ConfigError: The settings cannot be used.
    """
    rows = _Rows.of(table)
    sides = _sides(rows, control, treatment)
    columns = _table(rows, sides)
    metrics = {name: _described(name, values, lower_is_better) for name, values in columns.values.items()}
    config, experiment = _bound(settings)
    chosen = _primary(primary, config, list(metrics))
    scores = scores_of(columns, metrics)
    unpaired = _unpaired(scores, sides)
    made = analyze_scores(scores, experiment.analyses, seed=config.stats.random_seed, primary=chosen)
    found = verdict_rows(document(made), tuple(metrics.values()), chosen, _rules(config, columns, margin))
    return TableComparison(sides[0], sides[1], _verdict(found, sides, rows, columns), unpaired, made)


def _verdict(found: Sequence[VerdictRow], sides: tuple[str, str], rows: _Rows, columns: Columns) -> VerdictTable:
    rates = all(map(_is_rate, columns.values.values()))
    placed = "temp" in rows.columns or "type" in rows.columns
    places = [where(row.address) if placed else "" for row in found]
    told = [
        evolve(row, sentence=sided(row, *sides, rates=rates, place=place))
        for row, place in zip(found, places, strict=True)
    ]
    return VerdictTable(told, places, sides, rates)


def _is_rate(values: Sequence[float | None]) -> bool:
    return all(value is None or 0 <= value <= 1 for value in values)


def _described(name: str, values: Sequence[float | None], lower: Sequence[str]) -> Metric:
    known = KNOWN.get(name)
    better = False if name in lower else known.higher_is_better if known else True
    binary = all(value is None or value in (0, 1) for value in values)
    return Metric(name, known.title if known else name, higher_is_better=better, binary=binary)


def _bound(settings: Mapping[str, Any] | None) -> tuple[Config, Experiment]:
    from exx.plugins import load_plugins

    config, origin = build_config(dict(settings or {}), Origin("the settings"))
    return config, Experiment(config, origin, load_plugins())


def _rules(config: Config, columns: Columns, margin: float | None) -> Rules:
    rules = rules_of(config.verdict)
    if margin is not None:
        if not margin > 0:
            raise UsageError(f"margin is {margin!r}, expected a number above 0")
        return evolve(rules, margin=margin, margins={})
    # The default of one percentage point means nothing on another scale.
    return rules if all(map(_is_rate, columns.values.values())) else evolve(rules, margin=None, margins={})


def _primary(wanted: Sequence[str] | None, config: Config, metrics: Sequence[str]) -> tuple[str, ...]:
    if wanted is not None:
        missing = [name for name in wanted if name not in metrics]
        if missing:
            raise UsageError(f"primary: the table has no metric {missing[0]!r}; it has {_listed(metrics)}")
        return tuple(wanted)
    return tuple(name for name in config.verdict.primary if name in metrics) or tuple(metrics[:1])


def _unpaired(scores: Scores, sides: tuple[str, str]) -> dict[str, int]:
    """Items with a score under one condition alone.

    Raises:
        DataError: No item has a score under both.
    """
    blocks = pair(scores)
    if not any(block.n_items for block in blocks):
        reason = f"no item has a score under both {sides[0]!r} and {sides[1]!r}"
        raise DataError(
            TITLE, reason, hint="an item is called the same under both, in the same type and at the same temp"
        )
    arms = zip(sides, CONDITIONS, strict=True)
    return {name: sum(block.n_unpaired[arm] for block in blocks) for name, arm in arms}


@frozen
class _Rows:
    """A table as lists by column."""

    columns: Mapping[str, list[Any]]

    @classmethod
    def of(cls, table: Any) -> _Rows:
        columns = _lists(table)
        missing = [name for name in _NEEDED if name not in columns]
        if missing:
            hint = f"columns {', '.join(_NEEDED)}; if you like also {', '.join(_OPTIONAL)}"
            raise DataError(TITLE, f"no column {', '.join(missing)}; found {_listed(columns)}", hint=hint)
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) > 1:
            raise DataError(TITLE, f"its columns are not of one length: {lengths}")
        if not columns["item"]:
            raise DataError(TITLE, "holds no rows")
        return cls({name: columns[name] for name in (*_NEEDED, *_OPTIONAL) if name in columns})

    def __len__(self) -> int:
        return len(self.columns["item"])

    def text(self, name: str, row: int, default: str) -> str:
        """A cell as text."""
        values = self.columns.get(name)
        if values is None:
            return default
        if _is_missing(values[row]):
            raise DataError(TITLE, f"row {row + 1}: {name} is missing")
        return str(values[row])

    def number(self, name: str, row: int, default: float) -> float:
        """A cell as a number."""
        values = self.columns.get(name)
        if values is None:
            return default
        value = values[row]
        if _is_missing(value):
            hint = "leave the row out: an item without a score under both conditions is left out and counted"
            raise DataError(TITLE, f"row {row + 1}: {name} is missing (NaN)", hint=hint if name == "score" else None)
        try:
            return float(value)
        except (TypeError, ValueError) as cause:
            raise DataError(TITLE, f"row {row + 1}: {name} {value!r} is not a number") from cause


def _lists(table: Any) -> dict[str, list[Any]]:
    if isinstance(table, Mapping):
        return {str(name): list(values) for name, values in table.items()}
    if isinstance(table, Sequence) and all(isinstance(row, Mapping) for row in table):
        found = dict.fromkeys(str(name) for row in table for name in row)
        return {name: [row.get(name) for row in table] for name in found}
    names: Any = getattr(table, "column_names", None) or getattr(
        table, "columns", None
    )  # pyarrow has both, of two kinds
    if names is None:
        kind = type(table).__name__
        raise DataError(TITLE, f"is a {kind}, expected a DataFrame, a mapping of columns or a list of mappings")
    return {str(name): _list(table[name]) for name in names}


def _list(column: Any) -> list[Any]:
    for method in ("tolist", "to_list", "to_pylist"):
        if hasattr(column, method):
            values: list[Any] = getattr(column, method)()
            return values
    return list(column)


def _is_missing(value: Any) -> bool:
    # Libraries have missing values of their own, which are equal to nothing or not to be compared at all.
    return value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and isnan(value))


def _listed(names: Any) -> str:
    shown = [str(name) for name in names]
    more = f" and {len(shown) - _LONGEST_LIST} more" if len(shown) > _LONGEST_LIST else ""
    return (", ".join(shown[:_LONGEST_LIST]) or "none") + more


def _sides(rows: _Rows, control: str | None, treatment: str | None) -> tuple[str, str]:
    """Which condition is the control and which the treatment.

    Raises:
        UsageError: It cannot be told.
        DataError: One of them has no row.
    """
    there = list(dict.fromkeys(rows.text("condition", row, "") for row in range(len(rows))))
    for name in (control, treatment):
        if name is not None and str(name) not in there:
            raise DataError(TITLE, f"no row has the condition {name!r}; found {_listed(there)}")
    if control is None and treatment is None and set(there) == set(CONDITIONS):
        return CONDITIONS
    if len(there) == 1:
        raise DataError(TITLE, f"there is one condition alone, {there[0]!r}: nothing to compare it with")
    if control is not None and treatment is not None:
        if str(control) == str(treatment):
            raise UsageError(f"control and treatment are both {control!r}")
        return str(control), str(treatment)
    others = [name for name in there if name not in (str(control), str(treatment))]
    if len(there) != 2 or (control is None and treatment is None):
        hint = "compare(table, control=…, treatment=…)"
        raise UsageError(f"the conditions are {_listed(there)}: say which is compared with which", hint=hint)
    return (str(control), others[0]) if control is not None else (others[0], str(treatment))


_Key = tuple[str, str, str, float, str]
"""Item, condition, type, temperature, dataset."""


def _table(rows: _Rows, sides: tuple[str, str]) -> Columns:
    """The table as the engine takes it: a row per item and condition, a column per metric.

    Raises:
        DataError: A line is there twice, or cannot be used.
    """
    arms = dict(zip(sides, CONDITIONS, strict=True))
    scores: dict[_Key, dict[str, list[float]]] = {}
    groups: dict[tuple[str, str], str] = {}
    first: dict[tuple[Any, ...], int] = {}
    for row in range(len(rows)):
        arm = arms.get(rows.text("condition", row, ""))
        if arm is None:
            continue
        key = _key(rows, row, arm)
        metric, sample = rows.text("metric", row, "score"), rows.text("sample", row, "")
        before = first.setdefault((key, metric, sample), row)
        if before != row:
            hint = None if "sample" in rows.columns else "several answers to one item need a column sample"
            raise DataError(TITLE, f"row {row + 1}: the same as row {before + 1}, with another score", hint=hint)
        group = _group(rows, row)
        if groups.setdefault((key[4], key[0]), group) != group:
            raise DataError(TITLE, f"row {row + 1}: item {key[0]!r} is in another group than before")
        scores.setdefault(key, {}).setdefault(metric, []).append(rows.number("score", row, 0.0))
    return _columns(scores, groups, "dataset" in rows.columns)


def _key(rows: _Rows, row: int, arm: str) -> _Key:
    kind = rows.text("type", row, "open")
    temp = rows.number("temp", row, 0.0)
    return rows.text("item", row, ""), arm, kind, temp, rows.text("dataset", row, "")


def _group(rows: _Rows, row: int) -> str:
    values = rows.columns.get("group")
    return "" if values is None or _is_missing(values[row]) else str(values[row])


def _columns(
    scores: Mapping[_Key, Mapping[str, list[float]]], groups: Mapping[tuple[str, str], str], datasets: bool
) -> Columns:
    keys = list(scores)
    metrics = list(dict.fromkeys(metric for found in scores.values() for metric in found))
    answers = [max(map(len, scores[key].values())) for key in keys]
    spreads: dict[str, list[float | None]] = {}
    if max(answers) > 1:
        spreads = {metric: [_spread(scores[key].get(metric, [])) for key in keys] for metric in metrics}
    return Columns(
        title=TITLE,
        # The same name in two datasets is two items.
        items=[f"{key[4]}|{key[0]}" if datasets else key[0] for key in keys],
        conditions=[key[1] for key in keys],
        types=[key[2] for key in keys],
        temps=[key[3] for key in keys],
        values={m: [fmean(scores[key][m]) if scores[key].get(m) else None for key in keys] for m in metrics},
        datasets=[key[4] for key in keys] if datasets else None,
        groups=[groups[key[4], key[0]] for key in keys],
        answers=answers,
        spreads=spreads,
    )


def _spread(values: Sequence[float]) -> float | None:
    if not values:
        return None
    return stdev(values) if len(values) > 1 else 0.0
