"""The book of jobs: durable, and brought back from what is left of it."""

from __future__ import annotations

import json

import pytest
from attrs import evolve
from job_lab import JobLab

from exx.errors import DataError
from exx.jobs.book import JobRecord

RECORD = JobRecord(
    id="exx-a",
    part_file="t0.p01.jsonl",
    source="00",
    condition="treatment",
    temp=0.7,
    part=2,
    attempt=1,
    rows=2,
    content="11",
    intended_at=5.0,
)
ROWS = {"d|1|treatment|0.7|0|open": "aa", "d|2|treatment|0.7|0|open": "bb"}


def test_a_record_is_read_back_as_it_was_written(jobs: JobLab) -> None:
    """By the next process."""
    jobs.book().intend(RECORD, ROWS)
    done = evolve(RECORD, state="succeeded", answered=2, collected=True, message="fine", submitted_at=6.5)
    assert [*jobs.book()] == [RECORD]
    jobs.book().put(done)

    assert [*jobs.book()] == [done]
    assert jobs.book().find("exx-a") == done
    assert jobs.book().rows("exx-a") == ROWS


@pytest.mark.parametrize("damage", [{}, {"jobs": 5}, {"jobs": {"exx-a": {"shape": "of another time"}}}])
def test_a_job_whose_record_is_lost_comes_back_as_an_intention(jobs: JobLab, damage: dict[str, object]) -> None:
    """From its own file: whether the service has it, the service knows."""
    jobs.book().intend(RECORD, ROWS)
    manifest = jobs.folder / "trial_manifest.json"
    manifest.write_text(json.dumps({"schema_version": 2, "stage_status": {}, **damage}))

    assert [*jobs.book()] == [RECORD]


def test_settling_is_saved_with_what_comes_next(jobs: JobLab) -> None:
    """The end of a round of asking, and the end of its phase, are noted in one go."""
    book = jobs.book()
    book.intend(RECORD, ROWS)
    book.put(evolve(RECORD, state="failed", collected=True))
    book.settle()

    assert [record.settled for record in jobs.book()] == [False]
    book.ledger.save()
    assert [(record.settled, record.counts) for record in jobs.book()] == [(True, False)]


def test_what_is_still_open_is_not_settled(jobs: JobLab) -> None:
    """It goes on."""
    book = jobs.book()
    book.intend(RECORD, ROWS)
    book.put(evolve(RECORD, state="running"))
    book.settle()

    assert [record.settled for record in book] == [False]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not the file of a job"),
        (b"{}\n", "is not the file of a job"),
        (b"[1]\n", "is not the file of a job"),
        (b"{\n", "is not the file of a job"),
    ],
)
def test_a_damaged_file_of_a_job_is_told(jobs: JobLab, content: bytes, words: str) -> None:
    """With what it was for."""
    jobs.book().intend(RECORD, ROWS)
    (jobs.folder / "jobs" / "exx-a.jsonl").write_bytes(content)
    with pytest.raises(DataError, match=rf"exx-a\.jsonl: {words}[\s\S]*put it back"):
        jobs.book().rows("exx-a")


def test_a_file_that_lost_its_end_is_told(jobs: JobLab) -> None:
    """Every row of a job is needed to check its output."""
    jobs.book().intend(RECORD, ROWS)
    path = jobs.folder / "jobs" / "exx-a.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    with pytest.raises(DataError, match=r"exx-a\.jsonl: holds 1 rows, not 2"):
        jobs.book().rows("exx-a")


def test_observers_see_what_people_want_to_know() -> None:
    """And none of the bookkeeping."""
    seen = RECORD.seen()

    assert (seen.id, seen.condition, seen.temp, seen.part, seen.rows, seen.state) == (
        "exx-a",
        "treatment",
        0.7,
        2,
        2,
        "intended",
    )
