"""Waiting: a clock that tests replace, waits that a stop cuts short, and back-off with jitter."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from attrs import field, frozen

_SLICE = 0.2
_LONGEST_WISH = 600.0


class Clock:
    """The time, and waiting for it."""

    def now(self) -> float:
        """Seconds that only ever grow."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since 1970, comparable between processes."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def wait_until(when: float, clock: Clock, check_stop: Callable[[], None]) -> None:
    """Wait for a point in time of ``clock.now()``, looking for a stop at least every 0.2 seconds."""
    while (left := when - clock.now()) > 0:
        check_stop()
        clock.sleep(min(left, _SLICE))


@frozen
class Backoff:
    """How long to wait before trying again: doubling from ``base`` to ``cap`` seconds, less up to half by chance."""

    base: float
    cap: float
    rng: random.Random = field(factory=lambda: random.Random(0))

    def delay(self, tries: int, wish: float | None = None) -> float:
        """Seconds to wait after ``tries`` failures, at least 1; no less than the service's wish, up to ten minutes."""
        grown = min(self.cap, self.base * 2.0 ** min(tries - 1, 30)) * self.rng.uniform(0.5, 1.0)
        return max(grown, min(wish or 0.0, _LONGEST_WISH))
