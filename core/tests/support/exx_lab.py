"""A complete small plugin for the core's own tests: every kind, no dependencies, and a backend that keeps a diary.

Offered to processes of their own through a real distribution (the fixture ``installed``); tests in this process take
the classes from here.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from attrs import define, field, frozen
from attrs.validators import ge, le

from exx import (
    AnsweredItem,
    Finding,
    GroundedAnswers,
    Item,
    Json,
    Metric,
    Request,
    RequestId,
    Response,
    Usage,
    hookimpl,
)
from exx.testing import FakeDataset, FakePrompts

if TYPE_CHECKING:
    import numpy as np

    from exx import PairedSample, Results


def right_sum(request: Request) -> str:
    """Add up the two numbers of a fake question."""
    question = request.messages[-1]["content"].rsplit("What is ", 1)[-1]
    left, _, right = question.rstrip("?").partition(" + ")
    return str(int(left) + int(right))


def lopsided(request: Request) -> str:
    """Right under the treatment; under the control only for every third item, so that swapped arms would show."""
    asked = RequestId.decode(request.custom_id)
    right = asked.condition == "treatment" or int(asked.item_id.removeprefix("i")) % 3 == 0
    return right_sum(request) if right else "no idea"


@frozen(kw_only=True)
class ExactScorer:
    """One point for the right words.

    Attributes:
        strict: Whether letters have to have the right case.
    """

    name: ClassVar[str] = "exact"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("em", "Exact match"),)
    datasets: ClassVar[tuple[str, ...] | None] = ("fake",)

    strict: bool = False

    def score(self, batch: Sequence[AnsweredItem]) -> Mapping[str, Sequence[float | None]]:
        """Compare."""
        return {"em": [float(text.strip() in one.item.answers) for one in batch for text in one.texts]}


@frozen(kw_only=True)
class WordDetector:
    """An answer is supported by a passage it occurs in.

    Attributes:
        min_token_overlap: Support below this is none.
    """

    name: ClassVar[str] = "overlap"
    min_token_overlap: float = field(default=0.6, validator=[ge(0.0), le(1.0)])

    @property
    def cutoff(self) -> float:
        """The option."""
        return self.min_token_overlap

    def support(self, batch: Sequence[GroundedAnswers]) -> Sequence[float]:
        """All or nothing."""
        return [float(answer.strip() in one.context) for one in batch for _, answer in one.claims]


@frozen(kw_only=True)
class MeanDifference:
    """The mean of the differences.

    Attributes:
        decimals: Places it is rounded to.
    """

    name: ClassVar[str] = "mean_difference"
    level: ClassVar[Literal["metric"]] = "metric"
    decimals: int = field(default=6, validator=ge(0))

    def analyze(self, sample: PairedSample, rng: np.random.Generator) -> Iterable[Finding]:
        """Compute it; the random draw goes into the details, so that a change of seed shows."""
        mean = sample.mean_delta
        estimate = None if mean is None else round(mean, self.decimals)
        reason = "no pairs" if mean is None else None
        details: dict[str, Json] = {"draw": float(rng.random())}
        yield Finding(
            analysis=self.name,
            metric=sample.metric.name,
            address=sample.address,
            n=sample.n,
            estimate=estimate,
            reason=reason,
            details=details,
        )


@frozen(kw_only=True)
class Note:
    """One line for each primary metric."""

    name: ClassVar[str] = "note"

    def write(self, results: Results, folder: Path) -> Sequence[Path]:
        """Write note.md."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "note.md"
        lines = [f"{row.metric} {row.address.type}: {row.control} {row.treatment}" for row in results.verdict()]
        path.write_text("\n".join([*lines, ""]), "utf-8")
        return [path]


@define
class _Diary:
    backend: DiaryBackend
    answered: int = 0

    def answer(self, request: Request) -> Response:
        with Path("asked.log").open("a") as file:
            file.write(f"{os.getpid()} {request.custom_id}\n")
        if self.answered >= self.backend.slow_from and not Path("HURRY").exists():
            time.sleep(self.backend.delay)
        self.answered += 1
        text = lopsided(request)
        text += " " * self.backend.padding if text.isdigit() else ""
        return Response(request.key, text, "stop", Usage(10, len(text.split())), "diary-1", "diary-model")


@frozen(kw_only=True)
class DiaryBackend:
    """Answers at once, or slowly, and writes every request into the file asked.log.

    Attributes:
        delay: Seconds that an answer takes, unless there is a file HURRY.
        slow_from: How many answers come at once before that.
        padding: Blanks that a number ends in.
        concurrency: Requests under way at once.
    """

    name: ClassVar[str] = "diary"
    delay: float = field(default=0.0, validator=ge(0.0))
    slow_from: int = field(default=0, validator=ge(0))
    padding: int = field(default=0, validator=ge(0))
    concurrency: int = field(default=1, validator=ge(1))

    def default_model(self) -> str | None:
        """A name."""
        return "diary-model"

    def identity(self, model: str) -> Mapping[str, Json]:
        """The name alone: how fast it answers changes no answer."""
        return {"name": self.name, "model": model, "padding": self.padding}

    @contextmanager
    def connect(self, model: str, items: Mapping[str, Item]) -> Iterator[_Diary]:
        """Ready at once."""
        del model, items
        yield _Diary(self)


KINDS: dict[str, list[type[Any]]] = {
    "backends": [DiaryBackend],
    "scorers": [ExactScorer],
    "detectors": [WordDetector],
    "analyses": [MeanDifference],
    "reporters": [Note],
}


@hookimpl
def exx_register_datasets() -> list[type[Any]]:
    """The fake sums."""
    return [FakeDataset]


@hookimpl
def exx_register_prompt_sets() -> list[type[Any]]:
    """The fake prompts."""
    return [FakePrompts]


@hookimpl
def exx_register_backends() -> list[type[Any]]:
    """The diary."""
    return KINDS["backends"]


@hookimpl
def exx_register_scorers() -> list[type[Any]]:
    """Exact match."""
    return KINDS["scorers"]


@hookimpl
def exx_register_detectors() -> list[type[Any]]:
    """Words."""
    return KINDS["detectors"]


@hookimpl
def exx_register_analyses() -> list[type[Any]]:
    """Means."""
    return KINDS["analyses"]


@hookimpl
def exx_register_reporters() -> list[type[Any]]:
    """Notes."""
    return KINDS["reporters"]
