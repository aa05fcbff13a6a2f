"""The backend's options, what it says of itself, and the whole life of a job at the server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fireworks_lab import JOB, MODEL, done, job, kinds, opened, patiently, settled
from fireworks_server import FireworksServer

import exx_fireworks.datasets
from exx import BackendError, BatchBackend
from exx.testing import check_backend
from exx_fireworks.backend import FireworksBackend


def test_a_job_from_its_rows_to_its_answers(server: FireworksServer) -> None:
    """Created with the count, uploaded, ready, submitted under its own id, followed, fetched: each once."""
    with opened() as service:
        assert service.status(JOB) is None
        found = done(service, job(rows=6))

    assert len(found) == 6
    assert {response.text for response in found.values()} == {f"an answer to {name}" for name in found}
    assert {(response.model, response.finish_reason) for response in found.values()} == {(MODEL, "stop")}
    usage = next(iter(found.values())).usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) == (20, 4, 8)
    assert all(response.request_id and response.answered_at for response in found.values())
    calls = kinds(server)
    assert [calls.count(kind) for kind in ("dataset.create", "dataset.upload", "job.create")] == [1, 1, 1]
    assert calls.index("dataset.create") < calls.index("dataset.upload") < calls.index("job.create")
    assert server.created == [JOB]


def test_progress_and_precision_are_told(server: FireworksServer) -> None:
    """As the service says, once it says it."""
    server.change(precisions=("FP8",))
    with opened() as service:
        service.create(job())
        status = settled(service)

    assert (status.state, status.raw_state) == ("succeeded", "JOB_STATE_COMPLETED")
    assert (status.processed, status.answered, status.precision) == (6, 6, "FP8")


def test_ids_are_good_and_the_same_each_time(server: FireworksServer) -> None:
    """1 to 63 of a-z, 0-9 and -, made from the job's; what is there is used."""
    with opened() as service:
        service.create(job())
        names = set(server.world.datasets)
        service.create(job())

    assert set(server.world.datasets) == names
    assert server.created == [JOB]
    assert server.counts["dataset.upload"] == 1


def test_the_job_names_its_model_its_input_and_its_output_in_full(server: FireworksServer) -> None:
    """And a window, where it is not the usual one."""
    with opened(max_job_duration="48h") as service:
        service.create(job())
    (call,) = [call for call in server.calls if call.kind == "job.create"]

    assert call.query == {"batchInferenceJobId": JOB}
    assert call.body["model"] == MODEL
    assert call.body["inputDatasetId"].startswith(f"accounts/{server.account}/datasets/{JOB}")
    assert call.body["outputDatasetId"] != call.body["inputDatasetId"]
    assert call.body["maxJobDuration"] in ("48h", "172800s")


def test_a_dataset_that_takes_its_time_is_waited_for(server: FireworksServer) -> None:
    """A job on one that is not ready would be refused."""
    server.change(ready_after=25.0)
    with opened() as service:
        patiently(lambda: service.create(job()))

    assert server.created == [JOB]
    assert server.counts["job.create"] == 1


def test_a_large_part_goes_to_the_storage_itself(server: FireworksServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit of the form: with exactly the signed headers, without the key, and announced afterwards."""
    monkeypatch.setattr(exx_fireworks.datasets, "MULTIPART_LIMIT", 1000)
    server.change(direct_limit=1000)
    with opened() as service:
        assert len(done(service, job(rows=40))) == 40
    (put,) = [call for call in server.calls if call.kind == "storage.put"]

    assert server.counts["dataset.upload"] == 0
    assert server.counts["dataset.validate"] == 1
    assert put.headers["content-type"] == "application/octet-stream"
    assert [name for name in put.headers if name.startswith("x-goog-")] == ["x-goog-content-length-range"]


@pytest.mark.parametrize("signed", [("content-type",), ("x-goog-content-length-range",), ()])
def test_only_the_headers_that_were_signed_are_sent(
    server: FireworksServer, monkeypatch: pytest.MonkeyPatch, signed: tuple[str, ...]
) -> None:
    """Whichever they are."""
    monkeypatch.setattr(exx_fireworks.datasets, "MULTIPART_LIMIT", 1000)
    server.change(upload_headers=signed)
    with opened() as service:
        service.create(job(rows=40))
    (put,) = [call for call in server.calls if call.kind == "storage.put"]

    assert put.status == 200


def test_where_the_limit_is(server: FireworksServer) -> None:
    """150 MB, as the documentation says."""
    assert 140e6 < exx_fireworks.datasets.MULTIPART_LIMIT <= 150 * 2**20


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"poll_interval": 0.0}, "poll_interval"),
        ({"max_concurrent_jobs": 0}, "max_concurrent_jobs"),
        ({"max_job_duration": "6h"}, "12 to 72 hours"),
        ({"max_job_duration": "100h"}, "12 to 72 hours"),
        ({"max_job_duration": "a day"}, "length of time"),
        ({"extra_body": {"temperature": 1.0}}, "temperature"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], words: str) -> None:
    """With what they may be."""
    with pytest.raises(ValueError, match=words):
        FireworksBackend(**options)


def test_what_it_says_of_itself(workdir: Path) -> None:
    """What decides the answers is in the identity; how jobs are run is not."""
    plain = FireworksBackend()

    assert isinstance(plain, BatchBackend) and plain.batch
    assert (plain.poll_interval, plain.max_concurrent_jobs, plain.on_expired) == (20.0, 4, "continue")
    assert plain.default_model() is None
    assert plain.job_timeout >= 24 * 3600
    same = FireworksBackend(poll_interval=1.0, max_concurrent_jobs=9, on_expired="keep", max_job_duration="12h")
    assert same.identity(MODEL) == plain.identity(MODEL)
    assert FireworksBackend(reasoning_effort="high").identity(MODEL) != plain.identity(MODEL)
    assert FireworksBackend(extra_body={"logprobs": True}).identity(MODEL) != plain.identity(MODEL)
    with pytest.raises(BackendError, match="gpt-oss models take low, medium, high"):
        FireworksBackend(reasoning_effort="none").identity(MODEL)


def test_without_jobs_the_same_models_are_asked_one_by_one(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the service's chat address, with the key by its name only."""
    monkeypatch.setenv("FIREWORKS_API_KEY", "fw_secret")
    name, options = FireworksBackend(reasoning_effort="low").online()

    assert name == "openai_chat"
    assert options["base_url"] == "https://api.fireworks.ai/inference/v1"
    assert options["api_key_env"] == "FIREWORKS_API_KEY"
    assert "fw_secret" not in str(options)


def test_keeps_the_contract(server: FireworksServer) -> None:
    """What exx asks of every backend: see exx.testing."""
    check_backend(FireworksBackend(poll_interval=0.01), model=MODEL)
