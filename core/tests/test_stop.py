"""A run stops at a safe point when a file, SIGINT or SIGTERM asks for it, and at once at a second SIGINT."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from exx.errors import StopRequested
from exx.state import stop as stop_module
from exx.state.stop import STOP_FILE, StopSignal, signals_stop


@pytest.fixture(autouse=True)
def _look_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for the file each time, rather than twice a second."""
    monkeypatch.setattr(stop_module, "_LOOK_EVERY", -1.0)


def test_nobody_asked(tmp_path: Path) -> None:
    """Nothing happens."""
    stop = StopSignal(tmp_path)
    stop.check()

    assert stop.reason is None


def test_a_file_asks_for_a_stop(tmp_path: Path) -> None:
    """``STOP_REQUESTED`` in the run's folder."""
    stop = StopSignal(tmp_path)
    (tmp_path / STOP_FILE).touch()

    with pytest.raises(StopRequested, match="stopped: STOP_REQUESTED was found"):
        stop.check()


def test_the_file_is_looked_for_at_most_twice_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checking costs nothing: it is done before every request."""
    monkeypatch.setattr(stop_module, "_LOOK_EVERY", 1e9)
    stop = StopSignal(tmp_path)
    stop._looked = stop_module.time.monotonic()
    (tmp_path / STOP_FILE).touch()

    assert stop.reason is None


def test_an_answered_file_is_forgotten_but_not_a_signal(tmp_path: Path) -> None:
    """A run that goes on has answered the file; a Ctrl-C in the same moment still counts."""
    stop = StopSignal(tmp_path)
    (tmp_path / STOP_FILE).touch()
    assert stop.reason is not None
    stop.clear()
    assert stop.reason is None and not (tmp_path / STOP_FILE).exists()

    stop.request("SIGINT received")
    stop.clear()
    assert stop.reason == "SIGINT received"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_asks_for_a_stop(tmp_path: Path, number: signal.Signals) -> None:
    """It says what happens next, and the old handlers come back."""
    before = signal.getsignal(number)
    told: list[str] = []
    stop = StopSignal(tmp_path)
    with signals_stop(stop, told.append):
        os.kill(os.getpid(), number)
        with pytest.raises(StopRequested, match=f"stopped: {number.name} received"):
            stop.check()

    assert told == [f"{number.name}: stopping at the next safe point; press Ctrl-C again to stop at once"]
    assert signal.getsignal(number) is before


def test_a_second_interrupt_stops_at_once(tmp_path: Path) -> None:
    """A second SIGTERM does not: it comes from programs that repeat themselves."""
    stop = StopSignal(tmp_path)
    with signals_stop(stop, lambda _: None):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_signal_amid_another_message_still_stops(tmp_path: Path) -> None:
    """Writing from within a signal handler may fail; stopping matters more."""

    def busy(_: str) -> None:
        raise RuntimeError("reentrant call inside <_io.BufferedWriter name='<stderr>'>")

    stop = StopSignal(tmp_path)
    with signals_stop(stop, busy):
        os.kill(os.getpid(), signal.SIGINT)

    assert stop.reason == "SIGINT received"
