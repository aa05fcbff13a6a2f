"""A run as the command line holds it: an orchestrator with its signals, its progress display and its verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from attrs import asdict, define, evolve, field

from exx.cli.archiving import archive_finished, archived_json, archived_words
from exx.cli.common import load_environment
from exx.cli.gating import Gating, gates_json, refuse, show_gates
from exx.cli.progress import make_progress
from exx.cli.show import emit_json, note, say, say_paragraph, table
from exx.config.load import build_config
from exx.config.structure import Origin
from exx.config.trials import Narrowing
from exx.errors import RunError, UsageError
from exx.experiment import Experiment
from exx.pipeline.aggregate import MANIFEST as SIDE_BY_SIDE
from exx.pipeline.aggregate import REPORT as OVERVIEW
from exx.pipeline.context import RunOptions, TrialContext
from exx.pipeline.describe import MANIFEST as PREPARED
from exx.pipeline.describe import notes_of, table_of
from exx.pipeline.estimate import estimate
from exx.pipeline.orchestrator import Orchestrator
from exx.pipeline.phases import choose
from exx.pipeline.scoring_judge import CORE_METRICS
from exx.plugins import load_plugins
from exx.records import CONDITIONS
from exx.results import Results, load_results
from exx.runs.archive import Archived
from exx.runs.folder import RunFolder
from exx.state.files import read_json
from exx.state.run_state import open_run
from exx.state.stop import StopSignal, signals_stop
from exx.wording import where


@define
class Session:
    """One invocation of ``exx run``, ``exx plan`` or ``exx resume``."""

    orchestrator: Orchestrator
    gating: Gating = field(factory=Gating)

    @classmethod
    def from_options(cls, experiment: Experiment, given: Mapping[str, Any]) -> Session:
        """Start from what ``exx run`` was told."""
        if given["parts_per_dataset"] and given["lines_per_part"]:
            raise UsageError("--parts-per-dataset and --lines-per-part exclude each other", hint="give one of them")
        condition = given["condition"]
        options = RunOptions(
            limit_items=given["limit_items"],
            conditions=CONDITIONS if condition == "both" else (condition,),
            parts_per_dataset=given["parts_per_dataset"],
            lines_per_part=given["lines_per_part"],
            max_concurrent_jobs=given["max_concurrent_jobs"],
            max_cost=given["max_cost"],
        )
        skip = tuple(name for name in ("prepare", "build") if given[f"skip_{name}"])
        phases = choose(given["only_step"], given["from_step"], given["to_step"], skip)
        run_id = _checked(given["run_id"]) or _new_id(experiment.config.paths.experiments_dir)
        return cls(Orchestrator(experiment, options, run_id, phases, given["force"]))

    @classmethod
    def from_run(cls, run_id: str, experiments_dir: Path, given: Mapping[str, Any]) -> Session:
        """Start from what a run's folder remembers.

        Raises:
            RunError: There is no such run, or it remembers too little.
        """
        load_environment()
        folder = experiments_dir / f"run_{run_id}"
        ledger = open_run(folder)
        try:
            known: Any = ledger.document
            origin = Origin(folder / "config.yaml", Path(known["config_base"]))
            kept = Path(known["config"]["paths"]["experiments_dir"])
            config, _ = build_config(known["config"], origin)
            options, narrowing = _started_with(known)
        except (KeyError, TypeError) as cause:
            what = "does not say how it was started" if folder.exists() else "does not exist"
            hint = "exx list shows the runs; exx run CONFIG --run-id ID --resume goes on from a config"
            raise RunError(f"run {run_id} in {experiments_dir} {what}", hint=hint) from cause
        if (kept / folder.name).resolve() != folder.resolve():  # every relative path would lead elsewhere
            hint = "resume in the folder in which the run was started"
            raise RunError(f"run {run_id} in {experiments_dir} was kept in {kept}", hint=hint)
        experiment = Experiment(config, origin, load_plugins(), narrowing)
        options = _with_jobs(options, given)
        phases = choose(given["only_step"], given["from_step"], given["to_step"])
        orchestrator = Orchestrator(experiment, options, run_id, phases, given["force"])
        return cls(orchestrator)

    @classmethod
    def of_phase(cls, experiment: Experiment, given: Mapping[str, Any]) -> Session:
        """Start one phase of a run that exists, with the limits and trials it was started with."""
        session = cls.from_options(experiment, given)
        known: Any = open_run(session.orchestrator.folder).document
        if "options" in known:
            options, experiment.narrowing = _started_with(known)
            session.orchestrator.options = _with_jobs(options, given)
        return session

    def show_plan(self, as_json: bool) -> None:
        """Print phases × trials with the decision and its reason, and what asking would take."""
        self.orchestrator.experiment.check()
        planned = self.orchestrator.plan()
        expected = estimate(self.orchestrator)
        if as_json:
            phases = [{"trial": p.trial, "phase": p.phase, **asdict(p.decision)} for p in planned]
            emit_json({"run_id": self.orchestrator.run_id, "phases": phases, "estimate": expected.to_json()})
            return
        several = len(self.orchestrator.run.trials) > 1
        rows = [
            [
                *([p.trial or "all trials"] if several else []),
                p.phase,
                "execute" if p.decision.execute else "skip",
                p.decision.reason,
            ]
            for p in planned
        ]
        table(f"plan of run {self.orchestrator.run_id}", [*(["trial"] if several else []), "phase", "", "why"], rows)
        for line in expected.words():
            say(line)

    def take_gates(self, gating: Gating) -> None:
        """Let gates decide the exit status.

        Raises:
            UsageError: A gate is about a metric that no scorer measures.
        """
        if gating.gates:
            scorers = self.orchestrator.experiment.scorers
            measured = [metric.name for scorer in scorers for metric in scorer.instance.metrics]
            gating.check_names([*measured, *(metric.name for metric in CORE_METRICS)])
        self.gating = gating

    def run(self, *, quiet: bool, as_json: bool, archive: bool = False) -> None:
        """Do the work, then print the verdict and where the report is; perhaps archive it all."""
        orchestrator = self.orchestrator
        orchestrator.experiment.check()
        self._check_budget()
        stop = StopSignal(orchestrator.folder)
        registry = orchestrator.experiment.registry
        registry.on_observer_error = note
        display = make_progress(quiet)
        if display is not None:
            registry.add_observer(display)
        with signals_stop(stop, note), _resumable(orchestrator.run_id):
            contexts = orchestrator.execute(stop)
        for warning in orchestrator.warnings:
            note(f"note: {warning}")
        archived = archive_finished(orchestrator.folder) if archive else None
        if not as_json:
            self._show_all(contexts, archived)
        judged = self.gating.judge({ctx.trial.slug: _results(ctx) for ctx in contexts})
        if as_json:
            gates = {"gates": gates_json(judged)} if self.gating.asked else {}
            emit_json(self._as_json(contexts, archived) | gates)
        else:
            show_gates(judged)
        refuse(judged)

    def _show_all(self, contexts: Sequence[TrialContext], archived: Archived | None) -> None:
        orchestrator = self.orchestrator
        if self._only_prepared:
            show_prepared(self._prepared())
        for ctx in contexts:
            self._show(ctx, several=len(contexts) > 1)
        if len(contexts) > 1 and (orchestrator.folder / OVERVIEW).is_file():
            say(f"all trials side by side: {orchestrator.folder / OVERVIEW}")
        if archived is not None:
            say(archived_words(archived, RunFolder(orchestrator.folder)))

    def _check_budget(self) -> None:
        """Refuse a limit of dollars where nobody knows what a token costs.

        Raises:
            UsageError: A trial's model has no price.
        """
        if self.orchestrator.options.max_cost is None:
            return
        for ctx in self.orchestrator.contexts(StopSignal(self.orchestrator.folder)):
            if ctx.priced.price is None:
                hint = "set pricing in the config, or leave --max-cost out"
                raise UsageError(f"--max-cost cannot be held: {ctx.priced.reason}", hint=hint)

    def _as_json(self, contexts: Sequence[TrialContext], archived: Archived | None) -> dict[str, Any]:
        run = self.orchestrator.run
        told: dict[str, Any] = {
            "run_id": run.id,
            "folder": str(run.folder),
            "status": "done",
            "simulated": run.simulated,
            "trials": [self._shown(ctx) for ctx in contexts],
        }
        if len(contexts) > 1 and (run.folder / SIDE_BY_SIDE).is_file():
            together = read_json(run.folder / SIDE_BY_SIDE)
            paths = {"manifest": str(run.folder / SIDE_BY_SIDE), "report": str(run.folder / OVERVIEW)}
            told["aggregate"] = paths | {key: together[key] for key in ("family", "verdict")}
        if self._only_prepared:
            told["prepared"] = self._prepared()
        if archived is not None:
            told["archive"] = archived_json(archived)
        return told

    @property
    def _only_prepared(self) -> bool:
        return [phase.name for phase in self.orchestrator.phases] == ["prepare"]

    def _prepared(self) -> Any:
        return read_json(self.orchestrator.folder / "prepared" / PREPARED)

    def _shown(self, ctx: TrialContext) -> dict[str, Any]:
        reports = [str(path) for path in sorted(ctx.reports.glob("*"))] if ctx.reports.is_dir() else []
        results = _results(ctx)
        judged = results.judgement().to_json() if results else {"verdict": []}
        return {"slug": ctx.trial.slug, "results": str(ctx.results), "reports": reports, **judged}

    def _show(self, ctx: TrialContext, *, several: bool) -> None:
        results = _results(ctx)
        if results:
            if several:
                say(f"\n{ctx.trial.slug}")
            show_verdict(results)
        for kind in ("*.md", "*.html"):
            for path in sorted(ctx.reports.glob(kind)):
                say(f"report: {path}")


def _results(ctx: TrialContext) -> Results | None:
    """The trial's results, once there are statistics."""
    there = (ctx.results / "significance.json").exists()
    return load_results(ctx.results, ctx.experiment.config) if there else None


def show_prepared(manifest: Mapping[str, Any]) -> None:
    """Print what was read: a table of the datasets, and what there is to say about each."""
    header, rows = table_of(manifest["datasets"])
    table("", header, rows, numeric=range(1, len(header)))
    for line in notes_of(manifest["datasets"]):
        say(line)


def show_verdict(results: Results) -> None:
    """Print the verdict table, a sentence per primary metric, then the guards and what was lost."""
    if results.simulated:
        say("SIMULATED: the backend dry_run made up these answers; no model was asked.")
    header, *rows = results.verdict_table()
    table("", header, rows, numeric=range(2, len(header) - 1))
    for row in results.verdict():
        if row.primary:
            place = where(row.address)
            say_paragraph(f"{place[:1].upper()}{place[1:]}: {row.sentence}")
    guards = results.guards()
    for guard in guards:
        say(f"Guard {guard.status}: {guard.sentence}")
    if guards:
        say("")
    for sentence in results.integrity().sentences:
        say_paragraph(sentence)
    for sentence in results.arms_unlike():
        say_paragraph(f"Mind: {sentence}")


@contextmanager
def _resumable(run_id: str) -> Iterator[None]:
    """Whatever stops the run, say how it goes on."""
    try:
        yield
    except (KeyboardInterrupt, RunError):
        raise
    except Exception:
        note(f"what was finished is kept: exx resume {run_id} goes on")
        raise


def _started_with(known: Mapping[str, Any]) -> tuple[RunOptions, Narrowing]:
    return RunOptions(**_tuples(known["options"])), Narrowing(**_tuples(known["narrowing"]))


def _with_jobs(options: RunOptions, given: Mapping[str, Any]) -> RunOptions:
    """How many jobs run at once, and what it all may cost, may be others when a run goes on."""
    changes = {name: given[name] for name in ("max_concurrent_jobs", "max_cost") if given.get(name) is not None}
    return evolve(options, **changes)


def _tuples(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}


def _checked(run_id: str | None) -> str | None:
    if run_id is not None and (not run_id or set(run_id) - _ID_CHARACTERS or run_id.startswith(".")):
        raise UsageError(f"--run-id {run_id!r}: expected letters, digits, '.', '_' and '-'")
    return run_id


_ID_CHARACTERS = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


def _new_id(experiments: Path) -> str:
    stem = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    number, run_id = 1, stem
    while (experiments / f"run_{run_id}").exists():
        number += 1
        run_id = f"{stem}-{number}"
    return run_id
