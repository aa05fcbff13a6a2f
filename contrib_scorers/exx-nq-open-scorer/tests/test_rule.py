"""The scorer equals a plain reading of either official rule, written a second time, on any text."""

from __future__ import annotations

import re
import string
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exx import AnsweredItem, Item
from exx_nq_open_scorer.scorer import NQOpenScorer

pieces = st.sampled_from(
    ["the", "a", "an", "The", "A", "A+", "*", "---", "café", "cafe\u0301", "à", "à la carte", "Åland", "U.S.A.",
     "1,000", "’", "_", "...", " ", "\u00a0", "\u200b", "\n", "WİKİPEDİA", "ß", "한국", "½a", "a\u0301", "x"]
)  # fmt: skip
texts = st.lists(pieces, max_size=5).map(" ".join) | st.lists(pieces, max_size=4).map("".join) | st.text(max_size=12)


def without_articles(text, is_part_of_word):
    """Articles made spaces where neither neighbour is part of a word; both modules' ``\\b`` in so many words."""

    def space_or_same(found):
        before, after = text[found.start() - 1 : found.start()], text[found.end() : found.end() + 1]
        alone = not (before and is_part_of_word(before)) and not (after and is_part_of_word(after))
        return " " if alone else found[0]

    return " ".join(re.sub(r"the|an|a", space_or_same, text).split())


def in_word(character):
    """What the module ``regex`` takes for a part of a word: letters, marks, digits, letter numbers, connectors."""
    return unicodedata.category(character)[0] in "LM" or unicodedata.category(character) in ("Nd", "Nl", "Pc")


def normalise(text, rule):
    """NFD first under ORQA; lower case; punctuation deleted; articles; white space."""
    text = unicodedata.normalize("NFD", text) if rule == "orqa" else text
    kept = "".join(c for c in text.lower() if c not in string.punctuation)
    if rule == "orqa":
        return " ".join(re.sub(r"\b(a|an|the)\b", " ", kept).split())
    return without_articles(kept, in_word)


@pytest.mark.parametrize("rule", ["orqa", "dpr"])
@settings(max_examples=300)
@given(
    rows=st.lists(
        st.tuples(st.lists(texts, min_size=1, max_size=3), st.lists(texts, min_size=1, max_size=3)),
        min_size=1,
        max_size=4,
    )
)
def test_equal_to_a_second_reading(rows, rule):
    """Every right answer counts, also one that normalises to nothing."""
    batch = [
        AnsweredItem(Item("nq_open", str(n), "?", tuple(golds)), tuple(said)) for n, (golds, said) in enumerate(rows)
    ]
    em = [
        float(max(normalise(gold, rule) == normalise(text, rule) for gold in golds))
        for golds, said in rows
        for text in said
    ]

    assert NQOpenScorer(rule=rule).score(batch) == {"em": em}
