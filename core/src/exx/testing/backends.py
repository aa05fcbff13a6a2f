"""What every backend keeps, whether it is asked one by one or by batches."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson

from exx.errors import Throttled, Transient
from exx.records import CONDITIONS, BatchJob, JobRow, Request, Response, Usage
from exx.testing.builders import edge_items, make_request
from exx.testing.contract import require, subject_of

_THREADS = 4
_LOOKS = 200
_ASKED = ("plain", "open", "none", "number")  # short ones: a model on a laptop reads them too
_JOB = "exx-check-0123456789abcdef-p01"


def check_backend(backend: Any, *, model: str | None = None, ask: bool = True) -> None:
    """Check what a backend says of itself, then ask it a few odd questions in both arms.

    Each request gets one response under its own key, with a text or an error and never both; what is answered from
    several threads is answered; it can be connected to again. A batch service accepts a job twice, gives back every
    row at most once and no strange ones, and knows nothing of jobs that were never created.

    Args:
        backend: The backend, or its class if all its options have defaults.
        model: The model to ask; without it, the backend's default.
        ask: False asks nothing: only the class and what it says of itself are checked, without a network.

    Raises:
        AssertionError: A contract is broken.
    """
    subject = subject_of("backend", backend)
    by_batch = bool(getattr(subject, "batch", False))
    default = subject.default_model()
    require(default is None or (isinstance(default, str) and default), subject, f"default_model() is {default!r}")
    limit = "max_concurrent_jobs" if by_batch else "concurrency"
    require(getattr(subject, limit) >= 1, subject, f"{limit} is {getattr(subject, limit)!r}, which is below 1")
    if not ask:
        return
    asked = model or default
    require(asked, subject, "has no default model: give check_backend(…, model=…)")
    _check_identity(subject, str(asked))
    items = {item.key: item for item in edge_items() if item.id in _ASKED}
    requests = [make_request(item, arm, model=str(asked)) for item in items.values() for arm in CONDITIONS]
    with subject.connect(asked, items) as connected:
        (_check_job if by_batch else _check_answers)(subject, connected, requests)
    with subject.connect(asked, items):
        pass


def _check_identity(subject: Any, model: str) -> None:
    identity = subject.identity(model)
    require(
        isinstance(identity, Mapping) and identity, subject, f"identity() is {identity!r}, no mapping that says what"
    )
    once, again = (_as_json(subject, subject.identity(model)) for _ in range(2))
    require(once == again, subject, "identity() is another the second time, so no answer would ever be used again")


def _as_json(subject: Any, identity: Any) -> bytes:
    try:
        return orjson.dumps(identity, option=orjson.OPT_SORT_KEYS)
    except TypeError as cause:
        raise AssertionError(f"{subject.name}: identity() cannot be written as JSON: {cause}") from cause


def _check_answers(subject: Any, connection: Any, requests: Sequence[Request]) -> None:
    with ThreadPoolExecutor(min(subject.concurrency, _THREADS)) as pool:
        responses = list(pool.map(lambda request: _answer(connection, request), requests))
    for request, response in zip(requests, responses, strict=True):
        _check_response(subject, request.custom_id, response)
        require(response.key == request.key, subject, f"{request.custom_id}: the response has another request's key")


def _answer(connection: Any, request: Request) -> Response:
    """Ask as the core does: again where it may well work."""
    for left in range(5, -1, -1):
        try:
            answered: Response = connection.answer(request)
        except (Throttled, Transient) as error:
            if not left:
                raise
            time.sleep(min(error.retry_after or 0.0, 0.1))
        else:
            return answered
    raise AssertionError("unreachable")


def _check_response(subject: Any, custom_id: str, response: Any) -> None:
    require(isinstance(response, Response), subject, f"{custom_id}: {type(response).__name__} is no exx.Response")
    text, error = response.text, response.error
    require(text is None or isinstance(text, str), subject, f"{custom_id}: the text is {type(text).__name__}")
    require(
        (text is None) == bool(error), subject, f"{custom_id}: text {text!r} and error {error!r}; one of them is due"
    )
    usage = response.usage
    require(isinstance(usage, Usage), subject, f"{custom_id}: usage is no exx.Usage")
    counts = (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, usage.reasoning_tokens)
    require(all(isinstance(count, int) and count >= 0 for count in counts), subject, f"{custom_id}: usage is {usage}")
    require(usage.cached_tokens <= usage.prompt_tokens, subject, f"{custom_id}: more cached tokens than the prompt has")


def _check_job(subject: Any, service: Any, requests: Sequence[Request]) -> None:
    require(_patiently(lambda: service.status("exx-check-never-created")) is None, subject, "knows a job nobody made")
    model, rows = requests[0].model, len(requests)
    job = BatchJob(id=_JOB, model=model, requests=requests, rows=rows, condition="control", temp=0.0, part=1)
    for _ in range(2):
        _patiently(lambda: service.create(job))
    for _ in range(_LOOKS):
        status = _patiently(lambda: service.status(job.id))
        require(status is not None, subject, "does not know the job that was just made")
        if status.final:
            break
        time.sleep(min(subject.poll_interval, 0.02))
    require(status.final, subject, f"the job is still {status.state} after {_LOOKS} looks")
    require(status.state == "succeeded", subject, f"the job ended as {status.state}: {status.message}")
    _check_rows(subject, _patiently(lambda: list(service.fetch(job.id))), {request.custom_id for request in requests})
    _patiently(lambda: service.collected(job.id))


def _check_rows(subject: Any, rows: Sequence[JobRow], wanted: set[str]) -> None:
    answered = list(_names(subject, rows))
    require(set(answered) <= wanted, subject, f"rows nobody asked for: {sorted(set(answered) - wanted)[:3]}")
    require(len(set(answered)) == len(answered), subject, "a row is there twice")
    require(len(answered) == len(wanted), subject, f"{len(wanted) - len(answered)} of {len(wanted)} rows are missing")


def _names(subject: Any, rows: Sequence[JobRow]) -> Iterator[str]:
    for row in rows:
        require(isinstance(row, JobRow), subject, f"fetch() has {type(row).__name__}, not exx.JobRow")
        _check_response(subject, row.custom_id, row.response)
        yield row.custom_id


def _patiently(call: Any) -> Any:
    for left in range(20, -1, -1):
        try:
            return call()
        except (Throttled, Transient):
            if not left:
                raise
    raise AssertionError("unreachable")
