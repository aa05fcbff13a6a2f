"""How far a run is can be seen from elsewhere while it runs, and that its process died."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from lab import Installed, Lab, Told

from exx.records import Request
from exx.runs.status import live_words
from exx.state import progress as progress_module
from exx.state.progress import Progress, ProgressFile, read_progress

Cli = Callable[..., Told]


@pytest.mark.parametrize(
    ("done", "total", "seconds", "words"),
    [
        (None, None, 3, "t: submit: under way"),
        (50, 300, 0, "t: submit: 50 of 300"),
        (170, 290, 5, "t: submit: 170 of 290, 24.0/s, 3 s left"),
        (51, 300, 10, "t: submit: 51 of 300, 0.1/s, 41 min 28 s left"),
        (51, 3000, 10, "t: submit: 51 of 3,000, 0.1/s, 8 h 11 min left"),
        (300, 300, 5, "t: submit: 300 of 300, 50.0/s, 0 s left"),
    ],
)
def test_progress_in_words(done: int | None, total: int | None, seconds: int, words: str) -> None:
    """What was there when it began is no achievement; time passes while one reads (here two seconds)."""
    told = Progress(trial="t", phase="submit", began=100.0, written=100.0 + seconds, done=done, total=total, first=50)

    assert live_words(told, now=102.0 + seconds) == words


def test_the_file_is_written_at_most_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first step is always told; then the clock decides."""
    clock = [1000.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: clock[0])
    file = ProgressFile(tmp_path / "progress.json")
    file.begin("t", "submit")
    seen = []
    for done, later in ((5, 0.0), (6, 0.1), (7, 0.8), (8, 0.2), (9, 0.9)):
        clock[0] += later
        file.tell(done, 10)
        told = read_progress(tmp_path)
        assert told is not None
        seen.append((told.done, told.first))

    assert seen == [(5, 5), (5, 5), (5, 5), (8, 5), (8, 5)]
    file.clear()
    assert list(tmp_path.iterdir()) == []


def test_a_run_does_not_fail_for_want_of_a_progress_file(tmp_path: Path) -> None:
    """It is a courtesy; and one that cannot be read says nothing."""
    file = ProgressFile(tmp_path / "nowhere" / "progress.json")
    file.begin("t", "submit")
    file.tell(1, 2)
    file.clear()
    for content in ("{", "[]", '{"phase": 3}'):
        (tmp_path / "progress.json").write_text(content)
        assert read_progress(tmp_path) is None


def test_a_run_under_way_says_how_far_it_is(cli: Cli, lab: Lab) -> None:
    """Phase, steps, process and host; afterwards there is no trace of it."""
    told: list[Told] = []

    def answer(request: Request) -> str:
        if len(lab.plugin.asked) == 8:
            told.extend([cli("status", "a", "--json"), cli("status", "a")])
        return "1"

    lab.answer = answer
    lab.run()
    found, shown = told[0].json, told[1].out.splitlines()

    assert found["status"] == "running"
    assert (found["progress"]["phase"], found["progress"]["total"]) == ("submit", 20)
    assert found["holder"] == {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": found["holder"]["since"],
        "alive": True,
    }
    assert f", by process {os.getpid()} on {socket.gethostname()}, since 20" in shown[0]
    assert ": submit: " in shown[1] and " of 20" in shown[1]
    assert not (lab.folder / "experiments" / "run_a" / "progress.json").exists()
    after = cli("status", "a", "--json").json
    assert (after["status"], after["progress"], after["holder"]) == ("done", None, None)


def test_a_process_that_died_is_said_so(installed: Installed) -> None:
    """By status and by list; a resumed run is alive again, and done in the end."""
    installed.configure(delay=0.05)
    process = installed.start("run", "--run-id", "a")
    installed.wait_for(lambda: len(installed.asked()) >= 3, process)
    alive = installed.run("status", "a", "--json").json
    assert (alive["status"], alive["holder"]["pid"], alive["holder"]["alive"]) == ("running", process.pid, True)
    assert alive["progress"]["phase"] == "submit"
    process.send_signal(signal.SIGKILL)
    process.communicate()

    assert installed.run("list", "--json").json["runs"][0]["status"] == "died"
    told = installed.run("status", "a").out.splitlines()[0]
    assert told.startswith("run a: died, started 20")
    assert f"process {process.pid} on " in told and told.endswith("died without a word; exx resume a goes on")
    assert installed.run("resume", "a", "--quiet").status == 0
    assert installed.run("status", "a", "--json").json["status"] == "done"


def test_a_later_process_of_the_same_number_is_not_taken_for_the_first(cli: Cli, lab: Lab) -> None:
    """Numbers are used again: when it was started tells them apart."""
    lab.run()
    folder = lab.folder / "experiments" / "run_a"
    state = json.loads((folder / "run_state.json").read_text())
    (folder / "run_state.json").write_text(json.dumps(state | {"status": "running"}))
    note = {"pid": os.getpid(), "host": socket.gethostname(), "since": "2026-01-01T00:00:00+00:00"}
    boot = Path("/proc/sys/kernel/random/boot_id")
    if not boot.exists():
        pytest.skip("this system does not say when a process was started")
    (folder / "lock.json").write_text(json.dumps(note | {"boot": boot.read_text().strip(), "born": "1"}))

    assert cli("status", "a", "--json").json["status"] == "died"
