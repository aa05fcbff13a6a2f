"""The queue of jobs, stopped and gone on with: what is under way stays there, and is found again."""

from __future__ import annotations

import pytest
from attrs import evolve
from job_lab import JobLab, Wrapped, numbers, part, parts

from exx.errors import StopRequested
from exx.records import Response
from exx.testing import FakeRemote


def test_waits_are_cut_short_by_a_stop(jobs: JobLab) -> None:
    """No sleep is longer than 0.2 seconds; the message says what goes on, and how the run does."""
    jobs.looks = 10**6
    jobs.stop_when = lambda: jobs.clock.time > 1100
    with pytest.raises(StopRequested) as stopped:
        jobs.run(poll_interval=60.0)

    assert max(jobs.clock.slept) <= 0.2
    ids = jobs.remote().created
    assert stopped.value.message == (
        f"stopped: the test said so; 2 jobs go on remotely, for exx resume to pick up: {ids[0]}, {ids[1]}"
    )


def test_a_resumed_queue_picks_up_what_is_under_way(jobs: JobLab) -> None:
    """Nothing is created a second time."""
    jobs.looks = 5
    jobs.stop_when = lambda: jobs.clock.time > 1003
    with pytest.raises(StopRequested, match="2 jobs go on"):
        jobs.run()
    before = jobs.remote().created
    jobs.stop_when = lambda: False
    remote = jobs.run()

    assert remote.created[:2] == before
    assert len(remote.created) == 4
    assert jobs.answers() == jobs.right()


def test_a_job_whose_rows_are_all_stored_is_closed_without_a_word_to_the_service(jobs: JobLab) -> None:
    """The process died after the last row was stored, before that was written down."""
    jobs.run()
    book = jobs.book()
    for record in book:
        book.put(evolve(record, collected=False))

    class Mute:
        def __init__(self, _: FakeRemote) -> None:
            """Has no methods."""

    jobs.run(Mute)
    assert all(record.collected and record.answered == record.rows for record in jobs.book())


def test_a_lower_limit_on_a_resume_holds(jobs: JobLab) -> None:
    """What is under way counts."""
    jobs.parts = parts(3, 2)
    jobs.looks = 5
    jobs.stop_when = lambda: jobs.clock.time > 1002
    with pytest.raises(StopRequested, match="3 jobs go on"):
        jobs.run(max_concurrent=3)
    jobs.stop_when = lambda: False
    seen: list[int] = []

    class Counts(Wrapped):
        def create(self, job: object) -> None:
            self.remote.create(job)  # type: ignore[arg-type]
            seen.append(self.remote._active())

    jobs.run(Counts, max_concurrent=1)
    assert seen == [1, 1, 1]


def test_a_lost_manifest_is_made_up_for_by_the_jobs_own_files(jobs: JobLab) -> None:
    """What was under way is found again."""
    jobs.looks = 5
    jobs.stop_when = lambda: jobs.clock.time > 1002
    with pytest.raises(StopRequested, match="2 jobs go on"):
        jobs.run()
    (jobs.folder / "trial_manifest.json").unlink()
    jobs.stop_when = lambda: False
    remote = jobs.run()

    assert len(remote.created) == 4
    assert set(remote.paid().values()) == {1}
    assert jobs.answers() == jobs.right()


def test_jobs_of_earlier_settings_are_used_where_they_fit_and_left_alone_where_not(jobs: JobLab) -> None:
    """The requests were cut into parts anew while two jobs ran: one still asks what is wanted, the other doesn't."""
    jobs.parts = [part(1, "control", range(5)), part(1, "treatment", range(5))]
    jobs.looks = 5
    jobs.stop_when = lambda: jobs.clock.time > 1002
    with pytest.raises(StopRequested, match="2 jobs go on"):
        jobs.run()
    control, treatment = jobs.remote().created
    jobs.stop_when = lambda: False
    jobs.parts = [part(1, "control", range(3)), part(2, "control", range(3, 6))]
    remote = jobs.run()

    assert jobs.answers() == jobs.right()
    assert [numbers(remote, name) for name in remote.created[2:]] == [[5]]
    assert ("fetched", control) in remote.calls
    assert ("fetched", treatment) not in remote.calls
    assert any(r.id == treatment and "left to itself" in r.message for r in jobs.told)


def test_an_answer_that_is_there_stays(jobs: JobLab) -> None:
    """Another run may have used it already; a later one to the same request changes nothing."""
    jobs.looks = 5
    jobs.stop_when = lambda: jobs.clock.time > 1002
    jobs.parts = [part(1, "control", range(3))]
    with pytest.raises(StopRequested, match="1 job goes on"):
        jobs.run()
    (first, *_) = jobs.parts[0].requests()
    with jobs.store() as store:
        store.add([Response(first.key, "from elsewhere")])
    jobs.stop_when = lambda: False
    jobs.run()

    assert jobs.answers()[first.custom_id] == "from elsewhere"
