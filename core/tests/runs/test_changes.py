"""A change redoes exactly what depends on it: the matrix of plugins and their versions, and of what is left behind.

Changes of the config are in test_orchestrator.py.
"""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any, ClassVar

import exx_lab
import pytest
from attrs import evolve, frozen
from lab import Lab

from exx.hookspecs import hookimpl
from exx.interfaces import Loaded
from exx.pipeline.context import RunOptions
from exx.pipeline.cost import Costs
from exx.pipeline.phases import NAMES, choose
from exx.plugins import Registry
from exx.records import Item, PromptTexts, Provenance
from exx.state.ledger import UNKNOWN
from exx.testing import FakeBackend, FakeDataset

SINCE_BUILD = list(NAMES[1:])


def offering(kind: str, cls: type[Any]) -> ModuleType:
    """A plugin of the name ``apart`` that offers one class."""

    def offer() -> list[type[Any]]:
        return [cls]

    module = ModuleType("apart")
    setattr(module, f"exx_register_{kind}", hookimpl(offer))
    return module


@frozen(kw_only=True)
class TwoPrompts:
    """A prompt set of its own plugin."""

    name: ClassVar[str] = "apart"

    def texts(self) -> PromptTexts:
        """The texts."""
        return PromptTexts("Answer.", "Answer, and only when sure.", "Read and answer.", "Answer the question.")


def named(cls: type[Any], **more: Any) -> type[Any]:
    """A class under a name that only the plugin apart offers."""
    return type(cls.__name__, (cls,), {"name": "apart", **more})


APART = {
    "dataset": ("datasets", FakeDataset, {"datasets": ["apart"], "fallback_scorer": "exact"}),
    "backend": ("backends", FakeBackend, {"backend": "apart"}),
    "prompt set": ("prompt_sets", TwoPrompts, {"prompt_sets": ["apart"], "default_prompt_set": "apart"}),
    "scorer": ("scorers", exx_lab.ExactScorer, {"scorers": ["apart"]}),
    "detector": ("detectors", exx_lab.WordDetector, {"unsupported": {"strategy": "apart"}}),
    "analysis": ("analyses", exx_lab.MeanDifference, {"analyses": ["apart"]}),
    "reporter": ("reporters", exx_lab.Note, {"reporters": ["apart"]}),
}


class VersionedLab:
    """A lab whose plugin apart has a version."""

    def __init__(self, lab: Lab, kind: str, cls: type[Any]) -> None:
        self.version = "1"
        more: dict[str, Any] = {"datasets": None} if kind == "scorers" else {}
        if kind == "backends":
            more = {"asked": lab.plugin.asked, "answer_text": staticmethod(lab.answer)}
        self.offered = named(cls, **more)
        lab.extra.append(offering(kind, self.offered))
        make = Lab.registry

        def registry() -> Registry:
            made = make(lab)
            made.owners["apart"] = evolve(made.owners["apart"], version=self.version)
            return made

        self.registry = registry


@pytest.mark.parametrize(
    ("what", "phases"),
    [
        ("dataset", ["prepare", "report"]),
        ("backend", ["submit", "poll", "report"]),
        ("prompt set", ["report"]),
        ("scorer", ["score", "report"]),
        ("detector", ["score", "report"]),
        ("analysis", ["stats", "report"]),
        ("reporter", ["report"]),
    ],
)
def test_another_version_of_a_plugin_redoes_what_it_made(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, what: str, phases: list[str]
) -> None:
    """And what changed by it: here nothing did, but for the report, which names every version."""
    kind, cls, settings = APART[what]
    apart = VersionedLab(lab, kind, cls)
    monkeypatch.setattr(Lab, "registry", lambda _: apart.registry())
    lab.run(**settings)
    assert lab.run(**settings) == []
    apart.version = "2"
    lab.plugin.asked.clear()

    assert lab.run(**settings) == phases
    assert lab.asked == []
    assert lab.run(**settings) == []


def test_a_plugin_that_was_not_asked_is_no_reason(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another backend, dataset or prompt set that is installed has nothing to do with this run."""
    apart = VersionedLab(lab, "backends", FakeBackend)
    lab.run()
    monkeypatch.setattr(Lab, "registry", lambda _: apart.registry())

    assert lab.run() == []


def test_a_new_version_that_scores_otherwise_redoes_what_follows(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores, statistics and report; no answer and no dollar."""
    apart = VersionedLab(lab, "scorers", exx_lab.ExactScorer)
    monkeypatch.setattr(Lab, "registry", lambda _: apart.registry())
    settings = APART["scorer"][2]
    lab.run(**settings)

    def score(self: Any, batch: Any) -> Any:
        return {"em": [1.0 for one in batch for _ in one.texts]}

    apart.version = "2"
    monkeypatch.setattr(apart.offered, "score", score)

    assert lab.run(**settings) == ["score", "stats", "report"]


def test_an_option_redoes_exactly_its_phase(lab: Lab) -> None:
    """Limits on the command line: the first of the items are the same, so only the new ones are asked."""
    lab.run(options=RunOptions(limit_items=4))

    assert lab.run(force=True, options=RunOptions(limit_items=6)) == list(NAMES)
    assert len(lab.asked) == 4
    assert lab.run(force=True, options=RunOptions(limit_items=6, parts_per_dataset=2)) == SINCE_BUILD
    assert lab.asked == []


def test_what_failed_and_was_asked_again_by_itself_is_collected_later(lab: Lab) -> None:
    """``exx submit --force`` alone leaves the results as they were; the next run notices."""
    lab.answer = lambda request: None if "|i1|" in request.custom_id else exx_lab.lopsided(request)
    lab.run()
    before = lab.result("predictions.csv")
    lab.answer = exx_lab.lopsided
    assert lab.run(phases=choose("submit"), force=True) == ["submit"]
    assert (len(lab.asked), lab.result("predictions.csv")) == (2, before)

    assert lab.run() == ["poll", "parse", "score", "stats", "costs", "report"]
    assert lab.asked == [] and lab.result("predictions.csv") != before


def test_a_dataset_that_had_to_be_fetched_is_not_prepared_twice(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it is here its content is not known, and afterwards it is; that is no change."""
    fetched: list[bool] = []

    def digest(self: FakeDataset) -> str | None:
        return "content" if fetched else None

    def load(self: FakeDataset) -> Loaded:
        fetched.append(True)
        return Loaded((Item("fake", "i1", "What is 1 + 1?", ("2",)),), Provenance("far away"))

    monkeypatch.setattr(FakeDataset, "digest", digest)
    monkeypatch.setattr(FakeDataset, "load", load)
    assert lab.run() == list(NAMES)

    assert lab.run() == []
    assert len(fetched) == 1
    assert UNKNOWN not in json.dumps(lab.state()["stage_status"])
    monkeypatch.setattr(FakeDataset, "digest", lambda _: "other content")
    assert lab.run() == ["prepare"]


def test_a_price_for_batches_is_not_that_of_single_questions(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same answers from the store, asked the other way: the discount goes, so the costs are reckoned anew."""
    pricing = {"input_per_million": 1.0, "output_per_million": 2.0}
    single = Costs().inputs(lab.contexts(pricing=pricing)[0])
    monkeypatch.setattr(FakeBackend, "batch", True, raising=False)
    by_batch = Costs().inputs(lab.contexts(pricing=pricing)[0])

    assert {name for name in single if single[name] != by_batch[name]} == {"pricing"}


# what a phase leaves behind


def test_what_a_phase_does_not_make_any_more_is_removed(lab: Lab) -> None:
    """Nobody should take last time's file for a part of this time's results."""
    lab.run(options=RunOptions(parts_per_dataset=3))
    built = lab.path("batch_inputs")
    assert len(list(built.glob("*.jsonl"))) == 6
    lab.run(force=True, options=RunOptions(parts_per_dataset=1))
    assert sorted(p.name for p in built.glob("*.jsonl")) == [
        "t0_default_control.p01.jsonl",
        "t0_default_treatment.p01.jsonl",
    ]

    assert lab.path("reports/note.md").exists()
    lab.run(force=True, options=RunOptions(parts_per_dataset=1), reporters=[])
    assert not lab.path("reports/note.md").exists()


def test_leftovers_are_removed_even_if_the_phase_was_interrupted_in_between(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record of a phase under way still knows what it made before."""
    lab.run(options=RunOptions(parts_per_dataset=3))

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    given: dict[str, Any] = {"force": True, "options": RunOptions(parts_per_dataset=1)}
    with monkeypatch.context() as patch:
        patch.setattr("exx.pipeline.build.write_json", killed)
        with pytest.raises(KeyboardInterrupt):
            lab.run(**given)
    assert len(list(lab.path("batch_inputs").glob("*.jsonl"))) == 6
    lab.run(**given)

    assert len(list(lab.path("batch_inputs").glob("*.jsonl"))) == 2
