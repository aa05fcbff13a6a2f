"""The client's pieces, each on its own: what a reply means, what a row holds, what is hidden, what is sent."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from exx import BackendError, Job, Throttled, Transient
from exx_fireworks import transfer
from exx_fireworks.account import opened, origin_of
from exx_fireworks.api import Api
from exx_fireworks.backend import FireworksBackend
from exx_fireworks.datasets import safe_name
from exx_fireworks.leftovers import _reason
from exx_fireworks.problems import Refused, is_quota, problem, wished, words_of
from exx_fireworks.secret import Key, quiet_log
from exx_fireworks.states import status_of

MODEL = "accounts/fireworks/models/gpt-oss-120b"
SIGNED = (
    "https://storage.googleapis.com/b/o.jsonl?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Expires=599"
    "&X-Goog-SignedHeaders=content-type%3Bhost%3Bx-goog-content-length-range&X-Goog-Signature=0badcafe"
)


# --- what a reply means ----------------------------------------------------------------------------------------------
# The table of the service's error codes, with what its official SDK retries.
@pytest.mark.parametrize(
    ("status", "said", "kind", "hint"),
    [
        (400, "unknown field", Refused, "was not understood"),
        (400, "payment method required", Refused, "payment method"),
        (401, "no", Refused, "FIREWORKS_API_KEY"),
        (402, "", Refused, "payment method"),
        (403, "invalid key", Refused, "FIREWORKS_API_KEY"),
        (403, "the account is suspended", Refused, "payment method"),
        (404, "model not found", Refused, "the model's name"),
        (409, "already exists", Refused, ""),
        (412, "suspended", Refused, "payment method"),
        (413, "", Refused, "--lines-per-part"),
        (422, "", Refused, "was not understood"),
        (429, "Too Many Requests", Throttled, None),
        (503, "overloaded", Throttled, None),
        (408, "", Transient, None),
        (500, "", Transient, None),
        (502, "", Transient, None),
        (504, "", Transient, None),
        (520, "", Transient, None),
    ],
)
def test_a_status_means_one_thing(status: int, said: str, kind: type[BackendError], hint: str | None) -> None:
    """Tried again, slower, or told with what to do."""
    found = problem("POST /v1/x", status, {}, said)

    assert type(found) is kind
    assert f"HTTP {status}" in found.message and said in found.message
    assert found.hint is None if hint is None else hint in (found.hint or "")


@pytest.mark.parametrize(
    ("status", "said", "expected"),
    [
        (400, "invalid batch inference job: job-submission-count for account a, in use: 16, quota: 16", True),
        (429, "quota exceeded", True),
        (400, "quota: monthly spend limit reached", False),
        (403, "quota project missing", False),
        (400, "thinking.budget_tokens must be at least 1024", False),
    ],
)
def test_only_a_quota_on_jobs_is_waited_for(status: int, said: str, expected: bool) -> None:
    """An account that cannot pay will not be able to in a minute."""
    assert is_quota(problem("POST /v1/x", status, {}, said)) is expected


def test_the_service_s_wish_is_read_in_every_form() -> None:
    """Milliseconds, seconds, a date; nonsense is no wish."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)

    assert wished({"retry-after-ms": "1500"}) == 1.5
    assert wished({"Retry-After": "7"}) == 7.0
    assert 25 < (wished({"Retry-After": soon}) or 0) <= 30
    assert wished({"Retry-After": "soon"}) is None and wished({}) is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            b'{"error": {"message": "bad", "code": "BAD_REQUEST", "type": "error"}, "request_id": "r"}',
            "BAD_REQUEST: bad",
        ),
        (b'{"error": "Too Many Requests", "message": "slow down"}', "Too Many Requests: slow down"),
        (b'{"code": 5, "message": "resource not found", "details": []}', "resource not found"),
        (b"<html><body>Bad\n gateway</body></html>", "Bad gateway"),
        (b'["odd"]', "['odd']"),
    ],
)
def test_every_shape_of_error_is_read(body: bytes, words: str) -> None:
    """Four shapes have been seen."""
    assert words_of(body) == words


# --- states ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("word", "state", "final", "output"),
    [
        ("JOB_STATE_VALIDATING", "queued", False, False),
        ("JOB_STATE_PENDING", "queued", False, False),
        ("JOB_STATE_PAUSED", "queued", False, False),
        ("JOB_STATE_RUNNING", "running", False, False),
        ("JOB_STATE_WRITING_RESULTS", "running", False, False),
        ("JOB_STATE_CANCELLING", "running", False, False),
        ("JOB_STATE_COMPLETED", "succeeded", True, False),
        ("COMPLETED", "succeeded", True, False),
        ("JOB_STATE_FAILED", "failed", True, True),
        ("JOB_STATE_EXPIRED", "expired", True, True),
        ("JOB_STATE_EARLY_STOPPED", "expired", True, True),
        ("JOB_STATE_ARCHIVED", "expired", True, True),
        ("JOB_STATE_CANCELLED", "cancelled", True, True),
        ("JOB_STATE_DELETING_CLEANING_UP", "cancelled", True, True),
        ("JOB_STATE_TELEPORTING", "unknown", False, False),
        ("", "queued", False, False),
    ],
)
def test_each_state_means_one_of_the_core_s(word: str, state: str, final: bool, output: bool) -> None:
    """With and without the prefix; one that nobody knows goes on."""
    status = status_of({"state": word, "jobProgress": None})

    assert (status.state, status.final, status.has_output) == (state, final, output)
    assert status.raw_state == word


def test_counts_count_only_when_they_say_something() -> None:
    """Zeroes are usual while a job runs; a job that continues another may count the other's rows."""
    progress = {"successfullyProcessedRequests": 40, "totalProcessedRequests": 50}
    done = {"state": "JOB_STATE_COMPLETED", "jobProgress": progress, "precision": "BF16"}
    none = {"state": "JOB_STATE_COMPLETED", "jobProgress": dict.fromkeys(progress, 0)}

    assert (status_of(done).answered, status_of(done).processed, status_of(done).precision) == (40, 50, "BF16")
    assert status_of(none).answered is None
    assert status_of({**done, "continuedFromJobName": "accounts/a/batchInferenceJobs/b"}).answered is None


@pytest.mark.parametrize(("code", "conclusive"), [("INVALID_ARGUMENT", True), ("NOT_FOUND", True), ("INTERNAL", False)])
def test_a_failure_that_would_come_again_is_conclusive(code: str, conclusive: bool) -> None:
    """And says why in the service's words."""
    status = status_of({"state": "JOB_STATE_FAILED", "status": {"code": code, "message": "x.jsonl:3: bad role"}})

    assert status.conclusive is conclusive
    assert status.message == f"{code}: x.jsonl:3: bad role"


# --- what is hidden --------------------------------------------------------------------------------------------------
def test_nothing_secret_is_left_in_words() -> None:
    """Neither the key, nor signed addresses, nor mail addresses."""
    key = Key("fw_3ZsecretSecret")
    told = key.hide(f"403 for Bearer {key.value} at {SIGNED}, made by ada@example.com; key={key.value}")

    assert key.value not in repr(key) + str(key) + told
    assert "0badcafe" not in told and "X-Goog" not in told and "ada@" not in told
    assert told.startswith("403 for") and "storage.googleapis.com/b/o.jsonl" in told


def test_the_log_of_connections_has_no_signatures(caplog: pytest.LogCaptureFixture) -> None:
    """urllib3 logs the address of every call at level DEBUG."""
    log = logging.getLogger("urllib3.connectionpool")
    with caplog.at_level(logging.DEBUG, logger=log.name), quiet_log():
        log.debug('%s://%s:%s "%s %s %s" %s', "https", "host", 443, "GET", SIGNED, "HTTP/1.1", 200)

    assert "GET https://storage.googleapis.com/b/o.jsonl?…" in caplog.text and "0badcafe" not in caplog.text
    assert not log.filters


# --- what is sent ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("content", [b"", b"{}\n", b"\r\n--\r\n" * 900], ids=["empty", "short", "long"])
@pytest.mark.parametrize("piece", [1, 700, 1 << 20])
def test_a_form_is_the_file_and_as_long_as_it_says(tmp_path: Path, content: bytes, piece: int) -> None:
    """However it is read, and whatever is in the file: RFC 7578's form with one part."""
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    with transfer.Form(path) as form:
        pieces = []
        while read := form.read(piece):
            pieces.append(read)
        length, headers = len(form), form.headers
    sent = b"".join(pieces)
    mark = headers["Content-Type"].removeprefix("multipart/form-data; boundary=").encode()
    head, _, rest = sent.partition(b"\r\n\r\n")

    assert length == len(sent)
    assert head.splitlines()[0] == b"--" + mark
    assert b'form-data; name="file"; filename="rows.jsonl"' in head
    assert rest == content + b"\r\n--" + mark + b"--\r\n"


def test_a_signed_address_gets_the_signed_headers() -> None:
    """With their signed values, and no others; one that is not known here is an error before anything is sent."""
    assert transfer._signed_headers(SIGNED, 1234) == {
        "content-type": "application/octet-stream",
        "x-goog-content-length-range": "1234,1234",
    }
    assert transfer._signed_headers("https://s/o?X-Goog-SignedHeaders=host", 1) == {}
    with pytest.raises(BackendError, match="x-goog-meta-colour"):
        transfer._signed_headers("https://s/o?X-Goog-SignedHeaders=host%3Bx-goog-meta-colour", 1)


@pytest.mark.parametrize(
    ("content", "torn"),
    [
        (b"", False),
        (b"\n\n", False),
        (b'{"a": 1}\n{"b": 2}\n', False),
        (b'{"a": 1}\n{"b": 2}', False),
        (b'{"a": 1}\n{"b": ', True),
        (b'{"a": "' + b"x" * 200_000 + b'"}\n', False),
        (b'{"a": "' + b"x" * 200_000, True),
    ],
)
def test_a_file_that_ends_within_a_line_was_cut(tmp_path: Path, content: bytes, torn: bool) -> None:
    """Also where the last line is longer than what is looked at first."""
    path = tmp_path / "BIJOutputSet.jsonl"
    path.write_bytes(content)
    if torn:
        with pytest.raises(Transient, match="ends in the middle of a line"):
            transfer.refuse_torn(path, "download")
    else:
        transfer.refuse_torn(path, "download")


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("dataset/out/BIJOutputSet.jsonl", "BIJOutputSet.jsonl"),
        ("dataset/out/error-data", "error-data"),
        ("../../etc/passwd", "passwd"),
        ("..", "file"),
        ("a\\..\\b", "b"),
        ("", "file"),
    ],
)
def test_a_file_is_written_where_it_belongs(place: str, name: str) -> None:
    """The service names the files; they stay in their folder."""
    assert safe_name(place) == name


@given(st.text(max_size=30))
def test_no_name_leads_out_of_the_folder(place: str) -> None:
    """Whatever the service says."""
    name = safe_name(place)

    assert name not in ("", ".", "..") and "/" not in name and "\0" not in name


# --- tries -----------------------------------------------------------------------------------------------------------
def test_what_fails_in_passing_is_tried_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the core takes over; a refusal, or a wish for more than two seconds, goes there at once."""
    pauses: list[float] = []
    monkeypatch.setattr("exx_fireworks.api.time.sleep", pauses.append)
    calls: list[int] = []

    def failing(cause: BackendError) -> None:
        calls.append(1)
        raise cause

    with Api("http://127.0.0.1:9", Key("k"), "a", 1.0, 0.5) as api:
        for cause, tries in ((Transient("lost"), 3), (Throttled("slow", retry_after=30.0), 1), (BackendError("no"), 1)):
            calls.clear()
            with pytest.raises(BackendError, match=cause.message):
                api.again(lambda cause=cause: failing(cause))
            assert len(calls) == tries

    assert len(pauses) == 2 and 0.25 <= pauses[0] <= 0.5 <= pauses[1] <= 1.0


# --- options and credentials -----------------------------------------------------------------------------------------
def test_identity_is_what_decides_the_answers() -> None:
    """Options that change only how jobs are run are no part of it; those that change answers are."""
    plain = FireworksBackend().identity(MODEL)

    assert FireworksBackend(max_concurrent_jobs=9, account_id="a", api_base="https://x.y").identity(MODEL) == plain
    assert FireworksBackend(reasoning_effort="low").identity(MODEL) != plain
    assert FireworksBackend(extra_body={"user": "u"}).identity(MODEL) != plain
    assert not {"account_id", "api_base"} & plain.keys()


@pytest.mark.parametrize("model", ["gpt-oss-120b", "accounts/fireworks/deployedModels/x-1", "accounts/x/models/"])
def test_a_model_that_cannot_be_asked_is_told_before_anything_else(model: str) -> None:
    """With an example of one that can."""
    with pytest.raises(BackendError, match="accounts/fireworks/models/gpt-oss-120b"):
        FireworksBackend().identity(model)


def test_an_effort_that_gpt_oss_refuses_is_told() -> None:
    """It would be an error in every row; other models take it."""
    with pytest.raises(BackendError, match="gpt-oss models take low, medium, high"):
        FireworksBackend(reasoning_effort="none").identity(MODEL)
    assert FireworksBackend(reasoning_effort="none").identity("accounts/fireworks/models/qwen3-14b")


@pytest.mark.parametrize(
    ("text", "hours"), [("24h", 24), ("12h", 12), ("3d", 72), ("90000", 25), ("1500m", 25), (86400, 24)]
)
def test_a_length_of_time_may_be_said_in_several_ways(text: Any, hours: float) -> None:
    """A job is given up two hours later."""
    backend = FireworksBackend(max_job_duration=text)

    assert backend.window == hours * 3600
    assert backend.job_timeout == (hours + 2) * 3600


@pytest.mark.parametrize("text", ["11h", "4d", "soon", "", "-24h"])
def test_other_lengths_are_refused(text: str) -> None:
    """The service takes 12 to 72 hours."""
    with pytest.raises(ValueError, match=r"12 to 72 hours|length of time"):
        FireworksBackend(max_job_duration=text)


def test_extra_body_leaves_exx_its_own() -> None:
    """A value in two places would be decided by nobody knows what."""
    with pytest.raises(ValueError, match="may not hold max_tokens, temperature"):
        FireworksBackend(extra_body={"temperature": 1, "max_tokens": 5, "user": "u"})


def test_one_by_one_it_is_another_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the name of the key's variable, not the key."""
    monkeypatch.delenv("FIREWORKS_API_BASE", raising=False)
    monkeypatch.delenv("FIREWORKS_BASE_URL", raising=False)
    monkeypatch.setenv("FIREWORKS_API_KEY", "fw_secret")
    name, options = FireworksBackend(reasoning_effort="low", extra_body={"user": "u"}).online()

    assert name == "openai_chat"
    assert options == {
        "base_url": "https://api.fireworks.ai/inference/v1",
        "api_key_env": "FIREWORKS_API_KEY",
        "reasoning_effort": "low",
        "extra_body": {"user": "u"},
    }


@pytest.mark.parametrize(
    ("said", "origin"),
    [
        ("https://api.fireworks.ai", "https://api.fireworks.ai"),
        ("https://api.fireworks.ai/", "https://api.fireworks.ai"),
        ("https://api.fireworks.ai/v1/", "https://api.fireworks.ai"),
        ("https://api.fireworks.ai/inference/v1", "https://api.fireworks.ai"),
        ("http://127.0.0.1:8080/proxy/v1", "http://127.0.0.1:8080/proxy"),
    ],
)
def test_the_address_may_be_said_in_several_ways(said: str, origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an option, or in either variable."""
    assert origin_of(said) == origin
    for name in ("FIREWORKS_API_BASE", "FIREWORKS_BASE_URL"):
        monkeypatch.delenv("FIREWORKS_API_BASE", raising=False)
        monkeypatch.setenv(name, said)
        assert origin_of(None) == origin


@pytest.mark.parametrize("said", ["api.fireworks.ai", "ftp://x", "https://user:pass@x", "https://x?y=1"])
def test_what_is_no_address_is_told(said: str) -> None:
    """Without repeating it: it may hold a password."""
    with pytest.raises(BackendError, match="is not an http address") as caught:
        origin_of(said)
    assert "pass" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "account", "words"),
    [
        ("", "acme", "FIREWORKS_API_KEY is not set"),
        ("fw two words", "acme", "holds a blank"),
        ("fw_1", "ada@example.com", "looks like a mail address"),
        ("fw_1", "Acme Inc", "account id is not one"),
    ],
)
def test_credentials_that_cannot_be_are_told(
    key: str, account: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before any call, and without showing them."""
    monkeypatch.setenv("FIREWORKS_API_KEY", key)
    with pytest.raises(BackendError, match=words) as caught, opened(None, account, 1.0):
        pass
    assert not key or key not in str(caught.value)


# --- cleaning up -----------------------------------------------------------------------------------------------------
def test_what_is_still_needed_is_kept() -> None:
    """A job under way, and one whose answers are not stored; unless that is meant."""
    job = Job(id="j", condition="control", temp=0.0, part=1, attempt=1, state="running", collected=False, rows=3)
    done = evolve(job, state="succeeded", collected=True)

    assert _reason(False, job, False, False).startswith("under way")
    assert _reason(True, job, False, False).startswith("not collected")
    assert _reason(True, job, True, False) == ""
    assert _reason(False, job, True, True) == ""
    assert _reason(True, done, False, False) == "" and _reason(True, None, False, False) == ""
