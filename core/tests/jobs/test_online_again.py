"""Asking again: what fails in passing, what comes at a bad time, and what stays without an answer."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from attrs import define, field
from job_lab import FakeClock, request

from exx.errors import BackendError, StopRequested, Throttled, Transient
from exx.jobs.limits import Limits
from exx.jobs.online import answer_all
from exx.records import Request, Response, Usage


@define
class Model:
    """Answers, after it has raised what ``trouble`` says: called with the request and how often it came before."""

    trouble: Callable[[Request, int], Exception | None]
    clock: FakeClock = field(factory=FakeClock)
    asked: Counter[str] = field(factory=Counter)
    times: list[float] = field(factory=list)
    lock: threading.Lock = field(factory=threading.Lock)

    def answer(self, request: Request) -> Response:
        with self.lock:
            before = self.asked[request.custom_id]
            self.asked[request.custom_id] += 1
            self.times.append(self.clock.now())
            trouble = self.trouble(request, before)
        if trouble is not None:
            raise trouble
        return Response(request.key, "yes", "stop", Usage(10, 5))

    def ask(
        self, count: int, concurrency: int, check: Callable[[], None] = lambda: None, **limits: object
    ) -> list[Response]:
        """Ask so many requests."""
        requests: Iterator[Request] = (request(n) for n in range(count))
        return list(
            answer_all(self, requests, concurrency, check, limits=Limits(**limits), clock=self.clock)  # type: ignore[arg-type]
        )


both = pytest.mark.parametrize("concurrency", [1, 4])


@both
def test_what_fails_in_passing_is_asked_again(concurrency: int) -> None:
    """Until it is answered, and each request gets one response."""
    model = Model(lambda _, before: Transient("reset") if before < 2 else None)
    responses = model.ask(20, concurrency)

    assert [r.error for r in responses] == [None] * 20
    assert len({r.key for r in responses}) == 20
    assert set(model.asked.values()) == {3}


@both
def test_what_stays_without_an_answer_is_a_row_with_an_error(concurrency: int) -> None:
    """After a bounded number of tries; the others are answered."""
    model = Model(lambda r, _: Transient("reset by peer") if "|i3|" in r.custom_id else None)
    responses = {r.key: r.error for r in model.ask(9, concurrency, tries=4)}

    assert responses[request(3).key] == "gave up after 4 tries: reset by peer"
    assert Counter(responses.values())[None] == 8
    assert model.asked[request(3).custom_id] == 4


@both
def test_a_bad_time_is_not_held_against_a_request(concurrency: int) -> None:
    """It may be throttled more often than it may fail."""
    model = Model(lambda _, before: Throttled("slow down") if before < 10 else None)
    responses = model.ask(5, concurrency, tries=2, throttled_tries=11)

    assert [r.error for r in responses] == [None] * 5
    (lost,) = Model(lambda _, __: Throttled("slow down")).ask(1, concurrency, throttled_tries=3)
    assert lost.error == "gave up after 3 tries: slow down"


@both
def test_retry_after_is_waited_for(concurrency: int) -> None:
    """By everybody: it is the account that is throttled, not the request."""
    model = Model(
        lambda r, before: Throttled("later", retry_after=42.0) if not before and "|i0|" in r.custom_id else None
    )
    model.ask(30, concurrency)
    late = [moment for moment in model.times if moment > 1000.0]

    assert len(late) >= 30 - concurrency
    assert min(late) >= 1042.0


def test_waits_double_with_jitter_and_are_the_same_each_time() -> None:
    """From half a second; less up to half by chance, seeded."""

    def gaps(seed: int) -> list[float]:
        model = Model(lambda _, __: Transient("reset"))
        model.ask(1, 1, tries=8, longest_wait=8.0, seed=seed)
        return [b - a for a, b in pairwise(model.times)]

    for gap, most in zip(gaps(1), [0.5, 1, 2, 4, 8, 8, 8], strict=True):
        assert most / 2 <= gap <= most + 1e-9
    assert gaps(1) == gaps(1) != gaps(2)


def test_half_as_many_are_under_way_once_the_service_has_had_enough() -> None:
    """Eight came at once and were all refused; then it is four, and slowly more."""
    together, lock, under_way, most = threading.Barrier(8, timeout=20), threading.Lock(), [0], [0]
    seen: Counter[str] = Counter()

    class Tired:
        def answer(self, request: Request) -> Response:
            with lock:
                seen[request.custom_id] += 1
                first = len(seen) <= 8 and seen[request.custom_id] == 1
            if first:
                together.wait()
                raise Throttled("429")
            with lock:
                under_way[0] += 1
                most[0] = max(most[0], under_way[0])
            time.sleep(0.005)
            with lock:
                under_way[0] -= 1
            return Response(request.key, "yes")

    responses = list(answer_all(Tired(), (request(n) for n in range(14)), 8, lambda: None, clock=FakeClock()))

    assert len(responses) == 14
    assert 1 <= most[0] <= 6


def test_a_service_that_bears_less_answers_everything_all_the_same() -> None:
    """Here it bears four at a time out of sixteen."""
    under_way, lock = [0], threading.Lock()

    class Narrow:
        def answer(self, request: Request) -> Response:
            with lock:
                under_way[0] += 1
                too_many = under_way[0] > 4
            try:
                if too_many:
                    raise Throttled("429")
                return Response(request.key, "yes")
            finally:
                with lock:
                    under_way[0] -= 1

    requests = (request(n) for n in range(600))
    responses = list(answer_all(Narrow(), requests, 16, lambda: None, clock=FakeClock()))

    assert len(responses) == 600
    assert not any(r.error for r in responses)


@both
def test_a_dead_service_ends_the_run(concurrency: int) -> None:
    """Instead of turning every request into an error; what was answered before has been handed on."""
    model = Model(lambda r, _: Transient("connection refused") if int(r.custom_id.split("|")[1][1:]) >= 5 else None)
    got: list[Response] = []
    requests, limits = (request(n) for n in range(1000)), Limits(tries=2, give_up_after=10)
    words = r"10 requests in a row stayed without an answer; the last: connection refused"
    with pytest.raises(BackendError, match=words):
        got.extend(answer_all(model, requests, concurrency, lambda: None, limits=limits, clock=model.clock))

    assert sum(r.error is None for r in got) == 5
    assert len(model.asked) < 40


@both
def test_a_service_that_answers_now_and_then_is_not_dead(concurrency: int) -> None:
    """Only losses without an answer between them count."""
    model = Model(lambda r, _: Transient("reset") if int(r.custom_id.split("|")[1][1:]) % 2 else None)
    responses = model.ask(100, concurrency, tries=1, give_up_after=40)

    assert sum(r.error is not None for r in responses) == 50


@both
def test_other_exceptions_end_the_run_at_once(concurrency: int) -> None:
    """A defect is not a bad time."""
    model = Model(lambda r, _: ZeroDivisionError("oops") if "|i3|" in r.custom_id else None)
    with pytest.raises(ZeroDivisionError, match="oops"):
        model.ask(50, concurrency)
    assert model.asked[request(3).custom_id] == 1


@both
def test_no_minute_sees_more_requests_than_allowed(concurrency: int) -> None:
    """And yet the limit is made use of."""
    model = Model(lambda _, __: None)
    model.ask(300, concurrency, requests_per_minute=60.0)
    busiest = max(sum(start <= t < start + 59.9 for t in model.times) for start in model.times)

    assert 50 <= busiest <= 60
    assert (model.times[-1] - model.times[0]) / 60 == pytest.approx(300 / 54, rel=0.05)


@both
def test_no_minute_sees_more_tokens_than_allowed(concurrency: int) -> None:
    """Requests count as what they took: 15 tokens each."""
    model = Model(lambda _, __: None)
    model.ask(300, concurrency, tokens_per_minute=900.0)
    busiest = max(sum(15 * (start <= t < start + 59.9) for t in model.times) for start in model.times)

    assert 450 <= busiest <= 900


@both
def test_a_stop_ends_every_wait(concurrency: int) -> None:
    """Within a slice of 0.2 seconds, however long the wait would be."""
    model = Model(lambda _, __: Throttled("later", retry_after=300.0))

    def check() -> None:
        if model.clock.now() > 1010.0:
            raise StopRequested("stopped: enough")

    with pytest.raises(StopRequested, match="enough"):
        model.ask(50, concurrency, check)
    assert model.clock.now() < 1010.5
    assert max(model.clock.slept) <= 0.2


def test_an_interrupt_at_once_does_not_wait_for_answers() -> None:
    """A second Ctrl-C means now, even when a model takes minutes."""
    hangs, here = threading.Event(), threading.Barrier(5, timeout=20)

    class Slow:
        def answer(self, request: Request) -> Response:
            here.wait()
            hangs.wait(20)
            return Response(request.key, "late")

    calls = [0]

    def check() -> None:
        calls[0] += 1
        if calls[0] == 2:
            here.wait()
            raise KeyboardInterrupt

    answers = answer_all(Slow(), (request(n) for n in range(9)), 4, check)
    with pytest.raises(KeyboardInterrupt):
        next(answers)
    assert not hangs.is_set()
    hangs.set()
