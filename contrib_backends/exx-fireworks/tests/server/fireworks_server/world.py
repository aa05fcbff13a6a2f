"""What the server knows: its account, its datasets and jobs, and a log of everything that was asked of it."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import RLock
from typing import Any

from attrs import define, field, frozen

from fireworks_server.clock import VirtualClock
from fireworks_server.plan import Fate, Plan

MODEL = "accounts/fireworks/models/gpt-oss-120b"


@frozen(kw_only=True)
class Settings:
    """How the server behaves; none of this is a fault.

    Attributes:
        account: Slug of the account.
        key: The key that is good.
        others: Slugs of further accounts that the key sees.
        models: Models that can be asked in a batch.
        quota: Most jobs at once.
        trouble: What is wrong with the account: ``unpaid`` refuses jobs with 402, ``suspended`` everything with 412.
        duplicate: Status of a create with an id that is taken: 409 or 400, both with words.
        direct_limit: Bytes beyond which ``:upload`` refuses a file.
        url_lifetime: Seconds of the clock after which a signed URL is worth nothing.
        expired_status: What the storage then answers.
        upload_headers: Headers that are signed in an upload URL, beside ``host``.
        ready_after: Seconds until a dataset is READY.
        phases: Seconds of each phase of a job.
        row_seconds: Seconds that the phase RUNNING takes longer for each row.
        precisions: What the model computes with: one job after the other, in turn.
        counters: Whether a finished job tells how many rows it answered; if not, they stay 0.
        lineage: How files are named when those of a whole chain are asked for.
        addresses: Whether downloads get signed URLs at all.
        echo: Refusals repeat the key, as a careless service would.
        answer_padding: Characters that every answer is made longer by.
    """

    account: str = "acme-lab"
    key: str = "fw_3ZsecretKeyOfNobody9"
    others: tuple[str, ...] = ()
    models: tuple[str, ...] = (MODEL, "accounts/fireworks/models/llama-v3p1-8b-instruct")
    quota: int = 16
    trouble: str | None = None
    duplicate: int = 409
    direct_limit: int = 150 * 2**20
    url_lifetime: int = 599
    expired_status: int = 400
    upload_headers: tuple[str, ...] = ("content-type", "x-goog-content-length-range")
    ready_after: float = 15.0
    phases: tuple[float, float, float, float, float] = (10.0, 10.0, 10.0, 20.0, 5.0)
    row_seconds: float = 0.0
    precisions: tuple[str, ...] = ("BF16",)
    counters: bool = True
    lineage: str = "dataset/{dataset}/{dataset}_{file}"
    addresses: bool = True
    echo: bool = False
    answer_padding: int = 0


@frozen
class Call:
    """One call that was made.

    Attributes:
        number: From 0, over all kinds.
        kind: As in ``fireworks_server.routes``; ``unknown`` for an address that is none.
        target: Id of the dataset or job, or path of the object.
        at: Seconds since the server began, by its clock.
        status: What was answered; 0 while, or where, nothing was.
        fault: What befell it.
        query: Parameters of the address.
        headers: Those of the call, names in lower case; without the key.
        body: The JSON that came with it.
    """

    number: int
    kind: str
    target: str
    at: float
    status: int = 0
    fault: str | None = None
    query: dict[str, str] = field(factory=dict)
    headers: dict[str, str] = field(factory=dict)
    body: Any = None


@define
class Dataset:
    """A dataset: given by a client, or made by a job.

    Attributes:
        id: Its id.
        about: What the client said of it.
        created: When, by the clock.
        source: Id of the job it comes from.
        files: Sizes that were announced for a signed upload, by name.
        ready_at: When it will be READY.
    """

    id: str
    about: dict[str, Any]
    created: float
    source: str = ""
    files: dict[str, int] = field(factory=dict)
    ready_at: float | None = None


@define
class Job:
    """A job.

    Attributes:
        id: Its id.
        body: What it was created with, names in camelCase.
        number: In order of creation, from 0.
        created: When, by the clock.
        fate: How it ends.
        input: Id of the dataset.
        output: Id of the dataset that it makes.
        chain: Ids of the jobs it goes on from, the first of them first.
        state: Without JOB_STATE_.
        message: Of its status.
        code: Of its status.
        ended: When it came to its end, or was deleted.
        outcome: For each row it worked on: ``answer``, ``error`` or ``missing``.
        rows: How many rows it has to work on, as far as it was told.
        validated: Its file can be worked on.
        rows_out: Lines of its output.
        tokens: What it took.
    """

    id: str
    body: dict[str, Any]
    number: int
    created: float
    fate: Fate
    input: str
    output: str
    chain: tuple[str, ...] = ()
    state: str = "VALIDATING"
    message: str = ""
    code: str = "OK"
    ended: float | None = None
    outcome: dict[str, str] = field(factory=dict)
    rows: int = 0
    validated: bool = False
    rows_out: int = 0
    tokens: Counter[str] = field(factory=Counter)

    @property
    def final(self) -> bool:
        """It does not change any more."""
        return self.ended is not None

    @property
    def sent(self) -> tuple[str, ...]:
        """The chain with this job at its end."""
        return (*self.chain, self.id)


Answer = Callable[[str, dict[str, Any]], str | None]


def made_up(custom_id: str, body: dict[str, Any]) -> str | None:
    """The answer of a model that has read nothing but the id; treatment and control differ."""
    del body
    return f"an answer to {custom_id}"


@define(eq=False)
class World:
    """Everything together; whoever changes it holds ``lock``.

    Attributes:
        folder: Where objects of the storage are.
        settings: How it behaves.
        plan: What goes wrong. May be replaced at any time.
        clock: The time.
        answer: What the model says to a row; None makes it fail.
    """

    folder: Path
    settings: Settings
    plan: Plan
    clock: VirtualClock
    answer: Answer = made_up
    lock: RLock = field(factory=RLock, init=False)
    secret: bytes = field(factory=lambda: secrets.token_bytes(32), init=False)
    datasets: dict[str, Dataset] = field(factory=dict, init=False)
    jobs: dict[str, Job] = field(factory=dict, init=False)
    deleted: set[str] = field(factory=set, init=False)
    calls: list[Call] = field(factory=list, init=False)
    counts: Counter[str] = field(factory=Counter, init=False)
    created: list[str] = field(factory=list, init=False)
    paid: Counter[str] = field(factory=Counter, init=False)
    worked: Counter[str] = field(factory=Counter, init=False)
    signatures: set[str] = field(factory=set, init=False)
    complaints: list[str] = field(factory=list, init=False)
    most_at_once: int = field(default=0, init=False)

    def path(self, object_path: str) -> Path:
        """Where an object of the storage is."""
        path = Path(os.path.normpath(self.folder / "objects" / object_path))
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def input_path(self, dataset: str) -> Path:
        """The file of an uploaded dataset."""
        return self.path(f"dataset/{dataset}/uploaded.jsonl")

    def active(self) -> list[Job]:
        """Jobs that count against the quota."""
        return [job for job in self.jobs.values() if not job.final]
