"""A whole run that dies between any two writes: gone on with, it ends as if nothing had happened."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import exx_lab
import pytest
from lab import Lab

from exx.pipeline.context import RunOptions
from exx.pipeline.phases import choose
from exx.testing import FakeBatchBackend, FakePlugin, FakeRemote
from exx.testing.fault_points import arm, record

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are made by forking here")

PARSED = choose(None, None, "parse")
FAULTS = {"seed": 5, "lost_replies": 1, "expiring": 1, "errors": 0.2, "torn": 1, "shuffled": True}
BACKENDS: dict[str, Any] = {
    "online": {"name": "fake"},
    "jobs": {"name": "fake_batch", "max_concurrent_jobs": 2},
    "jobs with faults": {"name": "fake_batch", "max_concurrent_jobs": 2, "faults": FAULTS},
}


class Lopsided(FakeBatchBackend):
    """Right under the treatment, seldom under the control: swapped arms would show."""

    answer_text = staticmethod(exx_lab.lopsided)


def go(folder: Path, backend: str) -> bytes:
    """Run, or go on, in a folder; what comes out."""
    os.chdir(folder)
    plugin = FakePlugin(answer=exx_lab.lopsided, classes={**exx_lab.KINDS, "backends": [Lopsided]})
    lab = Lab(folder, plugin)
    lab.settings["backend"] = BACKENDS[backend]
    lab.settings["datasets"] = [{"name": "fake", "items": 6}]
    lab.run(phases=PARSED, options=RunOptions(lines_per_part=3))
    return lab.result("predictions.csv")


def in_a_process(work: Callable[[], None]) -> int:
    """Do something in a process of its own, which may die of it; its status."""
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def points_of(folder: Path, backend: str) -> list[str]:
    """The points that a whole run passes."""

    def work() -> None:
        passed = record()
        go(folder, backend)
        (folder / "points").write_text("\n".join(passed))

    assert in_a_process(work) == 0
    return (folder / "points").read_text().splitlines()


@pytest.mark.parametrize("step", [11, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_killed_at_any_point_ends_as_one_that_was_not(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, backend: str, step: int
) -> None:
    """The same predictions, byte for byte, and at the service the same jobs, each created once."""
    monkeypatch.setattr(os, "fsync", lambda _: None)  # it is the process that dies here, not the machine
    folders = [workdir / name for name in ("points", "whole")]
    for folder in folders:
        folder.mkdir()
    points = points_of(folders[0], backend)
    whole = go(folders[1], backend)
    created = sorted(FakeRemote(Path("remote")).created)
    assert len(points) > 40

    faulty = backend == "jobs with faults"  # with faults there are more points, and each takes longer
    for number in range(1, len(points) + 1, 3 if faulty and step == 1 else step):
        where = f"killed at point {number} of {len(points)}: {points[number - 1]}"
        folder = workdir / str(number)
        folder.mkdir()

        def work(folder: Path = folder, number: int = number) -> None:
            arm(number)
            go(folder, backend)

        assert in_a_process(work) == 137, where
        assert go(folder, backend) == whole, where
        remote = FakeRemote(Path("remote"))
        assert sorted(remote.created) == created, where  # their order may be another
        assert set(remote.paid().values()) <= {1}, where
        remote.close()
