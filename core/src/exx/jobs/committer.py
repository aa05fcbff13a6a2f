"""Stores responses as they come: never more than 200 of them, and none for longer than a moment, are only in memory.

A thread beside the one that asks sees to the moment, since an answer may take minutes.
"""

from __future__ import annotations

import time
from threading import Event, Lock, Thread
from types import TracebackType

from attrs import define, field

from exx.records import Response
from exx.responses import ResponseStore


@define
class Committer:
    """A response store with patience: use it in a ``with`` block, which ends by storing what is left.

    Attributes:
        store: Where responses go. Used by the thread that adds; the thread beside it opens it a second time.
        rows: Most responses that are not stored yet.
        seconds: Longest time for which one is not.
    """

    store: ResponseStore
    rows: int = 200
    seconds: float = 0.2
    _pending: list[Response] = field(factory=list, init=False)
    _since: float = field(default=0.0, init=False)
    _lock: Lock = field(factory=Lock, init=False)
    _closed: Event = field(factory=Event, init=False)
    _problem: BaseException | None = field(default=None, init=False)
    _thread: Thread | None = field(default=None, init=False)

    def __enter__(self) -> Committer:
        self._thread = Thread(target=self._watch, name="exx-store", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._closed.set()
        if self._thread is not None:
            self._thread.join()
        self._store_pending(self.store)

    def add(self, response: Response) -> None:
        """Take in a response.

        Raises:
            RunError: The store cannot be written.
        """
        if not self._pending:
            self._since = time.monotonic()
        with self._lock:
            self._pending.append(response)
            full = len(self._pending) >= self.rows
        if full:
            self._store_pending(self.store)
        if self._problem is not None:
            raise self._problem

    def _store_pending(self, store: ResponseStore) -> None:
        with self._lock:
            if self._pending:
                store.add(self._pending)
                self._pending = []

    def _watch(self) -> None:
        """Store what has waited; with a connection of this thread's own, as SQLite wants it."""
        tick = self.seconds / 8
        with _Kept(self), ResponseStore(self.store.path, self.store.buyer, self.store.mode) as store:
            while not self._closed.wait(tick):
                if self._pending and time.monotonic() - self._since >= self.seconds - 2 * tick:
                    self._store_pending(store)

    def keep(self, problem: BaseException) -> None:
        """Remember what the thread failed at, for the one that adds to raise."""
        self._problem = problem


@define
class _Kept:
    """Hands what is raised in the thread over to the one that adds."""

    committer: Committer

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, _: type[BaseException] | None, problem: BaseException | None, __: TracebackType | None) -> bool:
        if problem is not None:
            self.committer.keep(problem)
        return True
