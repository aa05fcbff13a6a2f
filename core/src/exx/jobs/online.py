"""Asks an online backend many requests, as many at once as it bears, and hands the responses on as they come.

One thread decides: it sends, takes in, repeats and waits. The threads beside it only ask. They are not waited for when
the program is interrupted at once.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable, Iterator
from queue import Empty, SimpleQueue
from threading import Thread
from types import TracebackType

from attrs import define, field

from exx.errors import BackendError, Throttled, Transient
from exx.interfaces import Connection
from exx.jobs.limits import Gate, Limits, Meters
from exx.jobs.timing import Backoff, Clock, wait_until
from exx.records import Request, Response

_LOOK_EVERY = 0.2


def answer_all(
    connection: Connection,
    requests: Iterable[Request],
    concurrency: int,
    check_stop: Callable[[], None],
    *,
    limits: Limits | None = None,
    clock: Clock | None = None,
) -> Iterator[Response]:
    """Answer every request; the order of the responses is that of the requests only with a concurrency of 1.

    Args:
        connection: The model. ``Transient`` and ``Throttled`` make it be asked again; a request that stays without an
            answer gets a response that says so.
        requests: Taken as they are needed.
        concurrency: Most requests under way at once.
        check_stop: Called before each request; raises to stop. Requests under way then are waited for and yielded;
            so they are when one of them raises.
        limits: How many in a minute, and how often again.
        clock: The time.

    Raises:
        BackendError: Many requests in a row failed for good, and none was answered: the service is gone.
    """
    desk = _Desk(limits or Limits(), max(1, concurrency), clock or Clock())
    if concurrency <= 1:
        yield from _one_by_one(connection, requests, desk, check_stop)
    else:
        yield from _Crew(connection, iter(requests), desk, check_stop).run()


@define(eq=False)
class _Asked:
    """A request on its way, with what was tried."""

    request: Request
    number: int = 0
    tries: int = 0
    throttles: int = 0
    tokens: float = 0.0
    response: Response | None = None
    problem: BaseException | None = None

    def __enter__(self) -> None:
        self.response = self.problem = None

    def __exit__(self, _: type[BaseException] | None, problem: BaseException | None, __: TracebackType | None) -> bool:
        """Keep what was raised: the thread that asks has nobody to raise it to."""
        self.problem = problem
        return True


@define
class _Desk:
    """What the two ways of asking share: when to send, when to try again, when to give up."""

    limits: Limits
    concurrency: int
    clock: Clock
    gate: Gate = field(init=False)
    meters: Meters | None = field(init=False)
    quiet_until: float = field(default=0.0, init=False)
    _backoff: Backoff = field(init=False)
    lost_in_a_row: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.gate = Gate(self.concurrency)
        self.meters = Meters.of(self.limits)
        self._backoff = Backoff(self.limits.wait, self.limits.longest_wait, random.Random(self.limits.seed))

    def delay(self, asked: _Asked) -> float:
        """Seconds until a request may be sent."""
        now = self.clock.now()
        wait = self.quiet_until - now
        if self.meters is not None:
            asked.tokens = self.meters.guess(asked.request)
            wait = max(wait, self.meters.delay(asked.tokens, now))
        return wait

    def send(self, asked: _Asked) -> None:
        """Note that a request is sent."""
        asked.number = self.gate.sent()
        if self.meters is not None:
            self.meters.take(asked.tokens)

    def answered(self, asked: _Asked, response: Response) -> None:
        """Note that one was answered."""
        self.lost_in_a_row = 0
        self.gate.answered()
        if self.meters is not None:
            self.meters.settle(asked.tokens, response)

    def again(self, asked: _Asked, cause: Transient) -> float | None:
        """When to ask once more; None: not at all any more."""
        asked.tries += 1
        if isinstance(cause, Throttled):
            asked.throttles += 1
            self.gate.throttled(asked.number)
            if cause.retry_after:
                self.quiet_until = max(self.quiet_until, self.clock.now() + self._backoff.delay(1, cause.retry_after))
        failed = asked.tries - asked.throttles
        if failed >= self.limits.tries or asked.throttles >= self.limits.throttled_tries:
            return None
        return self.clock.now() + self._backoff.delay(asked.tries, cause.retry_after)

    def lost(self, asked: _Asked, cause: Transient) -> Response:
        """The response of a request that stays without an answer.

        Raises:
            BackendError: It was one too many.
        """
        self.lost_in_a_row += 1
        if self.lost_in_a_row >= self.limits.give_up_after:
            hint = "see whether the service is there; then exx resume goes on with what has no answer"
            lost = f"{self.lost_in_a_row} requests in a row stayed without an answer"
            raise BackendError(f"{lost}; the last: {cause.message}", hint=hint) from cause
        return Response(asked.request.key, None, error=f"gave up after {asked.tries} tries: {cause.message}")


def _one_by_one(
    connection: Connection, requests: Iterable[Request], desk: _Desk, check_stop: Callable[[], None]
) -> Iterator[Response]:
    answer, free = connection.answer, desk.meters is None
    for request in requests:
        check_stop()
        if not free or desk.quiet_until:
            response = _until_answered(connection, _Asked(request), desk, check_stop)
        else:
            try:
                response = answer(request)
                desk.lost_in_a_row = 0
            except Transient as cause:
                response = _until_answered(connection, _Asked(request), desk, check_stop, problem=cause)
        yield response


def _until_answered(
    connection: Connection,
    asked: _Asked,
    desk: _Desk,
    check_stop: Callable[[], None],
    *,
    problem: Transient | None = None,
) -> Response:
    """Ask one request, again if need be; ``problem`` is what the first try ended in, if there was one."""
    while True:
        if problem is not None:
            when = desk.again(asked, problem)
            if when is None:
                return desk.lost(asked, problem)
            wait_until(when, desk.clock, check_stop)
        wait_until(desk.clock.now() + desk.delay(asked), desk.clock, check_stop)
        desk.send(asked)
        try:
            response = connection.answer(asked.request)
        except Transient as cause:
            problem = cause
        else:
            desk.answered(asked, response)
            return response


@define
class _Crew:
    """Threads that ask, and the one that tells them what."""

    connection: Connection
    requests: Iterator[Request]
    desk: _Desk
    check_stop: Callable[[], None]
    _todo: SimpleQueue[_Asked | None] = field(factory=SimpleQueue, init=False)
    _done: SimpleQueue[_Asked] = field(factory=SimpleQueue, init=False)
    _threads: list[Thread] = field(factory=list, init=False)
    _again: list[tuple[float, int, _Asked]] = field(factory=list, init=False)
    _held: _Asked | None = field(default=None, init=False)
    _under_way: int = field(default=0, init=False)
    _more: bool = field(default=True, init=False)
    _wake: float = field(default=0.0, init=False)

    def run(self) -> Iterator[Response]:
        """Hand out the responses as they come."""
        stopped = _Stopped()
        try:
            while True:
                if stopped.cause is None:
                    with stopped:
                        self.check_stop()
                        self._send_what_may_go()
                if not self._under_way:
                    if stopped.cause is not None or not self._left():
                        break
                    wait_until(min(self._wake, self.desk.clock.now() + _LOOK_EVERY), self.desk.clock, self.check_stop)
                for asked in self._returned():
                    with stopped:
                        self._take_in(asked)
                    if asked.response is not None:
                        yield asked.response
        except KeyboardInterrupt:
            self._threads.clear()  # at once means at once
            raise
        finally:
            self._dismiss()
        if stopped.cause is not None:
            raise stopped.cause

    def _left(self) -> bool:
        return self._more or bool(self._again) or self._held is not None

    def _send_what_may_go(self) -> None:
        while self._under_way < int(self.desk.gate.limit) and (asked := self._next()) is not None:
            self.desk.send(asked)
            if len(self._threads) <= self._under_way:
                self._threads.append(Thread(target=self._ask, name="exx-ask", daemon=True))
                self._threads[-1].start()
            self._under_way += 1
            self._todo.put(asked)

    def _next(self) -> _Asked | None:
        """The request to send now: one to be repeated whose time has come, or a new one."""
        desk, asked = self.desk, self._held
        if asked is None:
            asked = self._due() or self._fresh()
        self._held = None
        if asked is None or (desk.meters is None and not desk.quiet_until):
            return asked
        wait = desk.delay(asked)
        if wait <= 0:
            return asked
        self._held, self._wake = asked, desk.clock.now() + wait
        return None

    def _due(self) -> _Asked | None:
        if not self._again:
            return None
        self._wake = self._again[0][0]
        return heapq.heappop(self._again)[2] if self._wake <= self.desk.clock.now() else None

    def _fresh(self) -> _Asked | None:
        if len(self._again) >= self.desk.concurrency:
            return None  # enough are waiting to be asked again; more would only knock at a closed door
        request = next(self.requests, None) if self._more else None
        self._more = request is not None
        return _Asked(request) if request is not None else None

    def _returned(self) -> Iterator[_Asked]:
        """What came back; waits for it a moment if something is under way."""
        if self._under_way:
            try:
                yield self._counted(self._done.get(timeout=_LOOK_EVERY))
            except Empty:
                return
        while not self._done.empty():
            yield self._counted(self._done.get())

    def _counted(self, asked: _Asked) -> _Asked:
        self._under_way -= 1
        return asked

    def _take_in(self, asked: _Asked) -> None:
        """Settle how a request went; afterwards its ``response`` is there unless it is asked again."""
        if asked.problem is None and asked.response is not None:
            self.desk.answered(asked, asked.response)
        elif isinstance(asked.problem, Transient):
            when = self.desk.again(asked, asked.problem)
            if when is None:
                asked.response = self.desk.lost(asked, asked.problem)
            else:
                heapq.heappush(self._again, (when, asked.number, asked))
        elif asked.problem is not None:
            raise asked.problem

    def _ask(self) -> None:
        """What the threads do."""
        while (asked := self._todo.get()) is not None:
            with asked:
                asked.response = self.connection.answer(asked.request)
            self._done.put(asked)

    def _dismiss(self) -> None:
        """Send the threads home and wait for those that are still asking: they use the connection."""
        for _ in self._threads:
            self._todo.put(None)
        for thread in self._threads:
            thread.join()


@define
class _Stopped:
    """The first thing that was raised in its blocks; raised again once what is under way has been handed on."""

    cause: BaseException | None = None

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, _: type[BaseException] | None, cause: BaseException | None, __: TracebackType | None) -> bool:
        if cause is None or isinstance(cause, KeyboardInterrupt | GeneratorExit):
            return False
        self.cause = self.cause or cause
        return True
