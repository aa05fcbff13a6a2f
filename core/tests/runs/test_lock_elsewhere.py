"""A note of another machine's process is believed; one of this machine is not, once the lock is free."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from lab import Lab, Told

from exx.errors import RunError
from exx.pipeline.phases import NAMES
from exx.state import lock as lock_module
from exx.state.lock import Holder, read_holder, run_lock

Cli = Callable[..., Told]


def leave_note(folder: Path, **about: object) -> Path:
    """The note of a process that is not there any more."""
    note = {"pid": 999999999, "host": "another-machine", "since": "2026-01-01T00:00:00+00:00", **about}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "lock.json"
    path.write_text(json.dumps(note))
    return path


def test_another_machines_note_keeps_others_out(tmp_path: Path) -> None:
    """It says who, since when, and what helps; and stays as it is."""
    note = leave_note(tmp_path / "run_x")
    before = note.read_text()
    words = (
        r"run run_x is noted as in use by process 999999999 on another-machine, since 2026-01-01T00:00:00\+00:00; "
        r"that is another machine, so it cannot be seen from here\n  → if it has ended, or the folder is a copy, "
    )
    with pytest.raises(RunError, match=words), run_lock(tmp_path / "run_x"):
        pass
    assert note.read_text() == before


def test_force_takes_the_run_over(tmp_path: Path) -> None:
    """And says from whom; but not from a process that does hold the lock."""
    note = leave_note(tmp_path)
    with run_lock(tmp_path, force=True) as taken_from:
        assert taken_from is not None and taken_from.host == "another-machine"
        assert json.loads(note.read_text())["pid"] == os.getpid()
        with pytest.raises(RunError, match="is in use by process"), run_lock(tmp_path, force=True):
            pass
    assert not note.exists()


@pytest.mark.parametrize(
    "about", [{"host": socket.gethostname()}, {"host": "a-container", "boot": "HERE"}], ids=["host", "kernel"]
)
def test_a_dead_process_of_this_machine_is_taken_over_silently(tmp_path: Path, about: dict[str, str]) -> None:
    """Also one of another container on the same kernel, whose host has another name."""
    if about.get("boot") == "HERE":
        about = about | {"boot": Holder.here().boot}
        if not about["boot"]:
            pytest.skip("this system does not name its kernel")
    leave_note(tmp_path, **about)

    with run_lock(tmp_path) as taken_from:
        assert taken_from is None


def test_a_note_from_before_a_restart_is_of_the_dead(tmp_path: Path) -> None:
    """The machine's name is the same, its kernel was started anew since."""
    leave_note(tmp_path, pid=os.getpid(), host=socket.gethostname(), boot="before")
    holder = read_holder(tmp_path)

    assert holder is not None and holder.lives is (not Holder.here().boot)


def test_without_proc_a_process_is_known_by_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on systems that have none."""
    monkeypatch.setattr(lock_module, "_BOOT_ID", tmp_path / "nothing")
    monkeypatch.setattr(lock_module, "_born", lambda _: "")

    assert Holder(os.getpid(), socket.gethostname(), "now").lives is True
    assert Holder(999999999, socket.gethostname(), "now").lives is False
    assert Holder(1, "another-machine", "now").lives is None


@pytest.mark.parametrize("content", ["", "[]", '{"pid": "x", "host": "h", "since": ""}', '{"pid": 1}'])
def test_a_note_that_cannot_be_read_is_nobodys(tmp_path: Path, content: str) -> None:
    """The lock itself decides then."""
    (tmp_path / "lock.json").write_text(content)

    assert read_holder(tmp_path) is None
    with run_lock(tmp_path):
        pass


def test_taking_a_run_over_redoes_nothing(cli: Cli, lab: Lab) -> None:
    """``--force`` answers one question at a time: the second one redoes everything, as ever."""
    lab.run()
    leave_note(lab.folder / "experiments" / "run_a")
    refused = cli("resume", "a", "--quiet")
    assert refused.status == 1 and "is noted as in use by process 999999999 on another-machine" in refused.err
    assert lab.plugin.events == []

    told = cli("resume", "a", "--force", "--quiet")
    assert told.status == 0 and "note: the run was taken over from process 999999999 on another-machine" in told.err
    assert lab.plugin.events == []
    cli("resume", "a", "--force", "--quiet")
    assert [phase for _, phase in lab.plugin.events] == list(NAMES)
