"""Two processes at once: on one run the second is turned away; runs of different names don't notice each other."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from proof_lab import Place, different

FIRST = ("run", "e.yaml", "--run-id", "k", "--parts-per-dataset", "3", "--quiet")
INTRUDERS = [
    FIRST,
    (*FIRST, "--resume"),
    (*FIRST, "--force"),
    (*FIRST, "--set", "stats.random_seed=7", "--force"),
    ("resume", "k", "--quiet"),
    ("submit", "e.yaml", "--run-id", "k"),
    ("parse", "e.yaml", "--run-id", "k"),
]


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[bytes], place: Place) -> None:
    """Wait for something, as long as the process lives."""
    until = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, place.said()
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.01)


def everything(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    """Every file of a folder: its content, which file it is, and when it was written."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_ino, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.slow
def test_a_second_process_on_a_run_is_turned_away(places: Callable[..., Place]) -> None:
    """Whatever the second was told to do, it says who holds the run, ends with status 1 and changes not a byte."""
    calm = places(40)
    assert calm.run(*FIRST).status == 0
    place = places(40)
    (place.folder / "HOLD").touch()
    first = place.start(*FIRST)
    wait_until(lambda: len(place.asked()) == 1, first, place)

    held = {name: everything(place.folder / name) for name in ("experiments", "data")}
    for intruder in INTRUDERS:
        told = place.run(*intruder)
        assert (told.status, told.out) == (1, ""), f"{intruder}: {told.err}"
        assert f"exx: run run_k is in use by process {first.pid} on " in told.err
        assert "→ wait for it, watch it with exx status, or ask it to stop with exx stop" in told.err
        assert {name: everything(place.folder / name) for name in held} == held, f"{intruder} changed something"
    assert len(place.asked()) == 1

    (place.folder / "HOLD").unlink()
    assert first.wait(60) == 0, place.said()
    assert different(place.artifacts(), calm.artifacts()) == []
    assert len(place.asked()) == len(set(place.asked())) == 80
    assert place.litter() == []


def test_a_run_whose_lock_file_was_left_behind_is_not_locked(places: Callable[..., Place]) -> None:
    """The lock is the operating system's: a process that died holding it, at once or long ago, holds nothing."""
    place = places(6)
    assert place.run(*FIRST, fault=20).status == 137
    assert (place.run_folder() / "lock.json").exists()

    assert place.run(*FIRST, "--resume").status == 0
    assert place.litter() == []


ONE = ("run", "one.yaml", "--run-id", "one", "--parts-per-dataset", "5", "--limit-items", "60", "--quiet")
TWO = ("run", "two.yaml", "--run-id", "two", "--lines-per-part", "40", "--limit-items", "90", "--quiet")


def set_up(place: Place) -> None:
    """Write two configs that differ in most things; where both ask the same question, they ask different models."""
    place.configure(backend={"name": "diary", "latency": 0.001, "threads": 2}, prompt_sets={}, temps=[0.0])
    (place.folder / "e.yaml").rename(place.folder / "one.yaml")
    warm = {"temps": [0.0, 0.7], "samples_per_item": {"0.7": 2}, "stats": {"bootstrap_samples": 200, "random_seed": 3}}
    place.configure(
        backend={"name": "diary", "latency": 0.001, "seed": 5}, default_prompt_set="operational_only", **warm
    )
    (place.folder / "e.yaml").rename(place.folder / "two.yaml")


@pytest.mark.slow
def test_two_runs_in_one_folder_end_as_if_each_had_been_alone(places: Callable[..., Place]) -> None:
    """Started together, with other settings and limits; they share data/, and the store of responses."""
    alone = {}
    for run_id, command in (("one", ONE), ("two", TWO)):
        lonely = places(120)
        set_up(lonely)
        assert lonely.start(*command).wait() == 0, lonely.said()
        alone[run_id] = lonely.artifacts(run_id)

    for _ in range(3):
        place = places(120)
        set_up(place)
        together = [place.start(*command, log=f"{command[1]}.log") for command in (ONE, TWO)]
        ended = [process.wait() for process in together]
        assert ended == [0, 0], place.said("one.yaml.log") + place.said("two.yaml.log")
        for run_id, wanted in alone.items():
            assert different(place.artifacts(run_id), wanted) == []
            assert (place.status(run_id), place.false_claims(run_id)) == ("done", [])
        assert place.litter() == []
        assert len(place.asked()) == len(set(place.asked())) == 2 * 60 + 2 * 90 * 3
        check_shared(place.folder / "data", alone)


def check_shared(data: Path, alone: dict[str, dict[str, bytes]]) -> None:
    """Each file in data/ is one of the runs' own, whole."""
    known = {content for artifacts in alone.values() for content in artifacts.values()}
    shared = [path for path in sorted(data.rglob("*")) if path.is_file()]
    assert len(shared) > 10
    assert [str(path) for path in shared if path.read_bytes() not in known] == []


OPEN = """
import sys, time
from pathlib import Path
from exx.responses import ResponseStore
from exx.records import Response
print("ready", flush=True)
sys.stdin.readline()
number = int(sys.argv[2])
with ResponseStore(Path(sys.argv[1]), f"run{number}/t") as store:
    for batch in range(5):
        store.add([Response(f"{number:032x}{batch * 100 + n:032x}", "said") for n in range(100)])
"""


@pytest.mark.slow
def test_many_processes_make_and_fill_one_store(tmp_path: Path) -> None:
    """Opened in the same instant by six processes, when it does not exist yet; nobody fails and nothing is lost."""
    for attempt in range(3):
        path = tmp_path / str(attempt) / "responses.sqlite"
        started = [
            subprocess.Popen(
                [sys.executable, "-c", OPEN, str(path), str(number)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            for number in range(6)
        ]
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
        for process in started:
            assert process.stdin is not None
            process.stdin.write(b"\n")
            process.stdin.flush()
        said = [process.communicate()[1].decode() for process in started]

        assert said == [""] * 6
        with sqlite3.connect(path) as database:
            assert database.execute("SELECT count(*) FROM responses").fetchone() == (3000,)
