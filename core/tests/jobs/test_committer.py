"""Storing as one goes: little is ever only in memory, and whatever ends the work stores the rest."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest
from job_lab import request

from exx.errors import RunError
from exx.jobs.committer import Committer
from exx.records import Response
from exx.responses import ResponseStore


@pytest.fixture
def store(tmp_path: Path) -> ResponseStore:
    """An empty one."""
    return ResponseStore(tmp_path / "responses.sqlite", "a/t")


def stored(store: ResponseStore) -> int:
    """How many responses another process would find."""
    other = sqlite3.connect(store.path)
    (count,) = other.execute("SELECT count(*) FROM responses").fetchone()
    other.close()
    return int(count)


def response(number: int) -> Response:
    """One of many."""
    return Response(request(number).key, "yes")


def test_never_more_than_so_many_are_in_memory(store: ResponseStore) -> None:
    """Whatever the time."""
    with Committer(store, rows=7, seconds=1e6) as committer:
        for number in range(40):
            committer.add(response(number))
            assert number + 1 - stored(store) < 7
    assert stored(store) == 40
    store.close()


def test_none_is_in_memory_for_long_even_when_no_other_comes(store: ResponseStore) -> None:
    """An answer may take minutes; what came before it is stored meanwhile."""
    with Committer(store, rows=1000, seconds=0.08) as committer:
        committer.add(response(1))
        until = time.monotonic() + 20
        while not stored(store) and time.monotonic() < until:
            time.sleep(0.005)
        assert stored(store) == 1
    store.close()


def test_whatever_ends_the_work_the_rest_is_stored(store: ResponseStore) -> None:
    """Here an interrupt."""

    def work() -> None:
        with Committer(store) as committer:
            committer.add(response(1))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert stored(store) == 1
    store.close()


def test_what_goes_wrong_beside_is_told_at_the_next_response(
    store: ResponseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk does not go unnoticed until the end."""
    told: list[int] = []

    def full(_: ResponseStore, responses: list[Response]) -> None:
        told.append(len(responses))
        raise RunError("response store: disk is full")

    def work() -> None:
        until = time.monotonic() + 20
        with Committer(store, seconds=0.02) as committer:
            for number in range(10**6):
                committer.add(response(number))
                assert time.monotonic() < until
                time.sleep(0.005)

    monkeypatch.setattr(ResponseStore, "add", full)
    with pytest.raises(RunError, match="disk is full"):
        work()
    assert 1 <= told[0] < 200
    store.close()
