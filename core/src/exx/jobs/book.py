"""The book of jobs: what was intended, submitted and collected, in the trial's manifest and in a file per job.

An intention is written down before the service hears of it, and the outcome right after: a crash between the two leaves
an intention, and its id finds the job again. The file of a job holds its rows, so that its output can be checked and
stored even when the requests were built anew in the meantime; and it brings the job back if the manifest is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import orjson
from attrs import asdict, define, evolve, field, fields, frozen

from exx.errors import DataError
from exx.fault import point
from exx.observe import Job
from exx.records import Condition, JobState, Json
from exx.responses import ResponseStore
from exx.state.files import atomic_path
from exx.state.run_state import Ledger

RecordState = JobState | Literal["intended", "gone", "dropped"]
_ABOUT = ("part_file", "source", "condition", "temp", "part", "attempt", "rows", "content", "follows", "intended_at")


@frozen(kw_only=True)
class JobRecord:
    """One job as the manifest remembers it; what it is goes into ``jobs``, how it went into ``job_status``.

    Attributes:
        id: Its name, here and at the service.
        part_file: File of the part.
        source: sha256 of that file.
        condition: Arm.
        temp: Temperature.
        part: Number of the part.
        attempt: 1 for the first job of the part.
        rows: Requests in it.
        content: Digest over them.
        follows: Id of the job whose unanswered rows these are.
        intended_at: When it was written down, in seconds since 1970.
        state: ``intended``: the service may or may not have it. ``gone``: it does not know it any more. ``dropped``: it
            never had it.
        raw_state: The service's word for the state.
        message: What there is to say beside.
        precision: What the model computes with, as the service says.
        conclusive: Its rows without an answer are not asked again in this round.
        submitted_at: When the service was known to have it, in seconds since 1970.
        answered: Rows with an answer, once collected.
        failed: Rows without one, once collected.
        collected: All there is to have of it is in the response store.
        settled: It belongs to an earlier round of asking, which has ended: it does not count as an attempt any more.
    """

    id: str
    part_file: str
    source: str
    condition: Condition
    temp: float
    part: int
    attempt: int
    rows: int
    content: str
    follows: str | None = None
    intended_at: float
    state: RecordState = "intended"
    raw_state: str = ""
    message: str = ""
    precision: str | None = None
    conclusive: bool = False
    submitted_at: float | None = None
    answered: int = 0
    failed: int = 0
    collected: bool = False
    settled: bool = False

    @property
    def open(self) -> bool:
        """There may be something to collect."""
        return not self.collected and self.state != "dropped"

    @property
    def counts(self) -> bool:
        """It was an attempt at its rows; one that ended early but got somewhere is not held against them."""
        got_somewhere = self.state in ("expired", "cancelled") and self.answered > 0
        return not (self.settled or self.state in ("intended", "dropped") or (got_somewhere and not self.conclusive))

    @property
    def place(self) -> tuple[Condition, float, int]:
        """Which part it asks."""
        return self.condition, self.temp, self.part

    def seen(self) -> Job:
        """The job as observers see it."""
        shared = {f.name for f in fields(Job)}
        return Job(**{name: value for name, value in asdict(self).items() if name in shared})


@define
class JobBook:
    """The jobs of one trial.

    Attributes:
        ledger: trial_manifest.json.
        folder: Where the files of the jobs are.
    """

    ledger: Ledger
    folder: Path
    _records: dict[str, JobRecord] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._records = {record.id: record for record in (*_recorded(self.ledger.document), *self._left_behind())}

    def __iter__(self) -> Iterator[JobRecord]:
        return iter(list(self._records.values()))

    def find(self, job_id: str) -> JobRecord | None:
        """The record of a job."""
        return self._records.get(job_id)

    def of_part(self, place: tuple[Condition, float, int]) -> list[JobRecord]:
        """The jobs of a part that may have reached the service, the latest last."""
        return [r for r in self._records.values() if r.place == place and r.state not in ("intended", "dropped")]

    def rows(self, job_id: str) -> dict[str, str]:
        """The rows of a job: ``{custom_id: key}``.

        Raises:
            DataError: Its file is missing or damaged.
        """
        return dict(_read(self._path(job_id))[1])

    def intend(self, record: JobRecord, rows: Mapping[str, str]) -> None:
        """Write a job down before the service hears of it: first its rows, then the intention."""
        with atomic_path(self._path(record.id)) as temporary, temporary.open("wb") as file:
            about = {"id": record.id, **_picked(record, _ABOUT)}
            file.write(orjson.dumps(about, option=orjson.OPT_APPEND_NEWLINE))
            for row in rows.items():
                file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
        point("job rows written")
        self.put(record)

    def put(self, record: JobRecord) -> None:
        """Save a record; durable when this returns."""
        self._records[record.id] = record
        self._save()

    def settle(self) -> None:
        """End a round of asking. Not saved here: it is, together with the phase's own end, when that is noted."""
        self._records = {
            name: evolve(record, settled=True) if not record.open else record for name, record in self._records.items()
        }
        self._fill_in()

    def close_answered(self, store: ResponseStore) -> None:
        """Close jobs whose rows have all been answered, here or elsewhere, without asking the service."""
        for record in self:
            if record.open and not store.missing(list(self.rows(record.id).values())):
                self.put(evolve(record, collected=True, answered=record.rows))

    def _save(self) -> None:
        self._fill_in()
        self.ledger.save()
        point("jobs recorded")

    def _fill_in(self) -> None:
        about: dict[str, Json] = {r.id: _picked(r, _ABOUT) for r in self}
        status: dict[str, Json] = {r.id: _picked(r, _STATUS) for r in self}
        self.ledger.document.update(jobs=about, job_status=status)

    def _left_behind(self) -> Iterator[JobRecord]:
        """Jobs that have a file and no record: the process, or the manifest, was lost before it was made."""
        known = self.ledger.document.get("jobs")
        for path in sorted(self.folder.glob("*.jsonl")):
            if not isinstance(known, Mapping) or path.stem not in known:
                yield JobRecord(**_read(path)[0])

    def _path(self, job_id: str) -> Path:
        return self.folder / f"{job_id}.jsonl"


_STATUS = tuple(f.name for f in fields(JobRecord) if f.name not in (*_ABOUT, "id"))


def _picked(record: JobRecord, names: tuple[str, ...]) -> dict[str, Json]:
    return {name: getattr(record, name) for name in names}


def _recorded(document: Mapping[str, Any]) -> list[JobRecord]:
    """The records of a manifest; a record that cannot be understood is brought back from the job's file."""
    about, status = document.get("jobs") or {}, document.get("job_status") or {}
    try:
        return [JobRecord(id=name, **known, **status.get(name, {})) for name, known in about.items()]
    except (AttributeError, TypeError):
        document.update(jobs={}, job_status={})  # type: ignore[attr-defined]
        return []


def _read(path: Path) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    try:
        about, *rows = [orjson.loads(line) for line in path.read_bytes().splitlines()]
        JobRecord(**about)
        pairs = [(str(custom_id), str(key)) for custom_id, key in rows]
    except (OSError, orjson.JSONDecodeError, TypeError, ValueError) as cause:
        hint = "it says which rows a job holds that may be under way: put it back, or remove the job at the service"
        raise DataError(path, f"is not the file of a job ({cause!r})", hint=hint) from cause
    if len(pairs) != about["rows"]:
        raise DataError(path, f"holds {len(pairs)} rows, not {about['rows']}", hint="put the whole file back")
    return about, pairs
