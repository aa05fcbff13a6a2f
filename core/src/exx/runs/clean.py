"""What could be removed of an experiments folder: runs that are named or picked, and what killed processes left.

Nothing here removes a run that somebody works on, or that a process on another machine may be working on.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from attrs import frozen

from exx.errors import RunError, UsageError
from exx.runs.folder import RunFolder, all_runs, files_of, is_run_id
from exx.state.files import is_stale, writing
from exx.state.lock import run_lock

_AGE = re.compile(r"(\d+)\s*([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 7 * 24}


@frozen(kw_only=True)
class Litter:
    """Something that can be removed.

    Attributes:
        path: A run's folder, or a file.
        run: The run's id; empty for a file.
        size: In bytes.
        why: Why it is listed, in words.
    """

    path: Path
    run: str = ""
    size: int
    why: str


@frozen(kw_only=True)
class CleanPlan:
    """What would be removed, and what was asked for and is in use."""

    litter: tuple[Litter, ...]
    in_use: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """All of it, in bytes."""
        return sum(one.size for one in self.litter)


def plan_clean(
    experiments: Path,
    run_ids: Sequence[str] = (),
    *,
    failed: bool = False,
    older_than: timedelta | None = None,
    now: datetime | None = None,
) -> CleanPlan:
    """Look for what can be removed; touches nothing.

    Args:
        experiments: The experiments folder.
        run_ids: These runs. Without any, and without the two filters, no run is listed, only temporary files.
        failed: Runs that failed.
        older_than: Runs whose latest start is longer ago; with ``failed`` as well, both have to hold.
        now: The time to reckon from; default: the clock.

    Raises:
        RunError: A named run does not exist.
        UsageError: Runs are named and filtered at once.
    """
    if run_ids and (failed or older_than is not None):
        raise UsageError("runs are named, so --failed and --older-than have nothing to pick", hint="give one of them")
    chosen: list[tuple[RunFolder, str]]
    chosen = [(_named(run_id, experiments), "named") for run_id in dict.fromkeys(run_ids)]
    if failed or older_than is not None:
        until = None if older_than is None else (now or datetime.now(UTC)) - older_than
        chosen = [(run, why) for run in all_runs(experiments) if (why := _picked(run, failed, until))]
    free = [(run, why) for run, why in chosen if not run.in_use]
    litter = [Litter(path=run.path, run=run.id, size=_size(run.path), why=why + _answers(run)) for run, why in free]
    gone = {run.path for run, _ in free}
    litter += [one for one in _temporaries(experiments) if not gone & set(one.path.parents)]
    words = tuple(f"run {run.id} is in use by {run.holder}" for run, _ in chosen if run.in_use)
    return CleanPlan(litter=tuple(litter), in_use=words)


def _named(run_id: str, experiments: Path) -> RunFolder:
    folder = experiments / f"run_{run_id}"
    if not is_run_id(run_id) or folder.is_symlink() or not folder.is_dir():
        raise RunError(f"there is no run {run_id} in {experiments}", hint="exx list shows the runs")
    return RunFolder(folder)


def _picked(run: RunFolder, failed: bool, until: datetime | None) -> str | None:
    why = []
    if failed:
        if run.status != "failed":
            return None
        why.append("failed")
    if until is not None:
        started = _time(run.started_at)
        if started is None or started >= until:
            return None
        why.append(f"started {run.started_at}")
    return ", ".join(why)


def _time(text: str) -> datetime | None:
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def _answers(run: RunFolder) -> str:
    return "; its answers are in it and go with it" if (run.path / "responses.sqlite").exists() else ""


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in files_of(folder))


def _temporaries(experiments: Path) -> list[Litter]:
    if not experiments.is_dir():
        return []
    stale = [path for path in files_of(experiments) if not path.is_symlink() and is_stale(path)]
    return [Litter(path=p, size=p.stat().st_size, why="left by a process that died") for p in stale]


def clean(plan: CleanPlan) -> list[str]:
    """Remove what the plan lists; returns what came into use in the meantime and was left, in words.

    Raises:
        ExxError: Something cannot be removed.
    """
    left = []
    for one in plan.litter:
        if not one.run:
            with writing(one.path):
                one.path.unlink(missing_ok=True)
            continue
        try:
            with run_lock(one.path), writing(one.path):
                shutil.rmtree(one.path)
        except RunError as error:
            left.append(error.message)
    return left


def parse_age(text: str) -> timedelta:
    """Read ``30d``, ``12h`` or ``2w``.

    Raises:
        UsageError: It is none of these.
    """
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"--older-than {text!r}: expected a number and h, d or w, such as 30d")
    return timedelta(hours=int(found[1]) * _HOURS[found[2]])
