"""The bootstrap's limits agree with R's exact laws, with brute resampling, and with their own symmetries."""

from __future__ import annotations

import json
import os
from itertools import product
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exx import Address, Metric, PairedSample
from exx.testing import check_analysis
from exx_paired_bootstrap.analysis import PairedBootstrap
from exx_paired_bootstrap.groups import SeriesLaw, group_intervals
from exx_paired_bootstrap.interval import from_ratios
from exx_paired_bootstrap.laws import LatticeLaw, SmoothLaw, law_of

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
    finding = analyze(sample(case["control"], case["treatment"]))
    expected, details = case["expected"], finding.details

    if expected["degenerate"]:
        assert (finding.low, finding.high, details["ci_90"]) == (None, None, None)
        assert finding.reason
        return
    assert [finding.low, finding.high] == pytest.approx(expected["bca95"], abs=1e-12)
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


@pytest.mark.parametrize(
    "case", [case for case in GOLDEN if "studentised" in case["expected"]], ids=lambda case: case["name"]
)
def test_studentised_limits_agree_with_golden(case):
    """All resamples of wins, losses and ties, listed; too many without spread leave the limits undefined."""
    finding = analyze(sample(case["control"], case["treatment"]), method="studentised")
    expected = case["expected"]["studentised"]

    assert finding.details["degenerate_share"] == pytest.approx(expected["p_degenerate"], abs=1e-10)
    if expected["p_degenerate"] > 0.01:
        assert (finding.low, finding.high) == (None, None)
        assert "have no spread" in finding.reason
    else:
        assert [finding.low, finding.high] == pytest.approx(expected["ci95"], rel=1e-9)
        assert "listed" in finding.details["studentised_law"]


def test_drawn_studentised_limits_are_near_the_listed_ones():
    """200 wins, losses and ties, with the 20,301 resamples listed, and with 40,000 drawn in their place."""
    rng = np.random.default_rng(7)
    some = deltas([1.0] * 40 + [-1.0] * 20 + [0.0] * 140)
    listed = analyze(some, method="studentised")
    centred = some.unique[0] - some.mean_delta
    rows = np.stack([centred, centred**2], axis=1)
    drawn = np.repeat(rows, some.unique[1], axis=0)
    totals = rng.multinomial(200, some.unique[1] / 200, size=40000) @ rows
    shift, error = totals[:, 0] / 200, (rows[:, 1] @ some.unique[1] / 199 / 200) ** 0.5
    variance = (totals[:, 1] - 200 * shift**2) / 199 / 200
    found = from_ratios(shift, variance, np.ones(40000), centre=some.mean_delta, error=error)

    assert len(drawn) == 200
    assert [listed.low, listed.high] == pytest.approx(found["studentised"], abs=0.004)


def test_whole_groups_are_resampled():
    """Golden p23: the percentile limits and the standard error of all 5^5 ways to resample its five passages."""
    (case,) = [case for case in GOLDEN if "cluster_bootstrap" in case["expected"]]
    finding = analyze(sample(case["control"], case["treatment"], case["cluster"]))
    expected = case["expected"]["cluster_bootstrap"]

    assert finding.details["percentile"] == pytest.approx(expected["percentile95"], abs=1e-9)
    assert finding.details["law"] == "exact (all 126 resamples listed)"
    assert (finding.details["unit"], finding.details["n_clusters"]) == ("group", 5)
    assert finding.details["items"]["interval"] == pytest.approx(case["expected"]["bca95"], abs=1e-12)
    assert finding.summary == {"ci_95_cluster_bootstrap": [finding.low, finding.high]}


def test_one_group_says_nothing_about_groups():
    """With a single passage there is nothing to resample: None with a reason, and the items' own interval beside."""
    finding = analyze(sample([0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [0, 0, 0]))

    assert (finding.low, finding.high) == (None, None)
    assert "needs two groups" in finding.reason
    assert finding.details["items"]["interval"] is not None


@pytest.mark.parametrize("groups", [40, 100])
def test_both_ways_to_draw_groups_agree(groups):
    """Few distinct groups are drawn as counts, many one by one; the limits agree with the normal ones."""
    rng = np.random.default_rng(5)
    sums, sizes = np.repeat([-1.0, 0.0, 2.0, 1.0], groups), np.repeat([2, 2, 3, 2], groups)
    jittered = np.round(sums + rng.normal(0, 1e-6, len(sums)), 12)
    few, many = (group_intervals(some, sizes, None, 20000, rng)["percentile"] for some in (sums, jittered))

    assert few == pytest.approx(many, rel=0.03)


def test_series_agrees_with_drawn_groups():
    """600 skewed groups of one to nine items: quantiles within the error of 100,000 resamples."""
    rng = np.random.default_rng(8)
    sizes = rng.integers(1, 10, 600)
    sums = np.round(sizes * (rng.gamma(0.5, 0.2, 600) - 0.05), 9)
    law = SeriesLaw.of(sums, sizes)
    picked = [rng.integers(0, 600, (5000, 600)) for _ in range(20)]
    brute = np.concatenate([sums[p].sum(axis=1) / sizes[p].sum(axis=1) for p in picked])

    for level in (0.025, 0.5, 0.975):
        assert law.quantile(level) == pytest.approx(np.quantile(brute, level), abs=brute.std() / 50)
    assert law.share_below() == pytest.approx(np.mean(brute < law.mean), abs=0.005)


def test_groups_of_one_size_have_an_exact_law():
    """Sixty passages of three questions: no ratio, so the law of their means is convolved, and nothing is drawn."""
    rng = np.random.default_rng(9)
    values = rng.integers(-1, 2, 180).astype(float)
    some = sample([0.0] * 180, values.tolist(), np.repeat(np.arange(60), 3))
    one, other = (analyze(some, seed) for seed in (1, 2))
    means = values.reshape(60, 3).mean(axis=1)
    brute = means[rng.integers(0, 60, (100000, 60))].mean(axis=1)

    assert one == other
    assert "convolution" in one.details["law"]
    assert one.details["percentile"] == pytest.approx(np.quantile(brute, [0.025, 0.975]), abs=1 / 180 + 1e-9)


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
    """Relabelling the arms mirrors estimate and limits, to the last digit."""
    here, there = (analyze(deltas([sign * value / 5 for value in whole])) for sign in (1, -1))
    step = 1 / (5 * len(whole)) + 1e-9

    assert here.estimate == pytest.approx(-there.estimate)
    assert (here.low, here.high) == pytest.approx((-there.high, -there.low), abs=1e-12)
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


def test_few_continuous_deltas_have_all_their_resamples_listed():
    """Nine continuous deltas have 24,310 resamples: none is drawn, and the limits are near brute resampling's."""
    values = [0.123456789, -0.03141592, 0.2718281828, 0.5772156649, 0.11, 0.0123, 0.31, -0.2, 0.07]
    some = deltas(values)
    first, again = (analyze(some, seed=seed) for seed in range(2))
    brute = np.random.default_rng(1).choice(values, size=(100000, 9)).mean(axis=1)

    assert first.details["law"] == "exact (all 24,310 resamples listed)"
    assert first == again
    assert first.details["percentile"] == pytest.approx(np.quantile(brute, [0.025, 0.975]), abs=0.006)


def test_fifteen_continuous_deltas_need_no_draws():
    """Too many resamples to list, too few deltas to smooth: no seed, and the limits are near brute resampling's."""
    values = np.round(np.random.default_rng(4).normal(0.1, 0.3, 15), 9)
    some = deltas(values.tolist())
    first, again = (analyze(some, seed=seed) for seed in range(2))
    brute = np.random.default_rng(1).choice(values, size=(400000, 15)).mean(axis=1)

    assert "deltas rounded to 1/" in first.details["law"]
    assert first == again
    assert first.details["percentile"] == pytest.approx(np.quantile(brute, [0.025, 0.975]), abs=0.001)
    share = np.mean(brute < values.mean())
    assert first.details["z0"] == pytest.approx(NormalDist().inv_cdf(share), abs=0.007)


def test_drawn_limits_are_mirrored_to_the_last_digit():
    """Where something is drawn, swapped arms still have the mirrored interval, of items and of groups."""
    values = np.round(np.random.default_rng(4).normal(0.05, 0.3, 40), 9)
    groups = np.random.default_rng(5).integers(0, 13, 40)
    zeros = [0.0] * 40
    for some in (None, groups):
        here, there = sample(zeros, values.tolist(), some), sample(values.tolist(), zeros, some)
        for method in ("bca", "percentile", "studentised"):
            one, other = analyze(here, method=method), analyze(there, method=method)
            assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-12)


def test_nearly_lattice_deltas_are_not_smoothed():
    """Forty odd values among wins, losses and ties leave steps in the law, so the lattice is kept."""
    rng = np.random.default_rng(2)
    values = np.concatenate([[-1.0, 0.0, 1.0], np.round(rng.random(40) * 1e-6, 12)])
    counts = np.array([2000, 2000, 2000, *[1] * 40])

    law = law_of(np.sort(values), counts[np.argsort(values)], None, 100, rng)
    steps = law_of(np.array([-1.0, 0.0, 1.0]), np.array([2000, 2040, 2000]), 1, 100, rng)
    assert "deltas rounded to 1/" in law.title
    assert law.quantile(0.975) == pytest.approx(steps.quantile(0.975), abs=1e-6)


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
    assert analyze(deltas([0.0, 1.0]), method="percentile").details["percentile"] == [0.0, 1.0]


def test_options_are_checked():
    """Unknown methods and too few resamples are refused."""
    with pytest.raises(ValueError, match="'method' must be in"):
        PairedBootstrap(method="basic")
    with pytest.raises(ValueError, match="'bootstrap_samples' must be >= 100"):
        PairedBootstrap(bootstrap_samples=10)


def test_keeps_the_contract():
    """What exx asks of every analysis: see exx.testing."""
    check_analysis(PairedBootstrap)
