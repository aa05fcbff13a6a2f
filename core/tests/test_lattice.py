"""The tail of a sum with random signs, against counting in whole numbers, however far out."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exx import signed_sum_tail


def convolved(terms, sum_):
    """P(Σ ±terms ≥ sum_) by direct convolution in whole numbers."""
    ways = {0: 1}
    for term in terms:
        grown: dict[int, int] = {}
        for value, count in ways.items():
            for end in (value + term, value - term):
                grown[end] = grown.get(end, 0) + count
        ways = grown
    return Fraction(sum(count for value, count in ways.items() if value >= sum_), 2 ** len(terms))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=60), st.randoms())
def test_tail_is_what_direct_convolution_gives(terms, random):
    """Every attainable sum of up to sixty terms, to twelve digits."""
    sum_ = abs(sum(term * random.choice((1, 1, -1)) for term in terms)) or sum(terms)
    steps, times = np.unique(terms, return_counts=True)

    assert signed_sum_tail(steps, times, sum_) == pytest.approx(float(convolved(terms, sum_)), rel=1e-11)


@pytest.mark.parametrize("sum_", [10, 200, 500, 800, 990])
def test_tail_is_accurate_however_small(sum_):
    """Four hundred terms of 1 to 4: from 0.4 down to 1e-118, where a plain transform would give its rounding error."""
    terms = [1 + index % 4 for index in range(400)]
    exact = convolved(terms, sum_)

    assert signed_sum_tail(*np.unique(terms, return_counts=True), sum_) == pytest.approx(float(exact), rel=1e-10)


def test_too_fine_a_lattice_is_refused():
    """Work beyond the limit gives None instead of minutes."""
    steps = np.arange(1, 3000)

    assert signed_sum_tail(steps, np.ones(2999, dtype=np.int64), 2999, largest_work=1000) is None
