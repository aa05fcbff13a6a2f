"""Calling a service that may be out of reach for a while: again after a wait, a bounded number of times."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

from attrs import define, field

from exx.errors import BackendError, Transient
from exx.jobs.parts import JobSettings
from exx.jobs.timing import Backoff, Clock, wait_until

T = TypeVar("T")

LONGEST_PAUSE = 300.0


@define
class Patience:
    """How often, and after which waits, a service is tried again.

    Attributes:
        settings: The queue's.
        check_stop: Raises to stop.
        clock: The time.
    """

    settings: JobSettings
    check_stop: Callable[[], None]
    clock: Clock
    _backoff: Backoff = field(init=False)

    def __attrs_post_init__(self) -> None:
        rng = random.Random(self.settings.seed)
        self._backoff = Backoff(self.settings.poll_interval, LONGEST_PAUSE, rng)

    def later(self, tries: int, wish: float | None = None) -> float:
        """When to try again, by the clock, after so many failures."""
        return self.clock.now() + self._backoff.delay(tries, wish)

    def wait(self, tries: int, cause: Transient) -> None:
        """Wait after a failure.

        Raises:
            BackendError: It was the last.
        """
        self.refuse_too_many(tries, cause)
        wait_until(self.later(tries, cause.retry_after), self.clock, self.check_stop)

    def insist(self, ask: Callable[[str], T], job: str) -> T:
        """Ask about a job until there is an answer."""
        tries = 0
        while True:
            try:
                return ask(job)
            except Transient as cause:
                tries += 1
                self.wait(tries, cause)

    def refuse_too_many(self, tries: int, cause: Transient) -> None:
        """Give up after so many failures in a row.

        Raises:
            BackendError: With what to do.
        """
        if tries >= self.settings.tries:
            hint = "jobs under way go on remotely; exx resume picks them up"
            words = f"the batch service failed {tries} times in a row, the last: {cause.message}"
            raise BackendError(words, hint=hint) from cause
