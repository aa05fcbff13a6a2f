"""The cluster-robust interval and test agree with R, hold their level by simulation, and keep their symmetries."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from exx import Address, Metric, PairedSample
from exx.testing import check_analysis
from exx.testing.strategies import paired_samples
from exx_cluster_robust.analysis import ClusterRobust

GOLDEN = json.loads((Path(__file__).parent / "data" / "golden.json").read_text())["cases"]
HERE = Address(temp=0.0, type="open")
EM = Metric("em", "Exact match")


def sample(control, treatment, groups=None):
    pairs = [(c, t) for c, t in zip(control, treatment, strict=True) if None not in (c, t)]
    arms = np.array(pairs, dtype=float).reshape(-1, 2).T
    clusters = None if groups is None else np.array(groups, dtype=np.int64)
    return PairedSample(address=HERE, metric=EM, control=arms[0], treatment=arms[1], groups=clusters)


def analyze(some, **options):
    (finding,) = ClusterRobust(**options).analyze(some, np.random.default_rng(0))
    return finding


def test_keeps_the_contracts():
    """Mirrored arms, permuted items, edge cases with a reason, and no NaN."""
    check_analysis(ClusterRobust)


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_without_groups_it_is_the_paired_t_test(case):
    """Mean, standard error, p and limits of R's t.test; None where it has none."""
    finding, expected = analyze(sample(case["control"], case["treatment"])), case["expected"]["mean_delta"]

    assert finding.estimate == pytest.approx(expected["mean"])
    if not expected.get("se"):
        assert (finding.low, finding.high) == (None, None)
        assert finding.reason
        return
    assert (finding.details["se"], finding.details["df"]) == pytest.approx((expected["se"], expected["df"]))
    assert finding.p_value == pytest.approx(expected["p_two_sided"], rel=1e-10)
    assert [finding.low, finding.high] == pytest.approx(expected["ci95"], rel=1e-10)
    assert finding.default_for == {"p_value": 10, "interval": 10}


@pytest.mark.parametrize("case", [case for case in GOLDEN if case["cluster"]], ids=lambda case: case["name"])
def test_agrees_with_clubsandwich(case):
    """CR1 and CR2 errors, Satterthwaite's df, p-values and design effect; the item-level test stands beside."""
    finding = analyze(sample(case["control"], case["treatment"], case["cluster"]))
    expected, details = case["expected"]["clustered"], finding.details

    for name in ("n_clusters", "se_cr0", "se_cr1", "se_cr2", "df_cr2", "se_miller"):
        assert details[name] == pytest.approx(expected[name], rel=1e-9)
    assert finding.p_value == details["cr2_p"] == pytest.approx(expected["p_cr2"], rel=1e-9)
    assert details["cr1_p"] == pytest.approx(expected["p_cr1_t_G_minus_1"], rel=1e-9)
    assert finding.summary["design_effect"] == pytest.approx(expected["design_effect_cr1"], rel=1e-9)
    assert details["se_items"] == pytest.approx(expected["se_iid"])
    assert details["items"]["p_value"] == pytest.approx(case["expected"]["mean_delta"]["p_two_sided"])
    assert finding.default_for == {"p_value": 40, "interval": 40}


def test_the_correction_can_be_chosen():
    """CR1's interval and p are the finding's where they are asked for."""
    (case,) = [case for case in GOLDEN if case["name"] == "p23_cluster_bootstrap"]
    finding = analyze(sample(case["control"], case["treatment"], case["cluster"]), correction="cr1")

    assert finding.p_value == pytest.approx(case["expected"]["clustered"]["p_cr1_t_G_minus_1"])
    assert [finding.low, finding.high] == finding.details["cr1_interval"]
    with pytest.raises(ValueError, match="'correction' must be in"):
        ClusterRobust(correction="cr3")


def test_lopsided_groups_speak_for_the_treatment():
    """Ten passages of two gains or a gain and a tie: the interval lies above zero and holds its own mean."""
    finding = analyze(sample([0] * 20, [1, 1, 1, 0] * 5, [index // 2 for index in range(20)]))

    assert finding.estimate == pytest.approx(0.75)
    assert 0 < finding.low < 0.75 < finding.high
    assert finding.low < finding.details["ci_90"][0]


@given(paired_samples(groups=True, max_size=20))
def test_interval_and_test_agree(some):
    """The 95 % interval takes in zero exactly when p is not below 5 %."""
    finding = analyze(some)

    if finding.low is not None and abs(finding.p_value - 0.05) > 1e-9:
        assert (finding.low <= 0 <= finding.high) == (finding.p_value >= 0.05)


def test_a_true_null_is_rejected_about_one_time_in_twenty():
    """40 passages of 5 questions, correlated 0.3: 400 tests reject 5 % within four standard errors; items more."""
    rng = np.random.default_rng(12)
    groups, rejected, by_items = np.repeat(np.arange(40), 5), 0, 0
    for _ in range(400):
        deltas = np.repeat(rng.normal(0, 0.3**0.5, 40), 5) + rng.normal(0, 0.7**0.5, 200)
        finding = analyze(sample(np.zeros(200), np.round(deltas, 6), groups))
        rejected += finding.p_value < 0.05
        by_items += finding.details["items"]["p_value"] < 0.05

    assert abs(rejected / 400 - 0.05) < 4 * (0.05 * 0.95 / 400) ** 0.5
    assert by_items / 400 > 0.12


@pytest.mark.parametrize(
    ("control", "treatment", "groups", "p", "reason"),
    [
        pytest.param([], [], [], None, "no complete pairs", id="none"),
        pytest.param([0], [1], [0], None, "two complete pairs", id="one"),
        pytest.param([0, 0, 0], [1, 1, 1], [0, 0, 1], None, "all deltas are equal", id="constant"),
        pytest.param([1, 0, 1], [1, 0, 1], [0, 0, 1], 1.0, "all deltas are equal", id="ties"),
        pytest.param([0, 0, 1], [1, 0, 1], [0, 0, 0], None, "two groups", id="one-group"),
    ],
)
def test_what_is_not_defined_has_a_reason(control, treatment, groups, p, reason):
    """No interval without a spread between groups; p is 1 only where every delta is 0."""
    finding = analyze(sample(control, treatment, groups))

    assert (finding.low, finding.high, finding.p_value) == (None, None, p)
    assert reason in finding.reason
