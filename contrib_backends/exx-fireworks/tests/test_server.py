"""The server of these tests is as strict as the facts of the API say, so that a client that passes means something."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests
from fireworks_caller import ROWS, Caller
from fireworks_server import Fault, FireworksServer, Plan


@pytest.fixture
def call(server: FireworksServer) -> Caller:
    """Calls."""
    return Caller(server)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"datasetId": "a", "dataset": {"userUploaded": {}}}, "example_count is required"),
        ({"datasetId": "a", "exampleCount": "1", "dataset": {}}, "unknown field"),
        ({"datasetId": "1a", "dataset": {"exampleCount": "1"}}, "invalid dataset id"),
        ({"datasetId": "a-", "dataset": {"exampleCount": "1"}}, "invalid dataset id"),
        ({"datasetId": "a" * 64, "dataset": {"exampleCount": "1"}}, "invalid dataset id"),
    ],
)
def test_a_dataset_has_a_count_in_its_place_and_a_good_id(call: Caller, body: object, words: str) -> None:
    """Sections 1.2 and 1.4."""
    reply = call("POST", "/datasets", json=body)

    assert reply.status_code == 400
    assert words in reply.json()["message"]


def test_a_get_with_a_body_is_refused_in_html(call: Caller) -> None:
    """Section 1.6: Google's front end does it; and POST is not the method."""
    call.dataset("a")
    reply = call("GET", "/datasets/a:getDownloadEndpoint", data="{}")

    assert (reply.status_code, reply.headers["Content-Type"][:9]) == (400, "text/html")
    assert call("POST", "/datasets/a:getDownloadEndpoint", json={}).text == "Method Not Allowed"


def test_one_bad_role_fails_a_whole_job_and_names_a_wrong_line(call: Caller, server: FireworksServer) -> None:
    """Section 3.1; and the output it names does not exist."""
    bad = {"custom_id": "bad", "body": {"messages": [{"role": "robot", "content": "hi"}]}}
    call.dataset("a", [*ROWS, bad])
    call.job("j", inputDatasetId="a", outputDatasetId="o")
    ended = call.ended("j")

    assert ended["state"] == "JOB_STATE_FAILED"
    assert ended["status"] == {
        "code": "INVALID_ARGUMENT",
        "message": "dataset.jsonl:12: role must be one of system, user, assistant, tool",
    }
    assert not server.paid
    assert call("GET", "/datasets/o:getDownloadEndpoint").json() == {
        "code": 5,
        "message": "resource not found",
        "details": [],
    }


def test_an_unknown_field_fails_every_row_and_not_the_job(call: Caller, server: FireworksServer) -> None:
    """Section 3.1: "Extra inputs are not permitted"."""
    call.dataset("a", [{**row, "body": {**row["body"], "extra_body": {}}} for row in ROWS])  # type: ignore[dict-item]
    call.job("j", inputDatasetId="a", outputDatasetId="o")

    assert call.ended("j")["state"] == "JOB_STATE_COMPLETED"
    urls = call("GET", "/datasets/o:getDownloadEndpoint").json()["filenameToSignedUrls"]
    assert list(urls) == ["dataset/o/BIJOutputSet.jsonl", "dataset/o/error-data"]
    assert requests.get(urls["dataset/o/BIJOutputSet.jsonl"], timeout=10).content == b""
    assert "Extra inputs are not permitted" in requests.get(urls["dataset/o/error-data"], timeout=10).text


def test_unknown_fields_of_a_job_are_refused(call: Caller) -> None:
    """Such as ``continueFrom``, which a client in the field sends."""
    call.dataset("a")

    assert "continueFrom" in call.job("j", inputDatasetId="a", continueFrom="x").json()["message"]
    assert "must be a string" in call.job("j", inputDatasetId="a", inferenceParameters={"extraBody": {}}).text


def test_a_signed_address_is_good_for_a_while_and_for_exactly_its_headers(
    call: Caller, server: FireworksServer
) -> None:
    """Sections 1.5 and 1.6."""
    call("POST", "/datasets", json={"datasetId": "a", "dataset": {"exampleCount": "1"}})
    reply = call("POST", "/datasets/a:getUploadEndpoint", json={"filenameToSize": {"a.jsonl": "3"}})
    url = reply.json()["filenameToSignedUrls"]["a.jsonl"]
    right = {"Content-Type": "application/octet-stream", "x-goog-content-length-range": "3,3"}

    def put(data: bytes = b"{}\n", **headers: str) -> int:
        return requests.put(url, data=data, headers=headers, timeout=10).status_code

    assert put() == 403
    assert put(**{**right, "Content-Type": "application/jsonl"}) == 403
    assert put(**right, **{"x-goog-meta-more": "1"}) == 403
    assert put(**right, Authorization=f"Bearer {server.key}") == 400
    assert put(b"{}", **right) == 400
    assert "not uploaded" in call("POST", "/datasets/a:validateUpload", json={}).text
    assert put(**right) == 200
    assert call("POST", "/datasets/a:validateUpload").status_code == 400
    assert call("POST", "/datasets/a:validateUpload", json={}).json() == {}
    server.clock.advance(600)
    assert put(**right) == 400


def test_a_list_goes_on_only_with_the_same_words(call: Caller) -> None:
    """Sections 1.1 and 2.1: pages of at most 200, and a token that is bound to its question."""
    for number in range(5):
        call("POST", "/datasets", json={"datasetId": f"d{number}", "dataset": {"exampleCount": "1"}})
    page = call("GET", "/datasets", params={"pageSize": "2"}).json()
    more = call("GET", "/datasets", params={"pageSize": "2", "pageToken": page["nextPageToken"]}).json()
    other = call("GET", "/datasets", params={"pageSize": "3", "pageToken": page["nextPageToken"]})

    assert [one["name"][-2:] for one in page["datasets"] + more["datasets"]] == ["d0", "d1", "d2", "d3"]
    assert other.status_code == 400


def test_an_expired_job_is_continued_with_what_it_left(call: Caller, server: FireworksServer) -> None:
    """Section 2.6: nothing is answered twice, and the whole chain can be had at once."""
    server.go_wrong(Plan(fates={0: "expire"}))
    call.dataset("a", ROWS)
    call.job("j", inputDatasetId="a", outputDatasetId="o1")
    assert call.ended("j")["state"] == "JOB_STATE_EXPIRED"
    assert sum(server.paid.values()) == 2
    name = f"accounts/{server.account}/batchInferenceJobs/j"
    assert call.job("k", continuedFromJobName=name, outputDatasetId="o2").ok
    assert call.ended("k")["state"] == "JOB_STATE_COMPLETED"

    assert server.paid == {"r0": 1, "r1": 1, "r2": 1, "r3": 1}
    chain = call("GET", "/datasets/o2:getDownloadEndpoint", params={"downloadLineage": "true"})
    assert len(chain.json()["filenameToSignedUrls"]) == 4


def test_a_reply_may_be_lost_after_the_deed(call: Caller, server: FireworksServer) -> None:
    """And the deed is done."""
    server.go_wrong(Plan(faults=(Fault("dataset.create", "lost"),)))
    body = {"datasetId": "a", "dataset": {"exampleCount": "1"}}
    with pytest.raises(requests.ConnectionError, match=r"."):
        call("POST", "/datasets", json=body)

    assert call("POST", "/datasets", json=body).status_code == 409


def test_a_key_that_is_wrong_is_refused_with_403(server: FireworksServer) -> None:
    """Section 4.2: not with 401."""
    reply = requests.get(f"{server.url}/v1/accounts", headers={"Authorization": "Bearer x"}, timeout=10)

    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "UNAUTHORIZED")


def test_plans_can_be_drawn_and_sent(tmp_path: Path) -> None:
    """The same seed, the same plan; and a plan survives being JSON."""
    assert Plan.drawn(3) == Plan.drawn(3) != Plan.drawn(4)
    assert Plan.from_json(json.loads(json.dumps(Plan.drawn(3).as_json()))) == Plan.drawn(3)
