"""The progress display: plain lines in a pipe, bars on a terminal, nothing when it is to be quiet."""

from __future__ import annotations

from pathlib import Path

import pytest

from exx.cli import progress as module
from exx.cli.progress import BarProgress, PlainProgress, make_progress
from exx.observe import Run

ONE = Run("r", Path("experiments/run_r"), ("t",))
TWO = Run("r", Path("experiments/run_r"), ("t", "u"), simulated=True)


def test_the_display_fits_where_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bars only on a terminal."""
    assert make_progress(quiet=True) is None
    assert isinstance(make_progress(quiet=False), PlainProgress)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert isinstance(make_progress(quiet=False), BarProgress)


def test_plain_lines_say_what_was_made(capsys: pytest.CaptureFixture[str]) -> None:
    """The trial only where there are several; that answers are made up, always."""
    for run in (ONE, TWO):
        display = PlainProgress()
        display.exx_run_started(run)
        display.exx_phase_started()
        display.exx_phase_finished("t", "build", "20 requests")
    lines = capsys.readouterr().err.splitlines()

    assert lines[0] == "run r in experiments/run_r"
    assert lines[1].startswith("  build: 20 requests (")
    assert "SIMULATED" in lines[2]
    assert lines[3].startswith("  t: build: 20 requests (")


def test_a_long_phase_says_how_far_it_is(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every five seconds; the rate counts only what this process did."""
    clock = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    display = PlainProgress()
    display.exx_run_started(ONE)
    display.exx_phase_started()
    for second, done in ((0, 40), (2, 44), (6, 52), (8, 56), (12, 64)):
        clock[0] = 100.0 + second
        display.exx_progress("t", "submit", done, 100)
    lines = capsys.readouterr().err.splitlines()[1:]

    assert lines == ["  submit: 52 of 100, 2.0/s, 24 s left", "  submit: 64 of 100, 2.0/s, 18 s left"]


def test_a_bar_comes_and_goes(capsys: pytest.CaptureFixture[str]) -> None:
    """Progress without a phase, and a run that ends in the middle of one, do no harm."""
    display = BarProgress()
    display.exx_progress(1, 2)
    display.exx_run_started(ONE)
    display.exx_phase_started("t", "submit")
    for done in (1, 1, 2):
        display.exx_progress(done, 2)
    display.exx_phase_finished("t", "submit", "2 asked")
    display.exx_phase_started("t", "poll")
    display.exx_run_finished()
    display.exx_run_finished()

    assert "✓ submit: 2 asked (" in capsys.readouterr().err
