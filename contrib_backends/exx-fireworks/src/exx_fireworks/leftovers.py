"""What runs leave at the service: jobs, the datasets they were made from, and those they made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from exx import Job
from exx_fireworks.api import Api
from exx_fireworks.problems import Refused
from exx_fireworks.states import bare, short, status_of

_ENDINGS = ("-in", "-out")


@frozen
class Leftover:
    """Something at the service.

    Attributes:
        kind: ``job`` or ``dataset``.
        id: Its id.
        state: In the service's word.
        kept: Why it is not deleted; empty if it may be.
    """

    kind: str
    id: str
    state: str
    kept: str = ""


def leftovers(
    api: Api, own: Sequence[Job] | None, prefix: str, *, uncollected: bool = False, running: bool = False
) -> list[Leftover]:
    """Everything a run left behind.

    Args:
        api: The service.
        own: The run's jobs; None to go by the prefix.
        prefix: What the names begin with, without ``own``.
        uncollected: Jobs whose answers are not stored may go as well.
        running: Jobs under way may go as well.
    """
    mine = None if own is None else {job.id: job for job in own}
    reasons: dict[str, str] = {}
    needed: set[str] = set()
    found = []
    for job in api.pages(api.path("batchInferenceJobs"), "batchInferenceJobs"):
        name = short(job.get("name"))
        final = status_of(job).final
        if not final and not (running and _is_wanted(name, mine, prefix)):
            needed |= {short(job.get("inputDatasetId")), short(job.get("outputDatasetId"))}
        if _is_wanted(name, mine, prefix):
            reasons[name] = _reason(final, (mine or {}).get(name), uncollected, running)
            found.append(Leftover("job", name, bare(job), reasons[name]))
    for dataset in api.pages(api.path("datasets"), "datasets"):
        name = short(dataset.get("name"))
        made_by = _job_of(name)
        if _is_wanted(name if mine is None else made_by, mine, prefix):
            kept = reasons.get(made_by) or _reason(True, (mine or {}).get(made_by), uncollected, running)
            kept = "a job under way needs it" if name in needed else kept
            found.append(Leftover("dataset", name, str(dataset.get("state") or ""), kept))
    return found


def _is_wanted(name: str, mine: Mapping[str, Job] | None, prefix: str) -> bool:
    return name in mine if mine is not None else name.startswith(prefix)


def _job_of(dataset: str) -> str:
    return next((dataset.removesuffix(end) for end in _ENDINGS if dataset.endswith(end)), dataset)


def _reason(final: bool, job: Job | None, uncollected: bool, running: bool) -> str:
    if not final and not running:
        return "under way; --running deletes it all the same"
    if job is not None and not job.collected and job.state != "dropped" and not uncollected:
        return "not collected yet; --uncollected deletes it all the same"
    return ""


def remove(api: Api, doomed: Iterable[Leftover]) -> None:
    """Delete; what has gone meanwhile is fine."""
    for one in doomed:
        folder = "batchInferenceJobs" if one.kind == "job" else "datasets"
        try:
            api.delete(api.path(f"{folder}/{one.id}"))
        except Refused as cause:
            if not cause.is_absent:
                raise
