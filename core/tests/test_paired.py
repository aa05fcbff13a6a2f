"""Paired samples: deltas on their lattice, and the same numbers in whatever order the items come."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exx import Address, Metric, PairedSample
from exx.paired import generator, lattice_of

HERE = Address(temp=0.0, type="open")
EM = Metric("em", "Exact match")


def sample(control, treatment, groups=None):
    arms = {"control": np.array(control, dtype=float), "treatment": np.array(treatment, dtype=float)}
    return PairedSample(address=HERE, metric=EM, groups=None if groups is None else np.array(groups), **arms)


def test_equal_differences_of_fifths_tie():
    """0.8 − 0.6, 0.4 − 0.2 and 0.6 − 0.4 are one delta, 0.2, although the doubles differ."""
    values, counts = sample([0.6, 0.2, 0.4, 0.6], [0.8, 0.4, 0.6, 0.4]).unique

    assert values.tolist() == [-0.2, 0.2]
    assert counts.tolist() == [1, 3]


def test_deltas_are_treatment_minus_control_in_the_order_of_the_items():
    """One item that only the treatment has right counts for the treatment."""
    lopsided = sample([0, 0, 1], [1, 0, 1])

    assert lopsided.deltas.tolist() == [1.0, 0.0, 0.0]
    assert lopsided.mean_delta == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("values", "lattice"),
    [
        pytest.param([-1.0, 0.0, 1.0], 1, id="binary"),
        pytest.param([-0.4, 0.2], 5, id="fifths"),
        pytest.param([1 / 2, 1 / 3], 6, id="halves-and-thirds"),
        pytest.param([0.0, 0.5], 2, id="halves"),
        pytest.param([1 / 4999, 1 / 3], None, id="too-fine-together"),
        pytest.param([0.1234567891], None, id="continuous"),
        pytest.param([], 1, id="nothing"),
    ],
)
def test_lattice_is_the_smallest_common_denominator(values, lattice):
    """L is the least common denominator, by hand; beyond 5,000 there is none."""
    assert lattice_of(np.array(values)) == lattice


def test_no_pairs_have_no_mean():
    """Without pairs the mean is not defined."""
    assert sample([], []).mean_delta is None


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=40), st.randoms())
def test_order_of_the_items_changes_nothing(pairs, random):
    """Distinct deltas, counts and clusters are the same for every order of the items."""
    rows = [(c / 5, t / 5, index % 4 - 1) for index, (c, t) in enumerate(pairs)]
    shuffled = random.sample(rows, len(rows))
    one, other = (sample(*zip(*some, strict=True)) for some in (rows, shuffled))

    assert all(np.array_equal(a, b) for a, b in zip(one.unique, other.unique, strict=True))
    assert one.mean_delta == other.mean_delta
    assert all(np.array_equal(a, b) for a, b in zip(one.clusters or (), other.clusters or (), strict=True))
    assert one.spread == other.spread


def test_clusters_add_up_groups_and_leave_single_items_alone():
    """Two items of group 7 are one cluster; an item without a group is one by itself."""
    sums, sizes = sample([0, 0, 1, 0], [1, 1, 0, 1], groups=[7, 7, -1, -1]).clusters

    assert sums.tolist() == [-1.0, 1.0, 2.0]
    assert sizes.tolist() == [1, 1, 2]


@pytest.mark.parametrize("groups", [None, [-1, -1, -1, -1], [4, 2, 9, -1]])
def test_items_that_share_no_group_have_no_clusters(groups):
    """Groups of one item are no groups: items are independent, and the standard error is the plain one."""
    some = sample([0, 0, 1, 0], [1, 1, 0, 1], groups=groups)

    assert some.clusters is None
    assert (some.spread.se, some.spread.df, some.spread.n_clusters) == (some.spread.se_items, 3, None)


def test_generator_depends_on_seed_and_address_alone():
    """The same call draws the same numbers; another seed, address or analysis draws others."""
    first = generator(1, "0.0|open|", "em", "permutation").random()

    assert first == generator(1, "0.0|open|", "em", "permutation").random()
    others = [(2, "0.0|open|", "em", "permutation"), (1, "0.0|open|", "em", "x"), (1, "0.0|open|em", "", "permutation")]
    assert all(first != generator(*other).random() for other in others)
