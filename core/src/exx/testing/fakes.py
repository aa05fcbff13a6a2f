"""Fakes for tests: a dataset, a prompt set and a backend that need nothing and remember what they were asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from attrs import define, field, frozen

from exx.hookspecs import hookimpl
from exx.interfaces import Loaded, PluginClass
from exx.records import Item, Json, PromptTexts, Provenance, Request, Response, Usage

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
        return f"fake-{self.items}"

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


@frozen(kw_only=True)
class FakeBackend:
    """Answers with a function instead of a model, and remembers every request in ``asked``."""

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
