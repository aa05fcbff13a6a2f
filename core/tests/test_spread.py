"""Cluster-robust standard errors: R's values, the case where groups do not matter, and what is not defined."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exx import Address, Metric, PairedSample

HERE = Address(temp=0.0, type="open")
NAMES = {"se_items": "se_iid", "design_effect": "design_effect_cr1"} | {
    name: name for name in ("n_clusters", "se_cr0", "se_miller", "se_cr1", "se_cr2", "df_cr2")
}


def sample(deltas, groups):
    treatment = np.array(deltas, dtype=float)
    arms = {"control": np.zeros(len(treatment)), "treatment": treatment}
    return PairedSample(
        address=HERE, metric=Metric("f1", "F1", binary=False), groups=np.array(groups, dtype=np.int64), **arms
    )


def golden():
    folder = os.environ.get("EXX_GOLDEN")
    if not folder:
        pytest.skip("EXX_GOLDEN does not name the folder of golden values")
    cases = [json.loads(path.read_text()) for path in sorted(Path(folder).glob("p*.json"))]
    return [case for case in cases if "clustered" in case["expected"]]


def test_standard_errors_equal_those_of_clubsandwich():
    """R's clubSandwich and sandwich give the same errors and degrees of freedom, for 14 to 12,000 items."""
    cases = golden()

    assert len(cases) >= 5
    for case in cases:
        inputs = case["inputs"]
        arms = [np.array(inputs[arm], dtype=float) for arm in ("control", "treatment")]
        found = PairedSample(
            address=HERE,
            metric=Metric("em", "EM"),
            control=arms[0],
            treatment=arms[1],
            groups=np.array(inputs["cluster"]),
        ).spread
        for ours, theirs in NAMES.items():
            assert getattr(found, ours) == pytest.approx(case["expected"]["clustered"][theirs], rel=1e-9), ours
        assert (found.se, found.df) == (found.se_cr2, found.df_cr2)


def test_two_groups_of_two_by_hand():
    """Deltas 1, 1 | 0, −1: mean ¼, residual sums 3/2 and −3/2, so CR0 = 4.5/16, CR1 = CR2 = 2·CR0, and df = 1."""
    found = sample([1, 1, 0, -1], [0, 0, 1, 1]).spread

    assert found.se_cr0 == pytest.approx((4.5 / 16) ** 0.5)
    assert found.se_cr1 == pytest.approx((9 / 16) ** 0.5)
    assert found.se_cr2 == pytest.approx((9 / 16) ** 0.5)
    assert found.df_cr2 == pytest.approx(1.0)


def test_perfect_correlation_has_an_icc_of_one():
    """Where the items of a group are all alike, the correlation is 1 and the design effect about the group's size."""
    found = sample([1, 1, 0, 0, -1, -1, 0, 0, 1, 1, 1, 1], np.repeat(np.arange(6), 2)).spread

    assert found.icc == pytest.approx(1.0)
    assert found.design_effect == pytest.approx(2 * 11 / 12 * 6 / 5)


@pytest.mark.parametrize(
    ("deltas", "groups", "reason"),
    [
        pytest.param([], [], "no complete pairs", id="nothing"),
        pytest.param([0.5], [0], "needs two complete pairs", id="one-item"),
        pytest.param([0.5, 0.5, 0.5], [0, 0, 1], "all deltas are equal", id="constant"),
        pytest.param([0.5, 0.0, 0.5], [0, 0, 0], "needs two groups", id="one-group"),
        pytest.param([1.0, 0.0, 1.0, 0.0], [0, 0, 1, 1], "same mean delta", id="equal-means"),
    ],
)
def test_an_undefined_standard_error_has_a_reason(deltas, groups, reason):
    """There is no standard error of zero."""
    found = sample(deltas, groups).spread

    assert (found.se, found.df) == (None, None)
    assert reason in found.reason


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 4)), min_size=2, max_size=30))
def test_swapped_arms_have_the_same_errors(rows):
    """A standard error does not know which arm is which."""
    deltas, groups = np.array([d / 5 for d, _ in rows]), [g for _, g in rows]
    one, other = sample(deltas, groups).spread, sample(-deltas, groups).spread

    assert one.mean == pytest.approx(-other.mean)
    assert [one.se, one.df, one.icc] == pytest.approx([other.se, other.df, other.icc])
