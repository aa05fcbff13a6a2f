"""Adjusted p-values agree with R; every hypothesis is counted once, in its own family."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exx import Address, Finding
from exx_multiple_testing.adjust import adjust
from exx_multiple_testing.analysis import MultipleTesting

(GOLDEN,) = json.loads((Path(__file__).parent / "data" / "golden.json").read_text())["cases"]
HERE = Address(temp=0.0, type="open")
PART = Address(temp=0.0, type="open", subgroup=("dataset", "a"))
METHODS = ("bh", "by", "holm")
p_lists = st.lists(st.floats(0, 1), max_size=30)


def finding(p, *, metric="em", analysis="permutation", address=HERE, n=10, **rest):
    return Finding(analysis=analysis, metric=metric, address=address, n=n, p_value=p, **rest)


def adjusted(*findings, primary=("em",), **options):
    return MultipleTesting(**options).adjust(findings, primary)


@pytest.mark.parametrize("method", METHODS)
def test_agrees_with_golden(method):
    """R's p.adjust on ten unsorted values with ties, a 0 and a 1."""
    assert adjust(GOLDEN["p"], method) == pytest.approx(GOLDEN["expected"][method], rel=1e-12)


def test_one_small_p_value_does_not_help_the_others():
    """0.001, 0.9, 0.95 become 0.003, 0.95, 0.95 under Benjamini and Hochberg: 3·0.001/1, 3·0.95/3, 3·0.95/3."""
    assert adjust([0.001, 0.9, 0.95], "bh") == pytest.approx([0.003, 0.95, 0.95])


@pytest.mark.parametrize("method", METHODS)
def test_agrees_with_statsmodels(method):
    """The same numbers as statsmodels 0.15's multipletests, for forty families of rounded, so tied, p-values."""
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    random, name = Random(8), {"bh": "fdr_bh", "by": "fdr_by", "holm": "holm"}[method]

    for size in range(1, 41):
        p_values = [round(random.random() ** 3, 3) for _ in range(size)]
        assert adjust(p_values, method) == pytest.approx(multitest.multipletests(p_values, method=name)[1], abs=1e-12)


@given(p_lists, st.randoms())
def test_order_does_not_matter_and_nothing_shrinks(p_values, random):
    """Adjusting shuffled p-values gives the shuffled result; no adjusted value is below its p-value or above 1."""
    order = random.sample(range(len(p_values)), len(p_values))
    for method in METHODS:
        found = adjust(p_values, method)
        assert adjust([p_values[i] for i in order], method) == pytest.approx([found[i] for i in order])
        assert all(p <= q + 1e-15 <= 1 + 1e-14 for p, q in zip(p_values, found, strict=True))


def test_families_are_adjusted_apart():
    """Primary metrics, secondary metrics and slices do not pay for each other."""
    secondary = [finding(0.02, metric="f1"), finding(0.03, metric="abstain_rate")]
    found = adjusted(finding(0.04), *secondary, finding(0.01, address=PART, n=4))

    assert [f.q_value for f in found] == pytest.approx([0.04, 0.03, 0.03, 0.01])
    assert [f.family for f in found] == [
        "primary (bh, m = 1)",
        "secondary (bh, m = 2)",
        "secondary (bh, m = 2)",
        "slices (bh, m = 1)",
    ]


def test_a_hypothesis_is_counted_once():
    """Of three tests of one hypothesis McNemar's carries the q-value, and the others say where it is."""
    found = adjusted(finding(0.03), finding(0.02, analysis="mcnemar"), finding(0.04, analysis="wilcoxon"))

    assert [f.q_value for f in found] == [None, 0.02, None]
    assert found[0].reason == "q_value: a hypothesis is adjusted once, here through 'mcnemar'"
    assert found[1].family == "primary (bh, m = 1)"


def test_replicates_prefer_the_test_of_the_mean():
    """With replicates McNemar's test leaves information out, so the permutation test stands for the hypothesis."""
    found = adjusted(finding(0.02, analysis="mcnemar", details={"replicated": True}), finding(0.03))

    assert [f.q_value for f in found] == [None, 0.03]


def test_part_that_is_the_whole_is_no_hypothesis():
    """A subgroup with all pairs of its block is not counted; one with fewer is."""
    whole = adjusted(finding(0.02), finding(0.02, address=PART))
    part = adjusted(finding(0.02), finding(0.02, address=PART, n=9))

    assert whole[1].q_value is None
    assert whole[1].reason == "q_value: the subgroup holds every pair of its block, so it is no hypothesis of its own"
    assert part[1].q_value == 0.02


def test_missing_p_values_and_other_questions_are_left_alone():
    """A finding without a p-value, or of an analysis that tests something else, is not counted and not changed."""
    empty = finding(None, metric="f1", reason="there are no complete pairs")
    other = finding(0.001, metric="f1", analysis="noninferiority")
    found = adjusted(finding(0.02, metric="abstain_rate"), empty, other)

    assert found[0].family == "secondary (bh, m = 1)"
    assert (found[1], found[2]) == (empty, other)


def test_reasons_are_kept():
    """A finding that has a reason of its own keeps it before the new one."""
    found = adjusted(finding(0.5, analysis="mcnemar"), finding(0.5, reason="because"))

    assert found[1].reason.startswith("because; q_value: ")


def test_nothing_gives_nothing():
    """An empty family is empty."""
    assert adjusted() == []
    assert adjust([], "by") == []


def test_unknown_method_is_refused():
    """Options are checked when the analysis is made."""
    with pytest.raises(ValueError, match="'method' must be in"):
        MultipleTesting(method="bonferroni")
