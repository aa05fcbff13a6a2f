"""Support is the share of an answer's words that the passage holds."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import exx_overlap
from exx import GroundedAnswers
from exx.testing import Registry, check_detector
from exx_overlap.detector import OverlapDetector

PASSAGE = "The party of 1910 was known for Zoë’s “Spider-Man” cake — built by Smith, in New York."


def support(passage, *answers):
    return OverlapDetector().support([GroundedAnswers(passage, tuple(("Who?", answer) for answer in answers))])


@pytest.mark.parametrize(
    ("answer", "share"),
    [
        ("Smith", 1.0),
        ("Smith built it in 1910.", 4 / 5),
        ("The party", 1.0),
        ("no art in 19", 1 / 4),
        ("Zoe and Zoe and Smith", 3 / 5),
        ("spider man, spider woman", 3 / 4),
        ("", 0.0),
        ("…", 0.0),
        ("the", 0.0),
    ],
)
def test_shares_by_hand(answer, share):
    """Whole words, each as often as the answer says it; case, accents, punctuation and articles don't count."""
    assert support(PASSAGE, answer) == [share]


@given(
    st.lists(st.sampled_from(["red", "green", "blue", "the", "x"]), max_size=8), st.sets(st.sampled_from(["red", "x"]))
)
def test_equal_to_looking_words_up_in_a_set(words, held):
    """The same share as by splitting both texts and counting."""
    counted = [word for word in words if word != "the"]
    share = sum(word in held for word in counted) / len(counted) if counted else 0.0

    assert support(" ".join(sorted(held)), " ".join(words)) == [share]


def test_passages_don_t_touch_each_other():
    """The end of one passage and the beginning of the next make no word."""
    batch = [GroundedAnswers("sun", (("?", "sunflower"), ("?", "sun"))), GroundedAnswers("flower", (("?", "sun"),))]

    assert OverlapDetector().support(batch) == [0.0, 1.0, 0.0]


def test_the_option_is_the_cutoff():
    """Within [0, 1], and 0.6 unless the config says otherwise."""
    assert OverlapDetector().cutoff == 0.6
    assert OverlapDetector(min_token_overlap=0.75).cutoff == 0.75
    with pytest.raises(ValueError, match="'min_token_overlap' must be <= 1"):
        OverlapDetector(min_token_overlap=1.5)


@pytest.mark.parametrize(
    ("name", "found", "kept"),
    [
        ("cmu-dog/begin_dev_cmu", 0.82, 0.93),
        ("topicalchat/begin_dev_tc", 0.69, 0.92),
        ("wow/begin_dev_wow", 0.75, 0.93),
    ],
)
def test_people_mostly_agree(name, found, kept):
    """On BEGIN, the share of unattributable responses it finds and of attributable ones it lets pass, as measured."""
    if "EXX_TEST_DATA" not in os.environ:
        pytest.skip("EXX_TEST_DATA names no folder with the BEGIN labels")
    path = Path(os.environ["EXX_TEST_DATA"]) / "groundedness" / "begin" / f"{name}.tsv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    low, high = ("Not fully attributable", "Fully attributable")
    by_label = {
        label: [support(row["knowledge"], row["response"])[0] for row in rows if row["begin_label"] == label]
        for label in (low, high)
    }

    assert sum(degree < 0.6 for degree in by_label[low]) / len(by_label[low]) == pytest.approx(found, abs=0.01)
    assert sum(degree >= 0.6 for degree in by_label[high]) / len(by_label[high]) == pytest.approx(kept, abs=0.01)


def test_the_question_does_not_help():
    """Words that only the question shares with the passage count for nothing: the answer is judged alone."""
    asked = tuple(
        (question, "Brown") for question in ("", "Who built the “Spider-Man” cake in New York?", "Brown or Smith?")
    )

    assert OverlapDetector().support([GroundedAnswers(PASSAGE, asked)]) == [0.0, 0.0, 0.0]


def test_it_is_registered():
    """The plugin offers the class under the word the config uses."""
    assert Registry.of(exx_overlap).find("detector", "overlap").cls is OverlapDetector


def test_keeps_the_contract():
    """What exx asks of every detector: see exx.testing."""
    check_detector(OverlapDetector)
