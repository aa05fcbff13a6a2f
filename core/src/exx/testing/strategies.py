"""Hypothesis strategies for what plugins are given: items, answers, requests, score tables and paired samples.

Needs hypothesis, which is no dependency of the core: ``pip install exx-core[testing]``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from exx.paired import PairedSample
from exx.records import CONDITIONS, AnsweredItem, GroundedAnswers, Item, Request
from exx.testing.builders import make_request
from exx.testing.tables import ScoreTable

_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=40)
_WORDS = st.lists(st.sampled_from(["Paris", "the", "café", "1742", "no", "river", "U.S."]), min_size=1, max_size=6)
_ANSWER = st.one_of(_WORDS.map(" ".join), _TEXT.filter(str.strip))
KINDS = ("binary", "replicated", "continuous")


def _scores(kind: str) -> st.SearchStrategy[float]:
    if kind == "binary":
        return st.sampled_from([0.0, 1.0])
    if kind == "replicated":
        return st.integers(0, 5).map(lambda k: k / 5)
    return st.integers(0, 10**6).map(lambda k: k / 10**6)


@st.composite
def score_tables(
    draw: Any, *, kinds: tuple[str, ...] = KINDS, min_size: int = 0, max_size: int = 24, groups: bool | None = None
) -> ScoreTable:
    """Draw a table of one metric: ``em`` when binary or replicated, ``f1`` when continuous.

    Args:
        draw: Given by hypothesis.
        kinds: What the values may be like: ``binary``, ``replicated`` (fifths) or ``continuous``.
        min_size: Fewest items.
        max_size: Most items.
        groups: Whether items come in groups; None: sometimes.
    """
    kind = draw(st.sampled_from(kinds))
    pairs = draw(st.lists(st.tuples(_scores(kind), _scores(kind)), min_size=min_size, max_size=max_size))
    values = np.array(pairs, dtype=float).reshape(-1, 2)
    grouped = draw(st.booleans()) if groups is None else groups
    numbers = st.lists(st.integers(-1, max(1, len(pairs) // 2)), min_size=len(pairs), max_size=len(pairs))
    columns = {"f1" if kind == "continuous" else "em": values}
    return ScoreTable(label=f"drawn, {kind}", columns=columns, groups=draw(numbers) if grouped else None)


def paired_samples(**options: Any) -> st.SearchStrategy[PairedSample]:
    """Draw one metric's sample of at least one pair; the options are those of ``score_tables``."""
    options = {"min_size": 1, **options}
    return score_tables(**options).map(lambda table: next(iter(table.blocks()[0].samples.values())))


@st.composite
def items(draw: Any, *, dataset: str = "drawn") -> Item:
    """Draw a valid item: with a passage or without, answerable or not, ids and texts of any characters."""
    context = draw(st.none() | _ANSWER)
    unanswerable = context is not None and draw(st.booleans())
    answers = () if unanswerable else tuple(draw(st.lists(_ANSWER, min_size=1, max_size=3, unique=True)))
    return Item(
        dataset,
        draw(_TEXT.filter(str.strip)),
        draw(_ANSWER),
        answers,
        context=context,
        is_unanswerable=unanswerable,
        group=draw(st.none() | st.sampled_from(["a", "b"])),
    )


@st.composite
def answered_items(draw: Any, *, max_answers: int = 4, dataset: str = "drawn") -> AnsweredItem:
    """Draw an item with answers to it: right ones, wrong ones, abstentions (the empty text)."""
    item = draw(items(dataset=dataset))
    right = st.sampled_from(item.answers) if item.answers else st.just("")
    texts = draw(st.lists(st.one_of(right, st.just(""), _ANSWER), max_size=max_answers))
    return AnsweredItem(item, tuple(texts))


@st.composite
def grounded_answers(draw: Any, *, max_claims: int = 4) -> GroundedAnswers:
    """Draw a passage with answers on it, some of them words of the passage."""
    words = draw(st.lists(_ANSWER, min_size=1, max_size=6))
    claims = draw(st.lists(st.tuples(_ANSWER, st.one_of(st.sampled_from(words), _ANSWER)), max_size=max_claims))
    return GroundedAnswers(" ".join(words), tuple(claims))


def requests(**options: Any) -> st.SearchStrategy[Request]:
    """Draw a request of an item in either arm; the options are those of ``make_request``."""
    return st.builds(lambda item, arm: make_request(item, arm, **options), items(), st.sampled_from(CONDITIONS))
