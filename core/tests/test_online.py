"""Requests are answered up to so many at once, and what was answered is handed on whatever happens to the others."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from attrs import define, field

from exx.errors import BackendError, StopRequested
from exx.jobs.online import answer_all
from exx.records import Request, Response


def requests(count: int) -> list[Request]:
    """Requests by number."""
    return [Request(f"c{n}", f"{n:064x}", "m", [], {}) for n in range(count)]


@define
class Model:
    """Answers, and counts how many are under way at once."""

    act: Callable[[int], None] = lambda _: None
    under_way: int = 0
    most: int = 0
    asked: list[str] = field(factory=list)
    lock: threading.Lock = field(factory=threading.Lock)

    def answer(self, request: Request) -> Response:
        """Answer one."""
        with self.lock:
            self.asked.append(request.custom_id)
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        try:
            self.act(int(request.custom_id[1:]))
            return Response(request.key, request.custom_id)
        finally:
            with self.lock:
                self.under_way -= 1


def nothing() -> None:
    """Nobody asks for a stop."""


@pytest.mark.parametrize("concurrency", [1, 4, 50])
def test_everything_is_answered_once(concurrency: int) -> None:
    """Whatever the concurrency."""
    model = Model()
    answers = [response.text for response in answer_all(model, requests(30), concurrency, nothing)]

    assert sorted(answers) == sorted(f"c{n}" for n in range(30))
    assert len(model.asked) == 30


def test_as_many_as_allowed_are_under_way_at_once_and_no_more() -> None:
    """Four wait for each other, so four there must be."""
    barrier = threading.Barrier(4, timeout=20)
    model = Model(lambda _: barrier.wait() and None)

    assert len(list(answer_all(model, requests(12), 4, nothing))) == 12
    assert model.most == 4


def test_requests_are_taken_as_they_are_needed() -> None:
    """A stream of a million is not read at once."""
    taken: list[int] = []

    def stream() -> object:
        for n, request in enumerate(requests(100)):
            taken.append(n)
            yield request

    answers = answer_all(Model(), stream(), 4, nothing)  # type: ignore[arg-type]
    next(answers)

    assert len(taken) <= 8
    answers.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("concurrency", [1, 3])
def test_after_a_stop_what_is_under_way_is_handed_on(concurrency: int) -> None:
    """It was asked, so it is kept; nothing new is asked."""
    model = Model()
    got: list[str | None] = []

    def stop() -> None:
        if len(got) >= 5:
            raise StopRequested("stopped: enough")

    with pytest.raises(StopRequested, match="enough"):
        got.extend(response.text for response in answer_all(model, requests(50), concurrency, stop))

    assert sorted(model.asked) == sorted(str(text) for text in got)
    assert 5 <= len(got) < 5 + 2 * concurrency


def test_when_one_raises_the_others_are_handed_on() -> None:
    """A backend that gives up in one thread has answers under way in the others."""
    barrier = threading.Barrier(3, timeout=20)

    def act(number: int) -> None:
        if number < 3:
            barrier.wait()
        if number == 1:
            raise BackendError("the key was revoked")

    model, got = Model(act), []
    with pytest.raises(BackendError, match="the key was revoked"):
        got.extend(response.text for response in answer_all(model, requests(40), 3, nothing))

    assert sorted([*map(str, got), "c1"]) == sorted(model.asked)
    assert len(got) >= 2


def test_one_at_a_time_keeps_the_order() -> None:
    """So that a local model finds its passages beside each other."""
    answers = [response.text for response in answer_all(Model(), requests(9), 1, nothing)]

    assert answers == [f"c{n}" for n in range(9)]
