"""The scorer equals evaluate-v2.0.py on every question there is a reference for."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import exx_squad_v2_scorer
from exx import AnsweredItem, Item
from exx.testing import Registry, check_scorer
from exx_squad_v2_scorer.scorer import SquadV2Scorer


def answered(answers, *texts, unanswerable=False):
    item = Item("squad_v2", "1", "Who?", tuple(answers), "Rollo led them.", unanswerable)
    return AnsweredItem(item, texts)


def score(*batch):
    scores = SquadV2Scorer().score(batch)
    return list(zip(scores["em"], scores["f1"], strict=True))


@pytest.mark.parametrize(
    ("answers", "text", "expected"),
    [
        pytest.param(["France"], "the France!", (1.0, 1.0), id="article-and-mark"),
        pytest.param(
            ["10th and 11th centuries"],
            "I think it was probably 10th and 11th centuries",
            (0.0, 8 / 13),
            id="extra-words",
        ),
        pytest.param(["Denmark", "Norway"], "Norway", (1.0, 1.0), id="any-of-several"),
        pytest.param(["Rollo"], "", (0.0, 0.0), id="abstained-on-an-answerable-item"),
        pytest.param([".", "nine"], "", (0.0, 0.0), id="an-answer-of-marks-alone-is-dropped"),
        pytest.param(["."], "", (1.0, 1.0), id="nothing-is-left-and-nothing-is-right"),
        pytest.param(["’"], "’", (1.0, 1.0), id="a-mark-that-is-kept"),
    ],
)
def test_small_cases(answers, text, expected):
    """Worked out by hand from the official script."""
    assert score(answered(answers, text)) == [pytest.approx(expected, abs=1e-15)]


@pytest.mark.parametrize("text", ["", "the", "...", "_", " ", "a an the"])
def test_nothing_is_right_on_an_unanswerable_item(text):
    """Also when it only normalises to nothing."""
    assert score(answered([], text, unanswerable=True)) == [(1.0, 1.0)]


@pytest.mark.parametrize("text", ["’", "no answer", "N/A", "unanswerable"])
def test_anything_else_is_wrong_on_an_unanswerable_item(text):
    """Words for having no answer are the business of the abstention rule, which hands them on as nothing."""
    assert score(answered([], text, unanswerable=True)) == [(0.0, 0.0)]


@given(st.lists(st.lists(st.text("aAthe .-", max_size=8), min_size=1, max_size=3), min_size=1, max_size=4), st.data())
def test_items_don_t_touch_each_other(golds, data):
    """A batch scores as its items do one by one, in order."""
    batch = [answered(group, *data.draw(st.lists(st.sampled_from([*group, "x"]), max_size=3))) for group in golds]

    assert score(*batch) == [pair for one in batch for pair in score(one)]


@pytest.mark.parametrize("name", ["squad2.real.bert_single", "squad2.synth.perturbed"])
def test_equal_to_the_official_script(name):
    """Exact match and F1 of all 11,873 questions of the development set."""
    if "EXX_TEST_DATA" not in os.environ:
        pytest.skip("EXX_TEST_DATA names no folder with SQuAD 2.0 and reference scores")
    data = Path(os.environ["EXX_TEST_DATA"])
    reference = json.loads((data / "reference_scores" / f"{name}.json").read_text("utf-8"))
    articles = json.loads((data / "squad2" / "dev-v2.0.json").read_text("utf-8"))["data"]
    questions = [qa for article in articles for paragraph in article["paragraphs"] for qa in paragraph["qas"]]
    batch = [
        answered(
            [a["text"] for a in qa["answers"]], reference["predictions"][qa["id"]], unanswerable=qa["is_impossible"]
        )
        for qa in questions
    ]

    official = [tuple(map(float, reference["per_question"][qa["id"]])) for qa in questions]
    assert len(official) == 11_873
    assert score(*batch) == official


def test_it_is_registered():
    """The plugin offers the class under the word the config uses."""
    assert Registry.of(exx_squad_v2_scorer).find("scorer", "squad_v2").cls is SquadV2Scorer


def test_keeps_the_contract():
    """What exx asks of every scorer: see exx.testing."""
    check_scorer(SquadV2Scorer)
