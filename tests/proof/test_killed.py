"""Killed at any moment and gone on with, a run comes to the same results, and asks for nothing that was stored."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from attrs import define, field
from proof_lab import THREADS, Place, Watch, different

KILLS = 40
START = ("run", "e.yaml", "--run-id", "k", "--parts-per-dataset", "12", "--quiet")
SMALL = ("run", "e.yaml", "--run-id", "k", "--parts-per-dataset", "2", "--quiet")


def check_finished(place: Place, wanted: dict[str, bytes]) -> None:
    """Hold a finished run against one that nobody disturbed."""
    assert different(place.artifacts(), wanted) == []
    assert place.litter() == []
    assert (place.status(), place.false_claims()) == ("done", [])
    assert set(place.asked()) == place.durable()


@define
class _Victim:
    """Kills runs until so many kills are used up; a run that finishes early is checked, and a new one begun."""

    place: Place
    wanted: dict[str, bytes]
    took: float
    dice: random.Random
    kills: int = 0
    finished: int = 0
    caught_asking: int = 0
    watch: Watch = field(init=False)

    def suffer(self, kills: int) -> None:
        """Kill that often, then let the last run finish."""
        self._begin_anew()
        while self.kills < kills:
            self._live_for(self.dice.uniform(0.2, 1.2) * self.took)
        if self.watch.asked or self.place.run_folder().exists():
            self._live_for(None)

    def _begin_anew(self) -> None:
        for name in ("experiments", "data"):
            shutil.rmtree(self.place.folder / name, ignore_errors=True)
        (self.place.folder / "asked.log").unlink(missing_ok=True)
        self.watch = Watch(self.place)

    def _live_for(self, seconds: float | None) -> None:
        before = len(self.watch.asked)
        process = self.place.start(*START, "--resume")
        try:
            status = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            self.kills += 1
            self.watch.look()
            self.caught_asking += before < len(self.watch.asked)
            assert self.place.false_claims() == []
            return
        assert status == 0, self.place.said()
        self.watch.look()
        check_finished(self.place, self.wanted)
        self.finished += 1
        self._begin_anew()


@pytest.mark.slow
def test_a_run_that_is_killed_40_times_comes_to_the_same_results(places: Callable[..., Place]) -> None:
    """600 requests in 12 parts an arm; SIGKILL at random moments, resumed by the command itself."""
    calm = places(300)
    calm.configure(backend={"name": "diary", "latency": 0.002, "threads": THREADS})
    began = time.monotonic()
    assert calm.start(*START).wait() == 0, calm.said()
    took, wanted = time.monotonic() - began, calm.artifacts()
    assert len([name for name in wanted if ".p" in name and name.endswith(".jsonl")]) == 24
    assert len(set(calm.asked())) == len(calm.asked()) == 600

    victims = []
    for worker in range(2):
        place = places(300)
        place.configure(backend=calm.settings["backend"])
        victims.append(_Victim(place, wanted, took, random.Random(worker)))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda victim: victim.suffer(KILLS // 2), victims))

    assert sum(victim.kills for victim in victims) == KILLS
    assert sum(victim.finished for victim in victims) >= 2
    assert sum(victim.caught_asking for victim in victims) > 0


def test_the_command_dies_where_it_is_told_to(places: Callable[..., Place]) -> None:
    """By the environment variable that fault.py names; what comes before the place is done, what comes after is not."""
    place = places(6)
    assert place.start(*SMALL, fault=4).wait() == 137

    assert place.run_folder().exists() and not place.store.exists()
    assert not [name for name, record in place.records() if record["status"] == "done"]


@pytest.mark.slow
def test_a_run_that_dies_between_any_two_writes_comes_to_the_same_results(places: Callable[..., Place]) -> None:
    """At every fault point of a small run in turn, the process ends; the run is gone on with once."""
    calm = places(12)
    names = calm.folder / "points.txt"
    assert calm.run(*SMALL, points=names).status == 0
    points, wanted = names.read_text().split("\n"), calm.artifacts()
    assert {"file written", "file in place", "responses written", "responses stored"} <= set(points)

    def die_at(worker: int) -> None:
        for number in range(1 + worker, len(points) + 1, 2):
            place = places(12, worker)
            die_and_go_on(place, number, wanted)
            shutil.rmtree(place.folder)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(die_at, range(2)))


def die_and_go_on(place: Place, number: int, wanted: dict[str, bytes]) -> None:
    """Let a run die at a fault point, and another process go on with it."""
    watch = Watch(place)
    assert place.run(*SMALL, fault=number).status == 137, f"nothing happened at point {number}"
    watch.look()
    assert place.run_folder().exists() <= (place.false_claims() == [])
    told = place.run(*SMALL, "--resume")
    assert told.status == 0, f"point {number}: {told.err}"
    watch.look()
    check_finished(place, wanted)
