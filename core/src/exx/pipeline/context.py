"""What a phase is given, and what it hands back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal, Protocol

from attrs import define, field, frozen

from exx.config.trials import Trial
from exx.experiment import Experiment, Prompts
from exx.observe import Run
from exx.records import CONDITIONS, Condition, Json
from exx.responses import ResponseStore
from exx.state.ledger import digest
from exx.state.run_state import Ledger
from exx.state.stop import StopSignal

Progress = Callable[[int, int], None]
Scope = Literal["run", "trial"]


@frozen(kw_only=True)
class RunOptions:
    """What the command line says about a run beyond its config; kept in run_state.json for ``exx resume``.

    Attributes:
        limit_items: First items of each dataset, in prepared order; None for all.
        conditions: Arms to ask.
        parts_per_dataset: Parts that each input is split into.
        lines_per_part: Longest part, in requests; excludes ``parts_per_dataset``.
    """

    limit_items: int | None = None
    conditions: tuple[Condition, ...] = CONDITIONS
    parts_per_dataset: int | None = None
    lines_per_part: int | None = None


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
        return {a.path: a.sha256 for a in record.artifacts} if record else {}

    def details(self, phase: str) -> Mapping[str, Json]:
        """What an earlier phase noted."""
        record = self.ledger.stages.get(phase) or self.run_ledger.stages.get(phase)
        return record.details if record else {}

    def digest_of(self, phase: str) -> str:
        """One digest over everything an earlier phase made."""
        return digest(self.made(phase))


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
