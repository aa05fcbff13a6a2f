"""Takes answers into a run that were bought for it by other means, and says which jobs a run has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import define, evolve, field, frozen

from exx.config.load import build_config
from exx.config.structure import Origin
from exx.config.trials import Narrowing
from exx.errors import RunError
from exx.experiment import Experiment
from exx.jobs.book import JobBook
from exx.jobs.parts import chunks
from exx.observe import Job
from exx.pipeline.asking import all_chunks
from exx.pipeline.context import RunOptions, TrialContext
from exx.pipeline.items import PreparedItems
from exx.pipeline.orchestrator import Orchestrator
from exx.plugins import load_plugins
from exx.records import JobRow, Response
from exx.responses import ResponseStore
from exx.state.ledger import now
from exx.state.lock import run_lock
from exx.state.run_state import Ledger, open_run
from exx.state.stop import StopSignal

_CHUNK = 200
_SHOWN = 10
EXPERIMENTS = Path("experiments")


@frozen(kw_only=True)
class Adopted:
    """What became of the rows that were given to ``adopt``; every one is counted once, in one of the first five.

    Attributes:
        stored: Answers that are in the run's store now.
        known: Answers to requests that had one already, which stays; repeated rows among them.
        failed: Rows with an error. Their requests stay unanswered.
        strange: Rows whose ``custom_id`` is that of no request of the trial.
        other_model: Rows that another model answered than the trial's.
        examples: Up to ten ids of strange rows.
        missing: Requests of the trial that have no answer even now.
    """

    stored: int
    known: int
    failed: int
    strange: int
    other_model: int
    examples: tuple[str, ...]
    missing: int


def adopt(
    run_id: str,
    rows: Iterable[JobRow],
    *,
    source: str,
    trial: str | None = None,
    any_model: bool = False,
    experiments_dir: Path = EXPERIMENTS,
) -> Adopted:
    """Store the answers among these rows under the requests of a run, as if it had collected them itself.

    Rows are joined with the run's requests by ``custom_id``. Afterwards ``exx resume`` asks what is still missing.

    Args:
        run_id: The run; its requests have to be built.
        rows: Any number of them, in any order.
        source: Where they come from, for the trial's manifest.
        trial: Slug of the trial; None where there is only one.
        any_model: Take rows of any model. Otherwise only those that name the trial's (by the last part of its name), or
            none at all.
        experiments_dir: Where the runs are.

    Raises:
        RunError: There is no such run or trial, it has no requests yet, or another process works on it.
    """
    folder = experiments_dir / f"run_{run_id}"
    orchestrator = _reopened(run_id, experiments_dir)
    with run_lock(folder):
        ctx = _trial_of(orchestrator, trial)
        with ctx.open_store() as store:
            intake = _Intake(_requests_of(ctx), store, None if any_model else ctx.trial.model)
            for chunk in chunks(rows, _CHUNK):
                intake.take(chunk)
            adopted = intake.outcome()
        noted: Any = ctx.ledger.document.get("adopted") or []
        counts = {"stored": adopted.stored, "known": adopted.known, "failed": adopted.failed}
        ctx.ledger.update(adopted=[*noted, {"source": source, "at": now(), **counts, "strange": adopted.strange}])
    return adopted


def jobs_of_run(run_id: str, *, experiments_dir: Path = EXPERIMENTS) -> list[Job]:
    """Every job of a run at a batch service, as its trials' manifests remember them.

    Raises:
        RunError: There is no such run.
    """
    folder = experiments_dir / f"run_{run_id}"
    if not folder.is_dir():
        raise _no_such(run_id, experiments_dir)
    manifests = sorted(folder.glob("*/results/trial_manifest.json"))
    books = [JobBook(Ledger.open(path), path.parents[1] / "jobs") for path in manifests]
    return [record.seen() for book in books for record in book]


def _no_such(run_id: str, experiments_dir: Path) -> RunError:
    return RunError(f"run {run_id} in {experiments_dir} does not exist", hint="exx list shows the runs")


def _reopened(run_id: str, experiments_dir: Path) -> Orchestrator:
    """The run with the settings it was started with."""
    folder = experiments_dir / f"run_{run_id}"
    try:
        known: Any = open_run(folder).document
        config, _ = build_config(known["config"], Origin(folder / "config.yaml", Path(known["config_base"])))
        narrowing, options = Narrowing(**_tuples(known["narrowing"])), RunOptions(**_tuples(known["options"]))
    except (KeyError, TypeError) as cause:
        raise _no_such(run_id, experiments_dir) from cause
    origin = Origin(folder / "config.yaml", Path(known["config_base"]))
    return Orchestrator(Experiment(config, origin, load_plugins(), narrowing), options, run_id, ())


def _tuples(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}


def _trial_of(orchestrator: Orchestrator, slug: str | None) -> TrialContext:
    contexts = orchestrator.contexts(StopSignal(orchestrator.folder))
    found = [ctx for ctx in contexts if slug in (None, ctx.trial.slug)]
    if len(found) != 1:
        what = f"has no trial {slug!r}" if slug else f"has {len(contexts)} trials, whose requests have the same ids"
        hint = f"name one of its trials: {', '.join(ctx.trial.slug for ctx in contexts)}"
        raise RunError(f"run {orchestrator.run_id} {what}", hint=hint)
    return found[0]


def _requests_of(ctx: TrialContext) -> dict[str, str]:
    """``{custom_id: key}`` of every request of a trial."""
    if "parts" not in ctx.details("build"):
        hint = "exx run CONFIG --run-id ID --to-step build builds them"
        raise RunError(f"run {ctx.run.id}, trial {ctx.trial.slug}: no requests are built yet", hint=hint)
    items = PreparedItems(ctx.prepared)
    return {request.custom_id: request.key for chunk in all_chunks(ctx, items) for request in chunk}


@define
class _Intake:
    """Rows on their way into the store."""

    requests: Mapping[str, str]
    store: ResponseStore
    model: str | None
    stored: int = 0
    known: int = 0
    failed: int = 0
    strange: int = 0
    other_model: int = 0
    examples: list[str] = field(factory=list)

    def take(self, rows: list[JobRow]) -> None:
        """Take a stretch of rows; their answers are stored durably when this returns."""
        fit = [row for row in rows if self._fits(row)]
        keyed = [evolve(row.response, key=self.requests[row.custom_id]) for row in fit]
        missing = set(self.store.missing([response.key for response in keyed]))
        fresh: dict[str, Response] = {}
        for response in keyed:
            if response.key in missing:
                fresh.setdefault(response.key, response)
        if fresh:
            self.store.add(fresh.values())
        self.stored += len(fresh)
        self.known += len(keyed) - len(fresh)

    def _fits(self, row: JobRow) -> bool:
        if row.custom_id not in self.requests:
            self.strange += 1
            self.examples += [row.custom_id][: _SHOWN - len(self.examples)]
            return False
        if row.response.error is not None:
            self.failed += 1
            return False
        if self.model is not None and row.response.model and _last(row.response.model) != _last(self.model):
            self.other_model += 1
            return False
        return True

    def outcome(self) -> Adopted:
        """What became of all of them."""
        missing = len(self.store.missing(list(self.requests.values())))
        return Adopted(
            stored=self.stored,
            known=self.known,
            failed=self.failed,
            strange=self.strange,
            other_model=self.other_model,
            examples=tuple(self.examples),
            missing=missing,
        )


def _last(model: str) -> str:
    return model.rpartition("/")[2]
