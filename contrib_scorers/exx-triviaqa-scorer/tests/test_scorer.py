"""The scorer equals triviaqa_evaluation.py on every question there is a reference for."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import exx_triviaqa_scorer
from exx import AnsweredItem, Item
from exx.testing import Registry, check_scorer
from exx_triviaqa_scorer.scorer import TriviaQAScorer


def answered(answers, *texts, unanswerable=False):
    return AnsweredItem(Item("triviaqa", "1", "Who?", tuple(answers), None, unanswerable), texts)


def score(*batch):
    scores = TriviaQAScorer().score(batch)
    return list(zip(scores["em"], scores["f1"], strict=True))


@pytest.mark.parametrize(
    ("aliases", "text", "expected"),
    [
        pytest.param(["Spider-Man"], "Spider Man", (1.0, 1.0), id="a-hyphen-is-a-space"),
        pytest.param(["AC/DC"], "ACDC", (0.0, 0.0), id="a-slash-is-not-nothing"),
        pytest.param(["Guns N’ Roses"], "guns n' roses", (1.0, 1.0), id="either-apostrophe"),
        pytest.param(["Sunset Blvd", "Sunset Boulevard"], "Sunset", (0.0, 2 / 3), id="best-alias"),
        pytest.param(["'a'a"], "the", (1.0, 0.0), id="both-normalise-to-nothing"),
        pytest.param(["Paris"], "", (0.0, 0.0), id="abstained"),
    ],
)
def test_small_cases(aliases, text, expected):
    """Worked out by hand from the official script."""
    assert score(answered(aliases, text)) == [pytest.approx(expected, abs=1e-15)]


def test_unanswerable_items():
    """TriviaQA has none; should a prepared file hold one, abstaining is right."""
    assert score(answered([], "", "Rome", unanswerable=True)) == [(1.0, 1.0), (0.0, 0.0)]


def test_items_don_t_touch_each_other():
    """Each item's aliases are its own, however many there are."""
    batch = [answered(["a b", "c"], "c", "x"), answered(["x"]), answered(["c"], "x", "c")]

    assert score(*batch) == [(1.0, 1.0), (0.0, 0.0), (0.0, 0.0), (1.0, 1.0)]


def unfiltered(data):
    questions = json.loads((data / "triviaqa" / "unfiltered-dev.nocontext.derived.json").read_text("utf-8"))["Data"]
    return {question["QuestionId"]: question["Answer"]["Aliases"] for question in questions}


def wikipedia(data):
    with (data / "triviaqa" / "rc.wikipedia.nocontext.validation.derived.jsonl").open("rb") as lines:
        return {row["question_id"]: row["answer"]["aliases"] for row in map(json.loads, lines)}


@pytest.mark.parametrize(
    ("name", "load", "count"),
    [
        ("triviaqa.unfiltered.synth.perturbed_2pct_missing", unfiltered, 11_099),
        ("triviaqa.wikipedia.real.flan_t5_base", wikipedia, 7_983),
    ],
)
def test_equal_to_the_official_script(name, load, count):
    """Exact match and F1 of every question that has a prediction."""
    if "EXX_TEST_DATA" not in os.environ:
        pytest.skip("EXX_TEST_DATA names no folder with TriviaQA and reference scores")
    data = Path(os.environ["EXX_TEST_DATA"])
    reference = json.loads((data / "reference_scores" / f"{name}.json").read_text("utf-8"))
    aliases = load(data)
    predicted = [(key, text) for key, text in reference["predictions"].items() if key in aliases]

    official = [tuple(map(float, reference["per_question"][key])) for key, _ in predicted]
    assert len(official) == count
    assert score(*(answered(aliases[key], text) for key, text in predicted)) == official


def test_it_is_registered():
    """The plugin offers the class under the word the config uses."""
    assert Registry.of(exx_triviaqa_scorer).find("scorer", "triviaqa").cls is TriviaQAScorer


def test_keeps_the_contract():
    """What exx asks of every scorer: see exx.testing."""
    check_scorer(TriviaQAScorer)
