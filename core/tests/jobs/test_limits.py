"""Limits: no minute sees more than allowed, and the number at once follows what the service bears."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from job_lab import request

from exx.jobs.limits import Bucket, Gate, Limits, Meters
from exx.records import Response, Usage


@given(
    limit=st.floats(min_value=1.0, max_value=1e5),
    wanted=st.lists(st.tuples(st.floats(min_value=0.0, max_value=30.0), st.integers(1, 40)), min_size=1, max_size=60),
)
def test_no_minute_sees_more_than_the_limit(limit: float, wanted: list[tuple[float, int]]) -> None:
    """Wherever the minute begins; requests come in bursts after pauses."""
    bucket, now, sent = Bucket(limit), 0.0, []
    for pause, burst in wanted:
        now += pause
        for _ in range(min(burst, int(limit) + 2)):
            now += bucket.delay(1.0, now)
            bucket.take(1.0)
            sent.append(now)
    for start in sent:
        assert sum(start <= moment < start + 59.9 for moment in sent) <= limit + 1e-6


def test_a_bucket_gives_nine_tenths_of_its_limit_for_good() -> None:
    """The price of keeping every minute within it."""
    bucket, now = Bucket(600.0), 0.0
    for _ in range(6000):
        now += bucket.delay(1.0, now)
        bucket.take(1.0)

    assert 6000 / (now / 60) == pytest.approx(0.9 * 600, rel=0.02)


def test_what_is_larger_than_the_bucket_waits_until_it_is_full_and_is_paid_off() -> None:
    """Otherwise it would wait for ever."""
    bucket = Bucket(600.0)
    assert bucket.delay(1000.0, 0.0) == 0.0
    bucket.take(1000.0)

    assert bucket.delay(1.0, 0.0) == pytest.approx((1000 - 60 + 1) / (540 / 60))


def test_what_was_guessed_too_high_is_given_back() -> None:
    """What a request really took counts; the next guess knows better."""
    meters = Meters.of(Limits(tokens_per_minute=6000.0))
    assert meters is not None and meters.tokens is not None
    asked = request(1)
    guess = meters.guess(asked)
    assert guess == sum(len(message["content"]) for message in asked.messages) / 4 + 8
    meters.delay(guess, 0.0)
    meters.take(guess)
    meters.settle(guess, Response(asked.key, "2", usage=Usage(6, 1)))

    assert meters.tokens.delay(600.0, 0.0) == pytest.approx(7 / 90)
    assert meters.guess(asked) == guess - 8 + 2


@pytest.mark.parametrize("nothing", [None, 0])
def test_no_limit_costs_nothing(nothing: float | None) -> None:
    """There are no meters at all."""
    assert Meters.of(Limits(requests_per_minute=nothing and 1.0)) is None


def test_the_number_at_once_is_halved_once_a_round_and_grows_by_one_a_round() -> None:
    """Additive increase, multiplicative decrease."""
    gate = Gate(32)
    numbers = [gate.sent() for _ in range(32)]
    for number in numbers:
        gate.throttled(number)
    assert gate.limit == 16.0

    for _ in range(16):
        gate.answered()
    assert gate.limit == pytest.approx(17.0, abs=0.05)
    gate.throttled(gate.sent())
    assert gate.limit == pytest.approx(8.5, abs=0.05)


@given(st.lists(st.booleans(), max_size=300), st.integers(1, 64))
def test_the_number_at_once_stays_within_its_bounds(events: list[bool], most: int) -> None:
    """At least one, at most what the backend said."""
    gate = Gate(most)
    for good in events:
        number = gate.sent()
        if good:
            gate.answered()
        else:
            gate.throttled(number)
        assert 1.0 <= gate.limit <= most


def test_a_backend_says_what_its_limits_are() -> None:
    """By attributes that it need not have."""

    class Backend:
        concurrency = 3
        tokens_per_minute = 900

    assert Limits.of(Backend(), seed=5) == Limits(tokens_per_minute=900, seed=5)
