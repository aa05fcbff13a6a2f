"""The signed-rank test and its pseudo-median agree with R, with counting, and with their own symmetries."""

from __future__ import annotations

import json
import os
from itertools import combinations_with_replacement, product
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exx import Address, Metric, PairedSample
from exx.testing import check_analysis
from exx_wilcoxon.analysis import Wilcoxon

GOLDEN = json.loads((Path(__file__).parent / "data" / "golden.json").read_text())["cases"]
HERE = Address(temp=0.0, type="open")
wholes = st.lists(st.integers(-5, 5), min_size=1, max_size=60)


def analyze(control, treatment, groups=None, **options):
    pairs = [(c, t) for c, t in zip(control, treatment, strict=True) if None not in (c, t)]
    arms = np.array(pairs, dtype=float).reshape(-1, 2).T
    clusters = None if groups is None else np.array(groups)
    metric = Metric("em", "Exact match")
    some = PairedSample(address=HERE, metric=metric, control=arms[0], treatment=arms[1], groups=clusters)
    (finding,) = Wilcoxon(**options).analyze(some, np.random.default_rng(0))
    return finding


def deltas(values, **options):
    return analyze([0.0] * len(values), values, **options)


@pytest.mark.parametrize("zeros", ["pratt", "wilcox"])
@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_agrees_with_golden(case, zeros):
    """Rank sums, z, the exact p-value, the pseudo-median and its interval."""
    finding = analyze(case["control"], case["treatment"], zeros=zeros)
    ranks, centre = case["expected"][zeros], case["expected"]["hodges_lehmann"]

    assert (finding.details["W_plus"], finding.details["W_minus"]) == (ranks["W_plus"], ranks["W_minus"])
    assert finding.details["W"] == min(ranks["W_plus"], ranks["W_minus"])
    assert finding.details["z"] == pytest.approx(ranks["z"])
    assert finding.p_value == pytest.approx(ranks["p_exact"], rel=1e-10)
    assert finding.estimate == finding.summary["hodges_lehmann"] == pytest.approx(centre["estimate"], abs=1e-9)
    assert [finding.low, finding.high] == pytest.approx(centre["ci95_exact_index"], abs=1e-9)
    assert finding.details["achieved_level"] == pytest.approx(centre["achieved_conf"])


@pytest.mark.parametrize("name", ["p11_fifths_n2000", "p12_f1_n12000"])
def test_agrees_with_golden_at_size(name):
    """Where the exact law is too large the normal p-value with the conditional variance."""
    if "EXX_GOLDEN" not in os.environ:
        pytest.skip("EXX_GOLDEN names no folder with the golden files")
    case = json.loads((Path(os.environ["EXX_GOLDEN"]) / f"{name}.json").read_text())
    finding, expected = analyze(case["inputs"]["control"], case["inputs"]["treatment"]), case["expected"]

    assert finding.details["method"].startswith("normal")
    assert finding.p_value == pytest.approx(expected["wilcoxon"]["pratt"]["p_normal"], rel=1e-10)
    assert "no continuity correction" in finding.details["method"]
    index = "ci95_exact_index" if "ci95_exact_index" in expected["hodges_lehmann"] else "ci95_normal_index"
    assert [finding.low, finding.high] == pytest.approx(expected["hodges_lehmann"][index], abs=1e-9)
    achieved = expected["hodges_lehmann"].get("achieved_conf", 0.95)
    assert finding.details["achieved_level"] == pytest.approx(achieved, abs=1e-6)


def test_float_noise_does_not_break_ties():
    """0.8−0.6, 0.4−0.2, 0.6−0.4, 1−0.8, 0.2−0 and 0.4−0.6 are six equal sizes: p = 0.21875, W = 3.5, by hand."""
    finding = analyze([0.6, 0.2, 0.4, 0.8, 0.0, 0.6], [0.8, 0.4, 0.6, 1.0, 0.2, 0.4])

    assert finding.p_value == pytest.approx(0.21875)
    assert finding.details["W"] == 3.5


def test_fourteen_wins_and_five_losses():
    """With ties the exact p-value is the binomial 0.0636, not the normal 0.0389."""
    assert deltas([1.0] * 14 + [-1.0] * 5).p_value == pytest.approx(0.0635681152)


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
def test_p_value_is_the_share_of_sign_patterns(whole):
    """All signs of up to nine deltas, with doubled mid-ranks counted by hand."""
    sizes = sorted(abs(w) for w in whole)
    rank = {s: 2 * sizes.index(s) + sizes.count(s) + 1 for s in sizes}
    ranks = [rank[abs(w)] * (w != 0) for w in whole]
    observed = abs(sum(r * np.sign(w) for r, w in zip(ranks, whole, strict=True)))
    sums = [abs(sum(s * r for s, r in zip(signs, ranks, strict=True))) for signs in product((1, -1), repeat=len(ranks))]

    assert deltas([w / 4 for w in whole]).p_value == pytest.approx(sum(v >= observed for v in sums) / len(sums))


@given(wholes)
def test_pseudo_median_is_the_median_of_all_averages(whole):
    """All averages of two of up to sixty deltas, listed."""
    averages = [(a + b) / 2 for a, b in combinations_with_replacement(whole, 2)]

    assert deltas([w / 5 for w in whole]).estimate == pytest.approx(median(averages) / 5, abs=1e-9)


def test_pseudo_median_is_not_the_median():
    """1,100 zeros, 900 × 0.6 and 200 × −0.2: the median is 0, the pseudo-median 0.3."""
    assert deltas([0.0] * 1100 + [0.6] * 900 + [-0.2] * 200).estimate == pytest.approx(0.3)


@given(wholes, st.randoms())
def test_swapping_arms_mirrors_and_shuffling_changes_nothing(whole, random):
    """Relabelling the arms mirrors the estimate and exchanges the rank sums; order means nothing."""
    here = deltas([w / 5 for w in whole])
    there = deltas([-w / 5 for w in random.sample(whole, len(whole))])

    assert here.p_value == pytest.approx(there.p_value)
    assert here.details["W_plus"] == there.details["W_minus"]
    assert here.estimate == pytest.approx(-there.estimate, abs=1e-9)
    assert (here.low, here.high) == pytest.approx((-there.high, -there.low), abs=1e-9)


def test_lopsided_deltas_speak_for_the_treatment():
    """Ten gains of different sizes: p = 2/2^10, and the pseudo-median lies above zero."""
    finding = deltas([0.1 * k for k in range(1, 11)])

    assert finding.p_value == pytest.approx(2 / 2**10)
    assert finding.details["W"] == 0
    assert finding.low > 0


@pytest.mark.parametrize(("values", "p"), [([0.4], 1.0), ([0.0, 0.0], 1.0), ([0.2, 0.4], 0.5)], ids=str)
def test_small_samples_by_hand(values, p):
    """One delta, no difference, two gains: nothing speaks against the gains, so W is 0."""
    finding = deltas(values)

    assert finding.p_value == pytest.approx(p)
    assert finding.details["W"] == 0


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 4)), min_size=2, max_size=12))
def test_flipped_groups_are_all_patterns_of_their_signs(rows):
    """All signs of up to five passages, each with the sum of its items' signed doubled mid-ranks, counted by hand."""
    whole, groups = [d for d, _ in rows], [g for _, g in rows]
    finding = analyze([0.0] * len(rows), [d / 3 for d in whole], groups=groups)
    if len(set(groups)) == len(groups):
        assert "cluster" not in finding.details
        return
    sizes = sorted(abs(d) for d in whole)
    ranks = [(2 * sizes.index(abs(d)) + sizes.count(abs(d)) + 1) * int(np.sign(d)) for d in whole]
    sums = [sum(r for r, g in zip(ranks, groups, strict=True) if g == group) for group in sorted(set(groups))]
    flipped = [
        abs(sum(s * w for s, w in zip(signs, sums, strict=True))) for signs in product((1, -1), repeat=len(sums))
    ]

    share = sum(value >= abs(sum(sums)) for value in flipped) / len(flipped)
    assert finding.details["cluster"]["p_value"] == pytest.approx(share)
    assert finding.details["cluster"]["n_clusters"] == len(sums)


def test_no_pairs_have_no_test():
    """Without a pair nothing is defined, and the reason says so."""
    finding = deltas([])

    assert (finding.p_value, finding.estimate, finding.summary["hodges_lehmann"]) == (None, None, None)
    assert finding.reason == "there are no complete pairs"


def test_options_are_checked():
    """An unknown rule for zeros is refused."""
    with pytest.raises(ValueError, match="'zeros' must be in"):
        Wilcoxon(zeros="zsplit")


def test_keeps_the_contract():
    """What exx asks of every analysis: see exx.testing."""
    check_analysis(Wilcoxon)
