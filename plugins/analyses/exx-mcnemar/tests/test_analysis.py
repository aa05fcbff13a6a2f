"""McNemar's test agrees with R, with counting in whole numbers, and with its own symmetries."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import product
from math import comb, inf
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exx import Address, Metric, PairedBlock, PairedSample
from exx.testing import check_analysis
from exx_mcnemar.analysis import McNemar
from exx_mcnemar.binomial import lower_tail, odds_interval, p_exact, p_mid, pmf
from exx_mcnemar.difference import tango
from exx_mcnemar.minlike import minlike_interval

GOLDEN = json.loads((Path(__file__).parent / "data" / "golden.json").read_text())["cases"]
HERE = Address(temp=0.0, type="open")
EM = Metric("em", "Exact match")
counts = st.integers(min_value=0, max_value=60)


def analyze(control, treatment, *, metric=EM, groups=None, **options):
    pairs = [(c, t) for c, t in zip(control, treatment, strict=True) if None not in (c, t)]
    arms = np.array(pairs, dtype=float).reshape(-1, 2).T
    clusters = None if groups is None else np.array(groups)
    sample = PairedSample(address=HERE, metric=metric, control=arms[0], treatment=arms[1], groups=clusters)
    block = PairedBlock(address=HERE, samples={metric.name: sample}, n_items=len(pairs), n_unpaired={})
    return list(McNemar(**options).analyze(block, np.random.default_rng(0)))


def table(wins, losses, ties=0, **options):
    (finding,) = analyze([0] * wins + [1] * losses + [1] * ties, [1] * wins + [0] * losses + [1] * ties, **options)
    return finding


def close(value, **tolerance):
    numbers = None if value is None else np.array(value, dtype=float)
    return numbers if numbers is None else pytest.approx(numbers, **tolerance)


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_agrees_with_golden(case):
    """Counts, p-values, odds ratio and all intervals are those of R and an independent program."""
    (finding,) = analyze(case["control"], case["treatment"])
    expected, details = case["expected"], finding.details

    assert (details["b"], details["c"]) == (expected["b"], expected["c"])
    assert details["p_exact"] == close(expected["p_exact"], rel=1e-10)
    assert finding.p_value == details["p_mid"] == close(expected["p_midp"], rel=1e-10)
    assert details["odds_ratio"] == close(expected["odds_ratio"])
    assert np.array(details["or_ci_95"]) == close(expected["or_ci95_exact"], rel=1e-8)
    assert np.array(details["or_ci_95_mid_p"]) == close(expected["or_ci95_midp"], rel=1e-7)
    assert finding.estimate == close(expected["diff"])
    assert np.array([finding.low, finding.high]) == close(expected["tango"], rel=1e-8)
    assert np.array(details["newcombe_ci_95"]) == close(expected["newcombe"], rel=1e-8)


@given(counts, counts)
def test_p_values_count_equally_likely_outcomes(b, c):
    """Both p-values are shares of the 2^m ways to split m disagreements, here counted in whole numbers."""
    m, k = b + c, min(b, c)
    tail = 2 * Fraction(sum(comb(m, j) for j in range(k + 1)), 2**m)
    point = Fraction(comb(m, k), 2**m)

    assert p_exact(b, c) == pytest.approx(float(min(1, tail)), rel=1e-12)
    assert p_mid(b, c) == pytest.approx(float(tail - point) if b != c else 1.0, rel=1e-12)


@pytest.mark.parametrize(
    ("k", "m", "p"), [(1500, 3000, Fraction(1, 2)), (40, 900, Fraction(1, 10)), (5, 900, Fraction(1, 3))], ids=str
)
def test_tail_is_accurate_however_small(k, m, p):
    """The lower tail agrees relatively with the sum of exact fractions, also where it is 1e-146."""
    exact = sum(comb(m, j) * p.numerator**j * (p.denominator - p.numerator) ** (m - j) for j in range(k + 1))

    assert lower_tail(k, m, float(p)) == pytest.approx(float(Fraction(exact, p.denominator**m)), rel=1e-11)


@given(st.integers(1, 400), st.data())
def test_probabilities_add_up(m, data):
    """The tails on both sides of a count, and the count itself, make up everything."""
    k = data.draw(st.integers(0, m))
    p = data.draw(st.floats(0.02, 0.98))
    total = sum(pmf(j, m, p) for j in range(m + 1))

    assert total == pytest.approx(1.0, rel=1e-10)
    if k <= m * p:
        assert lower_tail(k, m, p) == pytest.approx(sum(pmf(j, m, p) for j in range(k + 1)), rel=1e-10)


@given(counts, counts, st.booleans())
def test_limits_solve_the_test_they_invert(b, c, mid):
    """At a limit the one-sided p-value is 2.5 %, by a sum over all outcomes."""
    low, high = odds_interval(b, c, mid=mid)

    if b == 0:
        assert low == 0.0
    else:
        share = low / (1 + low)
        upper = [comb(b + c, j) * share**j * (1 - share) ** (b + c - j) for j in range(b, b + c + 1)]
        assert sum(upper) - mid * upper[0] / 2 == pytest.approx(0.025, rel=1e-8)
    assert high == (inf if c == 0 else pytest.approx(1 / odds_interval(c, b, mid=mid)[0], rel=1e-10))


@given(counts, counts, st.integers(0, 50))
def test_swapping_the_arms_mirrors_the_finding(wins, losses, ties):
    """Relabelling the arms mirrors the difference and its interval, inverts the odds, and leaves p alone."""
    here, there = table(wins, losses, ties), table(losses, wins, ties)

    assert here.p_value == there.p_value
    if here.n:
        assert (here.estimate, here.low) == (-there.estimate, pytest.approx(-there.high, abs=1e-12))
    if wins and losses:
        assert here.details["odds_ratio"] == pytest.approx(1 / there.details["odds_ratio"])


@given(counts, counts, st.integers(0, 500))
def test_agreements_change_neither_p_nor_odds(wins, losses, ties):
    """Items on which the arms agree carry no information on who is better."""
    padded, bare = table(wins, losses, ties), table(wins, losses)

    if bare.n:
        assert padded.p_value == bare.p_value
        assert padded.details["or_ci_95"] == bare.details["or_ci_95"]
    assert padded.n == bare.n + ties


def test_lopsided_table_speaks_for_the_treatment():
    """Ten wins and no losses: b = 10, a positive difference, infinite odds, p = 2/2^10 and half of it."""
    finding = table(10, 0, 10)

    assert (finding.details["b"], finding.details["c"], finding.details["odds_ratio"]) == (10, 0, inf)
    assert finding.estimate == 0.5
    assert finding.low > 0
    assert finding.details["p_exact"] == pytest.approx(2 / 2**10)
    assert finding.p_value == pytest.approx(1 / 2**10)


def test_option_chooses_the_p_value():
    """``test: exact`` makes the exact p-value the finding's own."""
    assert table(7, 1, test="exact").p_value == pytest.approx(0.0703125)
    with pytest.raises(ValueError, match="'test' must be in"):
        McNemar(test="asymptotic")


def test_half_right_items_are_undecided():
    """With two replicates ½ decides nothing in either direction; 0.6 is right and 0.4 is wrong."""
    (finding,) = analyze([0.5, 0.5, 0.4, 0.6, 0.0], [0.0, 1.0, 0.6, 0.4, 1.0])

    assert finding.details["n_undecided"] == 2
    assert (finding.n, finding.details["b"], finding.details["c"]) == (3, 2, 1)
    assert finding.details["replicated"]


def test_no_disagreement_has_p_one_and_no_odds():
    """Where the arms never disagree p is 1, the odds ratio is None with a reason, and Tango's interval is not empty."""
    finding = table(0, 0, 10)

    assert finding.p_value == 1.0
    assert finding.details["odds_ratio"] is None
    assert finding.reason == "odds_ratio: the arms never disagree"
    assert finding.low < 0 < finding.high


@pytest.mark.parametrize(
    ("control", "treatment", "reason"),
    [
        pytest.param([], [], "there are no complete pairs", id="empty"),
        pytest.param([0.5], [0.5], "all 1 pairs are undecided", id="undecided"),
    ],
)
def test_nothing_to_test_is_not_a_p_of_one(control, treatment, reason):
    """Without a decided pair nothing is defined, and the reason says so."""
    (finding,) = analyze(control, treatment)

    assert (finding.p_value, finding.estimate, finding.low, finding.details["or_ci_95"]) == (None, None, None, None)
    assert finding.reason == reason


def test_partial_credit_is_left_to_other_tests():
    """A metric that is not binary has no finding; only exact match is repeated at the level of the block."""
    assert analyze([0.0], [0.5], metric=Metric("f1", "F1", binary=False)) == []
    (abstained,) = analyze([0.0], [1.0], metric=Metric("abstain_rate", "Abstentions"))
    assert not abstained.block_level
    assert table(1, 0).block_level


@given(counts, counts, st.integers(1, 200))
def test_tango_holds_its_estimate_and_stays_in_range(b, c, ties):
    """The interval lies within [−1, 1] and around (b − c)/n."""
    n = b + c + ties
    low, high = tango(b, c, n)

    assert -1 <= low <= (b - c) / n <= high <= 1


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_minimum_likelihood_limits_agree_with_golden(case):
    """Sterne's set from an independent program, where it was asked for."""
    (finding,) = analyze(case["control"], case["treatment"], minlike=True)

    if "or_ci95_sterne" in case["expected"]:
        expected = close(case["expected"]["or_ci95_sterne"], rel=1e-10)
        assert np.array(finding.details["or_ci_95_minlike"]) == expected
    else:
        assert finding.n == 0 or case["expected"]["b"] is None


@given(st.integers(0, 25), st.integers(0, 25))
def test_minimum_likelihood_limits_bound_what_its_test_keeps(b, c):
    """Just inside the limits the summed probability of splits no likelier than b is above 5 %, just outside below."""
    m = b + c
    low, high = minlike_interval(b, c)
    for odds, kept in ((low * 1.0001, True), (low * 0.9999, False), (high * 0.9999, True), (high * 1.0001, False)):
        if not 0 < odds < float("inf"):
            continue
        p = odds / (1 + odds)
        law = [comb(m, k) * p**k * (1 - p) ** (m - k) for k in range(m + 1)]
        assert (sum(v for v in law if v <= law[b] * (1 + 1e-9)) > 0.05) is kept


def test_whole_groups_change_sides():
    """Passages with surpluses 2, 1, −1 and 1: 6 of 16 patterns are as far out as 3, two of which are as far exactly."""
    control, treatment = [0, 0, 0, 1, 0, 1, 0], [1, 1, 1, 0, 0, 1, 1]
    (finding,) = analyze(control, treatment, groups=[0, 0, 1, 2, 2, 3, 3])
    cluster = finding.details["cluster"]
    patterns = [
        abs(sum(s * w for s, w in zip(signs, (2, 1, -1, 1), strict=True))) for signs in product((1, -1), repeat=4)
    ]

    assert cluster["p_exact"] == pytest.approx(sum(v >= 3 for v in patterns) / 16)
    assert cluster["p_mid"] == pytest.approx((sum(v >= 3 for v in patterns) + sum(v > 3 for v in patterns)) / 32)
    assert finding.p_value == cluster["p_mid"]
    assert finding.details["items"]["p_value"] == finding.details["p_mid"] == p_mid(4, 1)
    assert [finding.low, finding.high] == cluster["interval"]
    assert cluster["interval"][0] < finding.estimate == 3 / 7 < cluster["interval"][1]
    assert cluster["or_ci_95"][0] < finding.details["odds_ratio"] == 4 < cluster["or_ci_95"][1]


def test_groups_of_one_decided_item_are_no_groups():
    """With one item per passage the test is McNemar's, its interval Tango's."""
    (grouped,), (bare,) = (analyze([0, 0, 1], [1, 1, 1], groups=groups) for groups in ([3, 4, 5], None))

    assert "cluster" not in grouped.details
    assert (grouped.p_value, grouped.low, grouped.high) == (bare.p_value, bare.low, bare.high)


def test_copies_of_an_item_in_its_group_say_nothing_new():
    """Five passages of one item or of three copies of it: the test that flips groups gives the same p."""
    (once,) = analyze([0, 0, 0, 1, 0], [1, 1, 1, 0, 1])
    (thrice,) = analyze([0, 0, 0, 1, 0] * 3, [1, 1, 1, 0, 1] * 3, groups=list(range(5)) * 3)

    assert thrice.details["cluster"]["p_exact"] == pytest.approx(once.details["p_exact"])
    assert thrice.details["p_exact"] < once.details["p_exact"]


def test_keeps_the_contract():
    """What exx asks of every analysis: see exx.testing."""
    check_analysis(McNemar)
