"""Waiting: in slices, and longer each time."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from job_lab import FakeClock

from exx.errors import StopRequested
from exx.jobs.timing import Backoff, Clock, wait_until


def test_a_wait_is_cut_into_slices_and_ends_in_time() -> None:
    """None longer than 0.2 seconds."""
    clock, looks = FakeClock(), []
    wait_until(clock.now() + 1.05, clock, lambda: looks.append(clock.now()))

    assert clock.now() == pytest.approx(1001.05)
    assert max(clock.slept) == 0.2 and len(looks) == 6


def test_a_stop_ends_a_wait() -> None:
    """At the next slice."""
    clock = FakeClock()

    def stop() -> None:
        if clock.now() > 1000.5:
            raise StopRequested("stopped: so it was asked")

    with pytest.raises(StopRequested, match="so it was asked"):
        wait_until(9999.0, clock, stop)
    assert clock.now() < 1000.75


@given(st.integers(1, 2000), st.floats(0, 60), st.floats(60, 600), st.none() | st.floats(0, 5000))
def test_back_off_stays_within_its_bounds(tries: int, base: float, cap: float, wish: float | None) -> None:
    """Half to all of the doubled base, up to the cap; never less than the service wished, up to ten minutes."""
    delay = Backoff(base, cap, random.Random(0)).delay(tries, wish)
    full = min(cap, base * 2.0 ** min(tries - 1, 30))

    assert max(full / 2, min(wish or 0, 600)) <= delay <= max(full, min(wish or 0, 600))


def test_back_off_is_the_same_for_the_same_seed() -> None:
    """Jitter, and yet a run can be repeated."""
    first, second = (Backoff(1.0, 30.0, random.Random(7)) for _ in range(2))
    assert [first.delay(n) for n in range(1, 9)] == [second.delay(n) for n in range(1, 9)]


def test_the_real_clock_runs() -> None:
    """Forward, by about what was slept."""
    clock = Clock()
    before, wall = clock.now(), clock.wall()
    clock.sleep(0.001)
    assert clock.now() > before and clock.wall() >= wall > 1.7e9
