"""The backend ``diary``: ``dry_run``, except that it writes down every request and can be made to wait, or to stop."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from attrs import define, frozen

from exx import Item, Request, Response, hookimpl
from exx_dry_run.backend import DryRunBackend, DryRunConnection

DIARY, HOLD, STOP = Path("asked.log"), Path("HOLD"), Path("STOP.json")
A_LOOK = 0.6  # longer than a run waits between two looks for its stop file


@define
class _Connection:
    inner: DryRunConnection
    diary: int
    asked: int = 0

    def answer(self, request: Request) -> Response:
        """Write the request down, in one piece and before it is answered; wait as long as there is a file HOLD."""
        os.write(self.diary, f"{request.key} {os.getpid()}\n".encode())
        self.asked += 1
        while HOLD.exists():
            time.sleep(0.01)
        if STOP.exists():
            self._stop(**json.loads(STOP.read_bytes()))
        return self.inner.answer(request)

    def _stop(self, after: int, how: str) -> None:
        """Ask this process to stop, as somebody would from outside, at the so many-th request."""
        if self.asked != after:
            return
        if how.startswith("SIG"):
            os.kill(os.getpid(), signal.Signals[how])
        else:
            Path(how).touch()
            time.sleep(A_LOOK)


@frozen(kw_only=True)
class DiaryBackend(DryRunBackend):
    """Makes answers up, and keeps a diary in the working directory.

    Attributes:
        threads: Requests under way at once.
    """

    name: ClassVar[str] = "diary"

    threads: int = 1

    @property
    def concurrency(self) -> int:
        """The option."""
        return self.threads

    @contextmanager
    def connect(self, model: str, items: Mapping[str, Item]) -> Iterator[Any]:
        """Open the diary."""
        diary = os.open(DIARY, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            yield _Connection(DryRunConnection(self, model, items), diary)
        finally:
            os.close(diary)


@hookimpl
def exx_register_backends() -> list[type[Any]]:
    """Offer the diary."""
    return [DiaryBackend]
