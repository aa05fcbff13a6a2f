"""The queue of jobs: every request answered once, never too many jobs, nothing lost, nothing paid for twice."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from job_lab import JobLab, Wrapped, numbers, part, parts, request

from exx.errors import BackendError, StopRequested, Transient
from exx.jobs.parts import JobSettings
from exx.records import BatchJob, JobStatus
from exx.testing import Faults


def test_every_part_becomes_one_job_and_every_request_is_answered_once(jobs: JobLab) -> None:
    """In the plain case."""
    remote = jobs.run()

    assert jobs.answers() == jobs.right()
    assert len(remote.created) == 4
    assert set(remote.paid().values()) == {1}
    assert {record.state for record in jobs.book()} == {"succeeded"}
    assert all(record.collected and record.answered == 5 for record in jobs.book())


def test_the_arms_are_submitted_in_turn(jobs: JobLab) -> None:
    """So that what is there after a while is a paired sample; whatever the order of the parts."""
    jobs.parts = [p for p in parts(3, 2) if p.condition == "treatment"] + [
        p for p in parts(3, 2) if p.condition == "control"
    ]
    remote = jobs.run(max_concurrent=1)

    assert [re.sub(r"exx-a-(\w+)-t0-(p\d+).*", r"\1 \2", name) for name in remote.created] == [
        "control p01",
        "treatment p01",
        "control p02",
        "treatment p02",
        "control p03",
        "treatment p03",
    ]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_never_more_jobs_than_allowed(jobs: JobLab, limit: int) -> None:
    """However many parts there are; and no fewer than the parts have work for."""
    jobs.parts = parts(3, 2)
    remote = jobs.run(max_concurrent=limit)

    assert remote.most_at_once == min(limit, 6)
    assert jobs.answers() == jobs.right()


def test_what_is_stored_goes_into_no_job(jobs: JobLab) -> None:
    """A part whose answers are all there makes no job; of the others only the rest is asked."""
    JobLab(jobs.folder, [part(1, "control", range(5)), part(2, "control", [5, 6])]).run()
    before = set(jobs.remote().created)
    remote = jobs.run()
    fresh = [name for name in remote.created if name not in before]

    assert len(fresh) == 3
    assert [numbers(remote, name) for name in fresh] == [[0, 1, 2, 3, 4], [7, 8, 9], [5, 6, 7, 8, 9]]
    assert set(remote.paid().values()) == {1}


def test_a_question_that_occurs_twice_is_asked_once(jobs: JobLab) -> None:
    """Within a part, and in two parts whose jobs run at once."""
    again, once_more = request(1, item="again"), request(2, item="once more")
    jobs.parts = [part(1, "control", [1, 2, again]), part(2, "control", [once_more, 3])]
    remote = jobs.run(max_concurrent=2)

    assert [*jobs.answers().values()] == ["2", "4", "2", "4", "6"]
    assert sorted(remote.paid()) == [f"sums|i{n}|control|0.0|0|closed" for n in (1, 2, 3)]


def test_failed_and_missing_rows_are_asked_again_in_a_job_of_their_own(jobs: JobLab) -> None:
    """And nothing else is."""
    jobs.faults = Faults(errors=0.3, missing=0.2, seed=1)
    remote = jobs.run()
    again = [record for record in jobs.book() if record.attempt == 2]

    assert jobs.answers() == jobs.right()
    assert again and all(record.follows in remote.created for record in again)
    assert set(remote.paid().values()) == {1}
    first = {record.id: record for record in jobs.book() if record.attempt == 1}
    assert {r.follows: r.rows for r in again} == {r.id: r.failed for r in first.values() if r.failed}


@pytest.mark.parametrize("follow_ups", [0, 1, 2])
def test_rows_that_keep_failing_are_asked_so_often_and_no_more(jobs: JobLab, follow_ups: int) -> None:
    """Then they are rows with an error."""
    jobs.answer = lambda request: None if "|i3|" in request.custom_id else "yes"
    remote = jobs.run(follow_ups=follow_ups)
    failed = {custom_id for custom_id, response in jobs.responses().items() if response.error}

    assert failed == {"sums|i3|control|0.0|0|closed", "sums|i3|treatment|0.0|0|closed"}
    assert {remote.asked()[custom_id] for custom_id in failed} == {1 + follow_ups}
    assert set(jobs.responses()) == set(jobs.right())


def test_a_row_the_output_never_mentions_says_so_in_the_end(jobs: JobLab) -> None:
    """A job that succeeded proves nothing about its rows."""
    jobs.parts = [part(1, "treatment", [1])]
    jobs.faults = Faults(missing=1.0, times=9)
    jobs.run(follow_ups=1)
    (response,) = jobs.responses().values()

    assert re.fullmatch(r"job exx-a-treatment-t0-p01-a2-\w{12} succeeded without a word about.*", response.error or "")


def test_an_expired_job_is_collected_and_its_rest_asked_again(jobs: JobLab) -> None:
    """What it answered is not paid for again; and an expiry is not held against the rows."""
    jobs.parts = [part(1, "control", range(10))]
    jobs.faults = Faults(expiring=3)
    remote = jobs.run(follow_ups=0)

    assert jobs.answers() == jobs.right()
    assert [record.rows for record in jobs.book()] == [10, 5, 2, 1]
    assert [record.state for record in jobs.book()] == ["expired", "expired", "expired", "succeeded"]
    assert set(remote.paid().values()) == {1}


def test_a_job_that_fails_as_a_whole_is_tried_again_and_then_told(jobs: JobLab) -> None:
    """Each of its rows says what the service said."""
    jobs.parts = [part(1, "control", range(3))]
    jobs.faults = Faults(failing=9)
    remote = jobs.run(follow_ups=1)

    assert len(remote.created) == 2
    errors = {response.error for response in jobs.responses().values()}
    assert len(errors) == 1
    assert re.fullmatch(r"job exx-\S+-a2-\w+ is failed: line 1: invalid role", errors.pop() or "")


def test_a_job_the_service_forgot_is_submitted_anew(jobs: JobLab) -> None:
    """There is no other way to its answers."""
    jobs.faults = Faults(forgotten=1)
    jobs.run()

    assert jobs.answers() == jobs.right()
    assert Counter(record.state for record in jobs.book()) == {"gone": 1, "succeeded": 4}


def test_a_job_the_service_does_not_know_yet_is_waited_for(jobs: JobLab) -> None:
    """Right after it was accepted; submitting it anew would be paid for twice."""
    looks: Counter[str] = Counter()

    class Slow(Wrapped):
        def status(self, job_id: str) -> JobStatus | None:
            looks[job_id] += 1
            return None if looks[job_id] < 5 else self.remote.status(job_id)

    remote = jobs.run(Slow)

    assert jobs.answers() == jobs.right()
    assert len(remote.created) == 4


def test_a_job_that_somebody_cancelled_is_not_submitted_again_unasked(jobs: JobLab) -> None:
    """The others are finished, then the run says so; gone on with, it asks what is missing."""
    jobs.faults = Faults(cancelled=1)
    with pytest.raises(BackendError, match=r"1 job ended early: exx-a-control-t0-p01-a1.*\n  → .*exx resume asks"):
        jobs.run()
    assert len(jobs.remote().created) == 4
    jobs.run()

    assert jobs.answers() == jobs.right()
    assert len(jobs.remote().created) == 5


def test_rows_twice_strange_rows_and_disorder_change_nothing(jobs: JobLab) -> None:
    """An answer beats an error, wherever it stands; what is odd is noted with the job."""
    jobs.faults = Faults(repeated=0.6, strange=2, shuffled=True)
    remote = jobs.run()

    assert jobs.answers() == jobs.right()
    assert len(remote.created) == 4
    assert all("2 rows not of this job" in record.message for record in jobs.book())
    assert any("rows repeated" in record.message for record in jobs.book())


def test_a_download_that_breaks_off_or_ends_early_is_repeated(jobs: JobLab) -> None:
    """And nothing is asked twice for it."""
    jobs.faults = Faults(torn=2, short=2)
    remote = jobs.run()

    assert jobs.answers() == jobs.right()
    assert len(remote.created) == 4
    assert [what for what, _ in remote.calls].count("fetched") == 8


def test_a_service_that_counts_wrong_is_believed_in_the_end(jobs: JobLab) -> None:
    """The output is what there is; rows it lacks are asked again."""

    class Boasts(Wrapped):
        def status(self, job_id: str) -> JobStatus | None:
            status = self.remote.status(job_id)
            return JobStatus(state=status.state, answered=99) if status else None

    remote = jobs.run(Boasts)

    assert jobs.answers() == jobs.right()
    assert len(remote.created) == 4


def test_a_lost_reply_does_not_create_a_job_twice(jobs: JobLab) -> None:
    """The id finds it."""
    jobs.faults = Faults(lost_replies=3)
    remote = jobs.run()

    assert len(remote.created) == 4
    assert [what for what, _ in remote.calls].count("accepted") == 0
    assert jobs.answers() == jobs.right()


def test_at_the_quota_the_queue_waits_for_a_place(jobs: JobLab) -> None:
    """And says so; the limit of the service counts, not the one that was asked for."""
    jobs.parts = parts(3, 2)
    jobs.faults = Faults(quota=2)
    remote = jobs.run(max_concurrent=6)

    assert remote.most_at_once == 2
    assert len(remote.created) == 6
    assert jobs.answers() == jobs.right()
    assert any(record.message.startswith("waits for a place: job-submission-count") for record in jobs.told)


def test_the_end_of_a_job_ends_the_pause(jobs: JobLab) -> None:
    """A pause has grown to minutes by then; the place that came free is taken at once."""
    jobs.faults = Faults(quota=1)
    jobs.looks = 60
    times: dict[str, list[float]] = {"created": [], "collected": []}

    class Watched(Wrapped):
        def create(self, job: BatchJob) -> None:
            self.remote.create(job)
            times["created"].append(jobs.clock.time)

        def collected(self, job_id: str) -> None:
            times["collected"].append(jobs.clock.time)

    jobs.run(Watched)
    assert times["created"][1:] == times["collected"][:-1]
    assert times["collected"][0] > 1300


def test_a_quota_that_others_hold_is_waited_out(jobs: JobLab) -> None:
    """With growing pauses, and a stop is heeded meanwhile."""
    jobs.faults = Faults(quota=0)
    jobs.stop_when = lambda: jobs.clock.time > 5000
    with pytest.raises(StopRequested, match="no job is under way"):
        jobs.run()
    refused = [what for what, _ in jobs.remote().calls].count("refused")

    assert 4000 / 300 < refused < 60


def test_looks_become_rarer_while_nothing_happens(jobs: JobLab) -> None:
    """Up to eight times the interval."""
    times: list[float] = []
    jobs.parts = [part(1, "control", [1])]
    jobs.stop_when = lambda: len(times) > 12

    class Waits(Wrapped):
        def status(self, job_id: str) -> JobStatus | None:
            times.append(jobs.clock.time)
            return JobStatus(state="queued")

    with pytest.raises(StopRequested, match="1 job goes on remotely"):
        jobs.run(Waits, poll_interval=10.0)
    gaps = [b - a for a, b in pairwise(times)]

    assert gaps[:3] == pytest.approx([15.0, 22.5, 33.75])
    assert gaps[-3:] == pytest.approx([80.0] * 3)


def test_a_service_out_of_reach_ends_the_run_after_a_while(jobs: JobLab) -> None:
    """With what to do; the job is still in the book."""

    class Gone(Wrapped):
        def status(self, job_id: str) -> JobStatus | None:
            raise Transient("no route to host")

    words = r"the batch service failed 12 times in a row, the last: no route to host\n  → jobs under way go on remotely"
    with pytest.raises(BackendError, match=words):
        jobs.run(Gone, poll_interval=20.0)
    assert jobs.clock.time - 1000 > 1200
    jobs.run()

    assert jobs.answers() == jobs.right()
    assert len(jobs.remote().created) == 4


def test_the_services_own_wish_is_the_least_wait(jobs: JobLab) -> None:
    """Retry-After counts when it is longer than the back-off."""
    times: list[float] = []
    jobs.parts = [part(1, "control", [1])]

    class Asks(Wrapped):
        def status(self, job_id: str) -> JobStatus | None:
            times.append(jobs.clock.time)
            if len(times) == 1:
                raise Transient("later", retry_after=77.0)
            return self.remote.status(job_id)

    jobs.run(Asks)
    assert times[1] - times[0] == pytest.approx(77.0)


def test_a_job_that_never_ends_is_given_up(jobs: JobLab) -> None:
    """It is cancelled and told, and the others are collected first."""
    jobs.parts = parts(1, 2)

    class Stuck(Wrapped):
        def status(self, job_id: str) -> JobStatus | None:
            return JobStatus(state="queued") if "control" in job_id else self.remote.status(job_id)

    words = r"1 job ended early: exx-a-control-\S+ \(given up: queued for 24 hours\)"
    with pytest.raises(BackendError, match=words):
        jobs.run(Stuck, timeout=86_400.0, poll_interval=600.0)
    assert ("cancelled", jobs.remote().created[0]) in jobs.remote().calls
    assert {k: v for k, v in jobs.answers().items() if "treatment" in k} == {
        k: v for k, v in jobs.right().items() if "treatment" in k
    }


def test_a_state_nobody_knows_counts_as_going_on(jobs: JobLab) -> None:
    """Services get new words."""
    seen: list[str] = []

    class NewWord(Wrapped):
        def status(self, job_id: str) -> JobStatus | None:
            status = self.remote.status(job_id)
            seen.append(job_id)
            return JobStatus(state="unknown", raw_state="JOB_STATE_PONDERING") if len(seen) < 9 else status

    jobs.run(NewWord)
    assert jobs.answers() == jobs.right()
    assert any(record.raw_state == "JOB_STATE_PONDERING" for record in jobs.told)


def test_the_command_lines_limit_comes_before_the_backends() -> None:
    """And what the backend does not say has a default."""

    class Backend:
        max_concurrent_jobs = 4
        poll_interval = 9.0
        follow_ups = 0

    names = {"run": "a", "trial": "t", "model": "m"}
    said = JobSettings.of(Backend(), max_concurrent=None, **names)
    assert (said.max_concurrent, said.poll_interval, said.follow_ups, said.timeout) == (4, 9.0, 0, 4 * 86_400.0)
    assert JobSettings.of(Backend(), max_concurrent=1, **names).max_concurrent == 1


def test_the_manifest_says_what_the_jobs_are_and_how_they_went(jobs: JobLab, tmp_path: Path) -> None:
    """Under ``jobs`` and ``job_status``, by id, as plain data."""
    jobs.run()
    document = jobs.book().ledger.document
    names = jobs.remote().created

    assert list(document["jobs"]) == names  # type: ignore[arg-type]
    about = document["jobs"][names[0]]  # type: ignore[index,call-overload]
    assert (about["condition"], about["part"], about["attempt"], about["rows"]) == ("control", 1, 1, 5)  # type: ignore[index,call-overload]
    status = document["job_status"][names[0]]  # type: ignore[index,call-overload]
    assert (status["state"], status["raw_state"], status["collected"]) == (  # type: ignore[index,call-overload]
        "succeeded",
        "JOB_STATE_SUCCEEDED",
        True,
    )
