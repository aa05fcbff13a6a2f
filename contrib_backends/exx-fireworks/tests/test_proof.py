"""Twenty drawn plans of faults, each with a client that is killed in three places: no answer lost, or bought twice."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from attrs import frozen
from fireworks_lab import expected, said
from fireworks_proof import ITEMS, JOBS, PLUGINS, Kill, Trial
from fireworks_server import Plan
from proof_lab import SUPPORT, Zygote

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are made by forking here")

SEEDS = range(20)
KILLS = ("point", "asked", "replied")
LONGER = 3.0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder; in memory, where writes are quick, if this machine allows."""
    memory = Path("/dev/shm")
    disk = tmp_path_factory.mktemp("proof")
    with tempfile.TemporaryDirectory(prefix="exx-fw-", dir=memory if os.access(memory, os.W_OK) else disk) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def zygotes(home: Path) -> Iterator[list[Zygote]]:
    """A process for each kill that forks clients."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("EXX_", "FIREWORKS_"))}
    env |= {"PYTHONPATH": str(SUPPORT), "EXX_PLUGINS": PLUGINS, "OPENBLAS_NUM_THREADS": "1", "TMPDIR": str(home)}
    made = [Zygote(env) for _ in KILLS]
    for zygote in made:
        zygote.await_ready()
    yield made
    for zygote in made:
        zygote.close()


@frozen
class Calm:
    """What a run takes on which nothing goes wrong: fault points, calls, and seconds of the server's clock."""

    points: int
    calls: int
    seconds: float


@pytest.fixture(scope="module")
def calm(zygotes: list[Zygote], home: Path) -> Calm:
    """A run without faults."""
    with Trial(home / "calm", zygotes[0]) as trial:
        told = trial.run(points=True)
        assert told.status == 0, told.err
        assert said(trial.work) == expected(ITEMS)
        assert len(trial.server.created) == JOBS
        points = (trial.folder / "points.txt").read_text().splitlines()
        return Calm(len(points), len(trial.server.calls), trial.server.clock.passed)


def check(trial: Trial, calm: Calm) -> None:
    """Hold a finished run against what was to come of it."""
    server = trial.server
    assert said(trial.work) == expected(ITEMS)
    assert len(server.created) == len(set(server.created)), "a job was created twice"
    assert set(server.paid.values()) == {1}, "an answer was bought twice"
    assert server.world.complaints == []
    assert server.clock.passed <= LONGER * calm.seconds, "it took too long"


def suffer(trial: Trial, kill: Kill, calm: Calm) -> bool:
    """Let a client die, and another go on; returns whether the first died in time."""
    first = trial.run(kill=kill)
    assert first.status in (0, 137, -9), first.err
    told = trial.run()
    assert told.status == 0, told.err
    check(trial, calm)
    return first.status != 0


@pytest.mark.parametrize("seed", [seed if seed < 2 else pytest.param(seed, marks=pytest.mark.slow) for seed in SEEDS])
def test_whatever_goes_wrong_and_wherever_it_dies_a_run_ends_as_it_should(
    zygotes: list[Zygote], home: Path, calm: Calm, seed: int
) -> None:
    """The predictions of an undisturbed run, from jobs created once and answers bought once, and in good time."""
    dice = random.Random(seed)
    kills = [Kill.drawn(how, dice, calm.points, calm.calls) for how in KILLS]

    def one(number: int) -> bool:
        folder = home / f"{seed}-{number}"
        with Trial(folder, zygotes[number], Plan.drawn(seed, JOBS)) as trial:
            try:
                died = suffer(trial, kills[number], calm)
            except BaseException as problem:
                problem.add_note(f"plan {seed}, {kills[number]}: {trial.plan}; see the calls: {trial.server.counts}")
                raise
        shutil.rmtree(folder)
        return died

    with ThreadPoolExecutor(len(KILLS)) as pool:
        assert all(pool.map(one, range(len(KILLS))))
