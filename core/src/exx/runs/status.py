"""How far a run is: every phase of every trial, and the one under way with its speed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import asdict

from exx.records import Json
from exx.runs.folder import RunFolder
from exx.state.ledger import StageRecord
from exx.state.progress import Progress, read_progress

PhaseRow = tuple[str, str, str, str]
"""Trial (empty for what is done once), phase, status, what it made or since when it works."""


def phase_rows(run: RunFolder, once: Sequence[str], in_trial: Sequence[str], after: Sequence[str]) -> list[PhaseRow]:
    """Every phase with its status.

    Args:
        run: The run.
        once: Phases done once, before the trials.
        in_trial: Phases of each trial.
        after: Phases done once, after several trials.
    """
    state, trials = run.state.stages, run.trials
    rows = [_row("", name, state) for name in once]
    for slug in trials:
        stages = run.manifest(slug).stages
        rows += [_row(slug, name, stages) for name in in_trial]
    return rows + [_row("", name, state) for name in after if len(trials) > 1]


def _row(slug: str, name: str, stages: Mapping[str, StageRecord]) -> PhaseRow:
    record = stages.get(name)
    if record is None:
        return slug, name, "not done", ""
    return slug, name, record.status, f"since {record.started_at}" if record.status == "running" else record.summary


def live(run: RunFolder) -> Progress | None:
    """The phase under way, as long as somebody works on the run."""
    return read_progress(run.path) if run.in_use else None


def live_words(progress: Progress, now: float | None = None) -> str:
    """The phase under way in one line: ``submit: 120 of 300, 24.0/s, 8 s left``."""
    parts = [f"{progress.done:,} of {progress.total:,}"] if progress.done is not None and progress.total else []
    parts += [f"{progress.rate:.1f}/s"] if progress.rate is not None else []
    left = seconds_left(progress, now)
    parts += [f"{_duration(left)} left"] if left is not None else []
    place = f"{progress.trial}: {progress.phase}" if progress.trial else progress.phase
    return f"{place}: {', '.join(parts) or 'under way'}"


def seconds_left(progress: Progress, now: float | None = None) -> float | None:
    """Time left from now on; None when it cannot be told."""
    left = progress.seconds_left
    return None if left is None else max(0.0, left - ((time.time() if now is None else now) - progress.written))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def who_words(run: RunFolder) -> str | None:
    """Who works on the run, or that nobody does any more though its state says so; None for a run that has ended."""
    if run.document.get("status") != "running":
        return None
    if run.holder is None or run.holder.lives is False:
        who = f"{run.holder}" if run.holder else "the process that ran it"
        return f"{who}, died without a word; exx resume {run.id} goes on"
    unseen = "" if run.holder.lives else "; from this machine nobody can see whether it lives"
    return f"by {run.holder}{unseen}"


def live_json(run: RunFolder) -> dict[str, Json]:
    """The phase under way and who works on it, as data."""
    progress, holder = live(run), run.holder
    told: dict[str, Any] | None = None
    if progress is not None:
        told = asdict(progress) | {"rate": progress.rate, "seconds_left": seconds_left(progress)}
    if holder is None:
        return {"progress": told, "holder": None}
    who: dict[str, Json] = {"pid": holder.pid, "host": holder.host, "since": holder.since, "alive": holder.lives}
    return {"progress": told, "holder": who}
