"""A finished run in a notebook: its tables as DataFrames, its verdict, its figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define

from exx import plots
from exx.errors import RunError
from exx.judgement import Judgement
from exx.notebook.figure import Figure
from exx.notebook.frames import read_frame, stacked, with_details
from exx.notebook.verdict import VerdictTable, escaped
from exx.results import Block, Results
from exx.runs.opened import EXPERIMENTS, OpenTrial, open_trials
from exx.state.files import read_json
from exx.verdict import GuardRow
from exx.wording import clean, where

if TYPE_CHECKING:
    import pandas as pd

_MAKERS = {
    "predictions.csv": "exx parse makes it anew",
    "per_item_scores.csv": "exx score makes it anew",
    "findings.csv": "exx stats makes it anew",
}


@define(slots=False, eq=False, repr=False)
class LoadedTrial:
    """One trial of a run.

    Attributes:
        slug: Its name within the run.
        results: Everything else there is to read of it.
    """

    slug: str
    results: Results

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """predictions.csv: one line per request, the answers in ``response_text``. They come from a model."""
        return self._frame("predictions.csv")

    @cached_property
    def scores(self) -> pd.DataFrame:
        """per_item_scores.csv: one line per item, arm and temperature."""
        return self._frame("per_item_scores.csv")

    @cached_property
    def findings(self) -> pd.DataFrame:
        """findings.csv: one line per finding, its details a mapping."""
        return with_details(self._frame("findings.csv"))

    @cached_property
    def judgement(self) -> Judgement:
        """Verdict, guards, integrity and caveats in one object."""
        return self.results.judgement()

    @property
    def verdict(self) -> VerdictTable:
        """What can be said about each metric, temperature and type; the primary metrics first."""
        return VerdictTable.of(self.judgement.rows)

    @property
    def guards(self) -> Sequence[GuardRow]:
        """How the metrics that must not get worse fared."""
        return self.judgement.guards

    def plot_forest(self, metrics: Sequence[str] | None = None) -> Figure:
        """Differences with their intervals; of these metrics, or of all.

        Raises:
            ValueError: There is nothing to draw.
        """
        return forest(self.verdict, "Differences, treatment − control", metrics, self.results.rules.margin)

    def plot_risk_coverage(self, temp: float | None = None, type: str | None = None) -> Figure:  # noqa: A002 - its name everywhere
        """How the risk of a wrong answer changes with how many questions are answered.

        Args:
            temp: Temperature; default: the first.
            type: ``open`` or ``closed``; default: the first there is.

        Raises:
            ValueError: There is nothing to draw.
        """
        block = self._block(temp, type)
        return _figure(
            plots.risk_coverage, block.content.get("selective_risk") or {}, f"Risk and coverage ({_at(block)})"
        )

    def plot_discordance(self, metric: str | None = None, temp: float | None = None, type: str | None = None) -> Figure:  # noqa: A002
        """How many items only one of the arms has right.

        Raises:
            ValueError: There is nothing to draw: McNemar's test was not asked, or the metric is not right or wrong.
        """
        block = self._block(temp, type)
        name = metric or self._primary()
        table = block.metrics.get(name, {}).get("mcnemar")
        if table is None:
            raise ValueError(f"mcnemar says nothing about {name!r} at {_at(block)}")
        return _figure(plots.discordance, table, f"{self.results.metric(name).title} ({_at(block)})")

    def plot_bootstrap(self, metric: str | None = None, temp: float | None = None, type: str | None = None) -> Figure:  # noqa: A002
        """The bootstrap's law of the mean difference, items taken as independent.

        Raises:
            ValueError: There is nothing to draw.
        """
        block = self._block(temp, type)
        name = metric or self._primary()
        entry = block.metrics.get(name, {})
        low, high = entry.get("ci_95_items") or entry.get("ci_95") or (None, None)
        if low is None or high is None:
            raise ValueError(f"there is no interval for {name!r} at {_at(block)}")
        import numpy as np

        counts = self._deltas(name, block)
        values, times = np.array(list(counts)), np.array(list(counts.values()))
        title = f"{self.results.metric(name).title} ({_at(block)}): bootstrap"
        return Figure(title, plots.bootstrap_law(values, times, low=low, high=high, title=title, standalone=True))

    def plot_sensitivity(self, temp: float | None = None, type: str = "open") -> Figure:  # noqa: A002
        """How the difference in unsupported answers depends on the detector's threshold.

        Raises:
            ValueError: There is nothing to draw.
        """
        path = self.results.folder / "unsupported_sensitivity.json"
        made: Any = read_json(path) if path.is_file() else {}
        for block in made.get("blocks", ()):
            if block["type"] == type and temp in (None, block["temp"]) and not block.get("subgroup"):
                return _figure(plots.sensitivity, block, f"Unsupported answers (temperature {block['temp']:g})")
        raise ValueError(made.get("reason") or f"{path.name} has nothing on {type} items")

    def plot_cost_plane(self, metric: str | None = None) -> Figure:
        """What the treatment costs more against what it brings, resampled.

        Raises:
            ValueError: There is nothing to draw.
        """
        path = self.results.folder / "cost_effectiveness.json"
        made: Any = read_json(path) if path.is_file() else {}
        name, reasons = metric or self._primary(), [made.get("reason") or f"{path.name} has nothing on {metric}"]
        for block in made.get("blocks", ()):
            entry = (block.get("metrics") or {}).get(name) or {}
            plane = entry.get("plane")
            if plane:
                title = f"Cost and effect: {self.results.metric(name).title}"
                drawn = plots.cost_plane(plane["points"], plane["estimate"], title=title, standalone=True)
                return Figure(title, drawn)
            reasons.append(entry.get("reason") or reasons[0])
        raise ValueError(reasons[-1])

    def _primary(self) -> str:
        if not self.results.primary:
            raise ValueError("no metric was measured")
        return self.results.primary[0]

    def _frame(self, name: str) -> pd.DataFrame:
        return read_frame(self.results.folder / name, _MAKERS[name])

    def _block(self, temp: float | None, kind: str | None) -> Block:
        for block in self.results.blocks():
            if temp in (None, block.address.temp) and kind in (None, block.address.type):
                return block
        have = ", ".join(f"{block.address.type} at {block.address.temp:g}" for block in self.results.blocks())
        raise ValueError(f"there is no such place; there is {have or 'none'}")

    def _deltas(self, metric: str, block: Block) -> dict[float, int]:
        frame = self.scores
        here = frame[(frame["temp"] == block.address.temp) & (frame["type"] == block.address.type)]
        wide = here.pivot_table(index="item_key", columns="condition", values=metric)
        deltas = (wide["treatment"] - wide["control"]).dropna().round(12).value_counts().sort_index()
        return {float(delta): int(times) for delta, times in deltas.items()}

    def __repr__(self) -> str:
        """The verdict."""
        return f"{clean(self.slug)}: {clean(self.judgement.sentence)}\n{self.verdict!r}"

    def _repr_html_(self) -> str:
        made_up = (
            "<p><strong>The answers were made up; no model was asked.</strong></p>" if self.results.simulated else ""
        )
        primary = "".join(f"<p>{escaped(row.sentence)}</p>" for row in self.judgement.primary)
        guards = "".join(f"<li>Guard {escaped(g.status)}: {escaped(g.sentence)}</li>" for g in self.guards)
        minded = "".join(f"<li>{escaped(words)}</li>" for words in self.judgement.caveats)
        return (
            f"<h4>{escaped(self.slug)}</h4>{made_up}<p><strong>{escaped(self.judgement.sentence)}</strong></p>{primary}"
            f"{self.verdict._repr_html_()}{f'<ul>{guards}</ul>' if guards else ''}"
            f"{f'<details><summary>What could be wrong with it</summary><ul>{minded}</ul></details>' if minded else ''}"
        )


@define(slots=False, eq=False, repr=False)
class LoadedRun:
    """A finished run, or a trial of one. With several trials, tables have a column ``trial``.

    Attributes:
        title: What it was asked for by.
        trials: Its trials by slug.
    """

    title: str
    trials: Mapping[str, LoadedTrial]

    @property
    def trial(self) -> LoadedTrial:
        """The only trial.

        Raises:
            RunError: There are several.
        """
        if len(self.trials) > 1:
            raise RunError(f"{self.title} has several trials", hint=f"choose one of .trials: {', '.join(self.trials)}")
        return next(iter(self.trials.values()))

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """One line per request."""
        return stacked([(slug, trial.predictions) for slug, trial in self.trials.items()])

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One line per item, arm and temperature."""
        return stacked([(slug, trial.scores) for slug, trial in self.trials.items()])

    @cached_property
    def findings(self) -> pd.DataFrame:
        """One line per finding."""
        return stacked([(slug, trial.findings) for slug, trial in self.trials.items()])

    @property
    def verdict(self) -> VerdictTable:
        """What can be said about each metric and place; of several trials, those of each in turn."""
        rows = [(slug, row) for slug, trial in self.trials.items() for row in trial.judgement.rows]
        several = len(self.trials) > 1
        places = [f"{slug}, {where(row.address)}" if several else where(row.address) for slug, row in rows]
        return VerdictTable([row for _, row in rows], places)

    @property
    def guards(self) -> list[GuardRow]:
        """How the metrics that must not get worse fared, in every trial."""
        return [guard for trial in self.trials.values() for guard in trial.guards]

    @property
    def results(self) -> Results:
        """Everything else there is to read of the only trial."""
        return self.trial.results

    def plot_forest(self, metrics: Sequence[str] | None = None) -> Figure:
        """Differences with their intervals, of every trial; of these metrics, or of all.

        Raises:
            ValueError: There is nothing to draw.
        """
        return forest(self.verdict, f"Differences, treatment − control: {self.title}", metrics)

    def __getattr__(self, name: str) -> Any:
        """The other figures are those of the only trial."""
        if name.startswith("plot_"):
            return getattr(self.trial, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self) -> str:
        """The verdict of each trial."""
        return "\n\n".join([f"run {clean(self.title)}", *map(repr, self.trials.values())])

    def _repr_html_(self) -> str:
        trials = "".join(trial._repr_html_() for trial in self.trials.values())
        return f"<div><h3>exx run {escaped(self.title)}</h3>{trials}</div>"


def load_run(run: str | Path, *, experiments_dir: Path | str = EXPERIMENTS) -> LoadedRun:
    """Open a finished run.

    Args:
        run: Its id; ``RUN/SLUG`` for one of its trials; or the folder of a run, of a trial or of its results.
        experiments_dir: Folder that holds the runs.

    Raises:
        RunError: There is no such run, or it has no results yet.
    """
    opened = open_trials(run, Path(experiments_dir))
    return LoadedRun(str(run), {trial.slug: _loaded(trial) for trial in opened})


def _loaded(trial: OpenTrial) -> LoadedTrial:
    if not trial.results.has("significance.json"):
        hint = f"exx resume {trial.run.id}" if trial.run else "exx stats makes them"
        raise RunError(f"{trial.title} has no statistics yet", hint=hint)
    return LoadedTrial(trial.slug, trial.results)


def forest(
    table: VerdictTable, title: str, metrics: Sequence[str] | None = None, margin: float | None = None
) -> Figure:
    """Draw the rows of a verdict that have a difference.

    Raises:
        ValueError: None has.
    """
    rows = [
        plots.Interval(
            label=f"{row.title}, {place}" if place else row.title,
            estimate=row.difference,
            low=row.low,
            high=row.high,
            clear=row.answer != "cannot tell",
        )
        for row, place in zip(table.rows, table.places, strict=True)
        if row.difference is not None and (metrics is None or row.metric in metrics)
    ]
    if not rows:
        raise ValueError("no difference is defined" if metrics is None else f"nothing was measured of {list(metrics)}")
    return Figure(title, plots.forest(rows, title=title, margin=margin, standalone=True))


def _figure(draw: Callable[..., str], what: Mapping[str, Any], title: str) -> Figure:
    return Figure(title, draw(what, title=title, standalone=True))


def _at(block: Block) -> str:
    return where(block.address)
