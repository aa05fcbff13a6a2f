"""Runs an experiment: phase after phase, trial after trial, doing only what is not done, remembering all of it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from attrs import asdict, define, evolve, field, frozen

from exx import __version__
from exx.config.dump import differences, to_plain
from exx.errors import ExxError, RunError, StopRequested
from exx.experiment import Experiment
from exx.observe import Run
from exx.pipeline.aggregate import Aggregate
from exx.pipeline.context import Outcome, Phase, Progress, RunOptions, Scope, TrialContext, describe_trial
from exx.state.files import sweep_temporaries, write_text
from exx.state.ledger import Decision, StageRecord, decide, describe, digest, now, remove_leftovers, settled
from exx.state.lock import Holder, run_lock
from exx.state.progress import PROGRESS_FILE, ProgressFile
from exx.state.run_state import HOW_STARTED, Ledger, open_run
from exx.state.stop import StopSignal

_TELL_EVERY = 0.1
_JUDGING = ("stats", "costs", "report")


@frozen
class PlannedPhase:
    """One cell of the plan: a phase of a trial, and whether it would run."""

    trial: str
    phase: str
    decision: Decision


@define
class Orchestrator:
    """One run of one experiment.

    Attributes:
        experiment: The config and its plugins.
        options: The command line's part.
        run_id: Name of the run.
        phases: Which phases to see to.
        force: Redo phases that are done; after a change of settings, only those that depend on it.
    """

    experiment: Experiment
    options: RunOptions
    run_id: str
    phases: Sequence[Phase]
    force: bool = False
    warnings: list[str] = field(factory=list)
    _redo_all: bool = field(default=False, init=False)
    _taken_from: Holder | None = field(default=None, init=False)
    _progress_file: ProgressFile = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._progress_file = ProgressFile(self.folder / PROGRESS_FILE)

    @property
    def folder(self) -> Path:
        """``experiments/run_<id>``."""
        return self.experiment.config.paths.experiments_dir / f"run_{self.run_id}"

    @property
    def run(self) -> Run:
        """The run as observers see it."""
        slugs = tuple(trial.slug for trial in self.experiment.trials)
        return Run(self.run_id, self.folder, slugs, self.experiment.simulated)

    def plan(self) -> list[PlannedPhase]:
        """Say for every phase and trial whether it would run, and why; touches nothing."""
        contexts = self.contexts(StopSignal(self.folder))
        self._redo_all = self.force and not self._drift(contexts[0].run_ledger)
        planned: list[PlannedPhase] = []
        first = self._plan_phases(contexts[0], self._at("run"), None, planned)
        waits = [self._plan_phases(ctx, self._at("trial"), first, planned) for ctx in contexts]
        self._plan_phases(contexts[0], self._at("end"), next(filter(None, waits), None), planned)
        return planned

    def _at(self, scope: Scope) -> list[Phase]:
        """The phases done once before the trials, or in each; or what is left to do once after several."""
        if scope == "end":
            judged = any(phase.name in _JUDGING for phase in self.phases)
            return [Aggregate()] if judged and len(self.run.trials) > 1 else []
        return [phase for phase in self.phases if phase.scope == scope]

    def _plan_phases(
        self, ctx: TrialContext, phases: Sequence[Phase], before: str | None, planned: list[PlannedPhase]
    ) -> str | None:
        """Decide phase by phase; once one has to run, those after it have to wait for what it makes."""
        for phase in phases:
            decision = self._decide(ctx, phase) if before is None else Decision(True, f"after {before}")
            slug = ctx.trial.slug if phase.scope == "trial" else ""
            planned.append(PlannedPhase(slug, phase.name, decision))
            before = before or (phase.name if decision.execute else None)
        return before

    def execute(self, stop: StopSignal) -> list[TrialContext]:
        """Do everything that is not done.

        Raises:
            StopRequested: A stop was asked for; everything finished so far is kept.
            ExxError: A phase failed; it is noted in run_state.json.
        """
        with run_lock(self.folder, force=self.force) as taken_from:
            self._taken_from = taken_from
            stop.clear()
            self._clean_up()
            contexts = self.contexts(stop)
            ledgers = [contexts[0].run_ledger, *(ctx.ledger for ctx in contexts)]
            self.warnings += [ledger.note for ledger in ledgers if ledger.note]
            self._open(contexts[0].run_ledger)
            with self._told(contexts[0].run_ledger):
                self._do_all(contexts[0], self._at("run"))
                for ctx in contexts:
                    self._describe_trial(ctx)
                    self._do_all(ctx, self._at("trial"))
                self._do_all(contexts[0], self._at("end"))
        return contexts

    def _do_all(self, ctx: TrialContext, phases: Sequence[Phase]) -> None:
        for phase in phases:
            ctx.stop.check()
            self._do(ctx, phase)

    def contexts(self, stop: StopSignal) -> list[TrialContext]:
        """A context for each trial."""
        run, run_ledger = self.run, open_run(self.folder)
        return [
            TrialContext(
                self.experiment,
                self.options,
                run,
                trial,
                run_ledger,
                Ledger.open(self.folder / trial.slug / "results" / "trial_manifest.json"),
                stop,
            )
            for trial in self.experiment.trials
        ]

    def _clean_up(self) -> None:
        sweep_temporaries(self.folder)
        paths = self.experiment.config.paths
        for shared in (paths.prepared_dir, paths.batch_inputs_dir):
            if shared.is_dir():
                sweep_temporaries(shared)

    def _open(self, ledger: Ledger) -> None:
        config, options = to_plain(self.experiment.config), asdict(self.options)
        changed = self._drift(ledger)
        if changed and not self.force:
            lines = "\n".join(f"    {line}" for line in changed)
            hint = "--force goes on with the new settings and redoes what depends on them; or choose another --run-id"
            raise RunError(f"run {self.run_id} was started with other settings:\n{lines}", hint=hint)
        self._redo_all = self.force and not changed and self._taken_from is None
        if self._taken_from is not None:
            self.warnings.append(f"the run was taken over from {self._taken_from}")
        portable = to_plain(self.experiment.portable(), absolute=True)
        write_text(self.folder / "config.yaml", yaml.safe_dump(portable, sort_keys=False, allow_unicode=True))
        ledger.document.setdefault("created_at", now())
        ledger.update(
            run_id=self.run_id,
            status="running",
            started_at=now(),
            pid=os.getpid(),
            last_error=None,
            config_hash=digest(config),
            config=config,
            config_base=str(self.experiment.origin.base or Path.cwd()),
            narrowing=asdict(self.experiment.narrowing),
            options=options,
            trials=list(self.run.trials),
            simulated=self.experiment.simulated,
            exx_core=__version__,
        )

    def _drift(self, ledger: Ledger) -> list[str]:
        """Say what is set otherwise than when the run was started."""
        known: Any = ledger.document.get("config")
        had: Any = ledger.document.get("options") or {}
        if not isinstance(known, Mapping):
            return []
        today = self.options.settings()
        had = {name: value for name, value in had.items() if name in today}
        changed = list(differences(known, to_plain(self.experiment.config)))
        return changed + [f"options.{line}" for line in differences(had, _as_json(today))]

    @contextmanager
    def _told(self, ledger: Ledger) -> Iterator[None]:
        """Tell observers, and the run's state, how it begins and ends."""
        registry, run = self.experiment.registry, self.run
        registry.observe("exx_run_started", run=run)
        outcome = "done"
        try:
            yield
        except BaseException as cause:
            outcome = "stopped" if isinstance(cause, StopRequested | KeyboardInterrupt) else "failed"
            with suppress(ExxError):  # a full disk, say: then what happened matters more than the note of it
                ledger.update(status=outcome, finished_at=now(), last_error=_in_words(cause))
            raise
        else:
            ledger.update(status=outcome, finished_at=now(), last_error=None)
        finally:
            self._progress_file.clear()
            registry.observe("exx_run_finished", run=run, outcome=outcome)

    def _describe_trial(self, ctx: TrialContext) -> None:
        document, before = ctx.ledger.document, dict(ctx.ledger.document)
        document.update(describe_trial(ctx), run_id=self.run_id)
        document["started_with"] = {key: ctx.run_ledger.document[key] for key in HOW_STARTED}
        for key in ("jobs", "job_status"):  # what is under way remotely is never forgotten
            document.setdefault(key, {})
        if ctx.ledger.path.exists() and digest(document) != digest(before):
            ctx.ledger.save()

    def _decide(self, ctx: TrialContext, phase: Phase) -> Decision:
        ledger = ctx.ledger if phase.scope == "trial" else ctx.run_ledger
        decision = decide(ledger.stages.get(phase.name), phase.inputs(ctx), ctx.run.folder)
        if decision.execute:
            return decision
        if self._redo_all:
            return Decision(True, "--force")
        lost = phase.still_holds(ctx)
        return Decision(True, lost) if lost else decision

    def _do(self, ctx: TrialContext, phase: Phase) -> None:
        if not self._decide(ctx, phase).execute:
            return
        in_trial = phase.scope == "trial"
        ledger, slug = (ctx.ledger, ctx.trial.slug) if in_trial else (ctx.run_ledger, "")
        inputs = phase.inputs(ctx)
        registry = self.experiment.registry
        registry.observe("exx_phase_started", run=ctx.run, trial=slug, phase=phase.name)
        self._progress_file.begin(slug, phase.name)
        before = ledger.begin(phase.name, inputs)
        ctx.progress = self._progress(ctx, phase.name, slug)
        try:
            outcome: Outcome = phase.run(ctx)
        except StopRequested:
            raise
        except Exception as cause:
            with suppress(ExxError):
                failed = evolve(ledger.stages[phase.name], status="failed", summary=_in_words(cause))
                ledger.finish(phase.name, failed)
            raise
        artifacts = describe(outcome.artifacts, ctx.run.folder)
        remove_leftovers(before, artifacts, ctx.run.folder)
        record = StageRecord(
            status="done",
            inputs=settled(inputs, partial(phase.inputs, ctx)),
            started_at=ledger.stages[phase.name].started_at,
            artifacts=artifacts,
            summary=outcome.summary,
            details=outcome.details,
        )
        ledger.finish(phase.name, record)
        registry.observe("exx_phase_finished", run=ctx.run, trial=slug, phase=phase.name, outcome=outcome.summary)

    def _progress(self, ctx: TrialContext, phase: str, slug: str) -> Progress:
        told = 0.0

        def progress(done: int, total: int) -> None:
            nonlocal told
            self._progress_file.tell(done, total)
            if done == total or time.monotonic() - told >= _TELL_EVERY:
                told = time.monotonic()
                self.experiment.registry.observe(
                    "exx_progress", run=ctx.run, trial=slug, phase=phase, done=done, total=total
                )

        return progress


def _in_words(cause: BaseException) -> str:
    if isinstance(cause, KeyboardInterrupt):
        return "interrupted at once"
    return cause.message if isinstance(cause, ExxError) else repr(cause)


def _as_json(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in options.items()}
