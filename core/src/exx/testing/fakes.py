"""Fakes for tests, one of every kind that a run needs: they need nothing, and remember what they were asked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from attrs import define, field, frozen

from exx.hookspecs import hookimpl
from exx.interfaces import Loaded, PluginClass
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
    RequestId,
    Response,
    Usage,
)

if TYPE_CHECKING:
    import numpy as np

    from exx.paired import PairedSample

Answer = Callable[[Request], str | None]


@frozen(kw_only=True)
class FakeDataset:
    """Sums such as "What is 3 + 4?", half of them with a passage.

    Attributes:
        items: How many.
    """

    name: ClassVar[str] = "fake"
    items: int = 10

    def digest(self) -> str | None:
        """The same for the same options."""
        return hashlib.sha256(f"fake-{self.items}".encode()).hexdigest()

    def load(self) -> Loaded:
        """Make the items."""
        return Loaded((self._item(n) for n in range(self.items)), Provenance("made up", sha256=self.digest()))

    def _item(self, number: int) -> Item:
        context = f"Adding {number} and {number} gives {2 * number}." if number % 2 else None
        question = f"What is {number} + {number}?"
        return Item(self.name, f"i{number}", question, (str(2 * number),), context=context, group=context)


@frozen(kw_only=True)
class FakePrompts:
    """Two short prompts."""

    name: ClassVar[str] = "default"

    def texts(self) -> PromptTexts:
        """The texts."""
        return PromptTexts("Answer.", "Answer, and only when sure.", "Read and answer.", "Answer the question.")


@define
class _Connection:
    asked: list[Request]
    answer_text: Answer
    model: str

    def answer(self, request: Request) -> Response:
        self.asked.append(request)
        text = self.answer_text(request)
        if text is None:
            return Response(request.key, None, error="the fake refused")
        return Response(request.key, text, "stop", Usage(10, len(text.split())), "fake-1", self.model)


def right_sum(request: Request) -> str:
    """Add up the two numbers of a fake question."""
    question = request.messages[-1]["content"].rsplit("What is ", 1)[-1]
    left, _, right = question.rstrip("?").partition(" + ")
    return str(int(left) + int(right))


def lopsided_sum(request: Request) -> str:
    """Right under the treatment; under the control only for every third item, so that swapped arms would show."""
    asked = RequestId.decode(request.custom_id)
    right = asked.condition == "treatment" or int(asked.item_id.removeprefix("i")) % 3 == 0
    return right_sum(request) if right else "no idea"


@frozen(kw_only=True)
class FakeBackend:
    """Answers with a function instead of a model, and remembers every request in ``asked``.

    Attributes:
        flavour: Part of its identity.
        concurrency: Requests under way at once.
    """

    name: ClassVar[str] = "fake"
    asked: ClassVar[list[Request]] = []
    answer_text: ClassVar[Answer] = right_sum

    flavour: str = "plain"
    concurrency: int = 1

    def default_model(self) -> str | None:
        """A name."""
        return "fake-model"

    def identity(self, model: str) -> Mapping[str, Json]:
        """Name and flavour."""
        return {"name": self.name, "flavour": self.flavour, "model": model}

    @contextmanager
    def connect(self, model: str, items: Mapping[str, Item]) -> Iterator[_Connection]:
        """Ready at once; looks into no item."""
        del items
        yield _Connection(type(self).asked, type(self).answer_text, model)


@frozen(kw_only=True)
class FakeScorer:
    """Whether the answer is a right one to the letter."""

    name: ClassVar[str] = "fake"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("fake_match", "Fake match"),)
    datasets: ClassVar[tuple[str, ...] | None] = None

    def score(self, batch: Sequence[AnsweredItem]) -> Mapping[str, Sequence[float | None]]:
        """Compare; an abstention is right where there is no answer."""
        right = ({""} if one.item.is_unanswerable else set(one.item.answers) for one in batch)
        return {
            "fake_match": [
                float(text.strip() in answers) for answers, one in zip(right, batch, strict=True) for text in one.texts
            ]
        }


@frozen(kw_only=True)
class FakeDetector:
    """An answer is supported by a passage it occurs in, letter for letter."""

    name: ClassVar[str] = "fake"

    @property
    def cutoff(self) -> float:
        """Between all and nothing."""
        return 0.5

    def support(self, batch: Sequence[GroundedAnswers]) -> Sequence[float]:
        """All or nothing."""
        return [float(bool(answer.strip()) and answer in one.context) for one in batch for _, answer in one.claims]


@frozen(kw_only=True)
class FakeAnalysis:
    """The mean of the differences."""

    name: ClassVar[str] = "fake"
    level: ClassVar[Literal["metric"]] = "metric"

    def analyze(self, sample: PairedSample, rng: np.random.Generator) -> Iterable[Finding]:
        """Compute it; nothing is drawn."""
        del rng
        yield Finding(
            analysis=self.name,
            metric=sample.metric.name,
            address=sample.address,
            n=sample.n,
            estimate=sample.mean_delta,
            reason=None if sample.n else "there are no complete pairs",
        )


@define
class FakePlugin:
    """A plugin that offers the fakes, and whatever classes it is given beside them.

    Attributes:
        answer: What the backend answers; None for a request that fails. Default: the right sum.
        classes: More classes by kind, such as ``{"scorers": [MyScorer]}``.
    """

    answer: Answer = right_sum
    classes: Mapping[str, list[PluginClass]] = field(factory=dict)
    asked: list[Request] = field(factory=list)
    events: list[tuple[Any, ...]] = field(factory=list)

    @classmethod
    def of_everything(cls, answer: Answer = right_sum) -> FakePlugin:
        """One that offers a fake of every kind a run needs, all called ``fake``, and no prompt set."""
        classes: dict[str, list[PluginClass]] = {
            "scorers": [FakeScorer],
            "detectors": [FakeDetector],
            "analyses": [FakeAnalysis],
        }
        return _WithoutPrompts(answer, classes)

    def _more(self, kind: str) -> list[PluginClass]:
        return list(self.classes.get(kind, ()))

    @hookimpl
    def exx_register_datasets(self) -> list[PluginClass]:
        """The fake dataset."""
        return [FakeDataset, *self._more("datasets")]

    @hookimpl
    def exx_register_prompt_sets(self) -> list[PluginClass]:
        """The fake prompts."""
        return [FakePrompts, *self._more("prompt_sets")]

    @hookimpl
    def exx_register_backends(self) -> list[PluginClass]:
        """A fake backend of this plugin's own, so that tests don't share what was asked."""
        own = {"asked": self.asked, "answer_text": staticmethod(self.answer)}
        return [type("FakeBackend", (FakeBackend,), own), *self._more("backends")]

    @hookimpl
    def exx_register_scorers(self) -> list[PluginClass]:
        """Only what was given."""
        return self._more("scorers")

    @hookimpl
    def exx_register_detectors(self) -> list[PluginClass]:
        """Only what was given."""
        return self._more("detectors")

    @hookimpl
    def exx_register_analyses(self) -> list[PluginClass]:
        """Only what was given."""
        return self._more("analyses")

    @hookimpl
    def exx_register_reporters(self) -> list[PluginClass]:
        """Only what was given."""
        return self._more("reporters")

    @hookimpl
    def exx_phase_finished(self, trial: str, phase: str) -> None:
        """Remember which phases did work."""
        self.events.append((trial, phase))


@define
class _WithoutPrompts(FakePlugin):
    """Leaves the name ``default`` to the prompt sets that are installed."""

    @hookimpl
    def exx_register_prompt_sets(self) -> list[PluginClass]:
        """None."""
        return []
