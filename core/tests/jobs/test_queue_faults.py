"""Whatever goes wrong, and wherever the process dies: the answers are the same, and none is paid for twice."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from job_lab import JobLab, parts

from exx.errors import StopRequested
from exx.testing import Faults
from exx.testing.fault_points import arm, record

shares = st.sampled_from([0.0, 0.2, 0.5])
counts = st.integers(min_value=0, max_value=3)
faults = st.builds(
    Faults,
    seed=st.integers(min_value=0, max_value=2**16),
    quota=st.none() | st.integers(min_value=1, max_value=3),
    lost_replies=counts,
    trouble=st.sampled_from([0.0, 0.1, 0.3]),
    failing=st.integers(min_value=0, max_value=1),
    expiring=counts,
    forgotten=st.integers(min_value=0, max_value=1),
    errors=shares,
    missing=shares,
    repeated=shares,
    strange=counts,
    shuffled=st.booleans(),
    torn=counts,
    short=counts,
)


@settings(max_examples=40, deadline=None)
@given(plan=faults, limit=st.integers(min_value=1, max_value=4), count=st.integers(min_value=1, max_value=3))
def test_the_answers_are_right_whatever_goes_wrong(plan: Faults, limit: int, count: int) -> None:
    """Every request has its own answer, no row is answered twice, and there are never too many jobs."""
    with tempfile.TemporaryDirectory() as folder:
        jobs = JobLab(Path(folder), parts(count, 4), plan)
        remote = jobs.run(max_concurrent=limit, follow_ups=5)

        assert jobs.answers() == jobs.right()
        assert set(remote.paid().values()) == {1}
        assert remote.most_at_once <= min(limit, plan.quota or limit)
        assert len(remote.created) == len(set(remote.created))
        remote.close()


@settings(max_examples=20, deadline=None)
@given(plan=faults, stops=st.lists(st.integers(min_value=1, max_value=40), max_size=4))
def test_a_run_in_pieces_ends_as_one_in_one_piece(plan: Faults, stops: list[int]) -> None:
    """Stopped after so many looks for a stop, and gone on with."""
    with tempfile.TemporaryDirectory() as folder:
        jobs = JobLab(Path(folder), parts(2, 4), plan)
        for looks in stops:
            left = iter(range(looks))
            jobs.stop_when = lambda left=left: next(left, None) is None  # type: ignore[misc]
            with suppress(StopRequested):
                jobs.run(follow_ups=5).close()
        jobs.stop_when = lambda: False
        remote = jobs.run(follow_ups=5)

        assert jobs.answers() == jobs.right()
        assert set(remote.paid().values()) == {1}
        remote.close()


BAD = Faults(seed=3, lost_replies=1, expiring=1, errors=0.3, missing=0.2, repeated=0.4, strange=1, torn=1)
PLANS = {"plain": Faults(), "bad": BAD}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are made by forking here")
@pytest.mark.parametrize("plan", ["plain", pytest.param("bad", marks=pytest.mark.slow)])
def test_killed_at_every_point_between_two_writes(tmp_path: Path, plan: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies there, and the next one ends with the same answers and no job too many."""
    monkeypatch.setattr(os, "fsync", lambda _: None)  # it is the process that dies here, not the machine
    whole = JobLab(tmp_path / "whole", parts(2, 3), PLANS[plan])
    whole.folder.mkdir()
    remote = whole.run()
    asked = remote.asked()
    jobs_created = len(remote.created)
    points = _points(tmp_path / "points", plan)

    assert len(points) > 80
    assert {"file written", "file in place", "job rows written", "jobs recorded", "job created"} < set(points)
    for number in range(1, len(points) + 1):
        jobs = JobLab(tmp_path / str(number), parts(2, 3), PLANS[plan])
        jobs.folder.mkdir()
        assert _dies(jobs, number), f"point {number} ({points[number - 1]}) was not reached"
        remote = jobs.run()
        where = f"killed at point {number}: {points[number - 1]}"

        assert jobs.answers() == whole.answers(), where
        assert remote.asked() == asked, where
        assert len(remote.created) == jobs_created, where
        remote.close()


def _points(folder: Path, plan: str) -> list[str]:
    """The points a whole run passes; counted in a process of its own, as it is one that dies."""
    folder.mkdir()
    read, write = os.pipe()
    child = os.fork()
    if not child:
        passed = record()
        JobLab(folder, parts(2, 3), PLANS[plan]).run()
        os.write(write, "\n".join(passed).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        names = pipe.read().splitlines()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return names


def _dies(jobs: JobLab, number: int) -> bool:
    """Run the queue in a process that ends at a point, as if it were killed there."""
    child = os.fork()
    if not child:
        arm(number)
        jobs.run()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 137
