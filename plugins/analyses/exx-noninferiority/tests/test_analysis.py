"""Non-inferiority and equivalence agree with R, keep to their margins, and know which direction is good."""

from __future__ import annotations

import json
import os
from math import erfc, sqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from exx import Address, Metric, PairedBlock, PairedSample
from exx.testing import check_analysis
from exx_noninferiority.analysis import NonInferiority
from exx_noninferiority.score import interval, score

GOLDEN = json.loads((Path(__file__).parent / "data" / "golden.json").read_text())["cases"]
HERE = Address(temp=0.0, type="open")
SIDES = {"p_lower": "p_lower", "p_upper": "p_upper", "p_tost": "p_tost", "p_non_inferiority": "p_noninferior"}
SCORE, T, ROBUST = "score test of paired proportions, items", "t test, items", "t test, cluster-robust (CR2)"
fifths = st.lists(st.integers(-5, 5), min_size=2, max_size=40)


def sample(control, treatment, cluster=None, *, binary=False, higher=True, name="em"):
    pairs = [(c, t) for c, t in zip(control, treatment, strict=True) if None not in (c, t)]
    arms = np.array(pairs, dtype=float).reshape(-1, 2).T
    groups = None if cluster is None else np.array(cluster)
    metric = Metric(name, name, higher_is_better=higher, binary=binary)
    return PairedSample(address=HERE, metric=metric, control=arms[0], treatment=arms[1], groups=groups)


def analyze(some, margin=0.05, **options):
    block = PairedBlock(address=HERE, samples={some.metric.name: some}, n_items=some.n, n_unpaired={})
    margins = {some.metric.name: margin}
    (finding,) = NonInferiority(tost_margins=margins, **options).analyze(block, np.random.default_rng(0))
    return finding


def deltas(values, **rest):
    return sample([0.0] * len(values), values, **rest)


def assert_sides(found, expected):
    for ours, theirs in SIDES.items():
        assert found[ours] == (None if expected[theirs] is None else pytest.approx(expected[theirs], rel=1e-8))


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_means_agree_with_golden(case):
    """R's one-sided t tests at both margins and the 90 % interval; null where deltas do not vary."""
    finding = analyze(sample(case["control"], case["treatment"]))

    assert_sides(finding.details, case["means"])
    assert finding.details["ci_90"] == (case["means"]["ci90"] and pytest.approx(case["means"]["ci90"], rel=1e-8))
    assert (finding.reason is None) == (finding.p_value is not None)


@pytest.mark.parametrize("case", [case for case in GOLDEN if "proportions" in case], ids=lambda case: case["name"])
def test_proportions_agree_with_golden(case):
    """The score test at both margins, also for one pair and for arms that never disagree, and Tango's interval."""
    finding = analyze(sample(case["control"], case["treatment"], binary=True))

    assert finding.details["method"] == SCORE
    assert_sides(finding.details, case["proportions"])
    assert finding.details["ci_95"] == pytest.approx(case["tango"], abs=1e-9)
    if case["means"]["p_lower"] is not None:
        assert_sides(finding.details["beside"][T], case["means"])


@pytest.mark.parametrize("case", [case for case in GOLDEN if "clustered" in case], ids=lambda case: case["name"])
def test_groups_take_the_cluster_robust_error(case):
    """The t tests with the CR2 standard error and degrees of freedom of R's clubSandwich; the items' tests beside."""
    stats = pytest.importorskip("scipy.stats")
    finding = analyze(sample(case["control"], case["treatment"], case["cluster"], binary="proportions" in case))
    se, df = case["clustered"]["se_cr2"], case["clustered"]["df_cr2"]

    assert finding.details["method"] == ROBUST
    assert finding.details["p_lower"] == pytest.approx(stats.t.sf((finding.estimate + 0.05) / se, df), rel=1e-7)
    assert finding.details["p_upper"] == pytest.approx(stats.t.cdf((finding.estimate - 0.05) / se, df), rel=1e-7)
    assert_sides(finding.details["beside"][T], case["means"])
    if "proportions" in case:
        assert_sides(finding.details["beside"][SCORE], case["proportions"])


@pytest.mark.parametrize("name", ["p11_fifths_n2000", "p12_f1_n12000"])
def test_agrees_with_golden_at_size(name):
    """p-values of 4e-37 keep their digits."""
    if "EXX_GOLDEN" not in os.environ:
        pytest.skip("EXX_GOLDEN names no folder with the golden files")
    case = json.loads((Path(os.environ["EXX_GOLDEN"]) / f"{name}.json").read_text())
    finding = analyze(sample(case["inputs"]["control"], case["inputs"]["treatment"]))

    assert_sides(finding.details, case["expected"]["equivalence_means"])


def test_entry_has_the_keys_of_the_contract():
    """significance.json holds margin, alpha, p_value, non_inferior, mean_delta and ci_95 under tost and the metric."""
    finding = analyze(deltas([0.2, -0.2, 0.4, 0.0]))

    assert finding.block_path == ("tost", "em")
    assert {"margin", "alpha", "non_inferior", "mean_delta", "ci_95"} <= finding.details.keys()
    assert finding.p_value == finding.details["p_non_inferiority"]
    assert finding.details["mean_delta"] == finding.estimate == pytest.approx(0.1)
    assert dict(finding.default_for) == {}


def test_arms_that_never_disagree_by_hand():
    """T(−Δ) = √(nΔ/(1 − Δ)) for b = c = 0: 400 pairs and a margin of 0.01 give √(4/0.99) = 2.0101, p = 0.0222."""
    finding = analyze(deltas([0.0] * 400, binary=True), 0.01)
    p_value = erfc(sqrt(4 / 0.99) / sqrt(2)) / 2

    assert finding.p_value == finding.details["p_tost"] == pytest.approx(p_value, rel=1e-12)
    assert (finding.details["non_inferior"], finding.details["equivalent"]) == (True, True)


def test_lopsided_gain_is_non_inferior_and_not_equivalent():
    """90 gains, 5 losses: better by far more than the margin, so not within it; swapped, it is inferior."""
    gains = [1.0] * 90 + [-1.0] * 5 + [0.0] * 5
    gain, loss = analyze(deltas(gains, binary=True)), analyze(deltas([-d for d in gains], binary=True))

    assert (gain.details["non_inferior"], gain.details["equivalent"]) == (True, False)
    assert (loss.details["non_inferior"], loss.details["equivalent"]) == (False, False)
    assert (gain.p_value < 1e-6, loss.p_value > 1 - 1e-6) == (True, True)


@pytest.mark.parametrize("binary", [True, False])
def test_sign_is_flipped_where_lower_is_better(binary):
    """Of a rate of something unwanted a rise is a loss: the p-values are those of the mirrored deltas."""
    values = [1.0] * 30 + [-1.0] * 10 + [0.0] * 20
    rise = analyze(deltas(values, binary=binary, higher=False))
    mirrored = analyze(deltas([-value for value in values], binary=binary))

    assert rise.p_value == pytest.approx(mirrored.p_value)
    assert rise.details["p_upper"] == pytest.approx(mirrored.details["p_upper"])
    assert rise.estimate == -mirrored.estimate > 0
    assert rise.details["non_inferior"] is False


def test_no_good_direction_leaves_equivalence():
    """Where neither direction is good there is nothing to be inferior in; the p-value is that of equivalence."""
    finding = analyze(deltas([0.2, -0.2] * 40, higher=None))

    assert finding.details["non_inferior"] is None
    assert finding.p_value == finding.details["p_tost"]
    assert finding.reason == "non_inferior: neither direction of this metric is good by itself"


@given(fifths, st.sampled_from([0.01, 0.05, 0.3]), st.booleans())
def test_decision_is_that_of_the_interval(whole, margin, binary):
    """Non-inferior just when the interval lies above −margin; equivalent just when it lies within ±margin."""
    values = [float(np.sign(w)) if binary else w / 5 for w in whole]
    finding = analyze(deltas(values, binary=binary), margin)
    assume(finding.low is not None)
    assume(min(abs(finding.low + margin), abs(finding.high - margin)) > 1e-9)

    assert finding.level == pytest.approx(0.9)
    assert finding.details["non_inferior"] == (finding.low > -margin)
    assert finding.details["equivalent"] == (-margin < finding.low and finding.high < margin)
    assert finding.low <= finding.estimate <= finding.high


@given(fifths, st.randoms(), st.booleans())
def test_swapping_arms_mirrors_and_shuffling_changes_nothing(whole, random, binary):
    """The interval turns round, the two one-sided tests change places, and the order of the items is not seen."""
    values = [float(np.sign(w)) if binary else w / 5 for w in whole]
    shuffled = random.sample(values, len(values))
    here = analyze(deltas(values, binary=binary))
    there = analyze(sample(shuffled, [0.0] * len(shuffled), binary=binary))
    assume(here.low is not None)

    assert (there.low, there.high) == (pytest.approx(-here.high, abs=1e-9), pytest.approx(-here.low, abs=1e-9))
    assert there.details["p_lower"] == pytest.approx(here.details["p_upper"], rel=1e-9, abs=1e-12)
    assert there.details["p_tost"] == pytest.approx(here.details["p_tost"], rel=1e-9, abs=1e-12)
    assert analyze(deltas(shuffled, binary=binary)) == here


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 60))
def test_interval_is_where_the_score_is_not_extreme(b, c, rest):
    """At its ends the score statistic is ±1.96."""
    n = b + c + rest
    low, high = interval(b, c, n, 0.95)

    assert score(b, c, n, low) == pytest.approx(1.959963984540054, abs=1e-6)
    assert score(b, c, n, high) == pytest.approx(-1.959963984540054, abs=1e-6)


def test_replicates_are_tested_as_means():
    """Means over five answers are no proportions of pairs, though every single answer is right or wrong."""
    assert analyze(deltas([0.2, 0.4, -0.2, 0.0], binary=True)).details["method"] == T


@pytest.mark.parametrize(
    ("some", "reason"),
    [
        (deltas([]), "there are no complete pairs"),
        (deltas([0.4]), "two complete pairs"),
        (deltas([0.4, 0.4, 0.4]), "all deltas are equal"),
        (deltas([0.4, 0.2, 0.4], cluster=[0, 0, 0]), "all items share one"),
        (deltas([0.0] * 4, cluster=[0, 0, 1, 1], binary=True), "all deltas are equal"),
    ],
    ids=["none", "one", "constant", "one group", "groups that agree"],
)
def test_no_spread_means_no_verdict(some, reason):
    """What cannot be tested is not declared non-inferior."""
    finding = analyze(some)

    assert (finding.p_value, finding.low, finding.high) == (None, None, None)
    assert (finding.details["non_inferior"], finding.details["equivalent"], finding.details["ci_95"]) == (None,) * 3
    assert reason in finding.reason


def test_only_metrics_with_a_margin_are_tested():
    """The defaults have margins for em and f1, and a block without them has no finding."""
    block = PairedBlock(address=HERE, samples={"x": deltas([0.1, 0.2], name="x")}, n_items=2, n_unpaired={})

    assert list(NonInferiority().analyze(block, np.random.default_rng(0))) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tost_margins": {"em": 0.0}}, "must be > 0"),
        ({"tost_margins": {"em": 2.0}}, "must be <= 1"),
        ({"tost_alpha": 0.5}, "'tost_alpha' must be < 0.5"),
    ],
)
def test_options_are_checked(options, message):
    """A margin of nothing, one beyond the scale, and a level that would accept anything are refused."""
    with pytest.raises(ValueError, match=message):
        NonInferiority(**options)


def test_contracts():
    """What every analysis keeps: mirrored arms, any order of items, the same seed, no NaN, a reason for every None."""
    check_analysis(NonInferiority(tost_margins={"em": 0.05, "f1": 0.05, "abstain_rate": 0.1}))
