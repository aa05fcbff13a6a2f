"""The batch half of phase submit: a trial's parts as jobs of a batch service."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from attrs import frozen

from exx.errors import ExxError
from exx.experiment import Bound
from exx.interfaces import BatchService
from exx.jobs.book import JobBook, JobRecord
from exx.jobs.parts import JobSettings, Part
from exx.jobs.queue import JobQueue
from exx.pipeline.asking import requests_in
from exx.pipeline.budget import Budget
from exx.pipeline.context import TrialContext
from exx.records import BatchJob, Item, JobRow, JobStatus
from exx.responses import ResponseStore


def run_jobs(
    ctx: TrialContext, store: ResponseStore, items: Mapping[str, Item], *, wanted: int, progress: Callable[[int], None]
) -> int:
    """Have everything answered that has no response.

    Args:
        ctx: The trial.
        store: The responses.
        items: The prepared items.
        wanted: Requests without a response; with 0 the service is not even looked for.
        progress: Called with the number of requests answered since.

    Returns:
        How many jobs were submitted.

    Raises:
        StopRequested: A stop was asked for; says which jobs go on remotely.
        BackendError: The service cannot be used; what is under way goes on remotely.
    """
    book = JobBook(ctx.ledger, ctx.folder / "jobs")
    book.close_answered(store)
    submitted = 0
    if wanted:
        with _opened(ctx.experiment.backend, ctx.trial.model, items) as service:
            stop, told, budget = ctx.stop.check, partial(_tell, ctx), Budget.of(ctx, store, items)
            queue = JobQueue(service, store, book, _settings(ctx), check_stop=stop, told=told, progress=progress)
            if budget is not None:
                queue.afford = budget.refuse_part
            queue.run(list(_parts(ctx, items)))
            submitted = queue.started
    book.settle()
    return submitted


def _parts(ctx: TrialContext, items: Mapping[str, Item]) -> Iterator[Part]:
    built: Any = ctx.details("build").get("parts", ())
    for part in built:
        path = ctx.batch_inputs / part["file"]
        yield Part(
            file=part["file"],
            source=part["sha256"],
            condition=part["condition"],
            temp=part["temp"],
            number=part["part"],
            requests=partial(requests_in, ctx, path, items),
        )


def _settings(ctx: TrialContext) -> JobSettings:
    return JobSettings.of(
        ctx.experiment.backend.instance,
        max_concurrent=ctx.options.max_concurrent_jobs,
        run=ctx.run.id,
        trial=ctx.trial.slug,
        model=ctx.trial.model,
        seed=ctx.experiment.config.stats.random_seed,
    )


def _tell(ctx: TrialContext, record: JobRecord) -> None:
    ctx.experiment.registry.observe("exx_job_changed", run=ctx.run, trial=ctx.trial.slug, job=record.seen())


@contextmanager
def _opened(backend: Bound, model: str, items: Mapping[str, Item]) -> Iterator[BatchService]:
    """The backend's service; what it fails at, other than by its own refusals, names the plugin."""
    with _named(backend):
        context = backend.instance.connect(model, items)
        service = context.__enter__()
    try:
        yield _Named(backend, service)
    finally:
        with _named(backend):
            context.__exit__(None, None, None)


@contextmanager
def _named(backend: Bound) -> Iterator[None]:
    try:
        yield
    except ExxError:
        raise
    except Exception as cause:
        raise backend.failure(cause) from cause


@frozen
class _Named:
    """A service whose failures name the plugin it comes from."""

    backend: Bound
    service: BatchService

    def create(self, job: BatchJob) -> None:
        with _named(self.backend):
            self.service.create(job)

    def status(self, job_id: str) -> JobStatus | None:
        with _named(self.backend):
            return self.service.status(job_id)

    def fetch(self, job_id: str) -> Iterable[JobRow]:
        with _named(self.backend):
            yield from self.service.fetch(job_id)

    def cancel(self, job_id: str) -> None:
        with _named(self.backend):
            self.service.cancel(job_id)

    def collected(self, job_id: str) -> None:
        with _named(self.backend):
            self.service.collected(job_id)
