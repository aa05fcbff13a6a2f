"""Token F1 is the official arithmetic, to the last bit."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exx import best_f1

words = st.lists(st.sampled_from(["red", "green", "blue", "x", "y"]), max_size=40).map(" ".join)


def official(answer: str, right: str) -> float:
    """Count as the official scripts do, with Counter and in their order of operations."""
    answer_tokens, right_tokens = answer.split(), right.split()
    same = sum((Counter(answer_tokens) & Counter(right_tokens)).values())
    if same == 0:
        return 0.0
    precision = 1.0 * same / len(answer_tokens)
    recall = 1.0 * same / len(right_tokens)
    return (2 * precision * recall) / (precision + recall)


@given(words, st.lists(words, max_size=4))
def test_equal_to_counting(answer, rights):
    """The same double as the official order of operations, the best over the right answers."""
    assert best_f1(answer, rights) == max((official(answer, right) for right in rights), default=0.0)


@pytest.mark.parametrize(
    ("answer", "rights", "expected"),
    [
        pytest.param("in normandy france", ["normandy"], 0.5, id="one-of-three"),
        pytest.param("normandy", ["north normandy coast"], 0.5, id="one-of-three-the-other-way"),
        pytest.param("b b b", ["b b"], 0.8, id="multiset"),
        pytest.param("x", ["y", "x z z", "x z"], 2 / 3, id="best-of-several"),
        pytest.param("", [""], 0.0, id="both-empty-have-no-common-token"),
        pytest.param("x", [], 0.0, id="nothing-to-compare-with"),
    ],
)
def test_by_hand(answer, rights, expected):
    """Small cases worked out by hand."""
    assert best_f1(answer, rights) == pytest.approx(expected, abs=1e-15)
