"""The backend ``diary``: ``dry_run``, except that it writes down every request and can be made to wait."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from attrs import frozen
from exx_dry_run.backend import DryRunBackend, DryRunConnection

from exx import Item, Request, Response, hookimpl

DIARY, HOLD = Path("asked.log"), Path("HOLD")


@frozen
class _Connection:
    inner: DryRunConnection
    diary: int

    def answer(self, request: Request) -> Response:
        """Write the request down, in one piece and before it is answered; wait as long as there is a file HOLD."""
        os.write(self.diary, f"{request.key} {os.getpid()}\n".encode())
        while HOLD.exists():
            time.sleep(0.01)
        return self.inner.answer(request)


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
