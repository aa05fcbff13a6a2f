"""The scorer equals a plain reading of the official rule, written a second time, on any text."""

from __future__ import annotations

import re
import string
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from exx import AnsweredItem, Item
from exx_squad_v2_scorer.scorer import SquadV2Scorer

pieces = st.sampled_from(
    ["the", "a", "an", "The", "A", "café", "cafe\u0301", "à", "Å", "rock-and-roll", "U.S.A.", "1,000", "5.5", "’", "‘",
     "don’t", "it's", "_", "snake_case", "...", " ", "\u00a0", "\u200b", "\n", "\t", "İ", "ß", "한국", "a-b", "x"]
)  # fmt: skip
texts = st.lists(pieces, max_size=5).map(" ".join) | st.lists(pieces, max_size=4).map("".join) | st.text(max_size=12)


def normalise(text):
    """Lower case, punctuation deleted, articles made spaces, white space made single: as the table has it."""
    kept = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", kept, flags=re.UNICODE).split())


def f1(gold, said):
    """F1 of the tokens; without any on one side, whether both have none."""
    golds, saids = normalise(gold).split(), normalise(said).split()
    if not golds or not saids:
        return float(golds == saids)
    same = sum((Counter(golds) & Counter(saids)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(saids), same / len(golds)
    return 2 * precision * recall / (precision + recall)


@settings(max_examples=400)
@given(
    st.lists(st.tuples(st.lists(texts, max_size=3), st.lists(texts, min_size=1, max_size=3)), min_size=1, max_size=4)
)
def test_equal_to_a_second_reading(rows):
    """Right answers that normalise to nothing are dropped, and none left means that nothing is right."""
    batch = [
        AnsweredItem(Item("squad_v2", str(n), "?", tuple(golds), "passage", not golds), tuple(said))
        for n, (golds, said) in enumerate(rows)
    ]
    em, overlap = [], []
    for golds, said in rows:
        left = [gold for gold in golds if normalise(gold)] or [""]
        em += [float(max(normalise(gold) == normalise(text) for gold in left)) for text in said]
        overlap += [max(f1(gold, text) for gold in left) for text in said]

    assert SquadV2Scorer().score(batch) == {"em": em, "f1": overlap}
