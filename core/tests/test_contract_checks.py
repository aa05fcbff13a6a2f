"""The checks of exx.testing pass the fakes, and catch a plugin of every kind that breaks a promise."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import field, frozen
from hypothesis import given, settings

from exx.errors import BackendError
from exx.plugins import Offer, Owner
from exx.records import AnsweredItem, GroundedAnswers, Item, Metric, PromptTexts, Provenance, Request, Response
from exx.testing import (
    FakeAnalysis,
    FakeBackend,
    FakeBatchBackend,
    FakeDataset,
    FakeDetector,
    FakePrompts,
    FakeScorer,
    FinishedRun,
    check_analysis,
    check_backend,
    check_dataset,
    check_detector,
    check_prompt_set,
    check_reporter,
    check_scorer,
    make_item,
    make_request,
)
from exx.testing.installed import check_offer
from exx.testing.strategies import answered_items, grounded_answers, items, requests

TICKS = itertools.count()


def echo(request: Request) -> str:
    """A model that says the same to everything."""
    del request
    return "so be it"


def changed(cls: type[Any], **members: Any) -> type[Any]:
    """A class like this one, but for some members."""
    return type(cls.__name__, (cls,), {"__doc__": cls.__doc__, **members})


BACKEND = changed(FakeBackend, answer_text=staticmethod(echo))


def test_the_fakes_keep_the_contracts(tmp_path: Path) -> None:
    """One of every kind; the batch backend with a service in a folder."""
    check_dataset(FakeDataset)
    check_prompt_set(FakePrompts)
    check_backend(BACKEND)
    batch = changed(FakeBatchBackend, answer_text=staticmethod(echo))
    check_backend(batch(remote=str(tmp_path / "remote")))
    check_scorer(FakeScorer)
    check_detector(FakeDetector)
    check_analysis(FakeAnalysis)


@frozen(kw_only=True)
class Undocumented:
    """Has an option that it does not speak of."""

    name: ClassVar[str] = "undocumented"
    size: int = 1


@frozen
class Positional:
    """Has an option by position.

    Attributes:
        size: A size.
    """

    name: ClassVar[str] = "positional"
    size: int = 1


@frozen(kw_only=True)
class Lacking:
    """Lacks everything."""

    name: ClassVar[str] = "lacking"


@frozen(kw_only=True)
class Needy:
    """Needs an option.

    Attributes:
        source: Where from.
    """

    name: ClassVar[str] = "needy"
    source: str = field()
    digest = load = FakeDataset.load


@pytest.mark.parametrize(
    ("cls", "words"),
    [
        (Undocumented, "undocumented: option 'size' is not under 'Attributes:'"),
        (Positional, "positional: option 'size' is not keyword-only"),
        (Lacking, "lacking: has no digest"),
        (Needy, "needy: has no default for source: give an instance"),
        (changed(FakeDataset, name="Fake Name"), "is not of a-z, 0-9 and _"),
        (changed(FakeDataset, __doc__=" "), "has no docstring"),
        (type("Plain", (), {"name": "plain", "__doc__": "Plain."}), "plain: is not an attrs class"),
    ],
)
def test_a_class_that_cannot_be_offered_is_refused(cls: type[Any], words: str) -> None:
    """Before anything of it is tried."""
    with pytest.raises(AssertionError, match=words):
        check_dataset(cls)


def loading(*items: Item, provenance: Provenance | None = None) -> type[Any]:
    """A dataset of these items."""
    from exx import Loaded

    told = provenance or Provenance("made up")
    return changed(FakeDataset, digest=lambda self: None, load=lambda self: Loaded(iter(items), told))


OTHER = loading(make_item(), provenance=Provenance("made up", sha256="cd" * 32))


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        (loading(), "has no items"),
        (loading(make_item(), make_item()), "the id '1' is there twice"),
        (loading(make_item("  ")), "question is no text"),
        (loading(make_item("Who?", " ")), "an answer is no text"),
        (loading(Item("a", "1", "Who?", ())), "answerable, and without an answer"),
        (loading(make_item("Who\ud800?")), "question is no text, empty, or cannot be written"),
        (loading(make_item(), provenance=Provenance("")), "names no source"),
        (changed(FakeDataset, digest=lambda self: ""), "neither a sha256"),
        (changed(FakeDataset, digest=lambda self: f"{next(TICKS):064x}"), "another the second time"),
        (changed(OTHER, digest=lambda self: "ab" * 32), r"digest\(\) is abab.*, and the provenance says cd"),
        (changed(FakeDataset, digest=lambda self: "ab"), "neither a sha256"),
    ],
)
def test_a_dataset_that_breaks_a_promise_is_caught(dataset: type[Any], words: str) -> None:
    """With the item it is about."""
    with pytest.raises(AssertionError, match=words):
        check_dataset(dataset)


def test_a_prompt_set_that_breaks_a_promise_is_caught() -> None:
    """Empty, and the same twice."""
    for texts, words in [
        (PromptTexts("a", "a", "b", "c"), "control and treatment are the same text"),
        (PromptTexts("a", "b", " ", "c"), "open_book is no text"),
    ]:
        with pytest.raises(AssertionError, match=words):
            check_prompt_set(changed(FakePrompts, texts=lambda self, texts=texts: texts))


class Odd:
    """A connection that answers in its own way."""

    def __init__(self, how: Callable[[Request], Response]) -> None:
        self.answer = how

    def __enter__(self) -> Odd:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def answering(how: Callable[[Request], Response]) -> type[Any]:
    """A backend whose connection answers so."""
    return changed(FakeBackend, connect=lambda self, model, items: Odd(how))


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        (answering(lambda request: Response("k", "text")), "the response has another request's key"),
        (answering(lambda request: Response(request.key, None)), "text None and error None"),
        (answering(lambda request: Response(request.key, "a", error="b")), "one of them is due"),
        (changed(BACKEND, default_model=lambda self: ""), r"default_model\(\) is ''"),
        (changed(BACKEND, default_model=lambda self: None), "has no default model"),
        (changed(BACKEND, identity=lambda self, model: {}), r"identity\(\) is {}"),
        (changed(BACKEND, identity=lambda self, model: {"at": object()}), "cannot be written as JSON"),
        (
            changed(BACKEND, identity=lambda self, model: {"n": next(TICKS)}),
            "another the second time",
        ),
    ],
)
def test_a_backend_that_breaks_a_promise_is_caught(backend: type[Any], words: str) -> None:
    """With the request it is about."""
    with pytest.raises(AssertionError, match=words):
        check_backend(backend)


def scoring(value: Callable[[Sequence[AnsweredItem], int], Any], **metric: Any) -> type[Any]:
    """A scorer that says this of every answer; it gets the batch, and the answer's place in it."""

    def score(self: Any, batch: Sequence[AnsweredItem]) -> Mapping[str, Sequence[Any]]:
        del self
        return {"m": [value(batch, place) for place in range(sum(len(one.texts) for one in batch))]}

    return changed(FakeScorer, metrics=(Metric("m", "M", **metric),), score=score)


@pytest.mark.parametrize(
    ("scorer", "words"),
    [
        (scoring(lambda batch, place: 0.5), "0.5, though the metric is binary"),
        (scoring(lambda batch, place: 1.5, binary=False), r"1.5 is not in \[0, 1\]"),
        (scoring(lambda batch, place: float("nan"), binary=False), r"nan is not in \[0, 1\]"),
        (scoring(lambda batch, place: "1"), "'1' is no number"),
        (scoring(lambda batch, place: float(place % 2)), "depends on"),
        (scoring(lambda batch, place: float(len(batch) > 1)), "depends on what else is in the batch"),
        (scoring(lambda batch, place: next(TICKS) / 1e6, binary=False), "the second time"),
        (changed(FakeScorer, score=lambda self, batch: {"fake_match": [1.0]}), "1 values for"),
        (changed(FakeScorer, score=lambda self, batch: {}), r"score\(\) has \[\]"),
        (changed(FakeScorer, metrics=(Metric("Bad Name", "x"),)), "metric 'Bad Name'"),
        (changed(FakeScorer, metrics=(Metric("a", "x"), Metric("a", "y"))), "measures something twice"),
        (changed(FakeScorer, datasets="squad_v2"), "datasets is neither names nor None"),
    ],
)
def test_a_scorer_that_breaks_a_promise_is_caught(scorer: type[Any], words: str) -> None:
    """Values out of range, in the wrong number or place."""
    with pytest.raises(AssertionError, match=words):
        check_scorer(scorer)


def supporting(degree: Callable[[GroundedAnswers, str], Any], **more: Any) -> type[Any]:
    """A detector that says this of every claim."""

    def support(self: Any, batch: Sequence[GroundedAnswers]) -> list[Any]:
        del self
        return [degree(one, claim) for one in batch for _, claim in one.claims]

    return changed(FakeDetector, support=support, **more)


@pytest.mark.parametrize(
    ("detector", "words"),
    [
        (supporting(lambda one, claim: 2.0), r"2.0 is not in \[0, 1\]"),
        (supporting(lambda one, claim: None), "None is not in"),
        (supporting(lambda one, claim: float(claim not in one.context)), "does not tell true from made up"),
        (supporting(lambda one, claim: 1 / len(one.claims)), "depends on what else is in the batch"),
        (changed(FakeDetector, support=lambda self, batch: []), "0 degrees for 8 claims|0 degrees for"),
        (changed(FakeDetector, cutoff=7), r"the cutoff is not in \[0, 1\]"),
    ],
)
def test_a_detector_that_breaks_a_promise_is_caught(detector: type[Any], words: str) -> None:
    """Degrees out of range, in the wrong number, or upside down."""
    with pytest.raises(AssertionError, match=words):
        check_detector(detector)


@frozen(kw_only=True)
class Lines:
    """Writes lines."""

    name: ClassVar[str] = "lines"

    def write(self, results: Any, folder: Path) -> Sequence[Path]:
        """One for each row of the verdict."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "lines.txt"
        path.write_text("\n".join(row.sentence for row in results.verdict()), "utf-8")
        return [path]


def _beside(self: Any, results: Any, folder: Path) -> Sequence[Path]:
    paths = Lines.write(self, results, folder)
    (folder.parent / "stray.txt").write_text("x")
    return paths


def _counting(self: Any, results: Any, folder: Path) -> Sequence[Path]:
    (path,) = Lines.write(self, results, folder)
    path.write_text(str(next(TICKS)))
    return [path]


def _trusting(self: Any, results: Any, folder: Path) -> Sequence[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.html"
    said = results.folder / "predictions.csv"
    path.write_text(said.read_text("utf-8") if said.exists() else "<p>", "utf-8")
    return [path]


def _spoiling(self: Any, results: Any, folder: Path) -> Sequence[Path]:
    (results.folder / "mine.txt").write_text("x")
    return Lines.write(self, results, folder)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (_beside, "writes outside the folder: stray.txt"),
        (_counting, "another report the second time"),
        (_trusting, "report.html holds a script that a model wrote"),
        (_spoiling, "it changes the results"),
        (lambda self, results, folder: [], r"write\(\) returns no file"),
        (lambda self, results, folder: [folder / "no.txt"], "names no.txt, which is not there"),
    ],
)
def test_a_reporter_that_breaks_a_promise_is_caught(write: Any, words: str, without_plugins: None) -> None:
    """What it writes, and where."""
    with pytest.raises(AssertionError, match=words):
        check_reporter(changed(Lines, write=write))


@pytest.fixture
def without_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is installed, so that a run is quick."""
    monkeypatch.setenv("EXX_PLUGINS", "")


def test_a_reporter_that_keeps_them_passes(without_plugins: None) -> None:
    """The same one without the faults."""
    check_reporter(Lines)


# --- plugins that are installed --------------------------------------------------------------------------------------
def offer(kind: str, cls: type[Any]) -> Offer:
    """A plugin as if it were installed."""
    return Offer(kind, cls.name, cls, Owner("x", "exx-x", "1"))


def _refusing(self: Any, batch: Any) -> Any:
    raise BackendError("the weights are not here")


@pytest.mark.parametrize(
    ("kind", "cls", "state", "words"),
    [
        ("scorer", FakeScorer, "ok", ""),
        ("dataset", Needy, "in part", "needs source; only its class was checked"),
        ("dataset", changed(FakeDataset, digest=lambda self: None), "in part", "its source is not on this machine"),
        ("backend", BACKEND, "in part", "was asked nothing"),
        ("backend", changed(BACKEND, simulates=True), "ok", ""),
        ("detector", changed(FakeDetector, support=_refusing), "in part", "refuses here: the weights are not here"),
        ("scorer", changed(FakeScorer, score=lambda self, batch: {}), "failed", r"fake: score() has []"),
        ("scorer", changed(FakeScorer, score=lambda self, batch: 1 / 0), "failed", "ZeroDivisionError"),
    ],
)
def test_what_is_installed_is_checked_as_far_as_it_can_be(kind: str, cls: type[Any], state: str, words: str) -> None:
    """Without options, source, model or network; what could not be tried is said."""
    found = check_offer(offer(kind, cls))

    assert (found.state, words in found.detail) == (state, True)


def test_a_check_reaches_no_other_machine() -> None:
    """A plugin that asks for an address is told so."""
    import socket

    def score(self: Any, batch: Any) -> Any:
        socket.getaddrinfo("example.org", 443)

    assert "exx plugins check uses no network" in check_offer(offer("scorer", changed(FakeScorer, score=score))).detail


# --- fixtures, builders and strategies -------------------------------------------------------------------------------
def test_a_tiny_run_is_at_hand(exx_run: FinishedRun) -> None:
    """The treatment is ahead, so that a report with swapped arms shows: 12 sums, a third right under the control."""
    rows = {row.address.type: row for row in exx_run.results.verdict() if row.primary}

    assert {row.treatment for row in rows.values()} == {1.0}
    assert {kind: round(row.control or 0, 3) for kind, row in rows.items()} == {"open": 0.333, "closed": 0.333}
    assert (exx_run.trial / "results" / "predictions.csv").is_file()


class TestOtherSettings:
    """A module or a class overrides exx_config."""

    @pytest.fixture
    def exx_config(self, exx_config: dict[str, Any]) -> dict[str, Any]:
        """Fewer items."""
        return exx_config | {"datasets": [{"name": "fake", "items": 4}]}

    def test_the_run_follows_them(self, exx_run: FinishedRun) -> None:
        """Two open and two closed questions."""
        assert [row.n for row in exx_run.results.verdict() if row.primary] == [2, 2]


def test_other_peoples_pytest_starts_light() -> None:
    """The pytest plugin imports nothing of exx but two empty packages until a fixture is used."""
    code = "import sys, pytest, exx.testing.pytest_plugin; print(*sorted(m for m in sys.modules if m[:4] == 'exx.'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["exx.testing", "exx.testing.pytest_plugin"]


def test_builders_fill_in_what_a_test_does_not_care_about() -> None:
    """A request of an item has the item's name, both messages and a key of its own."""
    one, other = make_request(make_item()), make_request(make_item(), "treatment", system="Be careful.")

    assert one.custom_id == "made_up|1|control|0.0|0|closed"
    assert [message["role"] for message in one.messages] == ["system", "user"]
    assert one.key != other.key


@settings(max_examples=20, deadline=None)
@given(items(), answered_items(), grounded_answers(), requests())
def test_what_is_drawn_is_valid(
    item: Item, answered: AnsweredItem, grounded: GroundedAnswers, request: Request
) -> None:
    """Items can be asked, answers be scored, claims be judged."""
    assert item.answers or item.is_unanswerable
    assert len(FakeScorer().score([answered])["fake_match"]) == len(answered.texts)
    assert len(FakeDetector().support([grounded])) == len(grounded.claims)
    assert request.messages[0]["role"] == "system"
