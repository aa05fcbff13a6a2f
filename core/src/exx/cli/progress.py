"""The progress display: an observer of the run like any other. Bars on a terminal, plain lines in a pipe."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from exx.cli.show import note
from exx.hookspecs import hookimpl

if TYPE_CHECKING:
    from exx.observe import Job, Run

_PLAIN_EVERY = 5.0
_DRAW_EVERY = 0.1


def make_progress(quiet: bool) -> PlainProgress | BarProgress | None:
    """The display that fits where stderr goes; None when it is to be quiet."""
    if quiet:
        return None
    return BarProgress() if sys.stderr.isatty() else PlainProgress()


def _announce(run: Run) -> None:
    note(f"run {run.id} in {run.folder}" + (" — SIMULATED: dry_run makes up the answers" if run.simulated else ""))


def _title(trial: str, phase: str) -> str:
    return f"{trial}: {phase}" if trial else phase


def _job_words(job: Job) -> str:
    """A job in one line, such as ``job exx-a-control-t0-p01-a1-0f3c…: running``."""
    said = f" ({job.message})" if job.message else ""
    if job.collected:
        failed = f", {job.failed} failed" if job.failed else ""
        return f"job {job.id}: {job.answered} of {job.rows} answered{failed}{said}"
    return f"job {job.id}: {job.state}{said}"


class PlainProgress:
    """One line when a phase ends, and one every few seconds while it works."""

    def __init__(self) -> None:
        self._several = False
        self._spoke = self._began = 0.0
        self._first: int | None = None

    @hookimpl
    def exx_run_started(self, run: Run) -> None:
        """Say which run this is."""
        self._several = len(run.trials) > 1
        _announce(run)

    @hookimpl
    def exx_phase_started(self) -> None:
        """Start the clock of a phase."""
        self._began = self._spoke = time.monotonic()
        self._first = None

    @hookimpl
    def exx_progress(self, trial: str, phase: str, done: int, total: int) -> None:
        """Say how far a long phase is."""
        now = time.monotonic()
        self._first = done if self._first is None else self._first
        if now - self._spoke >= _PLAIN_EVERY:
            self._spoke = now
            rate = (done - self._first) / (now - self._began)
            left = f", {(total - done) / rate:.0f} s left" if rate > 0 else ""
            note(f"  {self._name(trial, phase)}: {done} of {total}, {rate:.1f}/s{left}")

    @hookimpl
    def exx_phase_finished(self, trial: str, phase: str, outcome: str) -> None:
        """Say what a phase made."""
        note(f"  {self._name(trial, phase)}: {outcome} ({time.monotonic() - self._began:.1f} s)")

    @hookimpl
    def exx_job_changed(self, job: Job) -> None:
        """Say what became of a job."""
        if job.state != "intended" or job.message:
            note(f"  {_job_words(job)}")

    def _name(self, trial: str, phase: str) -> str:
        return _title(trial if self._several else "", phase)


class BarProgress:
    """A bar per phase under way, with rate and time left, and a line for each that is done."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._several = False
        self._began = self._drawn = 0.0

    @hookimpl
    def exx_run_started(self, run: Run) -> None:
        """Say which run this is."""
        self._several = len(run.trials) > 1
        _announce(run)

    @hookimpl
    def exx_phase_started(self, trial: str, phase: str) -> None:
        """Draw an empty bar."""
        from rich import progress
        from rich.console import Console

        self._began = time.monotonic()
        self._bar = progress.Progress(
            progress.TextColumn("  {task.description}"),
            progress.BarColumn(bar_width=30),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[rate]}"),
            progress.TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task(self._name(trial, phase), total=None, rate="")
        self._bar.start()

    @hookimpl
    def exx_progress(self, done: int, total: int) -> None:
        """Move the bar."""
        now = time.monotonic()
        if self._bar is not None and (now - self._drawn >= _DRAW_EVERY or done == total):
            self._drawn = now
            speed = self._bar.tasks[0].speed
            self._bar.update(self._task, completed=done, total=total, rate=f"{speed:.1f}/s" if speed else "")

    @hookimpl
    def exx_phase_finished(self, trial: str, phase: str, outcome: str) -> None:
        """Replace the bar by what the phase made."""
        self._close()
        note(f"  ✓ {self._name(trial, phase)}: {outcome} ({time.monotonic() - self._began:.1f} s)")

    @hookimpl
    def exx_job_changed(self, job: Job) -> None:
        """Say what became of a job, above the bar."""
        if job.state != "intended" or job.message:
            note(f"  {_job_words(job)}")
            if self._bar is not None:
                self._bar.refresh()

    @hookimpl
    def exx_run_finished(self) -> None:
        """Take the bar away, however the run ended."""
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _name(self, trial: str, phase: str) -> str:
        return _title(trial if self._several else "", phase)
