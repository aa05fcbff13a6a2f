"""Hypothesis strategies for score tables: what analyses are given, drawn at random and shrunk when a test fails.

Needs hypothesis, which is no dependency of the core: ``pip install exx-core[testing]``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from exx.paired import PairedSample
from exx.testing.tables import ScoreTable

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
