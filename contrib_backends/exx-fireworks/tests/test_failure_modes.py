"""The failure modes that the facts of the API list (F1 to F22), each met over real HTTP by the client alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import evolve
from fireworks_lab import JOB, LOOKS, MODEL, answered, done, fetched, job, kinds, opened, patiently, request, settled
from fireworks_server import Fault, FireworksServer, Plan, RowFaults
from fireworks_server.plan import BODY_FAULTS

from exx import BackendError, QuotaReached, Response, Throttled, Transient

FOR_LONG = 5  # more failures in a row than the client passes over by itself; the core calls again then
EVERY = {request(number).custom_id for number in range(6)}


def texts(found: dict[str, Response]) -> dict[str, str | None]:
    """What was answered."""
    return {custom_id: response.text for custom_id, response in found.items() if response.error is None}


def right() -> dict[str, str]:
    """What is answered where nothing goes wrong."""
    return {custom_id: f"an answer to {custom_id}" for custom_id in EVERY}


def ended(service: Any, asked: Any = None) -> None:
    """Have a job submitted and come to its end."""
    patiently(lambda: service.create(asked or job()))
    settled(service, (asked or job()).id)


@pytest.mark.parametrize("fault", [kind for kind in BODY_FAULTS if kind != "cut_at_line"])
@pytest.mark.parametrize("times", [1, FOR_LONG])
def test_f01_a_download_that_breaks_off_is_never_taken_for_whole(
    server: FireworksServer, fault: Any, times: int
) -> None:
    """With a length or without, in chunks or not: it is fetched again, and nothing is given out before it is whole."""
    with opened() as service:
        ended(service)
        server.go_wrong(Plan(faults=(Fault("storage.get", fault, times=times),)))
        if times == FOR_LONG:
            with pytest.raises(Transient, match=r"."):
                next(iter(service.fetch(JOB)))
        assert texts(answered(fetched(service))) == right()


@pytest.mark.parametrize("times", [1, 1000])
def test_f01_a_download_cut_between_two_lines_is_not_believed(server: FireworksServer, times: int) -> None:
    """Every line of it can be read, and nobody said how long it is: two have to agree, and the count tells as well."""
    with opened() as service:
        ended(service, job(rows=40))
        server.go_wrong(Plan(faults=(Fault("storage.get", "cut_at_line", times=times),)))
        rows = answered(fetched(service))
        status = service.status(JOB)

    assert (len(rows) == 40) == (times == 1)
    assert status is not None and status.answered == 40


@pytest.mark.parametrize("code", [403, 404, 408, 429, 500, 503])
def test_f02_storage_that_refuses_is_asked_again_under_a_new_address(server: FireworksServer, code: int) -> None:
    """Just after a job is through, and later."""
    with opened() as service:
        ended(service)
        server.go_wrong(Plan(faults=(Fault("storage.get", "status", code, times=2),)))
        assert texts(answered(fetched(service))) == right()

    assert server.counts["dataset.download_url"] == 3


@pytest.mark.parametrize("code", [400, 403])
def test_f02_an_address_that_is_too_old_is_replaced(server: FireworksServer, code: int) -> None:
    """Signed addresses last ten minutes: here they are old as soon as they are made."""
    server.change(url_lifetime=-1, expired_status=code)
    with opened() as service:
        ended(service)
        with pytest.raises(Transient, match=str(code)):
            list(service.fetch(JOB))
        server.change(url_lifetime=599)
        assert texts(answered(fetched(service))) == right()


def test_f02_a_failed_job_has_no_output_and_is_not_waited_for(server: FireworksServer) -> None:
    """The endpoint's 404 is final then."""
    server.go_wrong(Plan(fates={0: "fail"}))
    with opened() as service:
        ended(service)
        assert list(service.fetch(JOB)) == []

    assert server.counts["dataset.download_url"] <= 1


def test_f03_rows_that_are_missing_are_left_to_the_core(server: FireworksServer) -> None:
    """None is made up; the service's own count says that there are more."""
    server.go_wrong(Plan(seed=1, rows=RowFaults(missing=0.5)))
    with opened() as service:
        found = done(service)
        status = service.status(JOB)

    assert 0 < len(found) < 6 and set(found) < EVERY
    assert status is not None and status.answered == 6


def test_f04_rows_in_another_order_find_their_requests(server: FireworksServer) -> None:
    """By custom_id, and nothing else."""
    with opened() as service:
        asked = job(rows=40)
        found = done(service, asked)
        order = [row.custom_id for row in fetched(service)]

    assert order != [one.custom_id for one in asked.requests]
    assert {name: response.text for name, response in found.items()} == {
        one.custom_id: f"an answer to {one.custom_id}" for one in asked.requests
    }


def test_f05_an_id_that_occurs_twice_is_never_sent(server: FireworksServer) -> None:
    """One such row would fail the whole job."""
    twice = evolve(job(), requests=[request(1), request(1)], rows=2)
    with opened() as service, pytest.raises(BackendError, match="occurs twice"):
        service.create(twice)

    assert not {"dataset.create", "job.create"} & set(kinds(server))


def test_f05_f06_rows_that_come_twice_and_errors_of_every_shape(server: FireworksServer) -> None:
    """All are handed on, an error with its words, whichever of three shapes it has."""
    server.go_wrong(Plan(seed=1, rows=RowFaults(errors=1.0, broken=2)))
    with opened() as service:
        found = done(service, job(rows=9))

    assert len(found) == 9
    assert all("overloaded" in str(response.error) and "{" not in str(response.error) for response in found.values())


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_f07_the_file_of_errors_has_no_suffix_and_may_be_empty(server: FireworksServer, share: float) -> None:
    """It is read all the same."""
    server.go_wrong(Plan(seed=4, rows=RowFaults(errors=share)))
    with opened() as service:
        found = done(service)

    assert set(found) == EVERY
    assert any(response.error for response in found.values()) == (share > 0)


def test_f08_an_answer_cut_at_the_limit_says_so(server: FireworksServer) -> None:
    """``finish_reason`` comes through, so that it is counted as truncated."""
    server.go_wrong(Plan(rows=RowFaults(cut_short=1.0)))
    with opened() as service:
        assert {response.finish_reason for response in done(service).values()} == {"length"}


@pytest.mark.parametrize("duplicate", [409, 400])
@pytest.mark.parametrize("fault", ["lost", "late", "reset"])
def test_f10_a_create_whose_reply_was_lost_makes_one_job(server: FireworksServer, duplicate: int, fault: Any) -> None:
    """And one dataset: what is there already is used."""
    server.change(duplicate=duplicate)
    server.go_wrong(
        Plan(faults=tuple(Fault(call, fault, 504) for call in ("dataset.create", "dataset.upload", "job.create")))
    )
    with opened() as service:
        assert texts(done(service)) == right()

    assert server.created == [JOB]
    assert set(server.paid.values()) == {1}


@pytest.mark.parametrize("duplicate", [409, 400])
def test_f10_an_output_that_is_in_the_way_is_told(server: FireworksServer, duplicate: int) -> None:
    """A conflict that is not the job's own must not be taken for it."""
    server.change(duplicate=duplicate)
    with opened() as service:
        service.create(job())
        name = server.world.jobs[JOB].output
        settled(service)
        del server.world.jobs[JOB]
        with pytest.raises(BackendError, match=name) as refused:
            service.create(job())

    assert not isinstance(refused.value, Transient | QuotaReached)
    assert "cleanup" in str(refused.value.hint)


def test_f11_a_quota_told_in_a_400_is_waited_for(server: FireworksServer) -> None:
    """It is no failure; the same job is taken later, without another upload."""
    server.change(quota=1)
    with opened() as service:
        service.create(job("exx-r-control-t0-p02-a1-0123456789ab"))
        with pytest.raises(QuotaReached, match="job-submission-count"):
            service.create(job())
        settled(service, "exx-r-control-t0-p02-a1-0123456789ab")
        service.create(job())

    assert server.counts["dataset.upload"] == 2
    assert server.world.most_at_once == 1


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize(("header", "wish"), [(None, None), ("7", 7.0), ("0.1", 0.1), ("soon", None)])
def test_f12_being_too_fast_is_told_apart_and_how_long_to_wait(
    server: FireworksServer, code: int, header: str | None, wish: float | None
) -> None:
    """Even where ``error`` is a text and not an object."""
    server.go_wrong(Plan(faults=(Fault("job.get", "status", code, times=FOR_LONG, retry_after=header),)))
    with opened() as service, pytest.raises(Throttled, match=str(code)) as throttled:
        service.status(JOB)

    assert throttled.value.retry_after == wish


@pytest.mark.parametrize("code", [408, 500, 502, 504, 520])
def test_f12_a_failure_in_passing_is_one(server: FireworksServer, code: int) -> None:
    """Whatever its body is, JSON or a page of a proxy."""
    server.go_wrong(Plan(faults=(Fault("job.get", "status", code, times=FOR_LONG),)))
    with opened() as service, pytest.raises(Transient, match=str(code)):
        service.status(JOB)
    server.go_wrong(Plan(faults=(Fault("job.get", "status", code, times=2),)))
    with opened() as service:
        assert service.status(JOB) is None


def test_f12_a_service_that_says_nothing_is_not_waited_for_for_ever(server: FireworksServer) -> None:
    """``timeout`` seconds without a byte are a failure in passing; a slow reply is none."""
    server.go_wrong(Plan(faults=(Fault("job.get", "slow", times=FOR_LONG, seconds=0.6),)))
    with opened(timeout=0.2) as service, pytest.raises(Transient, match=r"0\.2 seconds"):
        service.status(JOB)
    server.go_wrong(Plan(faults=(Fault("*", "slow", times=FOR_LONG, seconds=0.05),)))
    with opened() as service:
        assert texts(done(service)) == right()


@pytest.mark.parametrize("how", ["continue", "resubmit"])
def test_f13_an_expired_job_gives_what_it_has_and_the_rest_goes_on(server: FireworksServer, how: Any) -> None:
    """By ``continuedFromJobName``, or as a job of its own; no row is answered twice."""
    server.go_wrong(Plan(fates={0: "expire"}))
    with opened(on_expired=how) as service:
        service.create(job())
        status = settled(service)
        first = texts(answered(fetched(service)))
        assert (status.state, status.has_output, len(first)) == ("expired", True, 4)

        rest = job("exx-r-control-t0-p01-a2-0123456789ab", only=EVERY - set(first), attempt=2, follows=JOB)
        second = texts(done(service, rest))

    assert first | second == right()
    assert set(server.paid.values()) == {1}
    (_, body) = [call.body for call in server.calls if call.kind == "job.create"]
    assert ("continuedFromJobName" in body) == (how == "continue")
    assert server.counts["dataset.upload"] == (1 if how == "continue" else 2)


def test_f13_a_row_lost_by_an_expired_job_is_not_left_to_a_continuation(server: FireworksServer) -> None:
    """The service believes that it has answered it, so a continuation would leave it out."""
    server.go_wrong(Plan(seed=1, fates={0: "expire"}, rows=RowFaults(missing=0.3)))
    with opened() as service:
        service.create(job(rows=20))
        settled(service)
        first = texts(answered(fetched(service)))
        every = {request(number).custom_id for number in range(20)}
        name = "exx-r-control-t0-p01-a2-0123456789ab"
        found = texts(done(service, job(name, 20, only=every - set(first), attempt=2, follows=JOB)))
        third = every - set(first) - set(found)
        if third:
            found |= texts(done(service, job("exx-r-a3", 20, only=third, attempt=3, follows=name)))

    assert set(first) | set(found) == every
    assert set(server.paid.values()) == {1}


def test_f13_expired_rows_may_be_kept_as_they_are(server: FireworksServer) -> None:
    """``on_expired: keep``: the status says that nothing is to be asked again."""
    server.go_wrong(Plan(fates={0: "expire"}))
    with opened(on_expired="keep") as service:
        service.create(job())
        assert settled(service).conclusive


def test_f14_a_job_that_waits_for_ever_goes_on_until_it_is_given_up(server: FireworksServer) -> None:
    """It is not final, and it can be made to end."""
    server.go_wrong(Plan(fates={0: "stuck"}))
    with opened() as service:
        service.create(job())
        for _ in range(LOOKS):
            status = service.status(JOB)
            assert status is not None and not status.final
        service.cancel(JOB)
        assert settled(service).state == "cancelled"
        service.cancel(JOB)
        server.clock.advance(3600)
        service.cancel(JOB)

    assert server.counts["job.delete"] >= 1


@pytest.mark.parametrize(
    ("fate", "state"), [("new_state", "succeeded"), ("early_stop", "expired"), ("cancel", "cancelled")]
)
def test_f15_states_with_a_prefix_and_states_that_are_new(server: FireworksServer, fate: Any, state: str) -> None:
    """A word that is not known counts as going on, and what has ended early has output."""
    server.go_wrong(Plan(fates={0: fate}))
    with opened() as service:
        service.create(job())
        seen = []
        while not seen or not seen[-1].final:
            status = service.status(JOB)
            assert status is not None
            seen.append(status)

    assert seen[-1].state == state
    assert seen[-1].has_output == (state != "succeeded")
    assert all(status.raw_state.startswith("JOB_STATE_") for status in seen)
    assert any(status.state == "unknown" for status in seen) == (fate == "new_state")


@pytest.mark.parametrize(
    "changes",
    [
        {"messages": [{"role": "robot", "content": "hi"}]},
        {"messages": []},
        {"messages": [{"role": "user"}]},
        {"custom_id": ""},
        {"params": {**request(1).params, "temperature": 2.5}},
        {"params": {**request(1).params, "top_p": 0.0 - 0.1}},
        {"params": {**request(1).params, "top_k": 101}},
        {"params": {**request(1).params, "stop": list("abcde")}},
        {"params": {**request(1).params, "extra_body": {}}},
        {"params": {"temperature": 0.0}},
    ],
)
def test_f16_a_row_that_the_service_would_refuse_is_refused_here(server: FireworksServer, changes: Any) -> None:
    """Before anything is sent: the service would fail the whole job and name a wrong line."""
    bad = evolve(request(1), **changes)
    with opened() as service, pytest.raises(BackendError, match="request") as refused:
        service.create(evolve(job(), requests=[request(0), bad], rows=2))

    assert not isinstance(refused.value, Transient)
    assert not {"dataset.create", "job.create"} & set(kinds(server))


def test_f17_counters_that_stay_zero_are_not_believed(server: FireworksServer) -> None:
    """Zero answers is no count; the output is."""
    server.change(counters=False)
    with opened() as service:
        assert texts(done(service)) == right()
        status = service.status(JOB)

    assert status is not None and status.answered in (None, 0)


def test_f18_a_completed_job_may_have_failed_in_every_row(server: FireworksServer) -> None:
    """COMPLETED proves nothing; the rows do."""
    server.world.answer = lambda custom_id, body: None
    with opened() as service:
        found = done(service)
        status = service.status(JOB)

    assert status is not None and status.state == "succeeded"
    assert {response.error for response in found.values()} != {None} and texts(found) == {}


def test_f19_no_get_has_a_body(server: FireworksServer) -> None:
    """Google's front end answers 400 to one."""
    with opened() as service:
        done(service)

    gets = [call for call in server.calls if call.kind.endswith((".get", ".list", ".download_url"))]
    assert len(gets) > 5
    assert not [
        call for call in gets if int(call.headers.get("content-length", 0)) or "transfer-encoding" in call.headers
    ]


def test_f20_the_number_of_rows_is_told_as_a_text_in_its_place(server: FireworksServer) -> None:
    """Inside ``dataset``."""
    with opened() as service:
        service.create(job(rows=7))
    (body,) = [call.body for call in server.calls if call.kind == "dataset.create"]

    assert body["dataset"]["exampleCount"] == "7"
    assert "userUploaded" in body["dataset"]
    assert set(body) == {"datasetId", "dataset"}


def test_f21_further_fields_go_into_the_job_as_a_text(server: FireworksServer) -> None:
    """``extra_body`` and ``reasoning_effort`` never stand in a row, where they would fail it."""
    with opened(reasoning_effort="low", extra_body={"logprobs": True}) as service:
        assert texts(done(service)) == right()
    (body,) = [call.body for call in server.calls if call.kind == "job.create"]

    assert json.loads(body["inferenceParameters"]["extraBody"]) == {"logprobs": True, "reasoning_effort": "low"}
    assert body["model"] == MODEL
    assert server.world.complaints == []


@pytest.mark.parametrize("times", [1, 2])
def test_f22_an_upload_cut_on_its_way_is_sent_again(server: FireworksServer, times: int) -> None:
    """It reads as invalid JSON at the other end."""
    words = "invalid JSON: unexpected end of input"
    server.go_wrong(Plan(faults=(Fault("dataset.upload", "status", 400, times=times, message=words),)))
    with opened() as service:
        assert texts(done(service)) == right()


def test_f22_but_not_for_ever(server: FireworksServer) -> None:
    """A 400 that stays is told."""
    words = "invalid JSON: unexpected end of input"
    server.go_wrong(Plan(faults=(Fault("dataset.upload", "status", 400, times=99, message=words),)))
    with opened() as service, pytest.raises(BackendError, match="invalid JSON") as refused:
        done(service)

    assert not isinstance(refused.value, Transient)
    assert server.counts["dataset.upload"] <= 4
