"""An answer is supported when it stands in the passage as whole words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import exx_substring
from exx import GroundedAnswers
from exx.testing import Registry, check_detector
from exx_substring.detector import SubstringDetector

PASSAGE = "The party of 1910 was known for Zoë’s “Spider-Man” cake — built by Smith, in New York."


def support(passage, *answers):
    return SubstringDetector().support([GroundedAnswers(passage, tuple(("Who?", answer) for answer in answers))])


@pytest.mark.parametrize("answer", ["Smith", "in new york!", "the spider man cake", "1910", "Zoe", "a Spider-Man"])
def test_whole_words_are_supported(answer):
    """Case, accents, punctuation and articles don't count."""
    assert support(PASSAGE, answer) == [1.0]


@pytest.mark.parametrize("answer", ["art", "10", "no", "Smith built it", "York in New", "", "…", "the"])
def test_anything_else_is_not(answer):
    """Parts of words, other wording, and answers without a word."""
    assert support(PASSAGE, answer) == [0.0]


def test_the_cutoff_lies_between_the_two_values():
    """So that 0 is unsupported and 1 is not."""
    assert 0.0 < SubstringDetector().cutoff <= 1.0


@given(st.lists(st.text("abc .", min_size=1, max_size=20), min_size=1, max_size=4), st.data())
def test_passages_don_t_touch_each_other(passages, data):
    """A batch is judged as its passages are one by one, in order."""
    answers = st.lists(st.sampled_from(["a", "b c", "ab", *passages]), max_size=3)
    batch = [GroundedAnswers(passage, tuple(("?", a) for a in data.draw(answers))) for passage in passages]

    assert SubstringDetector().support(batch) == [
        degree for one in batch for degree in support(one.context, *(answer for _, answer in one.claims))
    ]


@given(st.lists(st.sampled_from(["sun", "Zoé", "x-ray", "“moon”", "1,000"]), min_size=1, max_size=8), st.data())
def test_any_stretch_of_the_passage_is_supported(words, data):
    """A passage supports every part of itself, and nothing that goes on with another word."""
    begin = data.draw(st.integers(0, len(words) - 1))
    stretch = " ".join(words[begin : data.draw(st.integers(begin + 1, len(words)))])

    assert support(" ".join(words), stretch, f"{stretch} star") == [1.0, 0.0]


def test_the_question_does_not_help():
    """Words that only the question shares with the passage count for nothing: the answer is judged alone."""
    asked = tuple(
        (question, "Brown") for question in ("", "Who built the “Spider-Man” cake in New York?", "Brown or Smith?")
    )

    assert SubstringDetector().support([GroundedAnswers(PASSAGE, asked)]) == [0.0, 0.0, 0.0]


def test_it_is_registered():
    """The plugin offers the class under the word the config uses."""
    assert Registry.of(exx_substring).find("detector", "baseline").cls is SubstringDetector


def test_keeps_the_contract():
    """What exx asks of every detector: see exx.testing."""
    check_detector(SubstringDetector)
