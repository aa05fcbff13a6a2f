"""One writer per run."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from exx.errors import ExxError, RunError
from exx.state.lock import run_lock


def hold(folder: Path, held: Event, enough: Event) -> None:
    """Hold a run's lock until told otherwise."""
    with run_lock(folder):
        held.set()
        enough.wait(30)


def test_a_second_process_is_told_who_holds_the_run(tmp_path: Path) -> None:
    """Process, host and since when; once the first has died, however it died, the lock is free."""
    context = multiprocessing.get_context("spawn")
    held, enough = context.Event(), context.Event()
    other = context.Process(target=hold, args=(tmp_path / "run_x", held, enough))
    other.start()
    try:
        assert held.wait(30)
        words = (
            rf"run run_x is in use by process {other.pid} on {socket.gethostname()}, since 20\d\d-.*\n  → wait for it"
        )
        with pytest.raises(RunError, match=words), run_lock(tmp_path / "run_x"):
            pass
    finally:
        other.kill()
        other.join()
    with run_lock(tmp_path / "run_x"):
        assert json.loads((tmp_path / "run_x" / "lock.json").read_text())["pid"] == os.getpid()


def test_a_lock_is_let_go_after_use(tmp_path: Path) -> None:
    """Also when the work failed; the note of who held it goes too."""
    with pytest.raises(KeyError), run_lock(tmp_path / "run_x"):
        raise KeyError("x")
    with run_lock(tmp_path / "run_x"):
        pass
    assert not (tmp_path / "run_x" / "lock.json").exists()


def test_a_holder_that_left_no_note_is_another_process(tmp_path: Path) -> None:
    """It may be killed between taking the lock and writing the note."""
    with run_lock(tmp_path):
        (tmp_path / "lock.json").write_text("{")
        with pytest.raises(RunError, match="is in use by another process"), run_lock(tmp_path):
            pass


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A file in the way."""
    (tmp_path / "file").write_text("x")

    with pytest.raises(ExxError, match=r"cannot write .*/file/run_x/.lock: "), run_lock(tmp_path / "file" / "run_x"):
        pass
