"""Jobs without a run around them: made-up requests, a clock that does not wait, and a queue on a fake service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field

from exx.errors import StopRequested
from exx.jobs.book import JobBook, JobRecord
from exx.jobs.parts import JobSettings, Part
from exx.jobs.queue import JobQueue
from exx.jobs.timing import Clock
from exx.records import CONDITIONS, Request, RequestId, Response, request_key
from exx.responses import ResponseStore
from exx.state.run_state import Ledger
from exx.testing import FakeRemote, Faults


@define
class FakeClock(Clock):
    """Time passes when somebody sleeps."""

    time: float = 1000.0
    slept: list[float] = field(factory=list)

    def now(self) -> float:
        return self.time

    def wall(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


def request(number: int, condition: str = "control", item: str | None = None) -> Request:
    """The sum of a number with itself."""
    asked = RequestId("sums", item or f"i{number}", condition, 0.0, 0, "closed")  # type: ignore[arg-type]
    messages = [
        {"role": "system", "content": condition},
        {"role": "user", "content": f"What is {number} + {number}?"},
    ]
    params = {"max_tokens": 8, "temperature": 0.0}
    return Request(asked.encode(), request_key({}, "m", messages, params, 0), "m", messages, params)


def part(number: int, condition: str, numbers: Sequence[int | Request]) -> Part:
    """A part of such requests."""
    requests = [request(n, condition) if isinstance(n, int) else n for n in numbers]
    name = f"t0_default_{condition}.p{number:02d}.jsonl"
    return Part(
        file=name,
        source=f"{name}:{[r.custom_id for r in requests]}",
        condition=condition,  # type: ignore[arg-type]
        temp=0.0,
        number=number,
        requests=lambda: iter(requests),
    )


def parts(count: int, rows: int) -> list[Part]:
    """Both arms, each in so many parts of so many rows."""
    return [
        part(number + 1, condition, range(number * rows, (number + 1) * rows))
        for number in range(count)
        for condition in CONDITIONS
    ]


class Wrapped:
    """A service with one thing changed; the rest passes through."""

    def __init__(self, remote: FakeRemote) -> None:
        self.remote = remote

    def __getattr__(self, name: str) -> object:
        return getattr(self.remote, name)


def numbers(remote: FakeRemote, job: str) -> list[int]:
    """Which items a job asks about."""
    return [int(RequestId.decode(custom_id).item_id[1:]) for custom_id in remote.rows_of(job)]


@define
class JobLab:
    """A trial's jobs in a folder.

    Attributes:
        folder: Where everything is.
        parts: What is asked.
        faults: What goes wrong at the service.
    """

    folder: Path
    parts: list[Part] = field(factory=lambda: parts(2, 5))
    faults: Faults = field(factory=Faults)
    clock: FakeClock = field(factory=FakeClock)
    told: list[JobRecord] = field(factory=list)
    stop_when: Callable[[], bool] = field(default=lambda: False)
    answer: Callable[[Request], str | None] | None = None
    looks: int = 2

    def remote(self) -> FakeRemote:
        """The service."""
        answer = {} if self.answer is None else {"answer": self.answer}
        return FakeRemote(self.folder / "remote", self.faults, looks=self.looks, **answer)

    def store(self) -> ResponseStore:
        """The responses."""
        return ResponseStore(self.folder / "responses.sqlite", "a/t")

    def book(self) -> JobBook:
        """What the manifest says of the jobs."""
        return JobBook(Ledger.open(self.folder / "trial_manifest.json"), self.folder / "jobs")

    def check_stop(self) -> None:
        """Stop when it was asked for."""
        if self.stop_when():
            raise StopRequested("stopped: the test said so")

    def run(self, service: Any = None, book: JobBook | None = None, **settings: Any) -> FakeRemote:
        """Run the queue once, as a process would, and hand back the service."""
        remote = self.remote()
        given = {"run": "a", "trial": "t", "model": "m", "poll_interval": 1.0, "max_concurrent": 2, **settings}
        with self.store() as store:
            queue = JobQueue(
                service(remote) if service else remote,
                store,
                book or self.book(),
                JobSettings(**given),
                check_stop=self.check_stop,
                told=self.told.append,
                clock=self.clock,
            )
            queue.run(self.parts)
        return remote

    def responses(self) -> dict[str, Response]:
        """What is stored, by custom_id; what is not there is left out."""
        asked = [r for part in self.parts for r in part.requests()]
        with self.store() as store:
            found = store.get([r.key for r in asked])
        return {r.custom_id: found[r.key].response for r in asked if r.key in found}

    def answers(self) -> dict[str, str | None]:
        """The texts."""
        return {custom_id: response.text for custom_id, response in self.responses().items()}

    def right(self) -> dict[str, str]:
        """What the answers ought to be."""
        asked = [r for part in self.parts for r in part.requests()]
        return {r.custom_id: str(2 * int(RequestId.decode(r.custom_id).item_id[1:])) for r in asked}
