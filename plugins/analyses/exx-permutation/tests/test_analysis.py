"""The sign-flip test agrees with R, with counting all patterns, and with its own symmetries."""

from __future__ import annotations

import json
import os
from fractions import Fraction
from itertools import product
from math import comb
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exx import Address, Metric, PairedSample, signed_sum_tail
from exx.testing import check_analysis
from exx_permutation import laws
from exx_permutation.analysis import Permutation

GOLDEN = json.loads((Path(__file__).parent / "data" / "golden.json").read_text())["cases"]
HERE = Address(temp=0.0, type="open")
EM = Metric("em", "Exact match")


def sample(control, treatment, cluster=None):
    pairs = [(c, t) for c, t in zip(control, treatment, strict=True) if None not in (c, t)]
    arms = np.array(pairs, dtype=float).reshape(-1, 2).T
    groups = None if cluster is None else np.array(cluster)
    return PairedSample(address=HERE, metric=EM, control=arms[0], treatment=arms[1], groups=groups)


def analyze(some, **options):
    (finding,) = Permutation(**options).analyze(some, np.random.default_rng(0))
    return finding


def deltas(values, cluster=None):
    return sample([0.0] * len(values), values, cluster)


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_agrees_with_golden(case):
    """The exact two-sided p-value of R and of full enumeration."""
    some = sample(case["control"], case["treatment"], case["cluster"])
    finding = analyze(some)
    p_value = finding.p_value if some.clusters is None else finding.details["items"]["p_value"]

    assert p_value == pytest.approx(case["expected"]["p_two_sided"], rel=1e-10)
    assert finding.estimate == pytest.approx(case["expected"]["mean"])
    assert finding.summary == {"perm_p_value": p_value}


@pytest.mark.parametrize("name", ["p11_fifths_n2000", "p12_f1_n12000"])
def test_agrees_with_golden_at_size(name):
    """2,000 means of five answers (p = 2.9e-6), and 12,000 differences of F1 (p = 0.083)."""
    if "EXX_GOLDEN" not in os.environ:
        pytest.skip("EXX_GOLDEN names no folder with the golden files")
    case = json.loads((Path(os.environ["EXX_GOLDEN"]) / f"{name}.json").read_text())
    finding = analyze(sample(case["inputs"]["control"], case["inputs"]["treatment"]))

    assert finding.p_value == pytest.approx(case["expected"]["sign_flip"]["p_two_sided"], rel=1e-9)


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
def test_p_value_is_the_share_of_patterns_as_far_out(whole):
    """All 2^n patterns of up to nine deltas, counted in whole numbers."""
    sums = [abs(sum(s * w for s, w in zip(signs, whole, strict=True))) for signs in product((1, -1), repeat=len(whole))]
    share = sum(value >= abs(sum(whole)) for value in sums) / len(sums)

    assert analyze(deltas([value / 4 for value in whole])).p_value == pytest.approx(share, rel=1e-12)


@given(st.integers(0, 700), st.integers(0, 700))
def test_binary_deltas_give_the_binomial_tail(wins, losses):
    """For 0/1 scores this is the sign test, here counted in whole numbers, however small p is."""
    m, k = wins + losses, min(wins, losses)
    tail = min(Fraction(1), 2 * Fraction(sum(comb(m, j) for j in range(k + 1)), 2**m))
    found = laws.two_sided(np.array([-1.0, 1.0]), np.array([losses, wins]), 1, 100, np.random.default_rng(0))

    if tail > Fraction(1, 10**290):
        assert found.p_value == pytest.approx(float(tail), rel=1e-10)
    else:
        assert 0 < found.p_value < 1e-289


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=80), st.randoms())
def test_swapping_arms_and_shuffling_items_change_nothing(whole, random):
    """The test is two-sided and knows no order."""
    here = analyze(deltas([value / 5 for value in whole]))
    there = analyze(deltas([-value / 5 for value in random.sample(whole, len(whole))]))

    assert here.p_value == there.p_value
    assert here.estimate == pytest.approx(-there.estimate)


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=40), st.integers(1, 100))
def test_zero_deltas_do_not_matter(whole, zeros):
    """Items without a difference change n and the mean, and not p."""
    bare, padded = (analyze(deltas([value / 5 for value in some])) for some in (whole, whole + [0] * zeros))

    assert padded.p_value == pytest.approx(bare.p_value)


def test_contour_agrees_with_enumeration():
    """Where both can be had, the inverted characteristic function is near the count of all patterns."""
    rng = np.random.default_rng(3)
    for shift in (0.0, 0.3, 0.6):
        each = np.sort(np.abs(np.round(rng.normal(shift, 1, 30), 9)))
        sum_ = 1.5 + 15 * shift
        exact = laws._enumerated(each, sum_)
        assert 2 * laws._contour(each, np.ones(30, dtype=np.int64), sum_) == pytest.approx(exact, rel=2e-3, abs=1e-7)


@pytest.mark.parametrize("shift", [0.05, 0.2, 1.0])
def test_contour_agrees_with_the_lattice_between_its_steps(shift):
    """On a fine lattice the smooth law, taken half a step lower, has the exact tail, also at p = 1e-60."""
    rng = np.random.default_rng(4)
    whole = np.rint(rng.normal(shift, 1, 800) * 100).astype(int)
    magnitudes, times = np.unique(np.abs(whole[whole != 0]), return_counts=True)
    sum_ = abs(int(whole.sum()))
    exact = signed_sum_tail(magnitudes, times, sum_, largest_work=20_000_000)

    assert laws._contour(magnitudes / 100, times, (sum_ - 1) / 100) == pytest.approx(exact, rel=1e-4)


@pytest.mark.parametrize("deviations", [0.2, 2.0, 10.0])
def test_power_sums_give_what_all_magnitudes_give(deviations, monkeypatch):
    """3,000 deltas, from p near 1 to p below 1e-20: the series of log cosh agrees with its product to ten digits."""
    each = np.sort(np.round(np.random.default_rng(5).random(3000), 9))
    times, sum_ = np.ones(3000, dtype=np.int64), deviations * float(each @ each) ** 0.5
    monkeypatch.setattr(laws, "_NEAR", 0.0)
    long = laws._contour(each, times, sum_)
    monkeypatch.undo()
    monkeypatch.delattr(laws, "_products")

    assert laws._contour(each, times, sum_) == pytest.approx(long, rel=1e-10)


def test_many_continuous_deltas_match_a_drawn_p_value():
    """500 continuous deltas: within four standard errors of 20,000 drawn patterns."""
    rng = np.random.default_rng(6)
    each = np.round(rng.normal(0.06, 0.5, 500), 9) / 4
    found = analyze(deltas(each.tolist()))
    drawn = laws._drawn(np.sort(np.abs(each)), np.ones(500, dtype=np.int64), abs(each.sum()), 20000, rng)

    assert found.details["method"] == "numerical inversion of the characteristic function"
    assert abs(found.p_value - drawn.p_value) < 4 * drawn.standard_error


def test_nearly_lattice_deltas_are_drawn():
    """Two odd values among wins and losses leave steps in the law: (count + 1)/(R + 1), with its standard error."""
    values = [1.0] * 60 + [-1.0] * 40 + [0.123456789, 0.2718281828]
    found = analyze(deltas(values), permutation_samples=2000)

    assert found.details["n_resamples"] == 2000
    assert found.details["standard_error"] > 0
    assert (found.p_value * 2001) == pytest.approx(round(found.p_value * 2001))
    assert found.p_value == pytest.approx(0.05, abs=0.03)


def test_lopsided_deltas_have_the_smallest_p_value():
    """Thirty gains and no loss: 2/2^30, and the mean speaks for the treatment."""
    finding = analyze(deltas([1.0] * 30))

    assert finding.p_value == pytest.approx(2**-29)
    assert finding.estimate == 1.0


def test_p_value_is_never_zero():
    """30,000 gains and no loss have a p-value below what a double holds."""
    found = laws.two_sided(np.array([1.0]), np.array([30000]), 1, 100, np.random.default_rng(0))

    assert 0 < found.p_value < 1e-300


@pytest.mark.parametrize(
    ("values", "p"), [([0.0, 0.0], 1.0), ([0.4, -0.4], 1.0), ([0.4], 1.0), ([0.3, 0.3], 0.5)], ids=str
)
def test_small_samples_by_hand(values, p):
    """No difference, differences that cancel, one item, two equal ones."""
    assert analyze(deltas(values)).p_value == pytest.approx(p)


def test_no_pairs_have_no_p_value():
    """Without a pair there is nothing to test."""
    finding = analyze(deltas([]))

    assert (finding.p_value, finding.estimate) == (None, None)
    assert finding.reason == "there are no complete pairs"


def test_whole_groups_flip_together():
    """Four equal deltas in two passages: 2 of 4 patterns of the passages are as far out, 2 of 16 of the items."""
    finding = analyze(deltas([1.0, 1.0, 1.0, 1.0], cluster=[0, 0, 1, 1]))

    assert finding.p_value == pytest.approx(2 / 4)
    assert (finding.details["unit"], finding.details["n_clusters"]) == ("group", 2)
    assert finding.details["items"]["p_value"] == finding.summary["perm_p_value"] == pytest.approx(2 / 16)


@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(0, 5)), min_size=1, max_size=20))
def test_flipped_groups_are_all_patterns_of_their_signs(rows):
    """The share of the sign patterns of up to six passages, counted in whole numbers."""
    found = analyze(deltas([d / 2 for d, _ in rows], cluster=[g for _, g in rows]))
    sums = [sum(d for d, g in rows if g == group) for group in {g for _, g in rows}]
    flipped = [
        abs(sum(s * w for s, w in zip(signs, sums, strict=True))) for signs in product((1, -1), repeat=len(sums))
    ]

    assert found.p_value == pytest.approx(sum(v >= abs(sum(sums)) for v in flipped) / len(flipped), rel=1e-12)


def test_groups_of_one_item_are_no_groups():
    """Where no two items share a passage, items change their signs."""
    finding = analyze(deltas([1.0, 1.0, 0.0], cluster=[0, 1, 2]))

    assert finding.details["unit"] == "item"
    assert finding.p_value == finding.summary["perm_p_value"] == pytest.approx(1 / 2)


def test_options_are_checked():
    """Too few permutations are refused."""
    with pytest.raises(ValueError, match="'permutation_samples' must be >= 100"):
        Permutation(permutation_samples=0)


def test_keeps_the_contract():
    """What exx asks of every analysis: see exx.testing."""
    check_analysis(Permutation)
