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
    Finding,
    GroundedAnswers,
    Item,
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
    from exx.results import Results


@frozen
class Loaded:
    """A dataset that has been opened: its items, read as they are asked for, and where they come from."""

    items: Iterable[Item]
    provenance: Provenance


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
        """Ask once. A request that fails is answered with ``Response.error``; an exception ends the run.

        Called from up to ``OnlineBackend.concurrency`` threads at once.
        """
        ...


@runtime_checkable
class OnlineBackend(Protocol):
    """A model that answers one request at a time: in this process, or behind a server."""

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
