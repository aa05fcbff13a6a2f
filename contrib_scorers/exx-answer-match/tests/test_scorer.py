"""A right answer is found in a sentence as whole words, and people mostly agree."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import exx_answer_match
from exx import AnsweredItem, Item
from exx.testing import Registry
from exx_answer_match.scorer import AnswerMatch


def answered(answers, *texts, unanswerable=False):
    return AnsweredItem(Item("quiz", "1", "Who?", tuple(answers), None, unanswerable), texts)


def score(*batch):
    return AnswerMatch().score(batch)["answer_match"]


@pytest.mark.parametrize(
    ("answers", "text", "expected"),
    [
        pytest.param(["Jane Austen"], "It was written by Jane Austen.", 1.0, id="in-a-sentence"),
        pytest.param(["Jane Austen"], "Jane, by Austen", 0.0, id="not-in-one-piece"),
        pytest.param(["art"], "There was a party.", 0.0, id="whole-words-only"),
        pytest.param(["10"], "in 1910", 0.0, id="whole-numbers-only"),
        pytest.param(["The Beatles"], "the band was called Beatles", 1.0, id="articles-don-t-count"),
        pytest.param(["Beyoncé"], "BEYONCE!", 1.0, id="accents-and-case-don-t-count"),
        pytest.param(["rock-and-roll"], "Rock and roll, of course", 1.0, id="marks-are-spaces"),
        pytest.param(["no", "Rome", "Roma"], "in Roma", 1.0, id="any-alias"),
        pytest.param(["Rome"], "", 0.0, id="abstained"),
        pytest.param(["A+"], "A good mark", 0.0, id="an-alias-keeps-its-letter-only-if-it-is-no-article"),
        pytest.param(["+-*/"], "anything", 0.0, id="an-alias-without-words-matches-nothing"),
        pytest.param(["+-*/"], "+-*/", 0.0, id="not-even-itself"),
    ],
)
def test_small_cases(answers, text, expected):
    """What matches and what does not."""
    assert score(answered(answers, text)) == [expected]


def test_abstaining_is_right_on_an_unanswerable_item():
    """And nothing else is, not even what normalises to nothing."""
    assert score(answered([], "", "Rome", "the", unanswerable=True)) == [1.0, 0.0, 0.0]


def test_items_don_t_touch_each_other():
    """Each item's answers are its own, however many there are."""
    batch = [answered(["a b", "c"], "the c", "x"), answered(["x"]), answered(["c"], "x", "c")]

    assert score(*batch) == [1.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("system", "agreement", "false_matches"),
    [
        ("fid", 0.9169, 1),
        ("gpt35", 0.9211, 1),
        ("chatgpt", 0.9190, 0),
        ("gpt4", 0.9102, 6),
        ("newbing", 0.8978, 15),
    ],
)
def test_people_mostly_agree(system, agreement, false_matches):
    """Agreement with people on the TriviaQA part of EVOUNA, as measured; errors are misses, hardly ever matches."""
    if "EXX_TEST_DATA" not in os.environ:
        pytest.skip("EXX_TEST_DATA names no folder with the EVOUNA judgements")
    questions = json.loads((Path(os.environ["EXX_TEST_DATA"]) / "evouna" / "TQ.json").read_text("utf-8"))
    judged = [question for question in questions if not question["improper"]]
    found = score(*(answered(q["golden_answer"].split("/"), q[f"answer_{system}"]) for q in judged))
    right = [question[f"judge_{system}"] for question in judged]

    same = sum(bool(match) is truth for match, truth in zip(found, right, strict=True))
    assert same / len(judged) == pytest.approx(agreement, abs=1e-4)
    assert sum(match == 1.0 and not truth for match, truth in zip(found, right, strict=True)) == false_matches


def test_it_is_registered():
    """The plugin offers the class under the word the config uses."""
    assert Registry.of(exx_answer_match).find("scorer", "answer_match").cls is AnswerMatch
