"""The scorer equals eval_utils.py (or DPR's reader) on every question there is a reference for."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import exx_nq_open_scorer
from exx import AnsweredItem, Item
from exx.testing import Registry, check_scorer
from exx_nq_open_scorer.scorer import NQOpenScorer


def answered(answers, *texts, unanswerable=False):
    return AnsweredItem(Item("nq_open", "1", "who?", tuple(answers), None, unanswerable), texts)


def score(*batch, rule="orqa"):
    return NQOpenScorer(rule=rule).score(batch)["em"]


@pytest.mark.parametrize(
    ("answers", "text", "orqa", "dpr"),
    [
        pytest.param(["May 18, 2018"], "May 18 , 2018", 1.0, 1.0, id="marks-deleted"),
        pytest.param(["Wilhelm Conrad Röntgen"], "Wilhelm Röntgen", 0.0, 0.0, id="a-part-is-no-match"),
        pytest.param(["Café"], "Cafe\u0301", 1.0, 0.0, id="accents-taken-apart-by-orqa-alone"),
        pytest.param(["A+"], "the", 1.0, 1.0, id="both-normalise-to-nothing"),
        pytest.param(["one", "1"], "1", 1.0, 1.0, id="any-of-several"),
        pytest.param(["one"], "", 0.0, 0.0, id="abstained"),
    ],
)
def test_small_cases(answers, text, orqa, dpr):
    """Worked out by hand from the official scripts."""
    assert score(answered(answers, text)) == [orqa]
    assert score(answered(answers, text), rule="dpr") == [dpr]


def test_unanswerable_items():
    """The data set has none; should a prepared file hold one, abstaining is right."""
    assert score(answered([], "", "Rome", unanswerable=True)) == [1.0, 0.0]


def test_items_don_t_touch_each_other():
    """Each item's answers are its own, however many there are."""
    batch = [answered(["a b", "c"], "c", "x"), answered(["x"]), answered(["c"], "x", "c")]

    assert score(*batch) == [1.0, 0.0, 0.0, 1.0]


def test_another_rule_is_refused():
    """A misspelt rule is no rule."""
    with pytest.raises(ValueError, match=r"'rule' must be in \('orqa', 'dpr'\)"):
        NQOpenScorer(rule="squad")


@pytest.mark.parametrize(("rule", "at"), [("orqa", 0), ("dpr", 1)])
@pytest.mark.parametrize(
    ("name", "count"), [("nq_open.real.evouna_fid", 3_593), ("nq_open.synth.perturbed_2pct_missing", 3_533)]
)
def test_equal_to_the_official_script(name, count, rule, at):
    """Exact match of every question that has a prediction, by either rule."""
    if "EXX_TEST_DATA" not in os.environ:
        pytest.skip("EXX_TEST_DATA names no folder with Natural Questions Open and reference scores")
    data = Path(os.environ["EXX_TEST_DATA"])
    reference = json.loads((data / "reference_scores" / f"{name}.json").read_text("utf-8"))
    lines = (data / "nq_open" / "NQ-open.dev.jsonl").read_bytes().splitlines()
    answers = {row["question"]: row["answer"] for row in map(json.loads, lines)}
    predicted = list(reference["predictions"].items())

    official = [float(reference["per_question"][question][at]) for question, _ in predicted]
    assert len(official) == count
    assert score(*(answered(answers[question], text) for question, text in predicted), rule=rule) == official


def test_it_is_registered():
    """The plugin offers the class under the word the config uses."""
    assert Registry.of(exx_nq_open_scorer).find("scorer", "nq_open").cls is NQOpenScorer


def test_keeps_the_contract():
    """What exx asks of every scorer: see exx.testing."""
    check_scorer(NQOpenScorer)
