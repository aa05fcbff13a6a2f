"""The server's time: it may run faster than ours, or advance with the calls alone, so that tests do not wait."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from attrs import define, field


@define
class VirtualClock:
    """Seconds since 1970, beginning with the real ones.

    Attributes:
        per_call: Seconds that pass with every call; the same calls then always take the same time.
        speed: Seconds that pass in a real one.
    """

    per_call: float = 10.0
    speed: float = 0.0
    _began: float = field(factory=time.time, init=False)
    _real: float = field(factory=time.monotonic, init=False)
    _added: float = field(default=0.0, init=False)

    def now(self) -> float:
        """The time."""
        return self._began + self.passed

    @property
    def passed(self) -> float:
        """Seconds since the server began."""
        return self._added + self.speed * (time.monotonic() - self._real)

    def call(self) -> None:
        """A call was made."""
        self._added += self.per_call

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._added += seconds


def words(when: float | None) -> str | None:
    """A time as the API writes it."""
    return None if when is None else datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
