"""What the service's words for the state of a job mean here."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from attrs import evolve

from exx import JobState, JobStatus

PREFIX = "JOB_STATE_"
_STATES: dict[str, JobState] = {
    "UNSPECIFIED": "queued",
    "CREATING_INPUT_DATASET": "queued",
    "VALIDATING": "queued",
    "PENDING": "queued",
    "CREATING": "queued",
    "RE_QUEUEING": "queued",
    "IDLE": "queued",
    "PAUSED": "queued",
    "RUNNING": "running",
    "WRITING_RESULTS": "running",
    "CANCELLING": "running",
    "COMPLETED": "succeeded",
    "FAILED": "failed",
    "EXPIRED": "expired",
    "EARLY_STOPPED": "expired",
    "CANCELLED": "cancelled",
    "DELETING": "cancelled",
    "DELETING_CLEANING_UP": "cancelled",
    "DELETED": "cancelled",
    "ARCHIVED": "expired",
}
_NOTES = {
    "PAUSED": "paused by the service: the account may be suspended; see the Fireworks console",
    "EARLY_STOPPED": "stopped early by the service",
    "ARCHIVED": "archived by the service",
}
# What another try of the same would meet again.
_FOR_GOOD = frozenset({"INVALID_ARGUMENT", "NOT_FOUND", "PERMISSION_DENIED", "UNIMPLEMENTED", "OUT_OF_RANGE"})
_log = logging.getLogger(__name__)


def bare(job: Mapping[str, Any]) -> str:
    """The state of a job without the prefix: ``RUNNING``; empty if it has none."""
    return str(job.get("state") or "").removeprefix(PREFIX).upper()


def status_of(job: Mapping[str, Any]) -> JobStatus:
    """How a job is. A state that is not known counts as going on, and is logged; the core's patience ends it."""
    word = bare(job)
    state = _STATES.get(word, "unknown") if word else "queued"
    if state == "unknown":
        _log.warning("Fireworks job %s is in the unknown state %s", short(job.get("name")), job.get("state"))
    told = JobStatus(
        state=state,
        raw_state=str(job.get("state") or ""),
        message=_message(job, word),
        processed=_count(job, "totalProcessedRequests"),
        precision=_precision(job),
    )
    if not told.final:
        return told
    # A job that continues another may count the other's rows as well.
    answered = None if job.get("continuedFromJobName") else _count(job, "successfullyProcessedRequests")
    return evolve(
        told,
        answered=answered,
        has_output=state != "succeeded",
        conclusive=state == "failed" and _code(job) in _FOR_GOOD,
    )


def short(name: object) -> str:
    """The last part of a resource's name."""
    return str(name or "").rpartition("/")[2]


def _message(job: Mapping[str, Any], word: str) -> str:
    status = job.get("status") or {}
    code, said = _code(job), str(status.get("message") or "") if isinstance(status, Mapping) else ""
    told = f"{code}: {said}" if code not in ("", "OK") and said else said or ("" if code == "OK" else code)
    return "; ".join(words for words in (_NOTES.get(word, ""), told) if words)


def _code(job: Mapping[str, Any]) -> str:
    status = job.get("status")
    return str(status.get("code") or "") if isinstance(status, Mapping) else ""


def _precision(job: Mapping[str, Any]) -> str | None:
    said = str(job.get("precision") or "")
    return said if said and said != "PRECISION_UNSPECIFIED" else None


def _count(job: Mapping[str, Any], name: str) -> int | None:
    """A count of the job's progress; None where it is not told, and 0 tells nothing either."""
    progress = job.get("jobProgress")
    said = progress.get(name) if isinstance(progress, Mapping) else None
    try:
        return int(said) or None if said is not None else None
    except (TypeError, ValueError):
        return None
