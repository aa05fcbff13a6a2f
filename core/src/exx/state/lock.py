"""One writer per run: a lock held by the operating system, with a note of who holds it.

The operating system's lock decides on one machine: it falls when its process dies, so a note that such a process left
behind means nothing and is written over. Another machine's lock may not be seen from here (network file systems often
carry none), so its note is believed until somebody says otherwise.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
from attrs import asdict, frozen
from filelock import FileLock, Timeout

from exx.errors import RunError
from exx.state.files import cannot_write, writing
from exx.state.ledger import now

LOCK_FILES = (".lock", "lock.json")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@frozen
class Holder:
    """Who holds a run, as the note in its folder says.

    Attributes:
        pid: Process.
        host: Its machine.
        since: When it took the run.
        boot: Names the machine's kernel since it was started, which containers share; empty where there is none.
        born: When the process was started, in the kernel's count, so that a later one of the same number is told
            apart; empty where that is not known.
    """

    pid: int
    host: str
    since: str
    boot: str = ""
    born: str = ""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"

    @classmethod
    def here(cls) -> Holder:
        """This process."""
        return cls(os.getpid(), socket.gethostname(), now(), _boot(), _born(os.getpid()))

    @property
    def is_here(self) -> bool:
        """It is, or was, on this machine."""
        return self.host == socket.gethostname() or (self.boot != "" and self.boot == _boot())

    @property
    def lives(self) -> bool | None:
        """Whether it still runs; None when that cannot be seen from this machine."""
        if not self.is_here:
            return None
        if self.boot != _boot():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return self.born == _born(self.pid)


def read_holder(folder: Path) -> Holder | None:
    """Who is noted as the holder of a run; None if nobody is, or the note cannot be read."""
    try:
        noted: Any = orjson.loads((folder / "lock.json").read_bytes())
        more = {key: str(noted[key]) for key in ("boot", "born") if key in noted}
        return Holder(int(noted["pid"]), str(noted["host"]), str(noted["since"]), **more)
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def run_lock(folder: Path, *, force: bool = False) -> Iterator[Holder | None]:
    """Hold a run's lock. The operating system lets it go when the process dies, however it dies.

    Args:
        folder: The run's folder.
        force: Take the run although another machine's process is noted as its holder.

    Yields:
        Whom the run was taken from by ``force``; None when nobody was in the way.

    Raises:
        RunError: Another process holds it, or one on another machine may; with its pid, host and start time.
    """
    note = folder / "lock.json"
    with writing(folder / ".lock"):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as cause:  # an OSError too, so it has to be told apart first
        hint = "wait for it, watch it with exx status, or ask it to stop with exx stop"
        holder = read_holder(folder) or "another process"
        raise RunError(f"run {folder.name} is in use by {holder}", hint=hint) from cause
    except OSError as cause:
        raise cannot_write(folder / ".lock", cause) from cause
    try:
        before = read_holder(folder)
        elsewhere = before if before and not before.is_here else None
        if elsewhere and not force:
            raise _perhaps_in_use(folder, elsewhere)
        try:
            with writing(note):
                note.write_bytes(orjson.dumps(asdict(Holder.here())))
            yield elsewhere
        finally:
            with suppress(FileNotFoundError):
                note.unlink()
    finally:
        lock.release()


def _perhaps_in_use(folder: Path, holder: Holder) -> RunError:
    what = f"run {folder.name} is noted as in use by {holder}; that is another machine, so it cannot be seen from here"
    hint = "if it has ended, or the folder is a copy, --force takes the run over; otherwise wait for it"
    return RunError(what, hint=hint)


def _boot() -> str:
    with suppress(OSError):
        return _BOOT_ID.read_text("ascii").strip()
    return ""


def _born(pid: int) -> str:
    with suppress(OSError, IndexError):
        # The name, second and in brackets, may hold anything; the start time is the 20th field behind it.
        return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[19]
    return ""
