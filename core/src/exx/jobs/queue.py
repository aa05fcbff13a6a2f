"""The queue of jobs for a batch service: part after part, never more at once than allowed, until all is collected.

The rule for everything remote: record the intention under a deterministic id, make the call, record the outcome. After
a crash between two of these the id finds the job again, so nothing is submitted, or paid for, twice.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from math import inf

from attrs import define, evolve, field

from exx.errors import BackendError, DataError, OverBudget, QuotaReached, StopRequested, Transient
from exx.fault import point
from exx.interfaces import BatchService
from exx.jobs.book import JobBook, JobRecord
from exx.jobs.harvest import Harvest
from exx.jobs.names import content_digest, job_id
from exx.jobs.parts import JobRequests, JobSettings, Part, chunks
from exx.jobs.remote import Patience
from exx.jobs.timing import Clock, wait_until
from exx.records import BatchJob, Condition, JobStatus
from exx.responses import ResponseStore

_CHUNK = 200
_SLOWER = 1.5
_SLOWEST = 8.0
_SHORT_DOWNLOADS = 3
_ABSENCES = 5


@define
class _Open:
    """A job under way, in this process."""

    record: JobRecord
    rows: dict[str, str]
    due: float
    pause: float
    troubles: int = 0
    short: int = 0
    absences: int = 0
    processed: int = 0


@define
class JobQueue:
    """Runs the jobs of one trial.

    Attributes:
        service: Where they run.
        store: Where answers go; what has one there is not asked.
        book: What is remembered of the jobs.
        settings: How they are run.
        check_stop: Raises to stop.
        told: Called with a job's record after each change of it was saved.
        progress: Called with the number of requests that are through.
        afford: Called before a submission with the part and its rows, and those under way; raises if it is too dear.
        clock: The time.
    """

    service: BatchService
    store: ResponseStore
    book: JobBook
    settings: JobSettings
    check_stop: Callable[[], None]
    told: Callable[[JobRecord], None] = field(default=lambda _: None)
    progress: Callable[[int], None] = field(default=lambda _: None)
    afford: Callable[[Sequence[tuple[Part, Mapping[str, str]]]], None] = field(default=lambda _: None)
    clock: Clock = field(factory=Clock)
    started: int = field(default=0, init=False)
    _open: dict[str, _Open] = field(factory=dict, init=False)
    _waiting: deque[Part] = field(factory=deque, init=False)
    _through: int = field(default=0, init=False)
    _paused_until: float = field(default=0.0, init=False)
    _refusals: int = field(default=0, init=False)
    _ended_early: list[JobRecord] = field(factory=list, init=False)
    _parts: dict[tuple[Condition, float, int], Part] = field(factory=dict, init=False)
    _asked: Counter[str] = field(factory=Counter, init=False)
    _patience: Patience = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._patience = Patience(self.settings, self.check_stop, self.clock)

    def run(self, parts: Sequence[Part]) -> None:
        """Do everything: pick up what is under way, submit what is not, collect, ask again what failed.

        Raises:
            StopRequested: A stop was asked for; says which jobs go on remotely.
            BackendError: The service cannot be used, or jobs were cancelled; what is under way goes on remotely.
        """
        self._parts = {part.place: part for part in parts}
        self._waiting = deque(sorted(parts, key=lambda p: (p.temp, p.number, p.condition)))  # the arms in turn
        try:
            self._pick_up()
            while self._waiting or self._open:
                self.check_stop()
                self._submit_some()
                for job in [job for job in self._open.values() if job.due <= self.clock.now()]:
                    self.check_stop()
                    self._look_at(job)
                self._rest()
        except StopRequested as cause:
            raise StopRequested(cause.message + self._left_running(), hint=cause.hint) from cause
        if self._ended_early:
            which = ", ".join(f"{r.id} ({r.message or r.state})" for r in self._ended_early)
            hint = "what they had answered is stored; exx resume asks the rest again in new jobs"
            raise BackendError(f"{_count(len(self._ended_early))} ended early: {which}", hint=hint)

    def _left_running(self) -> str:
        ids = [record.id for record in self.book if record.open and record.state != "intended"]
        if not ids:
            return "; no job is under way"
        goes = "goes" if len(ids) == 1 else "go"
        return f"; {_count(len(ids))} {goes} on remotely, for exx resume to pick up: {', '.join(ids)}"

    # Picking up what an earlier process left

    def _pick_up(self) -> None:
        """Find every job of the book that may be under way; forget intentions the service never heard of."""
        self.book.close_answered(self.store)
        for record in self.book:
            if record.open:
                self._pick_up_one(record)
            elif record.counts:
                with suppress(DataError):  # somebody removed its file; then its rows may be asked once more than else
                    self._count(record, self.book.rows(record.id))

    def _pick_up_one(self, record: JobRecord) -> None:
        rows = self.book.rows(record.id)
        if not self._wanted(record, rows):
            self.told(evolve(record, message="its requests are not asked any more; it is left to itself"))
            return
        if record.state == "intended":
            status = self._patience.insist(self.service.status, record.id)
            if status is None:
                self._put(evolve(record, state="dropped"))
                return
            record = self._put(evolve(record, state=status.state, submitted_at=self.clock.wall()))
        self._follow(record, rows, self.clock.now())

    def _wanted(self, record: JobRecord, rows: dict[str, str]) -> bool:
        """Whether any of a job's rows is still asked; after a change of settings it may not be."""
        if record.source in {part.source for part in self._parts.values()}:
            return True
        keys = set(rows.values())
        return any(request.key in keys for part in self._parts.values() for request in part.requests())

    def _follow(self, record: JobRecord, rows: dict[str, str], due: float) -> None:
        self._open[record.id] = _Open(record, rows, due, self.settings.poll_interval)

    # Submitting

    def _submit_some(self) -> None:
        while (
            self._waiting and len(self._open) < self.settings.max_concurrent and self.clock.now() >= self._paused_until
        ):
            self.check_stop()
            part = self._waiting.popleft()
            try:
                self._submit(part)
            except QuotaReached as cause:
                self._waiting.appendleft(part)
                self._pause(part, cause)
            except OverBudget:
                self._waiting.appendleft(part)
                if not self._open:
                    raise
                self._paused_until = inf  # until a job has ended: it may have cost less than was expected

    def _submit(self, part: Part) -> None:
        rows = self._rows_to_ask(part)
        if not rows:
            return
        jobs = [job for job in self._open.values() if job.record.place in self._parts]
        under_way = [(self._parts[job.record.place], job.rows) for job in jobs]
        self.afford([(part, rows), *under_way])
        record = self._intend(part, rows)
        self._create(record, part, rows)
        self._refusals = 0
        self.started += 1
        record = self._put(evolve(record, state="queued", message="", submitted_at=self.clock.wall()))
        self._follow(record, rows, self.clock.now() + self.settings.poll_interval)

    def _rows_to_ask(self, part: Part) -> dict[str, str]:
        """What of a part has no answer, is in no job under way, and was not asked too often: ``{custom_id: key}``."""
        taken = {key for job in self._open.values() for key in job.rows.values()}
        rows: dict[str, str] = {}
        for chunk in chunks(part.requests(), _CHUNK):
            missing = set(self.store.missing([request.key for request in chunk])) - taken
            for request in chunk:
                if request.key in missing and self._asked[request.key] <= self.settings.follow_ups:
                    rows[request.custom_id] = request.key
                    missing.remove(request.key)  # a question that occurs twice is asked once
                    taken.add(request.key)
        return rows

    def _intend(self, part: Part, rows: dict[str, str]) -> JobRecord:
        earlier = self.book.of_part(part.place)
        last = max(earlier, key=lambda record: record.attempt, default=None)
        attempt = last.attempt + 1 if last else 1
        content = content_digest(rows)
        where = {"condition": part.condition, "temp": part.temp, "part": part.number, "attempt": attempt}
        name = job_id(self.settings.run, self.settings.trial, **where, content=content)  # type: ignore[arg-type]
        for record in self.book:  # one that met the quota, and of which a row has been answered since
            if record.state == "intended" and record.place == part.place and record.id != name:
                self._put(evolve(record, state="dropped"))
        known = self.book.find(name)
        if known is not None and known.state == "intended":
            return known
        record = JobRecord(
            id=name,
            part_file=part.file,
            source=part.source,
            rows=len(rows),
            content=content,
            follows=last.id if last else None,
            intended_at=self.clock.wall(),
            **where,  # type: ignore[arg-type]
        )
        self.book.intend(record, rows)
        self.told(record)
        return record

    def _create(self, record: JobRecord, part: Part, rows: dict[str, str]) -> None:
        """Submit; when the reply is lost, look whether the job is there before trying again."""
        job = BatchJob(
            id=record.id,
            model=self.settings.model,
            requests=JobRequests(part, rows),
            rows=record.rows,
            condition=record.condition,
            temp=record.temp,
            part=record.part,
            attempt=record.attempt,
            follows=record.follows,
        )
        tries = 0
        while True:
            try:
                self.service.create(job)
            except Transient as cause:
                tries += 1
                self._patience.wait(tries, cause)
                if self._patience.insist(self.service.status, record.id) is not None:
                    return
            else:
                point("job created")
                return

    def _pause(self, part: Part, cause: QuotaReached) -> None:
        """Leave the part for later: until a job of ours is through, or for a while if others hold the quota."""
        self._refusals += 1
        self._paused_until = self._patience.later(self._refusals)
        intended = [r for r in self.book if r.state == "intended" and r.place == part.place]
        for record in intended:
            message = f"waits for a place: {cause.message}"
            if record.message != message:
                self._put(evolve(record, message=message))

    # Following

    def _look_at(self, job: _Open) -> None:
        try:
            status = self.service.status(job.record.id)
            job.absences = 0 if status is not None else job.absences + 1
            if 0 < job.absences < _ABSENCES:  # a service may take a while to know what it has just accepted
                job.due = self.clock.now() + job.pause
                return
            self._note(job, status)
            if status is None or status.final:
                self._collect(job, status)
        except Transient as cause:
            job.troubles += 1
            self._patience.refuse_too_many(job.troubles, cause)
            job.due = self._patience.later(job.troubles, cause.retry_after)
        else:
            job.troubles = 0

    def _note(self, job: _Open, status: JobStatus | None) -> None:
        """Record what changed; look more rarely at a job to which nothing happens."""
        before, processed = job.record, job.processed
        if status is None:
            changed = evolve(before, state="gone", raw_state="", message="the service does not know it any more")
        else:
            told = evolve(before, state=status.state, raw_state=status.raw_state, message=status.message)
            precision = status.precision or before.precision
            changed = evolve(told, conclusive=status.conclusive, precision=precision)
            job.processed = min(job.record.rows, status.processed or 0)
        if changed != before:
            job.record = self._put(changed)
        moved = changed != before or job.processed != processed
        interval = self.settings.poll_interval
        job.pause = interval if moved else min(job.pause * _SLOWER, interval * _SLOWEST)
        job.due = self.clock.now() + job.pause
        self._tell_progress()
        if status is not None and not status.final:
            self._give_up_if_late(job)

    def _give_up_if_late(self, job: _Open) -> None:
        since = job.record.submitted_at or job.record.intended_at
        if self.clock.wall() - since <= self.settings.timeout:
            return
        self.service.cancel(job.record.id)
        words = f"given up: {job.record.state} for {self.settings.timeout / 3600:g} hours"
        job.record = self._put(evolve(job.record, state="cancelled", message=words))
        self._collect(job, JobStatus(state="cancelled", message=words))

    # Collecting

    def _collect(self, job: _Open, status: JobStatus | None) -> None:
        """Fetch, check and store the output of a job that has ended, and close it."""
        harvest = Harvest(job.rows, self.store, job.record.precision)
        if status is not None and (status.state == "succeeded" or status.has_output):
            for rows in chunks(self.service.fetch(job.record.id), _CHUNK):
                self.check_stop()
                harvest.add(rows)
                point("rows stored")
            self._refuse_short(job, harvest, status)
        failed = harvest.finish(_otherwise(job.record))
        message = "; ".join(words for words in (job.record.message, harvest.words()) if words)
        done = evolve(job.record, collected=True, answered=harvest.answered, failed=failed, message=message)
        del self._open[job.record.id]
        self._through += done.answered
        if done.counts:
            self._count(done, job.rows)
        self._paused_until = 0.0
        self._put(done)
        if done.state == "cancelled":
            self._ended_early.append(done)
        elif failed:
            self._waiting.extend(part for place, part in self._parts.items() if place == done.place)
        self._tell_progress()
        with suppress(Transient):  # leftovers at the service cost nothing here
            self.service.collected(done.id)

    def _count(self, record: JobRecord, rows: dict[str, str]) -> None:
        """Count an attempt at these rows; one that is conclusive counts as all that are allowed."""
        times = self.settings.follow_ups + 1 if record.conclusive else 1
        self._asked.update(dict.fromkeys(rows.values(), times))

    def _refuse_short(self, job: _Open, harvest: Harvest, status: JobStatus) -> None:
        """Don't take a download that holds fewer answers than the service counted, unless it stays at that."""
        if status.answered is not None and harvest.answered < status.answered and job.short < _SHORT_DOWNLOADS:
            job.short += 1
            raise Transient(f"the output holds {harvest.answered} answers, and the service counted {status.answered}")

    # Waiting

    def _rest(self) -> None:
        """Wait for the next thing to do."""
        times = [job.due for job in self._open.values()]
        if self._waiting and len(self._open) < self.settings.max_concurrent:
            times.append(self._paused_until)
        if times:
            wait_until(min(times), self.clock, self.check_stop)

    def _put(self, record: JobRecord) -> JobRecord:
        self.book.put(record)
        self.told(record)
        return record

    def _tell_progress(self) -> None:
        self.progress(self._through + sum(job.processed for job in self._open.values()))


def _otherwise(record: JobRecord) -> str:
    """What to say of a row that the output of a job says nothing about."""
    said = f": {record.message}" if record.message else ""
    if record.state == "succeeded":
        return f"job {record.id} succeeded without a word about this request"
    return f"job {record.id} is {record.state}{said}"


def _count(jobs: int) -> str:
    return "1 job" if jobs == 1 else f"{jobs} jobs"
