"""The bootstrap's limits agree with R's exact laws, with brute resampling, and with their own symmetries."""

from __future__ import annotations

import json
import os
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exx import Address, Metric, PairedSample
from exx_paired_bootstrap.analysis import PairedBootstrap
from exx_paired_bootstrap.interval import of_groups
from exx_paired_bootstrap.laws import LatticeLaw, SampledLaw, SmoothLaw, law_of

GOLDEN = json.loads((Path(__file__).parent / "data" / "golden.json").read_text())["cases"]
HERE = Address(temp=0.0, type="open")
EM = Metric("em", "Exact match")


def sample(control, treatment, cluster=None):
    pairs = [(c, t) for c, t in zip(control, treatment, strict=True) if None not in (c, t)]
    arms = np.array(pairs, dtype=float).reshape(-1, 2).T
    groups = None if cluster is None else np.array(cluster)
    return PairedSample(address=HERE, metric=EM, control=arms[0], treatment=arms[1], groups=groups)


def analyze(some, seed=0, **options):
    (finding,) = PairedBootstrap(**options).analyze(some, np.random.default_rng(seed))
    return finding


def deltas(values):
    return sample([0.0] * len(values), values)


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_agrees_with_golden(case):
    """BCa and percentile limits, z0, acceleration and standard error are those of the exact law."""
    finding = analyze(sample(case["control"], case["treatment"], case["cluster"]))
    expected, details = case["expected"], finding.details

    if expected["degenerate"]:
        assert (finding.low, finding.high, finding.summary["ci_95"]) == (None, None, None)
        assert finding.reason
        return
    assert [finding.low, finding.high] == pytest.approx(expected["bca95"], abs=1e-12)
    assert finding.summary["ci_95"] == [finding.low, finding.high]
    assert details["percentile"] == pytest.approx(expected["percentile95"], abs=1e-12)
    assert (details["z0"], details["acceleration"]) == pytest.approx((expected["z0"], expected["a"]), abs=1e-10)
    assert details["se"] == pytest.approx(expected["se_boot"], rel=1e-10)


@pytest.mark.parametrize("name", ["p11_fifths_n2000", "p12_f1_n12000"])
def test_agrees_with_golden_at_size(name):
    """2,000 means of five answers, and 12,000 differences of F1 through the characteristic function."""
    if "EXX_GOLDEN" not in os.environ:
        pytest.skip("EXX_GOLDEN names no folder with the golden files")
    case = json.loads((Path(os.environ["EXX_GOLDEN"]) / f"{name}.json").read_text())
    finding = analyze(sample(case["inputs"]["control"], case["inputs"]["treatment"]))
    expected = case["expected"]["bootstrap"]

    assert [finding.low, finding.high] == pytest.approx(expected["bca95"], abs=1e-10)
    assert finding.details["percentile"] == pytest.approx(expected["percentile95"], abs=1e-10)
    assert finding.details["z0"] == pytest.approx(expected["z0"], abs=1e-10)


def test_whole_groups_are_resampled():
    """The limits of golden p23, whose 5^5 ways to resample its five passages can all be listed."""
    (case,) = [case for case in GOLDEN if "cluster_percentile95" in case["expected"]]
    some = sample(case["control"], case["treatment"], case["cluster"])
    cluster = analyze(some, bootstrap_samples=20000).details["cluster"]

    # Drawn limits may fall on the neighbouring attainable mean: with 5 to 25 items a resample those are 1/30 apart.
    assert [cluster["low"], cluster["high"]] == pytest.approx(case["expected"]["cluster_percentile95"], abs=0.04)
    assert cluster["n_clusters"] == 5


def test_one_group_says_nothing_about_groups():
    """With a single passage there is nothing to resample: None with a reason, and the items' own interval stays."""
    finding = analyze(sample([0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [0, 0, 0]))

    assert finding.low is not None
    assert finding.details["cluster"]["low"] is None
    assert finding.details["cluster"]["reason"] == "an interval needs two groups"


@pytest.mark.parametrize("groups", [40, 400])
def test_both_ways_to_draw_groups_agree(groups):
    """Few distinct groups are drawn as counts, many one by one; the limits agree with the normal ones."""
    rng = np.random.default_rng(5)
    sums, sizes = np.repeat([-1.0, 0.0, 2.0, 1.0], groups), np.repeat([2, 2, 3, 2], groups)
    jittered = np.round(sums + rng.normal(0, 1e-6, len(sums)), 12)
    few, many = (of_groups(some, sizes, 20000, rng) for some in (sums, jittered))

    assert few["low"] == pytest.approx(many["low"], rel=0.03)
    assert few["high"] == pytest.approx(many["high"], rel=0.03)


@given(st.lists(st.integers(-2, 2), min_size=2, max_size=6).filter(lambda whole: len(set(whole)) > 1))
def test_lattice_law_is_the_list_of_all_resamples(whole):
    """Every one of n^n resamples of up to six items, counted."""
    values, counts = np.unique(whole, return_counts=True)
    law = LatticeLaw.of(values, counts, 2)
    sums = np.sort([sum(drawn) for drawn in product(whole, repeat=len(whole))])
    below = (np.sum(sums < sum(whole)) + np.sum(sums == sum(whole)) / 2) / len(sums)

    assert law.share_below() == pytest.approx(below, abs=1e-12)
    for level in (0.025, 0.5, 0.975):
        share = np.arange(1, len(sums) + 1) / len(sums)
        assert law.quantile(level) == pytest.approx(sums[np.searchsorted(share, level - 1e-12)] / (2 * len(whole)))


@given(st.lists(st.integers(-5, 5), min_size=2, max_size=60).filter(lambda whole: len(set(whole)) > 1))
def test_swapping_the_arms_mirrors_the_interval(whole):
    """Relabelling the arms mirrors estimate and limits, up to the one step that a limit on an atom may take."""
    here, there = (analyze(deltas([sign * value / 5 for value in whole])) for sign in (1, -1))
    step = 1 / (5 * len(whole)) + 1e-9

    assert here.estimate == pytest.approx(-there.estimate)
    assert abs(here.low + there.high) <= step
    assert abs(here.high + there.low) <= step
    assert here.low <= here.estimate + step
    assert here.estimate - step <= here.high


def test_lopsided_deltas_speak_for_the_treatment():
    """Eight gains and one loss among twenty items: the interval lies above zero."""
    finding = analyze(deltas([1] * 8 + [-1] + [0] * 11))

    assert finding.estimate == pytest.approx(0.35)
    assert 0 < finding.low < 0.35 < finding.high


@given(st.permutations([0.0, 0.2, 0.2, -0.4, 1.0, 0.6, 0.0, -0.2]))
def test_order_of_the_items_changes_nothing(values):
    """The finding is the same for every order of the items."""
    assert analyze(deltas(values)) == analyze(deltas(sorted(values)))


def test_smooth_law_agrees_with_brute_resampling():
    """200 skewed deltas: quantiles within the error of 200,000 resamples of the items themselves."""
    rng = np.random.default_rng(11)
    values = np.sort(np.round(rng.beta(0.5, 2, 200) - 0.1, 9))
    law = law_of(values, np.ones(200, dtype=np.int64), None, 100, rng)
    brute = np.concatenate([rng.choice(values, size=(20000, 200)).mean(axis=1) for _ in range(10)])

    assert isinstance(law, SmoothLaw)
    for level in (0.025, 0.5, 0.975):
        assert law.quantile(level) == pytest.approx(np.quantile(brute, level), abs=2e-4)
    assert law.share_below() == pytest.approx(np.mean(brute < values.mean()), abs=0.005)


def test_few_continuous_deltas_are_resampled_as_counts():
    """Nine continuous deltas: limits near those of brute resampling, and the same for the same generator."""
    values = [0.123456789, -0.03141592, 0.2718281828, 0.5772156649, 0.11, 0.0123, 0.31, -0.2, 0.07]
    some = deltas(values)
    first, again = (analyze(some, bootstrap_samples=50000) for _ in range(2))
    brute = np.random.default_rng(1).choice(values, size=(100000, 9)).mean(axis=1)

    assert isinstance(law_of(*some.unique, some.lattice, 100, np.random.default_rng(0)), SampledLaw)
    assert "50000 multinomial resamples" in first.details["law"]
    assert first == again
    assert first.details["percentile"] == pytest.approx(np.quantile(brute, [0.025, 0.975]), abs=0.006)


def test_nearly_lattice_deltas_are_not_smoothed():
    """Two odd values among 500 wins and losses leave steps in the law, so it is drawn."""
    rng = np.random.default_rng(2)
    values = np.concatenate([[-1.0, 0.0, 1.0], np.round(rng.random(40) * 1e-6, 12)])
    counts = np.array([2000, 2000, 2000, *[1] * 40])

    assert isinstance(law_of(np.sort(values), counts, None, 100, rng), SampledLaw)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        pytest.param([], "there are no complete pairs", id="none"),
        pytest.param([0.2], "an interval needs two complete pairs", id="one"),
        pytest.param([0.2, 0.2], "all deltas are equal", id="constant"),
    ],
)
def test_no_interval_without_spread(values, reason):
    """No pair, one pair or constant deltas: None and the reason, never a point that reads as certainty."""
    finding = analyze(deltas(values))

    assert (finding.low, finding.high) == (None, None)
    assert finding.reason.startswith(reason)


def test_two_items_have_an_interval():
    """The four resamples of 0 and 1 have means 0, ½, ½ and 1."""
    assert analyze(deltas([0.0, 1.0]), method="percentile").summary["ci_95"] == [0.0, 1.0]


def test_options_are_checked():
    """Unknown methods and too few resamples are refused."""
    with pytest.raises(ValueError, match="'method' must be in"):
        PairedBootstrap(method="basic")
    with pytest.raises(ValueError, match="'bootstrap_samples' must be >= 100"):
        PairedBootstrap(bootstrap_samples=10)
