"""A batch service that needs nothing, and a backend for it: made to fail in every way in which real ones do.

The service lives in a database in a folder, so that it survives whatever happens to the process that uses it. It
counts which jobs were created, how often each row was answered (and would have been paid for), and how many jobs
there were at once. Time passes for it when it is looked at: a job is through after so many looks.
"""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from attrs import define, field, frozen
from attrs.validators import ge, le

from exx.errors import BackendError, QuotaReached, Throttled, Transient
from exx.records import BatchJob, Item, JobRow, JobState, JobStatus, Json, Request, Response, Usage
from exx.testing.fakes import right_sum

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, number INTEGER, state TEXT, looks INTEGER, requests TEXT, output TEXT, answered INTEGER
);
CREATE TABLE IF NOT EXISTS log (number INTEGER PRIMARY KEY, what TEXT, job TEXT, jobs_at_once INTEGER);
CREATE TABLE IF NOT EXISTS answers (number INTEGER PRIMARY KEY, job TEXT, custom_id TEXT, said TEXT);
"""


@frozen(kw_only=True)
class Faults:
    """What goes wrong at the service; by default nothing does.

    Attributes:
        seed: Decides which rows are hit.
        quota: Most jobs at once.
        lost_replies: The first so many jobs are created, but the reply is lost.
        trouble: Share of calls that fail in passing.
        failing: The first so many jobs fail as a whole.
        expiring: The next so many jobs expire when half of their rows are answered.
        cancelled: The next so many jobs are cancelled by somebody.
        forgotten: The next so many jobs vanish.
        errors: Share of rows that come back as an error the first ``times`` times.
        missing: Share of rows that are missing from the output the first ``times`` times.
        times: How often these rows fail.
        repeated: Share of rows that are in the output twice, some of them with an error in one of the places.
        strange: Rows of other jobs in every output.
        shuffled: The output is in another order.
        torn: The first so many downloads break off halfway.
        short: The first so many downloads end halfway as if that were all.
    """

    seed: int = 0
    quota: int | None = None
    lost_replies: int = field(default=0, validator=ge(0))
    trouble: float = field(default=0.0, validator=[ge(0.0), le(1.0)])
    failing: int = field(default=0, validator=ge(0))
    expiring: int = field(default=0, validator=ge(0))
    cancelled: int = field(default=0, validator=ge(0))
    forgotten: int = field(default=0, validator=ge(0))
    errors: float = field(default=0.0, validator=[ge(0.0), le(1.0)])
    missing: float = field(default=0.0, validator=[ge(0.0), le(1.0)])
    times: int = field(default=1, validator=ge(1))
    repeated: float = field(default=0.0, validator=[ge(0.0), le(1.0)])
    strange: int = field(default=0, validator=ge(0))
    shuffled: bool = False
    torn: int = field(default=0, validator=ge(0))
    short: int = field(default=0, validator=ge(0))

    def fate(self, number: int) -> JobState:
        """How the ``number``-th job ends, from 0; ``unknown`` stands for one that vanishes."""
        ends: list[tuple[int, JobState]] = [
            (self.failing, "failed"),
            (self.expiring, "expired"),
            (self.cancelled, "cancelled"),
            (self.forgotten, "unknown"),
        ]
        for count, state in ends:
            if number < count:
                return state
            number -= count
        return "succeeded"

    def hits(self, what: str, thing: str) -> bool:
        """Whether a row, or a call, is among the share that ``what`` befalls."""
        share: float = getattr(self, what)
        drawn = hashlib.blake2b(f"{self.seed}|{what}|{thing}".encode(), digest_size=8).digest()
        return int.from_bytes(drawn, "big") < share * 2**64


@define
class FakeRemote:
    """The service, as its owner sees it.

    Attributes:
        folder: Where it keeps its database.
        faults: What goes wrong.
        answer: What the model says; None makes a row fail.
        looks: After how many looks a job is through.
    """

    folder: Path
    faults: Faults = Faults()
    answer: Callable[[Request], str | None] = right_sum
    looks: int = 2
    _db: sqlite3.Connection = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(self.folder / "service.sqlite", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    # What tests ask

    @property
    def created(self) -> list[str]:
        """Ids of the jobs, in the order in which they were created."""
        return [row[0] for row in self._db.execute("SELECT id FROM jobs ORDER BY number")]

    @property
    def calls(self) -> list[tuple[str, str]]:
        """Every call that did something: what, and to which job."""
        return list(self._db.execute("SELECT what, job FROM log ORDER BY number"))

    @property
    def most_at_once(self) -> int:
        """Most jobs that were not through at one time."""
        (most,) = self._db.execute("SELECT max(jobs_at_once) FROM log").fetchone()
        return most or 0

    def asked(self) -> Counter[str]:
        """How often each row was worked on."""
        return Counter(row[0] for row in self._db.execute("SELECT custom_id FROM answers"))

    def paid(self) -> Counter[str]:
        """How often each row was answered."""
        rows = self._db.execute("SELECT custom_id FROM answers WHERE said = 'answer'")
        return Counter(row[0] for row in rows)

    def rows_of(self, job: str) -> list[str]:
        """The rows of a job."""
        (requests,) = self._db.execute("SELECT requests FROM jobs WHERE id = ?", [job]).fetchone()
        return [custom_id for custom_id, _ in json.loads(requests)]

    # What the client calls

    def create(self, job: BatchJob) -> None:
        """Take a job in, or accept that it is there."""
        self._trouble()
        if self._state(job.id) is not None:
            self._log("accepted", job.id)
            return
        if self.faults.quota is not None and self._active() >= self.faults.quota:
            self._log("refused", job.id)
            raise QuotaReached(f"job-submission-count, in use: {self._active()}, quota: {self.faults.quota}")
        rows = [(request.custom_id, self.answer(request)) for request in job.requests]
        if len(rows) != job.rows or len({custom_id for custom_id, _ in rows}) != job.rows:
            raise BackendError(f"{job.id} says {job.rows} rows and has {len(rows)}")
        number = len(self.created)
        with self._db:
            self._db.execute("BEGIN")
            self._db.execute(
                "INSERT INTO jobs VALUES (?, ?, 'queued', 0, ?, '[]', 0)", [job.id, number, json.dumps(rows)]
            )
            self._log("created", job.id)
        if number < self.faults.lost_replies:
            raise Transient("the reply was lost")

    def status(self, job_id: str) -> JobStatus | None:
        """Look at a job, which brings it forward."""
        self._trouble()
        found = self._state(job_id)
        if found is None:
            return None
        number, state, looks = found
        if state in ("queued", "running"):
            state = self._forward(job_id, number, looks + 1)
        if state == "unknown":
            return None
        (rows,) = self._db.execute("SELECT json_array_length(requests) FROM jobs WHERE id = ?", [job_id]).fetchone()
        (answered,) = self._db.execute("SELECT answered FROM jobs WHERE id = ?", [job_id]).fetchone()
        final = state not in ("queued", "running")
        return JobStatus(
            state=state,
            raw_state=f"JOB_STATE_{state.upper()}",
            message="line 1: invalid role" if state == "failed" else "",
            processed=rows * min(looks, self.looks) // self.looks,
            answered=answered if final else None,
            has_output=state == "expired",
        )

    def fetch(self, job_id: str) -> Iterator[JobRow]:
        """The output of a job."""
        self._trouble()
        (output,) = self._db.execute("SELECT output FROM jobs WHERE id = ?", [job_id]).fetchone()
        rows = [_row(*row) for row in json.loads(output)]
        (before,) = self._db.execute("SELECT count(*) FROM log WHERE what = 'fetched'").fetchone()
        self._log("fetched", job_id)
        half = len(rows) // 2
        if before < self.faults.torn:
            yield from rows[:half]
            raise Transient("the download broke off")
        yield from rows[:half] if before < self.faults.torn + self.faults.short else rows

    def cancel(self, job_id: str) -> None:
        """End a job."""
        self._trouble()
        self._db.execute("UPDATE jobs SET state = 'cancelled' WHERE id = ?", [job_id])
        self._log("cancelled", job_id)

    def collected(self, job_id: str) -> None:
        """Take note."""
        self._trouble()
        self._log("collected", job_id)

    # Inside

    def _state(self, job_id: str) -> tuple[int, Any, int] | None:
        found: tuple[int, Any, int] | None = self._db.execute(
            "SELECT number, state, looks FROM jobs WHERE id = ?", [job_id]
        ).fetchone()
        return found

    def _active(self) -> int:
        (active,) = self._db.execute("SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')").fetchone()
        return int(active)

    def _log(self, what: str, job: str) -> None:
        self._db.execute("INSERT INTO log (what, job, jobs_at_once) VALUES (?, ?, ?)", [what, job, self._active()])

    def _trouble(self) -> None:
        if not self.faults.trouble:
            return
        self._log("call", "")
        (calls,) = self._db.execute("SELECT count(*) FROM log WHERE what = 'call'").fetchone()
        if self.faults.hits("trouble", str(calls)):
            raise Throttled("slow down", retry_after=0.0) if calls % 2 else Transient("connection reset")

    def _forward(self, job_id: str, number: int, looks: int) -> Any:
        state = "running" if looks < self.looks else self.faults.fate(number)
        with self._db:
            self._db.execute("BEGIN")
            if state in ("succeeded", "expired"):
                self._work(job_id, whole=state == "succeeded")
            self._db.execute("UPDATE jobs SET state = ?, looks = ? WHERE id = ?", [state, looks, job_id])
        return state

    def _work(self, job_id: str, *, whole: bool) -> None:
        """Answer the rows of a job, or the first half of them."""
        (requests,) = self._db.execute("SELECT requests FROM jobs WHERE id = ?", [job_id]).fetchone()
        rows, asked, output = json.loads(requests), self.asked(), []
        for custom_id, text in rows if whole else rows[: (len(rows) + 1) // 2]:
            said = self._said(custom_id, text, asked[custom_id])
            self._db.execute("INSERT INTO answers (job, custom_id, said) VALUES (?, ?, ?)", [job_id, custom_id, said])
            output += self._rows(custom_id, text, said)
        answered = len({custom_id for custom_id, text, error in output if error is None})
        output += [(f"other|{n}|control|0.0|0|closed", "strange", None) for n in range(self.faults.strange)]
        if self.faults.shuffled:
            random.Random(f"{self.faults.seed}|{job_id}").shuffle(output)
        self._db.execute(
            "UPDATE jobs SET output = ?, answered = ? WHERE id = ?", [json.dumps(output), answered, job_id]
        )

    def _said(self, custom_id: str, text: str | None, before: int) -> str:
        if before < self.faults.times and self.faults.hits("missing", custom_id):
            return "nothing"
        if text is None or (before < self.faults.times and self.faults.hits("errors", custom_id)):
            return "error"
        return "answer"

    def _rows(self, custom_id: str, text: str | None, said: str) -> list[tuple[str, str | None, str | None]]:
        if said == "nothing":
            return []
        row = (custom_id, text, None) if said == "answer" else (custom_id, None, "the model was overloaded")
        if not self.faults.hits("repeated", custom_id):
            return [row]
        return [(custom_id, None, "a first try failed"), row] if len(custom_id) % 2 else [row, row]


def _row(custom_id: str, text: str | None, error: str | None) -> JobRow:
    if error is not None:
        return JobRow(custom_id, Response("", None, error=error))
    return JobRow(custom_id, Response("", text, "stop", Usage(10, len((text or "").split())), f"r-{custom_id}", "fake"))


@frozen(kw_only=True)
class FakeBatchBackend:
    """Asks a fake service.

    Attributes:
        remote: Folder of the service.
        looks: After how many looks a job is through.
        faults: What goes wrong.
        max_concurrent_jobs: Most jobs at once.
        poll_interval: Seconds between looks.
        follow_ups: How often failed rows are asked again.
        job_timeout: Seconds after which a job is given up.
    """

    name: ClassVar[str] = "fake_batch"
    batch: ClassVar[bool] = True
    answer_text: ClassVar[Callable[[Request], str | None]] = right_sum

    remote: str = "remote"
    looks: int = field(default=2, validator=ge(1))
    faults: Faults = Faults()
    max_concurrent_jobs: int = field(default=4, validator=ge(1))
    poll_interval: float = field(default=0.0, validator=ge(0.0))
    follow_ups: int = field(default=2, validator=ge(0))
    job_timeout: float = field(default=1e6, validator=ge(0.0))

    def default_model(self) -> str | None:
        """A name."""
        return "fake-model"

    def identity(self, model: str) -> Mapping[str, Json]:
        """The name alone: what goes wrong changes no answer."""
        return {"name": self.name, "model": model}

    @contextmanager
    def connect(self, model: str, items: Mapping[str, Item]) -> Iterator[FakeRemote]:
        """Ready at once."""
        del model, items
        remote = FakeRemote(Path(self.remote), self.faults, type(self).answer_text, self.looks)
        try:
            yield remote
        finally:
            remote.close()
