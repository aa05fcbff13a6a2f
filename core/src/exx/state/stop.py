"""Asking a run to stop: a file in its folder, SIGINT or SIGTERM; it does so at the next safe point."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from exx.errors import StopRequested
from exx.state.files import writing

STOP_FILE = "STOP_REQUESTED"
_FOUND = f"{STOP_FILE} was found"
_LOOK_EVERY = 0.5


class StopSignal:
    """Whether this run was asked to stop.

    Args:
        folder: The run's folder, where the file ``STOP_REQUESTED`` may appear.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / STOP_FILE
        self._why: str | None = None
        self._looked = 0.0

    @property
    def reason(self) -> str | None:
        """Why the run should stop, or None. Looks for the file at most twice a second."""
        if self._why is None and time.monotonic() - self._looked > _LOOK_EVERY:
            self._looked = time.monotonic()
            if self._file.exists():
                self._why = _FOUND
        return self._why

    def request(self, why: str) -> None:
        """Ask for a stop from within this process."""
        self._why = why

    def check(self) -> None:
        """Stop here if that was asked for.

        Raises:
            StopRequested: It was.
        """
        if self.reason:
            raise StopRequested(f"stopped: {self.reason}")

    def clear(self) -> None:
        """Forget a file that an earlier stop has answered; a signal that came in the meantime still counts."""
        with writing(self._file):
            self._file.unlink(missing_ok=True)
        if self._why == _FOUND:
            self._why = None


@contextmanager
def signals_stop(stop: StopSignal, told: Callable[[str], None]) -> Iterator[None]:
    """While the block runs, SIGINT and SIGTERM ask for a stop; a second SIGINT interrupts at once."""

    def handle(number: int, _: FrameType | None) -> None:
        name = signal.Signals(number).name
        if stop.reason and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.request(f"{name} received")
        with suppress(RuntimeError):  # the signal came in the middle of another message; stopping matters more
            told(f"{name}: stopping at the next safe point; press Ctrl-C again to stop at once")

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
