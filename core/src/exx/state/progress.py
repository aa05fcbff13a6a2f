"""A small file that says how far a run is while it works, for ``exx status`` in another terminal.

It is a courtesy: written at most once a second, never brought to the disk by force, and when it cannot be written the
run goes on without it.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
from attrs import asdict, define, field, frozen

PROGRESS_FILE = "progress.json"
_WRITE_EVERY = 1.0


@frozen(kw_only=True)
class Progress:
    """How far the phase under way is.

    Attributes:
        trial: Slug; empty for what is done once for all trials.
        phase: Name of the phase.
        began: When it began, in seconds since 1970.
        written: When this was written, likewise.
        done: Steps done; None when the phase does not count them.
        total: Steps in all; None likewise.
        first: Steps that were done when it first told, such as answers that were there already.
    """

    trial: str
    phase: str
    began: float
    written: float
    done: int | None = None
    total: int | None = None
    first: int = 0

    @property
    def rate(self) -> float | None:
        """Steps a second; None when that cannot be told yet."""
        took, done = self.written - self.began, (self.done or 0) - self.first
        return done / took if done > 0 and took > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """At this rate, from when it was written; None when that cannot be told."""
        if self.rate is None or self.done is None or self.total is None:
            return None
        return max(0.0, (self.total - self.done) / self.rate)


@define
class ProgressFile:
    """Writes the file; every phase begins it anew.

    Attributes:
        path: ``progress.json`` in the run's folder.
    """

    path: Path
    _now: Progress | None = field(default=None, init=False)
    _last: float = field(default=float("-inf"), init=False)

    def begin(self, trial: str, phase: str) -> None:
        """A phase begins."""
        began = time.time()
        self._now = Progress(trial=trial, phase=phase, began=began, written=began)
        self._write(self._now)

    def tell(self, done: int, total: int) -> None:
        """A phase got further; writes at most once a second."""
        if self._now is None or (self._now.done is not None and time.monotonic() - self._last < _WRITE_EVERY):
            return
        first = self._now.first if self._now.done is not None else done
        known = asdict(self._now) | {"written": time.time(), "done": done, "total": total, "first": first}
        self._now = Progress(**known)
        self._write(self._now)

    def clear(self) -> None:
        """The run has ended."""
        with suppress(OSError):
            self.path.unlink()

    def _write(self, progress: Progress) -> None:
        self._last = time.monotonic()
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.tmp")
        with suppress(OSError):
            temporary.write_bytes(orjson.dumps(asdict(progress)))
            temporary.replace(self.path)


def read_progress(folder: Path) -> Progress | None:
    """How far the run in a folder is; None when it does not say."""
    try:
        said: Any = orjson.loads((folder / PROGRESS_FILE).read_bytes())
        return Progress(**said)
    except (OSError, ValueError, TypeError):
        return None
