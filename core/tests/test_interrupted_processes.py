"""Real processes that are interrupted, killed, or run out of disk: what they leave behind, and how the run goes on."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import Installed, install

ALL = 24  # 12 items, two arms


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a run comes to that nobody disturbs."""
    installed = install(tmp_path_factory.mktemp("calm"), tmp_path_factory.mktemp("site") / "own")
    assert installed.run("run", "--run-id", "calm", "--quiet").status == 0
    return installed.results("calm")


def state(installed: Installed) -> str:
    """How the run ended, as it remembers."""
    text = (installed.folder / "experiments" / "run_a" / "run_state.json").read_text()
    return str(json.loads(text)["status"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_stops_the_run_at_a_safe_point(
    installed: Installed, calm: dict[str, bytes], number: signal.Signals
) -> None:
    """Status 3; ``exx resume`` finishes, nothing is asked twice, and the result is that of an undisturbed run."""
    installed.configure(delay=0.05)
    told = installed.interrupt(5, "run", "--run-id", "a", with_signal=number)

    assert told.status == 3, told.err
    assert f"{number.name}: stopping at the next safe point; press Ctrl-C again to stop at once" in told.err
    assert f"exx: stopped: {number.name} received" in told.err and "exx resume a goes on" in told.err
    assert "Traceback" not in told.err
    assert 5 <= len(installed.asked()) < ALL and state(installed) == "stopped"
    installed.hurry()
    assert installed.run("resume", "a", "--quiet").status == 0
    assert len(installed.asked()) == len(set(installed.asked())) == ALL
    assert installed.results("a") == calm


def test_a_second_interrupt_stops_at_once(installed: Installed) -> None:
    """In the middle of a request that takes a minute; status 3, and what was answered before is kept."""
    installed.configure(delay=60.0, slow_from=4)
    process = installed.start("run", "--run-id", "a")
    installed.wait_for(lambda: len(installed.asked()) >= 5, process)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    installed.wait_for(lambda: _told(process, "press Ctrl-C again"), process)
    process.send_signal(signal.SIGINT)
    told = installed.finish(process)

    assert told.status == 3
    assert time.monotonic() - began < 50
    assert "exx: interrupted at once; what was answered is stored, exx resume goes on" in told.err
    before = installed.asked()
    assert len(before) == 5 and state(installed) == "stopped"
    installed.hurry()
    assert installed.run("resume", "a", "--quiet").status == 0
    again = installed.asked()[5:]
    assert set(again) & set(before) == {before[4]}  # the one that was under way
    assert len(again) == ALL - 4


def _told(process: subprocess.Popen[str], words: str) -> bool:
    assert process.stderr is not None
    return words in process.stderr.readline()


def test_a_killed_process_leaves_nothing_half_done(installed: Installed, calm: dict[str, bytes]) -> None:
    """SIGKILL in the middle of asking: only answers of the last moments are asked again, and the result is the same."""
    installed.configure(delay=0.05)
    told = installed.interrupt(8, "run", "--run-id", "a", with_signal=signal.SIGKILL)
    assert told.status == -signal.SIGKILL
    before = installed.asked()
    installed.hurry()
    plan = installed.run("plan", "--run-id", "a", "--json")
    assert {p["phase"]: p["reason"] for p in plan.json["phases"]}["submit"] == "was interrupted"
    assert installed.run("resume", "a", "--quiet").status == 0

    assert set(installed.asked()) >= set(before) and len(set(installed.asked())) == ALL
    assert installed.results("a") == calm
    assert state(installed) == "done"
    assert not list(installed.folder.rglob("*.tmp"))


def test_two_processes_on_one_run(installed: Installed, calm: dict[str, bytes]) -> None:
    """The second is told who holds it and disturbs nothing; once it is free, the run goes on."""
    installed.configure(delay=0.05)
    first = installed.start("run", "--run-id", "a", "--quiet")
    installed.wait_for(lambda: len(installed.asked()) >= 3, first)
    stopping = installed.run("stop", "a")
    second = installed.run("resume", "a", "--quiet")
    told = installed.finish(first)

    assert stopping.status == 0
    assert (told.status, "stopped: STOP_REQUESTED was found" in told.err) == (3, True)
    if second.status == 1:  # while the first still held it
        assert f"exx: run run_a is in use by process {first.pid} on " in second.err
        assert "→ wait for it, watch it with exx status, or ask it to stop with exx stop" in second.err
    else:
        assert second.status == 0
    installed.hurry()
    assert installed.run("resume", "a", "--quiet").status == 0
    assert len(installed.asked()) == len(set(installed.asked())) == ALL
    assert installed.results("a") == calm


@pytest.mark.parametrize("kilobytes", [40, 90])
def test_a_disk_that_fills_up_is_told_and_the_run_goes_on_when_there_is_room(
    installed: Installed, calm: dict[str, bytes], kilobytes: int
) -> None:
    """No file may grow beyond the limit here, which to a program is a disk that is full: in the store, or later."""
    installed.configure(padding=3000)

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1024, kilobytes * 1024))

    told = installed.run("run", "--run-id", "a", "--quiet", before=limited)
    assert (told.status, told.out) == (1, "")
    assert "Traceback" not in told.err and "this is a defect" not in told.err
    store = "exx: response store experiments/responses.sqlite: " in told.err
    assert store or "exx: cannot write experiments/run_a/" in told.err
    assert "check the disk's room" in told.err or "ulimit -f" in told.err
    before = installed.asked()
    assert installed.run("resume", "a", "--quiet").status == 0

    assert len(set(installed.asked())) == ALL
    assert store or len(installed.asked()) == len(before)
    assert installed.results("a")["per_item_scores.csv"] == calm["per_item_scores.csv"]


@pytest.fixture
def small_disk(installed: Installed, tmp_path: Path) -> Iterator[Path]:
    """A file system of half a megabyte, where one may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system needs privileges that this process does not have")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True, capture_output=True)


def test_a_full_disk_is_told_as_one(installed: Installed, small_disk: Path) -> None:
    """Not as a defect; with room, the run goes on."""
    installed.configure()
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 440 * 1024)
    where = ("--set", f"paths.experiments_dir={small_disk}/e")
    told = installed.run("run", "--run-id", "a", "--quiet", *where)
    assert told.status == 1
    assert "exx: " in told.err and "Traceback" not in told.err and "this is a defect" not in told.err
    assert "No space left on device" in told.err or "check the disk's room" in told.err
    before = installed.asked()
    ballast.unlink()

    assert installed.run("run", "--run-id", "a", "--quiet", *where).status == 0
    assert len(set(installed.asked())) == ALL
    assert len(before) <= len(installed.asked()) <= ALL + len(before)


def test_a_read_only_disk_is_told(installed: Installed, small_disk: Path) -> None:
    """Permissions mean nothing to the superuser; a disk mounted read-only does."""
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    told = installed.run("run", "--run-id", "a", "--quiet", "--set", f"paths.experiments_dir={small_disk}/e")

    assert (told.status, told.out) == (1, "")
    assert f"exx: cannot write {small_disk}/e/run_a/.lock: Read-only file system" in told.err
    assert "→ the file system is mounted read-only: write to another folder" in told.err
    assert installed.asked() == []


def test_a_reader_that_goes_away_ends_nothing_badly(installed: Installed) -> None:
    """``exx plugins | head -1``."""
    process = installed.start("plugins", "list")
    assert process.stdout is not None
    process.stdout.close()
    process.wait(timeout=60)
    assert process.stderr is not None

    assert "Traceback" not in process.stderr.read()
