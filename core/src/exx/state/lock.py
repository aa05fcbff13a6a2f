"""One writer per run: a lock held by the operating system, with a note of who holds it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
from filelock import FileLock, Timeout

from exx.errors import RunError
from exx.state.files import cannot_write, writing
from exx.state.ledger import now


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Hold a run's lock. The operating system lets it go when the process dies, however it dies.

    Raises:
        RunError: Another process holds it; with its pid, host and start time.
    """
    owner = folder / "lock.json"
    with writing(folder / ".lock"):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as cause:  # an OSError too, so it has to be told apart first
        hint = "wait for it, watch it with exx status, or ask it to stop with exx stop"
        raise RunError(f"run {folder.name} is in use by {_holder(owner)}", hint=hint) from cause
    except OSError as cause:
        raise cannot_write(folder / ".lock", cause) from cause
    try:
        with writing(owner):
            owner.write_bytes(orjson.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": now()}))
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def _holder(path: Path) -> str:
    try:
        held = orjson.loads(path.read_bytes())
        return f"process {held['pid']} on {held['host']}, since {held['since']}"
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
        return "another process"
