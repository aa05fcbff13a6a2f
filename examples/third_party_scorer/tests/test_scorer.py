"""An answer is brief up to the number of words that was asked for."""

from __future__ import annotations

import pytest

from exx import AnsweredItem, Item
from exx.testing import check_scorer
from exx_example_brevity.scorer import Brevity


def answered(*texts: str) -> AnsweredItem:
    """Make an item with these answers to it."""
    return AnsweredItem(Item("capitals", "1", "What is the capital of France?", ("Paris",)), texts)


def test_it_keeps_what_every_scorer_keeps():
    """Odd items and answers, in any order and company, get one value each that is 0 or 1."""
    check_scorer(Brevity)


def test_words_are_counted_up_to_the_limit():
    """Five words are brief and six are not, however they are spaced."""
    batch = [answered("Paris", " it is\nParis, of  course ", "I think that it is Paris")]

    assert Brevity().score(batch) == {"brevity": [1.0, 1.0, 0.0]}


def test_the_limit_is_an_option():
    """With ``max_words: 1`` only one word is brief."""
    assert Brevity(max_words=1).score([answered("Paris", "Paris, France")]) == {"brevity": [1.0, 0.0]}


def test_values_follow_the_answers():
    """Values come in the order of the items and, within an item, of its answers: here three, then one."""
    batch = [answered("a b", "a", ""), answered("a b c")]

    assert Brevity(max_words=1).score(batch)["brevity"] == [0.0, 1.0, 1.0, 0.0]


def test_a_limit_below_one_is_refused():
    """No answer at all can have fewer than one word and still be an answer."""
    with pytest.raises(ValueError, match="'max_words' must be >= 1"):
        Brevity(max_words=0)
