"""The batch jobs of a run, as its manifests remember them: read only, whatever else works on the run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from attrs import frozen

from exx.runs.folder import RunFolder


@frozen(kw_only=True)
class JobLine:
    """A job in a row.

    Attributes:
        trial: Slug of its trial.
        id: Its name, here and at the service.
        condition: Arm.
        temp: Temperature.
        part: Number of the part of the requests.
        attempt: 1 for the first job of the part.
        rows: Requests in it.
        state: How it is: ``intended`` (perhaps not submitted), ``queued``, ``running``, ``succeeded`` and so on.
        collected: All there is to have of it is stored here.
        answered: Rows with an answer, once collected.
        failed: Rows without one, once collected.
        submitted: When, UTC; empty when it is not known to have been.
        message: What there is to say beside.
    """

    trial: str
    id: str
    condition: str = ""
    temp: float | None = None
    part: int = 0
    attempt: int = 0
    rows: int = 0
    state: str = "unknown"
    collected: bool = False
    answered: int = 0
    failed: int = 0
    submitted: str = ""
    message: str = ""

    def cells(self) -> list[str]:
        """The row as plain strings."""
        through = f"{self.answered:,} answered, {self.failed:,} failed" if self.collected else "not collected"
        place = f"{self.condition}, {self.temp:g}" if self.temp is not None else self.condition
        part = f"{self.part}{f', attempt {self.attempt}' if self.attempt > 1 else ''}"
        said = f"{self.state} ({self.message})" if self.message else self.state
        return [self.trial, self.id, place, part, f"{self.rows:,}", said, through, self.submitted]


COLUMNS = ("trial", "job", "arm", "part", "requests", "state", "answers", "submitted")


def job_rows(run: RunFolder) -> list[JobLine]:
    """Every job of a run, those of each trial in the order in which they were intended; damaged records are bare."""
    rows = []
    for slug in run.trials:
        manifest: Any = run.manifest(slug).document
        status = manifest.get("job_status")
        for name, about in (manifest.get("jobs") or {}).items():
            now = status.get(name) if isinstance(status, dict) else None
            rows.append(_row(slug, str(name), about if isinstance(about, dict) else {}, now or {}))
    return rows


def _row(slug: str, name: str, about: dict[str, Any], now: dict[str, Any]) -> JobLine:
    submitted = now.get("submitted_at")
    try:
        return JobLine(
            trial=slug,
            id=name,
            condition=str(about["condition"]),
            temp=float(about["temp"]),
            part=int(about["part"]),
            attempt=int(about["attempt"]),
            rows=int(about["rows"]),
            state=str(now.get("state", "intended")),
            collected=bool(now.get("collected")),
            answered=int(now.get("answered", 0)),
            failed=int(now.get("failed", 0)),
            submitted=_utc(submitted) if isinstance(submitted, int | float) else "",
            message=str(now.get("message") or ""),
        )
    except (KeyError, TypeError, ValueError):
        return JobLine(trial=slug, id=name, message="its record cannot be read")


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
