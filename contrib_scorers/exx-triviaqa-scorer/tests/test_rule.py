"""The scorer equals a plain reading of the official rule, written a second time, on any text."""

from __future__ import annotations

import re
import string
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from exx import AnsweredItem, Item
from exx_triviaqa_scorer.scorer import TriviaQAScorer

pieces = st.sampled_from(
    ["the", "a", "an", "The", "A", "A-ha", "the-end", "café", "cafe\u0301", "AC/DC", "U.S.A.", "1,000", "‘", "’", "´",
     "`", "_", "The_Beatles", "...", " ", "\u00a0", "\u200b", "\n", "\t", "“Jaws”", "İ", "ß", "'a'a", "x"]
)  # fmt: skip
texts = st.lists(pieces, max_size=5).map(" ".join) | st.lists(pieces, max_size=4).map("".join) | st.text(max_size=12)


def normalise(text):
    """Underscores and punctuation (and ‘ ’ ´ `) made spaces, lower case, articles made spaces, white space single."""
    spaced = "".join(" " if c in string.punctuation + "‘’´`" else c for c in text.replace("_", " ").lower())
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", spaced).split()).strip()


def f1(gold, said):
    """F1 of the tokens; 0 without a common one, so also where both have none."""
    golds, saids = normalise(gold).split(), normalise(said).split()
    same = sum((Counter(golds) & Counter(saids)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(saids), same / len(golds)
    return 2 * precision * recall / (precision + recall)


@settings(max_examples=400)
@given(
    st.lists(
        st.tuples(st.lists(texts, min_size=1, max_size=3), st.lists(texts, min_size=1, max_size=3)),
        min_size=1,
        max_size=4,
    )
)
def test_equal_to_a_second_reading(rows):
    """Every alias counts, also one that normalises to nothing."""
    batch = [
        AnsweredItem(Item("triviaqa", str(n), "?", tuple(golds)), tuple(said)) for n, (golds, said) in enumerate(rows)
    ]
    em = [float(max(normalise(gold) == normalise(text) for gold in golds)) for golds, said in rows for text in said]
    overlap = [max(f1(gold, text) for gold in golds) for golds, said in rows for text in said]

    assert TriviaQAScorer().score(batch) == {"em": em, "f1": overlap}
