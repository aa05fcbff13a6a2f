"""Batch inference jobs: created once under an id, worked on as the clock goes, ended in every way there is."""

from __future__ import annotations

import json
from typing import Any

from fireworks_server import rows
from fireworks_server.clock import words
from fireworks_server.datasets import checked_id, fields_of, found, is_ready
from fireworks_server.replies import Reply, as_json, refuse, refuse_loudly
from fireworks_server.world import Dataset, Job, World

_WORDS = (
    "model inputDatasetId outputDatasetId inferenceParameters displayName precision continuedFromJobName "
    "systemPrompt maxJobDuration placement"
)
FIELDS = frozenset(_WORDS.split())
PARAMETERS = frozenset(("maxTokens", "temperature", "topP", "topK", "n", "extraBody"))
PHASES = ("VALIDATING", "PENDING", "CREATING", "RUNNING", "WRITING_RESULTS")
ENDS = {
    "complete": ("COMPLETED", 1.0),
    "new_state": ("COMPLETED", 1.0),
    "no_rows": ("COMPLETED", 0.0),
    "expire": ("EXPIRED", 0.6),
    "early_stop": ("EARLY_STOPPED", 0.6),
    "cancel": ("CANCELLED", 0.6),
    "archive": ("ARCHIVED", 1.0),
}
GOING_AWAY = 30.0
_WINDOW = 86_400.0


def create(world: World, name: str | None, body: Any) -> Reply:
    """POST /batchInferenceJobs."""
    given = fields_of(body, FIELDS)
    name = checked_id(name or f"bij-{len(world.jobs):08d}", "batch inference job id")
    if world.settings.trouble == "unpaid":
        raise refuse_loudly(402, "PAYMENT_REQUIRED", "a payment method is required: https://fireworks.ai/billing")
    if name in world.jobs:
        raise refuse("ALREADY_EXISTS", f"batch inference job {name} already exists", status=world.settings.duplicate)
    earlier = _earlier(world, given.get("continuedFromJobName"))
    model = given.setdefault("model", earlier.body["model"] if earlier else None)
    if model not in world.settings.models:
        raise refuse("NOT_FOUND", f"model {model!r} not found, inaccessible, or not deployed")
    _check_parameters(given)
    source = earlier.input if earlier else _input(world, given.get("inputDatasetId"))
    output = checked_id(_bare(given.get("outputDatasetId") or f"{name[:55]}-out"), "dataset id")
    if output in world.datasets:
        raise refuse("ALREADY_EXISTS", f"output dataset {output} already exists", status=world.settings.duplicate)
    _check_quota(world)
    fate = world.plan.fates.get(len(world.created), "complete")
    chain = earlier.sent if earlier else ()
    job = Job(name, given, len(world.created), world.clock.now(), fate, source, output, chain)
    job.rows = _declared(world, source) - sum(
        said == "answer" for one in chain for said in world.jobs[one].outcome.values()
    )
    world.jobs[name] = job
    world.created.append(name)
    world.most_at_once = max(world.most_at_once, len(world.active()))
    return as_json(shown(world, job))


def _check_quota(world: World) -> None:
    in_use, quota = len(world.active()), world.settings.quota
    if in_use >= quota:
        limit = f"job-submission-count for account {world.settings.account}, in use: {in_use}, quota: {quota}"
        raise refuse("INVALID_ARGUMENT", f"invalid batch inference job: {limit}")


def _bare(name: Any) -> Any:
    """The id within a full name."""
    return name.rsplit("/", 1)[-1] if isinstance(name, str) and name.startswith("accounts/") else name


def _earlier(world: World, name: Any) -> Job | None:
    if not name:
        return None
    prefix = f"accounts/{world.settings.account}/batchInferenceJobs/"
    if not str(name).startswith(prefix):
        raise refuse("INVALID_ARGUMENT", f"continued_from_job_name must be a full name: {prefix}<id>")
    job = world.jobs.get(_bare(name))
    if job is None or not job.final:
        raise refuse("FAILED_PRECONDITION", f"{name} cannot be continued")
    return job


def _input(world: World, name: Any) -> str:
    prefix = f"accounts/{world.settings.account}/datasets/"
    if "/" in str(name) and not str(name).startswith(prefix):
        raise refuse("INVALID_ARGUMENT", f"input dataset {name!r} is not of this account")
    dataset = found(world, str(_bare(name)))
    if not is_ready(world, dataset):
        raise refuse("FAILED_PRECONDITION", f"dataset {dataset.id} is not ready")
    return dataset.id


def _check_parameters(given: dict[str, Any]) -> None:
    parameters = fields_of(given.get("inferenceParameters") or {}, PARAMETERS)
    extra = parameters.get("extraBody", "{}")
    try:
        readable = isinstance(extra, str) and isinstance(json.loads(extra), dict)
    except ValueError:
        readable = False
    if not readable:
        raise refuse("INVALID_ARGUMENT", "extra_body must be a string that holds a JSON object")
    given["inferenceParameters"] = {"extraBody": "{}", **parameters}


def get(world: World, name: str) -> Reply:
    """GET /batchInferenceJobs/{id}."""
    if name not in world.jobs or world.jobs[name].state in ("DELETED", "VANISHED"):
        raise refuse("NOT_FOUND", "resource not found")
    return as_json(shown(world, world.jobs[name]))


def delete(world: World, name: str) -> Reply:
    """DELETE /batchInferenceJobs/{id}: one that goes on is gone after a while, another at once."""
    get(world, name)
    job = world.jobs[name]
    job.state = "DELETED" if job.final else "DELETING_CLEANING_UP"
    job.ended = world.clock.now()
    world.deleted.add(name)
    return as_json({})


def advance(world: World) -> None:
    """Bring every job to where it is by the clock."""
    for job in list(world.jobs.values()):
        if job.state == "DELETING_CLEANING_UP" and world.clock.now() > (job.ended or 0.0) + GOING_AWAY:
            job.state = "DELETED"
        if not job.final:
            _forward(world, job)


def _forward(world: World, job: Job) -> None:
    age, at = world.clock.now() - job.created, 0.0
    if job.fate == "stuck":
        job.state = "VALIDATING" if age < world.settings.phases[0] else "PENDING"
        return
    for phase, length in zip(PHASES, world.settings.phases, strict=True):
        at += length + (job.rows * world.settings.row_seconds if phase == "RUNNING" else 0.0)
        if age < at:
            job.state = _state(job, phase)
            if phase != "VALIDATING":
                _validate(world, job)
            return
    if not _validate(world, job):
        return
    if job.fate == "pause":
        job.state = "PAUSED"
        return
    _end(world, job)


def _state(job: Job, phase: str) -> str:
    """The phase; or a word that nobody has heard of yet."""
    return "REBALANCING_SHARDS" if job.fate == "new_state" and phase in ("CREATING", "RUNNING") else phase


def _validate(world: World, job: Job) -> bool:
    """Whether a job's file can be worked on; if not, it fails as a whole."""
    if job.validated:
        return True
    gone = job.input not in world.datasets and not job.chain
    problem = f"input dataset {job.input} not found" if gone else rows.problem(world.input_path(job.input))
    job.validated = problem is None
    if problem is not None:
        job.state, job.code, job.message, job.ended = "FAILED", "INVALID_ARGUMENT", problem, world.clock.now()
    return job.validated


def _end(world: World, job: Job) -> None:
    job.ended = world.clock.now()
    if job.fate == "fail":
        job.state, job.code, job.message = "FAILED", "INTERNAL", "an internal error occurred"
        return
    if job.fate == "refuse":
        job.state, job.code, job.message = "FAILED", "INVALID_ARGUMENT", "dataset.jsonl:9: invalid row"
        return
    if job.fate == "vanish":
        job.state = "VANISHED"
        return
    job.state, share = ENDS[job.fate]
    rows.work(world, job, share)
    made = Dataset(job.output, {"exampleCount": str(job.rows_out)}, job.ended, source=job.id, ready_at=job.ended)
    world.datasets[job.output] = made


def shown(world: World, job: Job) -> dict[str, Any]:
    """A job as the API shows it."""
    account, early = world.settings.account, job.state in ("VALIDATING", "PENDING")
    times = {"validatedTime": words(job.created), "runStartTime": words(job.created), "endTime": words(job.ended)}
    return {
        "name": f"accounts/{account}/batchInferenceJobs/{job.id}",
        "displayName": job.body.get("displayName", ""),
        "model": job.body["model"],
        "inputDatasetId": f"accounts/{account}/datasets/{job.input}",
        "outputDatasetId": f"accounts/{account}/datasets/{job.output}",
        "inferenceParameters": job.body["inferenceParameters"],
        "precision": job.body.get("precision")
        or world.settings.precisions[job.number % len(world.settings.precisions)],
        "state": f"JOB_STATE_{job.state}",
        "status": {"code": job.code, "message": job.message},
        "createTime": words(job.created),
        "updateTime": words(job.ended or job.created),
        "expireTime": words(job.created + _WINDOW),
        "createdBy": "somebody@example.com",
        "continuedFromJobName": f"accounts/{account}/batchInferenceJobs/{job.chain[-1]}" if job.chain else "",
        "jobProgress": None if early else _progress(world, job),
        "lifecycle": None if early else times,
        "placement": None if early else {"region": "US_IOWA_1", "multiRegion": "", "regions": []},
        "maxJobDuration": job.body.get("maxJobDuration", "24h"),
        "systemPrompt": job.body.get("systemPrompt", ""),
        "waitingOnCapacity": False,
    }


def _declared(world: World, dataset: str) -> int:
    """How many rows a dataset has, as its owner said."""
    there = world.datasets.get(dataset)
    return int(there.about["exampleCount"]) if there else 0


def _progress(world: World, job: Job) -> dict[str, int]:
    """Counters: zero until the end; the total is what the client said, and lost rows count as processed."""
    total = _declared(world, job.input)
    names = ("percent", "epoch", "totalInputRequests", "totalProcessedRequests", "successfullyProcessedRequests")
    others = ("failedRequests", "outputRows", "inputTokens", "outputTokens", "cachedInputTokenCount")
    counters = {**dict.fromkeys((*names, *others), 0), "totalInputRequests": total}
    if not job.final or not world.settings.counters:
        return counters
    failed = sum(said == "error" for said in job.outcome.values())
    return counters | {
        "percent": 100 * len(job.outcome) // max(1, total),
        "totalProcessedRequests": len(job.outcome),
        "successfullyProcessedRequests": len(job.outcome) - failed,
        "failedRequests": failed,
        "outputRows": job.rows_out,
        "inputTokens": job.tokens["input"],
        "outputTokens": job.tokens["output"],
    }
