"""Checking the output of a job: its own list of rows decides, whatever the output says."""

from __future__ import annotations

from job_lab import JobLab, request

from exx.jobs.harvest import Harvest
from exx.records import JobRow, Response, Usage

ROWS = {request(n).custom_id: request(n).key for n in range(3)}
FIRST, SECOND, THIRD = ROWS


def answer(custom_id: str, text: str) -> JobRow:
    """A row that was answered."""
    return JobRow(custom_id, Response("", text, "stop", Usage(3, 1), "r", "m"))


def error(custom_id: str, words: str) -> JobRow:
    """A row that failed."""
    return JobRow(custom_id, Response("", None, error=words))


def test_an_answer_beats_an_error_and_the_first_answer_the_later_ones(jobs: JobLab) -> None:
    """In one stretch of the output, and across two."""
    with jobs.store() as store:
        harvest = Harvest(ROWS, store)
        harvest.add([error(FIRST, "no"), answer(FIRST, "one"), answer(FIRST, "uno"), answer(SECOND, "two")])
        harvest.add([error(SECOND, "no"), answer(SECOND, "due"), error(THIRD, "busy"), error(THIRD, "gone")])
        failed = harvest.finish("not a word")
        stored = {key: store.get([key])[key].response for key in ROWS.values()}

    assert [r.text for r in stored.values()] == ["one", "two", None]
    assert stored[ROWS[THIRD]].error == "busy"
    assert stored[ROWS[FIRST]] == Response(ROWS[FIRST], "one", "stop", Usage(3, 1), "r", "m")
    assert (harvest.answered, failed, harvest.repeated, harvest.strange) == (2, 1, 5, 0)
    assert harvest.words() == "5 rows repeated"


def test_rows_of_others_are_counted_and_rows_without_a_word_have_failed(jobs: JobLab) -> None:
    """Nothing is stored that was not asked, and nothing that was asked is without a response."""
    with jobs.store() as store:
        harvest = Harvest(ROWS, store)
        harvest.add([answer(request(9).custom_id, "nine"), answer(SECOND, "two")])
        failed = harvest.finish("the job says nothing of it")
        stored = store.get([*ROWS.values(), request(9).key])

    assert {stored[ROWS[name]].response.error for name in (FIRST, THIRD)} == {"the job says nothing of it"}
    assert set(stored) == set(ROWS.values())
    assert (failed, harvest.strange, harvest.words()) == (2, 1, "1 rows not of this job")


def test_a_failure_does_not_displace_an_answer(jobs: JobLab) -> None:
    """One that came from elsewhere meanwhile."""
    with jobs.store() as store:
        store.add([Response(ROWS[FIRST], "from elsewhere")])
        Harvest(ROWS, store).finish("nothing came")

        assert store.get([ROWS[FIRST]])[ROWS[FIRST]].response.text == "from elsewhere"


def test_the_precision_of_a_job_is_that_of_its_rows(jobs: JobLab) -> None:
    """Unless a row says so itself."""
    own = JobRow(SECOND, Response("", "two", precision="FP8", answered_at=1_800_000_000.0))
    with jobs.store() as store:
        Harvest(ROWS, store, "BF16").add([answer(FIRST, "one"), own])
        stored = {name: store.get([ROWS[name]])[ROWS[name]].response for name in (FIRST, SECOND)}

    assert (stored[FIRST].precision, stored[SECOND].precision) == ("BF16", "FP8")
