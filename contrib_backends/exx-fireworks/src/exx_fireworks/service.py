"""The batch service: jobs made, followed, collected and ended, each under the id that the core gave it."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from attrs import define, evolve, field

from exx import BackendError, BatchJob, JobRow, JobStatus, QuotaReached, Throttled, Transient
from exx_fireworks import firectl
from exx_fireworks.api import Api
from exx_fireworks.datasets import Datasets, NoAddress, is_ready
from exx_fireworks.problems import Refused, is_quota
from exx_fireworks.rows import read_rows, write_rows
from exx_fireworks.states import bare, short, status_of

if TYPE_CHECKING:
    from exx_fireworks.backend import FireworksBackend

_USUAL_WINDOW = 24 * 3600.0
_ABSENCES = 3
_log = logging.getLogger(__name__)


@contextmanager
def serving(api: Api, options: FireworksBackend) -> Iterator[FireworksService]:
    """A service with a folder for files on their way, which goes with it."""
    with tempfile.TemporaryDirectory(prefix="exx-fireworks-") as folder:
        yield FireworksService(api, options, Path(folder))


@define
class FireworksService:
    """Jobs at Fireworks, for one account.

    Attributes:
        api: The service.
        options: The backend's.
        folder: For files on their way in or out.
        datasets: The account's datasets.
    """

    api: Api
    options: FireworksBackend
    folder: Path
    datasets: Datasets = field(init=False)
    _answered: dict[str, set[str]] = field(factory=dict, init=False)
    _absences: Counter[str] = field(factory=Counter, init=False)

    def __attrs_post_init__(self) -> None:
        self.datasets = Datasets(self.api)

    # What the core calls

    def create(self, job: BatchJob) -> None:
        """Upload the rows, unless a job that expired can be continued, and submit."""
        earlier = self._continued(job)
        if earlier is not None:
            try:
                self._submit(job, {"continuedFromJobName": earlier})
            except Refused as cause:
                if cause.status not in (400, 404, 422):
                    raise
                _log.warning("Fireworks does not continue a job, its rows are submitted anew: %s", cause.message)
            else:
                return
        name = f"{job.id}-in"
        path = self.folder / f"{name}.jsonl"
        try:
            self.datasets.provide(name, lambda: self._written(job, path), job.rows)
        finally:
            path.unlink(missing_ok=True)
        self._submit(job, {"inputDatasetId": self.api.name(f"datasets/{name}")})

    def status(self, job_id: str) -> JobStatus | None:
        """How a job is. One that is gone and has left its output behind has ended early."""
        job = self._find(job_id)
        if job is None:
            output = self.datasets.find(f"{job_id}-out")
            if output is None or not is_ready(output):
                return None
            words = "the job is gone and its output is there"
            return JobStatus(state="expired", raw_state="GONE", message=words, has_output=True)
        if bare(job) == "PAUSED":
            self._refuse_suspended()
        status = status_of(job)
        keep = bare(job) in ("EXPIRED", "EARLY_STOPPED") and self.options.on_expired == "keep"
        return evolve(status, message=self.api.key.hide(status.message), conclusive=status.conclusive or keep)

    def fetch(self, job_id: str) -> Iterator[JobRow]:
        """The rows of a job's output: downloaded whole and checked before the first is given."""
        folder = self.folder / job_id
        shutil.rmtree(folder, ignore_errors=True)
        try:
            for path in self._fetched(job_id, folder):
                yield from read_rows(path)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def cancel(self, job_id: str) -> None:
        """Delete a job, which is the only way to end one; its input stays."""
        try:
            self.api.delete(self.api.path(f"batchInferenceJobs/{job_id}"))
        except Refused as cause:
            if not cause.is_absent:
                raise

    def collected(self, job_id: str) -> None:
        """Leave job and datasets where they are; ``exx fireworks cleanup`` shows and removes them."""
        self._absences.pop(job_id, None)

    # Submitting

    def _written(self, job: BatchJob, path: Path) -> Path:
        rows = write_rows(job.requests, path)
        if rows != job.rows:
            raise BackendError(f"job {job.id} was to have {job.rows} requests and has {rows}", hint="exx resume again")
        return path

    def _submit(self, job: BatchJob, source: dict[str, str]) -> None:
        body: dict[str, Any] = {
            "displayName": job.id,
            "model": job.model,
            "outputDatasetId": self.api.name(f"datasets/{job.id}-out"),
            **source,
        }
        if self._extra:
            body["inferenceParameters"] = {"extraBody": orjson.dumps(self._extra, option=orjson.OPT_SORT_KEYS).decode()}
        if self.options.window != _USUAL_WINDOW:
            body["maxJobDuration"] = _hours(self.options.window)
        try:
            self.api.post(self.api.path("batchInferenceJobs"), body, batchInferenceJobId=job.id)
        except (Refused, Throttled) as cause:
            if is_quota(cause):
                raise QuotaReached(cause.message) from cause
            if not (isinstance(cause, Refused) and cause.is_there):
                raise
            self._accept(job, cause)

    @property
    def _extra(self) -> dict[str, Any]:
        """What every request gets beside its own row."""
        effort = self.options.reasoning_effort
        return dict(self.options.extra_body) | ({} if effort is None else {"reasoning_effort": effort})

    def _accept(self, job: BatchJob, cause: Refused) -> None:
        """Take a job that is there for ours: its id says what is in it."""
        if self._find(job.id) is None:
            hint = f"exx fireworks cleanup --prefix {job.id} shows and removes what is in the way"
            raise BackendError(f"{cause.message}; and there is no job {job.id}", hint=hint) from None

    def _find(self, job_id: str) -> dict[str, Any] | None:
        try:
            return self.api.get(self.api.path(f"batchInferenceJobs/{job_id}"))
        except Refused as cause:
            if cause.is_absent:
                return None
            raise

    def _refuse_suspended(self) -> None:
        """A job that is paused waits for a person if the account is suspended.

        Raises:
            BackendError: It is, with the service's word for why.
        """
        own = self.api.name("").rstrip("/")
        try:
            accounts = list(self.api.pages("/v1/accounts", "accounts"))
        except Refused:  # a key that may not look: the job's own state has to do
            return
        why = next((str(a.get("suspendState") or "") for a in accounts if a.get("name") == own), "")
        if why not in ("", "UNSUSPENDED", "SUSPEND_STATE_UNSPECIFIED"):
            hint = "see to it in the Fireworks console; jobs under way wait there, and exx resume picks them up"
            raise BackendError(f"the Fireworks account is suspended: {why}", hint=hint)

    # Continuing what expired

    def _continued(self, job: BatchJob) -> str | None:
        """The whole name of the expired job to continue; None if a new one has to be made.

        The service asks again whatever the earlier job left unanswered: that has to be just what this job is to ask.
        """
        if job.follows is None or self.options.on_expired != "continue":
            return None
        earlier = self._find(job.follows)
        if earlier is None or bare(earlier) != "EXPIRED":
            return None
        total, answered = self._chain(job.follows, earlier)
        if total is None or total - len(answered) != job.rows:
            return None
        if any(request.custom_id in answered for request in job.requests):
            return None
        return self.api.name(f"batchInferenceJobs/{job.follows}")

    def _chain(self, job_id: str, job: dict[str, Any]) -> tuple[int | None, set[str]]:
        """How many rows a job and those it continues had to ask together, and which of them were answered."""
        total: int | None
        before = short(job.get("continuedFromJobName"))
        if before:
            earlier = self._find(before)
            total, answered = self._chain(before, earlier) if earlier is not None else (None, set())
        else:
            dataset = self.datasets.find(short(job.get("inputDatasetId"))) or {}
            said = str(dataset.get("exampleCount") or "")
            total, answered = (int(said) if said.isdigit() else None), set()
        if job_id not in self._answered:
            self._answered[job_id] = {row.custom_id for row in self.fetch(job_id) if row.response.error is None}
        return total, answered | self._answered[job_id]

    # Collecting

    def _fetched(self, job_id: str, folder: Path) -> list[Path]:
        """The files of a job's output; none where it ended without one."""
        job = self._find(job_id) or {}
        output = short(job.get("outputDatasetId")) or f"{job_id}-out"
        try:
            return self.datasets.fetch(output, folder)
        except Refused as cause:
            if not cause.is_absent:
                raise
            return self._absent(job_id, bare(job), output, cause)
        except NoAddress as cause:
            return self._absent(job_id, bare(job), output, cause)

    def _absent(self, job_id: str, state: str, output: str, cause: BackendError) -> list[Path]:
        """An output that is not there: never for a job that failed, perhaps a moment later for others."""
        if state == "FAILED":
            return []
        self._absences[job_id] += 1
        if self._absences[job_id] < _ABSENCES:
            raise Transient(cause.message) from None
        if state == "COMPLETED":
            files = firectl.fetch(self.api, output, self.folder / job_id)
            if files is not None:
                return files
            hint = "exx resume tries again; firectl download dataset is tried too where firectl is installed"
            raise BackendError(f"job {job_id} is through, and its output cannot be had: {cause.message}", hint=hint)
        return []


def _hours(seconds: float) -> str:
    """A length of time as the service writes it: ``48h``, or ``750m``."""
    return f"{seconds / 3600:.0f}h" if seconds % 3600 == 0 else f"{seconds / 60:.0f}m"
