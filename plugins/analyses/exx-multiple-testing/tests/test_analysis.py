"""Adjusted p-values agree with R; every hypothesis is counted once, in its own family."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exx import Address, Finding
from exx.testing import check_analysis
from exx_multiple_testing.adjust import adjust
from exx_multiple_testing.analysis import MultipleTesting

(GOLDEN,) = json.loads((Path(__file__).parent / "data" / "golden.json").read_text())["cases"]
HERE = Address(temp=0.0, type="open")
PART = Address(temp=0.0, type="open", subgroup=("dataset", "a"))
WARM = Address(temp=0.7, type="open")
METHODS = ("bh", "by", "holm")
p_lists = st.lists(st.floats(0, 1), max_size=30)


def finding(p, *, metric="em", analysis="permutation", address=HERE, n=10, rank=20, **rest):
    default_for = {} if rank is None else {"p_value": rank}
    return Finding(analysis=analysis, metric=metric, address=address, n=n, p_value=p, default_for=default_for, **rest)


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
        assert all(p <= q <= 1 for p, q in zip(p_values, found, strict=True))


@given(p_lists)
def test_q_rises_with_p(p_values):
    """A smaller p-value never has a larger q-value, and equal ones have equal q-values."""
    for method in METHODS:
        ranked = sorted(zip(p_values, adjust(p_values, method), strict=True))
        assert all(one[1] <= other[1] for one, other in pairwise(ranked))
        assert all(one[1] == other[1] for one, other in pairwise(ranked) if one[0] == other[0])


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


def test_declared_families_take_precedence():
    """A metric goes where it is declared, one of its slices by metric/column, and the rest stays where it was."""
    tested = [
        finding(0.01),
        finding(0.04, metric="f1"),
        finding(0.2, metric="abstain_rate"),
        finding(0.03, address=PART, n=4),
        finding(0.02, metric="f1", address=PART, n=4),
    ]
    found = adjusted(*tested, families={"correct": ["em", "f1"], "em by dataset": ["em/dataset"]})

    assert [f.family for f in found] == [
        "correct (bh, m = 2)",
        "correct (bh, m = 2)",
        "secondary (bh, m = 1)",
        "em by dataset (bh, m = 1)",
        "slices (bh, m = 1)",
    ]
    assert [f.q_value for f in found] == pytest.approx([0.02, 0.04, 0.2, 0.03, 0.02])


def test_temperatures_share_a_family():
    """The same metric at two temperatures is two hypotheses of one family."""
    found = adjusted(finding(0.04), finding(0.01, address=WARM))

    assert [f.q_value for f in found] == pytest.approx([0.04, 0.02])
    assert {f.family for f in found} == {"primary (bh, m = 2)"}


def test_a_hypothesis_is_counted_once():
    """Of three tests of one hypothesis the highest-ranked carries the q-value, and the others say where it is."""
    found = adjusted(
        finding(0.03), finding(0.02, analysis="mcnemar", rank=30), finding(0.04, analysis="wilcoxon", rank=5)
    )

    assert [f.q_value for f in found] == [None, 0.02, None]
    assert found[0].reason == "q_value: a hypothesis is adjusted once, here through 'mcnemar'"
    assert found[1].family == "primary (bh, m = 1)"


def test_a_test_without_a_p_value_gives_way():
    """The next one in rank stands for the hypothesis where the first has no p-value; of two equal ones the earlier."""
    found = adjusted(
        finding(None, analysis="cluster_robust", rank=40, reason="one group"), finding(0.03), finding(0.2, analysis="x")
    )

    assert [f.q_value for f in found] == [None, 0.03, None]
    assert found[0].reason == "one group"


def test_other_hypotheses_are_left_alone():
    """A non-inferiority p-value tests something else: it is not counted, and not explained away."""
    other = finding(0.001, analysis="noninferiority", rank=None)

    assert adjusted(other, finding(0.03)) == [other, finding(0.03, q_value=0.03, family="primary (bh, m = 1)")]


def test_tests_can_be_named():
    """A list of names restricts the choice and orders it, whatever rank the analyses give themselves."""
    three = (finding(0.02, analysis="mcnemar", rank=30), finding(0.03), finding(0.04, analysis="wilcoxon", rank=5))

    assert [f.q_value for f in adjusted(*three, tests=["wilcoxon", "permutation"])] == [None, None, 0.04]
    assert [f.q_value for f in adjusted(*three[:2], tests=["wilcoxon", "permutation"])] == [None, 0.03]
    assert [f.q_value for f in adjusted(three[0], tests=["wilcoxon"])] == [None]


def test_part_that_is_the_whole_is_no_hypothesis():
    """A subgroup with all pairs of its block is not counted; one with fewer is."""
    whole = adjusted(finding(0.02), finding(0.02, address=PART))
    part = adjusted(finding(0.02), finding(0.02, address=PART, n=9))

    assert [f.q_value for f in whole] == [0.02, None]
    assert "no hypothesis of its own" in whole[1].reason
    assert [f.q_value for f in part] == [0.02, 0.02]


def test_lopsided_family():
    """One true effect among nineteen nulls keeps its place; the nulls do not borrow from it."""
    nulls = [finding(0.5 + 0.02 * k, metric=f"m{k}") for k in range(19)]
    found = adjusted(finding(0.001, metric="effect"), *nulls)

    assert found[0].q_value == pytest.approx(0.02)
    assert min(f.q_value for f in found[1:]) > 0.8


def test_reasons_are_kept():
    """A finding that has a reason of its own keeps it before the new one."""
    found = adjusted(finding(0.5, rank=30), finding(0.5, reason="because"))

    assert found[1].reason.startswith("because; q_value: ")


def test_nothing_gives_nothing():
    """An empty family is empty."""
    assert adjusted() == []
    assert adjust([], "by") == []


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "bonferroni"}, ValueError, "'method' must be in"),
        ({"families": {"a": ["em"], "b": ["f1", "em"]}}, ValueError, "'families' has 'em' both in 'a' and in 'b'"),
        ({"families": {"a": "em"}}, TypeError, "must be"),
    ],
)
def test_options_are_checked(options, error, message):
    """An unknown method, a hypothesis in two families, and a word instead of a list are refused."""
    with pytest.raises(error, match=message):
        MultipleTesting(**options)


def test_contracts():
    """What every adjustment keeps: q never below p and rising with it, whatever the order of the findings."""
    check_analysis(MultipleTesting)
