"""Phase submit: asks the model every request that has no response yet, and stores each response durably.

What is in the store is never asked again. An online backend is asked request by request; responses are committed at
least every 200 answers or a fifth of a second, so a killed run loses next to nothing. A batch backend gets jobs: the
phase runs the whole queue (submit, follow, collect, ask again what failed), since a part may have to wait for another
one's end. Stopped meanwhile, it leaves the jobs running; resumed, it finds them by their ids.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from itertools import chain
from typing import ClassVar

from attrs import define

from exx.errors import BackendError, ExxError, RunError
from exx.interfaces import BatchBackend
from exx.jobs.committer import Committer
from exx.jobs.limits import Limits
from exx.jobs.online import answer_all
from exx.pipeline.asking import all_chunks, inputs_of_asking
from exx.pipeline.budget import Budget, stop_check
from exx.pipeline.context import Outcome, Scope, TrialContext
from exx.pipeline.items import PreparedItems
from exx.pipeline.submit_batch import run_jobs
from exx.records import Item, Json, Request, Response
from exx.responses import ResponseStore
from exx.state.ledger import decide

_COMMIT_ROWS = 200
_COMMIT_SECONDS = 0.2


class Submit:
    """Ask what has not been answered."""

    name: ClassVar[str] = "submit"
    scope: ClassVar[Scope] = "trial"

    def inputs(self, ctx: TrialContext) -> dict[str, str]:
        """The requests, the model, and the backend with its options and identity."""
        return inputs_of_asking(ctx)

    def still_holds(self, ctx: TrialContext) -> str | None:
        """A response may have gone with its store; unless the raw results that were made of it are all there."""
        poll = ctx.ledger.stages.get("poll")
        if poll and not decide(poll, poll.inputs, ctx.run.folder).execute:
            return None
        with ctx.open_store() as store:
            lost = _unanswered(ctx, store, PreparedItems(ctx.prepared))
        failed = ctx.details("submit").get("failed", 0)
        return f"{lost} responses are not in the store" if lost > int(str(failed)) else None

    def run(self, ctx: TrialContext) -> Outcome:
        """Ask; connect to the model only when something has to be asked."""
        total = _total(ctx)
        items = PreparedItems(ctx.prepared)
        backend = ctx.experiment.backend.instance
        by_jobs = isinstance(backend, BatchBackend) and backend.batch
        with ctx.open_store() as store:
            tally = _by_jobs(ctx, store, items, total) if by_jobs else _one_by_one(ctx, store, items, total)
        ctx.progress(total, total)
        if not tally.answered:
            hint = "nothing was lost; mend the cause, then exx resume asks again"
            raise BackendError(f"every one of {total} requests failed; the first: {tally.first_error}", hint=hint)
        return Outcome(summary=tally.words(), details=tally.details())


def _total(ctx: TrialContext) -> int:
    """How many requests were built.

    Raises:
        RunError: None, as when building is skipped in a run that has none.
    """
    built = ctx.details("build")
    if "requests" not in built:
        hint = "leave --skip-build out, or name the run that has them with --run-id"
        raise RunError(f"run {ctx.run.id}, trial {ctx.trial.slug}: there are no requests to ask", hint=hint)
    return int(str(built["requests"]))


@define
class _Tally:
    total: int
    asked: int = 0
    reused: int = 0
    answered: int = 0
    jobs: int | None = None
    first_error: str = ""
    failures: int = 0

    @property
    def done(self) -> int:
        return min(self.total, self.asked + self.reused)

    def count(self, response: Response) -> None:
        self.asked += 1
        if response.error is None:
            self.answered += 1
        else:
            self.first_error = self.first_error or response.error
            self.failures += 1

    def words(self) -> str:
        jobs = "" if self.jobs is None else f" in {self.jobs} job{'' if self.jobs == 1 else 's'}"
        failed = f", {self.failures} failed" if self.failures else ""
        return f"{self.asked} asked{jobs}, {self.total - self.asked} answered before{failed}"

    def details(self) -> dict[str, Json]:
        jobs: dict[str, Json] = {} if self.jobs is None else {"jobs": self.jobs}
        return {"asked": self.asked, "answered_before": self.total - self.asked, "failed": self.failures} | jobs


def _unanswered(ctx: TrialContext, store: ResponseStore, items: Mapping[str, Item]) -> int:
    missing: set[str] = set()
    for chunk in all_chunks(ctx, items):
        ctx.stop.check()
        missing.update(store.missing([request.key for request in chunk]))
    return len(missing)


def _by_jobs(ctx: TrialContext, store: ResponseStore, items: Mapping[str, Item], total: int) -> _Tally:
    """Have a batch service answer."""
    before = _unanswered(ctx, store, items)

    def progress(done: int) -> None:
        ctx.progress(min(total, total - before + done), total)

    jobs = run_jobs(ctx, store, items, wanted=before, progress=progress)
    failed = _unanswered(ctx, store, items)
    first_error = "" if failed < total else _first_error(ctx, store, items)
    return _Tally(total, before, total - before, total - failed, jobs, first_error, failed)


def _first_error(ctx: TrialContext, store: ResponseStore, items: Mapping[str, Item]) -> str:
    first = next(all_chunks(ctx, items))[0].key
    stored = store.get([first]).get(first)
    return (stored.response.error if stored else None) or "it was never answered"


def _one_by_one(ctx: TrialContext, store: ResponseStore, items: Mapping[str, Item], total: int) -> _Tally:
    """Ask an online backend."""
    tally, budget = _Tally(total), Budget.of(ctx, store, items)
    if budget is not None:
        budget.refuse_all()
    committer = Committer(store, rows=_COMMIT_ROWS, seconds=_COMMIT_SECONDS)
    with committer, closing(_answers(ctx, _to_ask(ctx, store, items, tally), items, budget)) as responses:
        for response in responses:
            committer.add(response)
            if budget is not None:
                budget.pay(response)
            tally.count(response)
            ctx.progress(tally.done, total)
    return tally


def _to_ask(ctx: TrialContext, store: ResponseStore, items: Mapping[str, Item], tally: _Tally) -> Iterator[Request]:
    """The requests without a response; those that are the same in everything (a question that occurs twice) once."""
    asked: set[bytes] = set()
    for chunk in all_chunks(ctx, items):
        ctx.stop.check()
        missing = set(store.missing([request.key for request in chunk]))
        fresh = [r for r in _first_of_each(chunk) if r.key in missing and bytes.fromhex(r.key) not in asked]
        asked.update(bytes.fromhex(request.key) for request in fresh)
        tally.reused += len(chunk) - len(fresh)
        tally.answered += sum(request.key not in missing for request in chunk)
        ctx.progress(tally.done, tally.total)
        yield from fresh


def _first_of_each(chunk: Iterable[Request]) -> Iterator[Request]:
    seen: set[str] = set()
    for request in chunk:
        if request.key not in seen:
            seen.add(request.key)
            yield request


def _answers(
    ctx: TrialContext, requests: Iterator[Request], items: Mapping[str, Item], budget: Budget | None
) -> Generator[Response, None, None]:
    """Answer the requests; the model is made ready when there is one. A failure of the backend itself names it."""
    first = next(requests, None)
    if first is None:
        return
    backend = ctx.experiment.backend
    limits = Limits.of(backend.instance, ctx.experiment.config.stats.random_seed)
    asked, check = chain([first], requests), stop_check(ctx, budget)
    try:
        with backend.instance.connect(ctx.trial.model, items) as connection:
            yield from answer_all(connection, asked, backend.instance.concurrency, check, limits=limits)
    except ExxError:
        raise
    except Exception as cause:
        raise backend.failure(cause) from cause
