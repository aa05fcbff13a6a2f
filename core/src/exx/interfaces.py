"""What a plugin implements, one protocol a kind.

An implementation is a frozen attrs class: ``name`` is the word used in the config, the fields are its options. It
need not inherit from the protocol; having the members is enough. Nothing heavy may be imported at module level:
``exx plugins list`` imports every plugin's class, so numpy, scipy and their like belong inside the methods.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

from attrs import frozen

from exx.records import (
    AnsweredItem,
    BatchJob,
    Finding,
    GroundedAnswers,
    Item,
    JobRow,
    JobStatus,
    Json,
    Metric,
    PromptTexts,
    Provenance,
    Request,
    Response,
)

if TYPE_CHECKING:
    import numpy as np

    from exx.paired import PairedBlock, PairedSample, Study
    from exx.reading.log import ReadLog
    from exx.results import Results


@frozen
class Loaded:
    """A dataset that has been opened: its items, read as they are asked for, and where they come from.

    Attributes:
        items: The items.
        provenance: Where they come from.
        log: What has been skipped and counted so far: complete once the items have been read; None if nothing is ever.
    """

    items: Iterable[Item]
    provenance: Provenance
    log: ReadLog | None = None


@runtime_checkable
class Dataset(Protocol):
    """Questions with their right answers."""

    name: ClassVar[str]

    def digest(self) -> str | None:
        """Say what ``load`` would read: a sha256 in hex; None while the source is not on this machine. No network."""
        ...

    def load(self) -> Loaded:
        """Open the source, downloading it when needed, and yield its items in its own order.

        Ids are unique and stable. Shuffling and limits are the core's business, not the dataset's.

        Raises:
            DataError: A record that cannot be used, with file, line and field; or a source that cannot be had.
        """
        ...


@runtime_checkable
class PromptSet(Protocol):
    """A control and a treatment system prompt, with the task instructions that go with both."""

    name: ClassVar[str]

    def texts(self) -> PromptTexts:
        """Read the texts; none of them is empty."""
        ...


class Connection(Protocol):
    """A model that is ready to be asked."""

    def answer(self, request: Request) -> Response:
        """Ask once. A request that fails for good is answered with ``Response.error``.

        Called from up to ``OnlineBackend.concurrency`` threads at once.

        Raises:
            Throttled: To be asked again, and fewer at once from here on.
            Transient: To be asked again. Both a bounded number of times; then the request has failed.
            BackendError: Ends the run, as every other exception does.
        """
        ...


@runtime_checkable
class OnlineBackend(Protocol):
    """A model that answers one request at a time: in this process, or behind a server.

    A backend may also have ``requests_per_minute`` and ``tokens_per_minute``: no minute then sees more than that (of
    the tokens, as far as they can be told beforehand). Without them, or with None, there is no such limit.

    A backend may also have ``price_provider``, the name that the price table has for who is paid (``fireworks``), or
    ``base_url``, the address that is asked: by them a price is found that the config does not give.
    """

    name: ClassVar[str]

    @property
    def concurrency(self) -> int:
        """How many requests may be under way at once, at least 1."""
        ...

    def default_model(self) -> str | None:
        """Name the model to ask when the config names none; None if there is no sensible one."""
        ...

    def identity(self, model: str) -> Mapping[str, Json]:
        """Say what, besides the request, determines the answers: the digest of the weights, a precision, own options.

        Part of every request's key in the response store. Cheap, and without a network.

        Raises:
            BackendError: The model cannot be had (weights missing, say), with the command that helps.
        """
        ...

    def connect(self, model: str, items: Mapping[str, Item]) -> AbstractContextManager[Connection]:
        """Make the model ready; leaving the context frees it.

        Args:
            model: The model's name or path.
            items: The prepared items by ``Item.key``, for backends that simulate; read only when looked into.
        """
        ...


class BatchService(Protocol):
    """A service that takes many requests as one job, works on it for minutes or hours, and gives it back as a whole.

    All methods are called from one thread, one after the other. Each may raise ``Transient`` or ``Throttled``: it is
    called again later. ``BackendError`` ends the run; its jobs go on remotely, and a resumed run picks them up.
    """

    def create(self, job: BatchJob) -> None:
        """Submit a job under its own id.

        Called again for the same id after a lost reply: a job that is there already is accepted, and what was uploaded
        for it is used.

        Raises:
            QuotaReached: The service takes no further job for now.
        """
        ...

    def status(self, job_id: str) -> JobStatus | None:
        """Say how a job is; None if the service knows none of this id."""
        ...

    def fetch(self, job_id: str) -> Iterable[JobRow]:
        """Read a finished job's output, errors included, in any order. What it lacks or holds twice, the core sees to.

        Raises:
            Transient: The output cannot be had just now or breaks off; it is then read again from its beginning.
        """
        ...

    def cancel(self, job_id: str) -> None:
        """Make a job end soon. Called for a job that is not finished in time; never for a run that is stopped."""
        ...

    def collected(self, job_id: str) -> None:
        """Every row of this job is stored here: what it left at the service may be removed."""
        ...


@runtime_checkable
class BatchBackend(Protocol):
    """A model that is asked through a batch service.

    A backend may also have ``follow_ups`` (how often rows that failed are asked again in a job of their own; default 2)
    and ``job_timeout`` (seconds after which a job that is not finished is given up; default 4 days).

    A backend may also have a method ``online() -> tuple[str, Mapping[str, Json]]``: name and options of the installed
    ``OnlineBackend`` that asks the same models one by one. It takes this one's place when the config says
    ``use_batch_api: false``; without the method, that is an error of the config. The options end up in manifests, so a
    secret is no more than the name of an environment variable there.
    """

    name: ClassVar[str]

    @property
    def batch(self) -> bool:
        """True; a class that can do both says False to be used as an ``OnlineBackend``."""
        ...

    @property
    def max_concurrent_jobs(self) -> int:
        """How many jobs may be under way at once, at least 1; ``--max-concurrent-jobs`` overrides it."""
        ...

    @property
    def poll_interval(self) -> float:
        """Seconds between looks at a job; grows up to eightfold while nothing happens."""
        ...

    def default_model(self) -> str | None:
        """As for ``OnlineBackend``."""
        ...

    def identity(self, model: str) -> Mapping[str, Json]:
        """As for ``OnlineBackend``."""
        ...

    def connect(self, model: str, items: Mapping[str, Item]) -> AbstractContextManager[BatchService]:
        """Make the service ready; leaving the context closes connections and leaves the jobs alone.

        Args:
            model: The model's name.
            items: The prepared items by ``Item.key``, for backends that simulate; read only when looked into.
        """
        ...


@runtime_checkable
class Scorer(Protocol):
    """Judges answers against the right ones."""

    name: ClassVar[str]
    metrics: ClassVar[tuple[Metric, ...]]
    datasets: ClassVar[tuple[str, ...] | None]
    """Datasets whose official scorer this is; None: it scores every dataset, beside the official one."""

    def score(self, batch: Sequence[AnsweredItem]) -> Mapping[str, Sequence[float | None]]:
        """Score every answer of a batch.

        Returns:
            For each of ``metrics`` one value per answer, in the order of the items and, within an item, of its
            texts. None where the metric is not defined for the item.
        """
        ...


@runtime_checkable
class Detector(Protocol):
    """Judges how far an answer is supported by the passage it was to be drawn from."""

    name: ClassVar[str]

    @property
    def cutoff(self) -> float:
        """Support below this counts as unsupported; in [0, 1]."""
        ...

    def support(self, batch: Sequence[GroundedAnswers]) -> Sequence[float]:
        """Degree of support in [0, 1] for every claim, in the order of the passages and, within one, of its claims."""
        ...


class MetricAnalysis(Protocol):
    """Looks at one metric of one sample at a time."""

    name: ClassVar[str]
    level: ClassVar[Literal["metric"]]

    def analyze(self, sample: PairedSample, rng: np.random.Generator) -> Iterable[Finding]:
        """Called once per temperature × type × subgroup × metric."""
        ...


class BlockAnalysis(Protocol):
    """Looks at all metrics of one block together."""

    name: ClassVar[str]
    level: ClassVar[Literal["block"]]

    def analyze(self, block: PairedBlock, rng: np.random.Generator) -> Iterable[Finding]:
        """Called once per temperature × type × subgroup."""
        ...


class StudyAnalysis(Protocol):
    """Looks at a whole trial and writes an artifact of its own."""

    name: ClassVar[str]
    level: ClassVar[Literal["study"]]
    artifact: ClassVar[str]
    """File name in the results folder, such as ``power_analysis.json``."""

    def analyze(self, study: Study) -> Mapping[str, Json]:
        """Called once per trial; the mapping is written as JSON."""
        ...


class Adjustment(Protocol):
    """Adjusts p-values for how many of them there are."""

    name: ClassVar[str]
    level: ClassVar[Literal["adjustment"]]

    def adjust(self, findings: Sequence[Finding], primary: Sequence[str]) -> Sequence[Finding]:
        """Return the same findings in the same order, with ``q_value`` and ``family`` filled in where they apply.

        Args:
            findings: Every finding of the trial.
            primary: Names of the primary metrics.
        """
        ...


Analysis = MetricAnalysis | BlockAnalysis | StudyAnalysis | Adjustment


@runtime_checkable
class Reporter(Protocol):
    """Makes something a person reads out of a finished trial."""

    name: ClassVar[str]

    def write(self, results: Results, folder: Path) -> Sequence[Path]:
        """Write the report into the folder and return the files, the one to open first."""
        ...


PluginClass = type[Any]
