"""Phase submit: asks the model every request that has no response yet, and stores each response durably.

Responses are committed at least every 200 answers or two seconds, so a killed run loses next to nothing; what is in
the store is never asked again.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from typing import ClassVar

from attrs import define, field

from exx.errors import BackendError, ExxError
from exx.interfaces import Connection
from exx.jobs.online import answer_all
from exx.pipeline.context import Outcome, Scope, TrialContext
from exx.pipeline.items import PreparedItems
from exx.pipeline.requests import chunks, identity_of, items_if_simulated, read_parts, read_requests
from exx.records import Item, Json, Request, Response
from exx.responses import ResponseStore
from exx.state.ledger import decide, digest

_COMMIT_ROWS = 200
_COMMIT_SECONDS = 2.0


class Submit:
    """Ask what has not been answered."""

    name: ClassVar[str] = "submit"
    scope: ClassVar[Scope] = "trial"

    def inputs(self, ctx: TrialContext) -> dict[str, str]:
        """The requests, the model, and the backend with its options and identity."""
        return {
            "requests": ctx.digest_of("build"),
            "model": ctx.trial.model,
            "backend": digest([ctx.experiment.backend.stamp(), identity_of(ctx)]),
            "cache": ctx.experiment.config.cache,
        }

    def still_holds(self, ctx: TrialContext) -> str | None:
        """A response may have gone with its store; unless the raw results that were made of it are all there."""
        poll = ctx.ledger.stages.get("poll")
        if poll and not decide(poll, poll.inputs, ctx.run.folder).execute:
            return None
        with ctx.open_store() as store:
            lost = sum(
                len(store.missing([r.key for r in chunk])) for chunk in _all_chunks(ctx, PreparedItems(ctx.prepared))
            )
        failed = ctx.details("submit").get("failed", 0)
        return f"{lost} responses are not in the store" if lost > int(str(failed)) else None

    def run(self, ctx: TrialContext) -> Outcome:
        """Go through the parts in order; connect to the model only when something has to be asked."""
        total = int(str(ctx.details("build")["requests"]))
        items = PreparedItems(ctx.prepared)
        tally = _Tally(total)
        with ctx.open_store() as store, _Asker(ctx, items) as asker:
            for chunk in _all_chunks(ctx, items):
                ctx.stop.check()
                missing = set(store.missing([request.key for request in chunk])) - tally.failures
                to_ask = [r for r in _first_of_each(chunk) if r.key in missing]
                tally.reused += len(chunk) - len(to_ask)
                tally.answered += sum(r.key not in missing and r.key not in tally.failures for r in chunk)
                # Closed here, and not when it is collected: what was answered has to be stored while the store is open.
                with closing(_stored(store, asker.ask(to_ask))) as responses:
                    for response in responses:
                        tally.count(response)
                        ctx.progress(tally.done, total)
                ctx.progress(tally.done, total)
        if not tally.answered:
            hint = "nothing was lost; mend the cause, then exx resume asks again"
            raise BackendError(f"every one of {total} requests failed; the first: {tally.first_error}", hint=hint)
        return Outcome(summary=tally.words(), details=tally.details())


@define
class _Tally:
    total: int
    asked: int = 0
    reused: int = 0
    answered: int = 0
    first_error: str = ""
    failures: set[str] = field(factory=set)

    @property
    def done(self) -> int:
        return min(self.total, self.asked + self.reused)

    def count(self, response: Response) -> None:
        self.asked += 1
        if response.error is None:
            self.answered += 1
        else:
            self.first_error = self.first_error or response.error
            self.failures.add(response.key)

    def words(self) -> str:
        failed = f", {len(self.failures)} failed" if self.failures else ""
        return f"{self.asked} asked, {self.total - self.asked} answered before{failed}"

    def details(self) -> dict[str, Json]:
        return {"asked": self.asked, "answered_before": self.total - self.asked, "failed": len(self.failures)}


def _all_chunks(ctx: TrialContext, items: Mapping[str, Item]) -> Iterator[Sequence[Request]]:
    identity = identity_of(ctx)
    simulated = items_if_simulated(ctx.experiment, items)
    for path in read_parts(ctx):
        yield from chunks(read_requests(path, identity, ctx.trial.model, simulated))


def _first_of_each(chunk: Iterable[Request]) -> Iterator[Request]:
    """Requests that are the same in everything (a question that occurs twice) are asked once."""
    seen: set[str] = set()
    for request in chunk:
        if request.key not in seen:
            seen.add(request.key)
            yield request


@define
class _Asker:
    """The connection to the model, made when the first request needs it."""

    ctx: TrialContext
    items: Mapping[str, Item]
    _stack: ExitStack = field(factory=ExitStack)
    _connection: Connection | None = None

    def __enter__(self) -> _Asker:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def ask(self, requests: Sequence[Request]) -> Iterator[Response]:
        """Answer the requests; a failure of the backend itself names it."""
        if not requests:
            return
        backend = self.ctx.experiment.backend
        try:
            if self._connection is None:
                opened = backend.instance.connect(self.ctx.trial.model, self.items)
                self._connection = self._stack.enter_context(opened)
            yield from answer_all(self._connection, requests, backend.instance.concurrency, self.ctx.stop.check)
        except ExxError:
            raise
        except Exception as cause:
            raise backend.failure(cause) from cause


def _stored(store: ResponseStore, responses: Iterable[Response]) -> Generator[Response, None, None]:
    """Hand responses on, storing them in batches; whatever ends the stream, what was answered is stored."""
    pending: list[Response] = []
    since = time.monotonic()
    try:
        for response in responses:
            pending.append(response)
            if len(pending) >= _COMMIT_ROWS or time.monotonic() - since >= _COMMIT_SECONDS:
                store.add(pending)
                pending, since = [], time.monotonic()
            yield response
    finally:
        if pending:
            store.add(pending)
