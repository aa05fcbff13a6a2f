"""Sentences, statements and windows: what the model is given, checked by hand and for properties."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="torch is not installed: the tests of exx-nli run after make setup-nli")
pytest.importorskip("exx_nli", reason="exx-nli is not installed: its tests run after make setup-nli")


from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from exx_nli.statements import sentences, statement, statements
from exx_nli.windows import pieces, windows


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One is red. Two is blue! Is three? Four…", ["One is red.", "Two is blue!", "Is three?", "Four…"]),
        (
            "Dr. Smith met J. R. Brown in Washington, D.C. in 1912.",
            ["Dr. Smith met J. R. Brown in Washington, D.C. in 1912."],
        ),
        ("It cost 3.5 million. In 1990 it was sold.", ["It cost 3.5 million.", "In 1990 it was sold."]),
        ("He said “It is red.” Then he left.", ["He said “It is red.”", "Then he left."]),
        ("- red\n- blue\n\n", ["- red", "- blue"]),
        ("太陽は赤い。月は青い。", ["太陽は赤い。", "月は青い。"]),
        ("no mark at its end", ["no mark at its end"]),
        ("  \n ", []),
    ],
)
def test_sentences_by_hand(text, parts):
    """Marks, line breaks, abbreviations, initials and decimal points."""
    assert sentences(text) == parts


@given(st.text('aA .?!\n"”。1', max_size=60))
def test_splitting_loses_nothing(text):
    """The sentences in their order are the text, but for white space."""
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("question", "answer", "said"),
    [
        ("Who wrote Hamlet?", "Shakespeare.", "Shakespeare wrote Hamlet."),
        ("who wrote Hamlet", "Shakespeare", "Shakespeare wrote Hamlet."),
        ("What is the capital of France?", "Paris", "Paris is the capital of France."),
        ("Who was the first president?", "Washington", "Washington was the first president."),
        ("Who was Rollo attacking?", "the king", "The answer to the question “Who was Rollo attacking?” is: the king."),
        ("Who did he marry?", "Anne", "The answer to the question “Who did he marry?” is: Anne."),
        ("In what year\nwas it built?", "1912", "The answer to the question “In what year was it built?” is: 1912."),
        ("Is it red?", "yes", "The answer to the question “Is it red?” is: yes."),
        ("", "Paris", "Paris."),
    ],
)
def test_statements_by_hand(question, answer, said):
    """The words of the question where the rule is safe, and else what was asked and what was answered."""
    assert statement(question, answer) == said


@pytest.mark.parametrize(
    "answer",
    [
        "Paris is the capital.",
        "It wasn’t built there.",
        "The builders of that great old tower of ours came from Rome",
    ],
)
def test_what_states_something_is_judged_as_it_is(answer):
    """A sentence with an auxiliary verb, or of many words, needs no question."""
    assert statements("Who?", answer) == [answer]


def test_each_sentence_of_an_answer_is_a_statement():
    """Short ones get the question, others stand for themselves, and those without a word are left out."""
    said = statements("Who wrote Hamlet?", "Shakespeare. He was born in Stratford.\n***")

    assert said == ["Shakespeare wrote Hamlet.", "He was born in Stratford."]


def test_windows_by_hand():
    """Three sentences each, one of them shared; a long sentence has a window of its own."""
    assert windows([1] * 7, 3, 100) == [(0, 3), (2, 5), (4, 7)]
    assert windows([1] * 4, 1, 100) == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert windows([1, 1, 50, 1, 1], 3, 10) == [(0, 2), (2, 3), (3, 5)]
    assert windows([6, 4, 4, 6], 3, 10) == [(0, 2), (1, 3), (2, 4)]
    assert windows([], 3, 10) == []


@given(st.lists(st.integers(1, 20), max_size=30), st.integers(1, 6), st.integers(5, 30))
def test_windows_cover_a_passage(lengths, most, budget):
    """Every sentence is read, no window is too long or part of another, and neighbours that fit meet in one."""
    found = windows(lengths, most, budget)

    assert {at for first, last in found for at in range(first, last)} == set(range(len(lengths)))
    assert all(
        last - first <= most and (sum(lengths[first:last]) <= budget or last - first == 1) for first, last in found
    )
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(found))
    for at in range(len(lengths) - 1):
        if most > 1 and lengths[at] + lengths[at + 1] <= budget:
            assert any(first <= at and at + 2 <= last for first, last in found)


@given(st.text("ab ", max_size=80), st.integers(1, 20))
def test_pieces_fit_and_lose_nothing(text, budget):
    """Each has as few characters as asked, and together they are the text, but for spaces."""
    found = pieces(text, len, budget)

    assert all(len(piece) <= budget for piece in found)
    assert "".join(found).replace(" ", "") == text.replace(" ", "")


def test_pieces_are_cut_between_words():
    """At the space nearest the middle."""
    assert pieces("one two three four five", len, 12) == ["one two", "three", "four five"]
