"""What is to be run as jobs: parts of requests, and the settings of the queue."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from attrs import frozen

from exx.records import Condition, Request

T = TypeVar("T")

_DAY = 86_400.0


@frozen(kw_only=True)
class Part:
    """Requests that are submitted together.

    Attributes:
        file: Name of the file that holds them.
        source: sha256 of that file.
        condition: Arm.
        temp: Temperature.
        number: From 1.
        requests: Reads them, from the first, each time it is called.
    """

    file: str
    source: str
    condition: Condition
    temp: float
    number: int
    requests: Callable[[], Iterator[Request]]

    @property
    def place(self) -> tuple[Condition, float, int]:
        """Which part this is."""
        return self.condition, self.temp, self.number


@frozen(kw_only=True)
class JobSettings:
    """How jobs are run.

    Attributes:
        run: Id of the run.
        trial: Slug of the trial.
        model: The model's name.
        max_concurrent: Most jobs under way at once, at least 1.
        poll_interval: Seconds between looks at a job.
        follow_ups: How often rows that failed are asked again.
        timeout: Seconds after which a job that is not finished is given up.
        tries: How often in a row the service may fail to say how a job is.
        seed: Of the jitter of waits.
    """

    run: str
    trial: str
    model: str
    max_concurrent: int = 4
    poll_interval: float = 20.0
    follow_ups: int = 2
    timeout: float = 4 * _DAY
    tries: int = 12
    seed: int = 0

    @classmethod
    def of(cls, backend: Any, *, max_concurrent: int | None, **names: Any) -> JobSettings:
        """Take what the backend says, and what the command line says instead."""
        optional = {"follow_ups": "follow_ups", "timeout": "job_timeout"}
        said = {name: value for name, at in optional.items() if (value := getattr(backend, at, None)) is not None}
        limit = max_concurrent or backend.max_concurrent_jobs
        return cls(max_concurrent=max(1, limit), poll_interval=backend.poll_interval, **said, **names)


@frozen
class JobRequests:
    """The requests of a job, read from its part whenever they are gone through."""

    part: Part
    rows: dict[str, str]

    def __iter__(self) -> Iterator[Request]:
        return (request for request in self.part.requests() if request.custom_id in self.rows)


def chunks(things: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut a stream into lists."""
    iterator = iter(things)
    while chunk := list(islice(iterator, size)):
        yield chunk
