"""What a phase is given, and what it hands back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any, ClassVar, Literal, Protocol

from attrs import asdict, define, field, frozen

from exx.config.trials import Trial
from exx.experiment import Experiment, Prompts
from exx.observe import Run
from exx.prices import Priced
from exx.records import CONDITIONS, Condition, Json
from exx.responses import ResponseStore
from exx.state.ledger import digest
from exx.state.run_state import Ledger
from exx.state.stop import StopSignal

Progress = Callable[[int, int], None]
Scope = Literal["run", "trial", "end"]
"""Done once before the trials, in each of them, or once after them where there are several."""


@frozen(kw_only=True)
class RunOptions:
    """What the command line says about a run beyond its config; kept in run_state.json for ``exx resume``.

    Attributes:
        limit_items: First items of each dataset, in prepared order; None for all.
        conditions: Arms to ask.
        parts_per_dataset: Parts that each input is split into.
        lines_per_part: Longest part, in requests; excludes ``parts_per_dataset``.
        max_concurrent_jobs: Most jobs under way at a batch service; None: what the backend says. Changes no result, so
            it may be another one when the run goes on.
        max_cost: Dollars that the run may cost; None: as many as it takes. May be another one as well.
    """

    limit_items: int | None = None
    conditions: tuple[Condition, ...] = CONDITIONS
    parts_per_dataset: int | None = None
    lines_per_part: int | None = None
    max_concurrent_jobs: int | None = None
    max_cost: float | None = None

    def settings(self) -> dict[str, object]:
        """The options that a run has to be gone on with."""
        return asdict(self, filter=lambda attribute, _: attribute.name not in ("max_concurrent_jobs", "max_cost"))


@define(slots=False)
class TrialContext:
    """One trial of a run, with everything its phases need.

    Attributes:
        experiment: The config and its plugins.
        options: The command line's part.
        run: Id and folder.
        trial: The trial.
        run_ledger: run_state.json.
        ledger: This trial's trial_manifest.json.
        stop: Whether to stop.
        progress: Called with (done, total) by phases that take long.
    """

    experiment: Experiment
    options: RunOptions
    run: Run
    trial: Trial
    run_ledger: Ledger
    ledger: Ledger
    stop: StopSignal
    progress: Progress = field(default=lambda *_: None)

    @cached_property
    def prompts(self) -> Prompts:
        """The trial's prompt texts."""
        return self.experiment.prompts(self.trial)

    @cached_property
    def priced(self) -> Priced:
        """What the trial's model costs: on the day the run was made, so that a run gone on with keeps its prices."""
        made = str(self.run_ledger.document.get("created_at") or "")[:10]
        return self.experiment.priced(self.trial.model, date.fromisoformat(made) if made else None)

    @property
    def folder(self) -> Path:
        """``experiments/run_<id>/<slug>``."""
        return self.run.folder / self.trial.slug

    @property
    def prepared(self) -> Path:
        """The run's own prepared items."""
        return self.run.folder / "prepared"

    @property
    def batch_inputs(self) -> Path:
        """The trial's own request parts."""
        return self.folder / "batch_inputs"

    @property
    def results(self) -> Path:
        """The trial's results."""
        return self.folder / "results"

    @property
    def reports(self) -> Path:
        """The trial's reports."""
        return self.folder / "reports"

    def open_store(self) -> ResponseStore:
        """Open the response store: the experiments folder's, or the run's own when the cache is off."""
        config = self.experiment.config
        mode = config.cache
        home = self.run.folder if mode == "off" else config.paths.experiments_dir
        return ResponseStore(home / "responses.sqlite", f"{self.run.id}/{self.trial.slug}", mode)

    def made(self, phase: str) -> Mapping[str, str]:
        """What an earlier phase made: sha256 by path; empty if it has not run."""
        record = self.ledger.stages.get(phase) or self.run_ledger.stages.get(phase)
        return {a.path: a.sha256 for a in record.artifacts} if record and record.status == "done" else {}

    def details(self, phase: str) -> Mapping[str, Json]:
        """What an earlier phase noted."""
        record = self.ledger.stages.get(phase) or self.run_ledger.stages.get(phase)
        return record.details if record else {}

    def digest_of(self, phase: str, names: Collection[str] | None = None) -> str:
        """One digest over everything an earlier phase made, or over the files of these names."""
        made = self.made(phase).items()
        return digest({path: sha for path, sha in made if names is None or PurePath(path).name in names})


def describe_settings(trial: Trial, texts: Prompts) -> dict[str, Any]:
    """What a trial asks, of whom, and how."""
    return {
        "model": trial.model,
        "prompt_set": trial.prompt_set,
        "prompts": {
            arm: {"sha256": digest(text), "words": len(text.split()), "source": texts.sources[arm], "text": text}
            for arm, text in (("control", texts.texts.control), ("treatment", texts.texts.treatment))
        },
        "temps": list(trial.temps),
        "top_p": trial.top_p,
        "top_k": trial.top_k,
        "max_new_tokens": asdict(trial.max_new_tokens),
    }


def describe_trial(ctx: TrialContext) -> dict[str, Json]:
    """What a trial is, for its manifest and for the report that is made of it: prompts, model, settings, plugins."""
    experiment = ctx.experiment
    used = [experiment.backend, experiment.detector]
    for group in (experiment.datasets, experiment.scorers, experiment.analyses, experiment.reporters):
        used += group
    return {
        "trial": ctx.trial.slug,
        **describe_settings(ctx.trial, ctx.prompts),
        "datasets": [dataset.name for dataset in experiment.datasets],
        "backend": experiment.backend.stamp(),
        "simulated": experiment.simulated,
        "plugins": [{"kind": bound.kind, **bound.stamp()} for bound in used],
    }


@frozen(kw_only=True)
class Outcome:
    """What a phase made.

    Attributes:
        artifacts: Files, below the run's folder.
        summary: What they hold, in words, such as ``"240 rows"``.
        details: Counts and settings for reports, as plain data.
    """

    artifacts: Sequence[Path] = ()
    summary: str = ""
    details: Mapping[str, Json] = {}


class Phase(Protocol):
    """One stage of the pipeline."""

    name: ClassVar[str]
    scope: ClassVar[Scope]

    def inputs(self, ctx: TrialContext) -> dict[str, str]:
        """Digest of each thing the phase depends on, by a name a person understands. No network, no side effects."""
        ...

    def still_holds(self, ctx: TrialContext) -> str | None:
        """Why work that is recorded as done has to be done again all the same, or None."""
        ...

    def run(self, ctx: TrialContext) -> Outcome:
        """Do the work."""
        ...


class FilePhase:
    """A phase whose artifacts are files and nothing else: its record and their checksums say everything."""

    def still_holds(self, ctx: TrialContext) -> str | None:
        """Nothing beyond the recorded checksums."""
        return None
