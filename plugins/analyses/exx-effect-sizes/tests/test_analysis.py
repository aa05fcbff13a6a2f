"""Effect sizes agree with R, with brute counting, and with their own symmetries."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exx import Address, Metric, PairedSample
from exx.testing import check_analysis
from exx_effect_sizes.analysis import EffectSizes
from exx_effect_sizes.noncentral import _below, correction, limits

GOLDEN = json.loads((Path(__file__).parent / "data" / "golden.json").read_text())["cases"]
HERE = Address(temp=0.0, type="open")
fifths = st.integers(0, 5).map(lambda k: k / 5)
NAMES = ("g_z", "d_av", "sign_rate_nonzero", "prob_superiority", "cliffs_delta_between", "rank_biserial", "cohens_h")


def analyze(control, treatment, *, binary=True):
    pairs = [(c, t) for c, t in zip(control, treatment, strict=True) if None not in (c, t)]
    arms = np.array(pairs, dtype=float).reshape(-1, 2).T
    metric = Metric("em", "Exact match", binary=binary)
    some = PairedSample(address=HERE, metric=metric, control=arms[0], treatment=arms[1])
    (finding,) = EffectSizes().analyze(some, np.random.default_rng(0))
    return finding


def agrees(finding, expected):
    assert finding.estimate == (None if expected["d_z"] is None else pytest.approx(expected["d_z"]))
    if expected["d_z_ci95"]:
        assert [finding.low, finding.high] == pytest.approx(expected["d_z_ci95"], rel=1e-9, abs=1e-10)
        assert finding.details["g_z_ci_95"] == pytest.approx(expected["g_z_ci95"], rel=1e-9, abs=1e-10)
    assert finding.details["cliffs_delta"] == pytest.approx(expected["cliffs_delta_paired"])
    others = expected.get("cliffs_delta_between_off_diagonal")
    wanted = None if others is None else pytest.approx(others, abs=1e-12)
    assert finding.details["cliffs_delta_between_other_items"] == wanted
    for name in NAMES:
        wanted = expected.get(name)
        assert finding.details.get(name) == (None if wanted is None else pytest.approx(wanted, abs=1e-12))


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_agrees_with_golden(case):
    """Every size and both intervals."""
    agrees(analyze(case["control"], case["treatment"], binary=case["binary"]), case["expected"])


@pytest.mark.parametrize("name", ["p11_fifths_n2000", "p12_f1_n12000"])
def test_agrees_with_golden_at_size(name):
    """2,000 means of five answers and 12,000 differences of F1."""
    if "EXX_GOLDEN" not in os.environ:
        pytest.skip("EXX_GOLDEN names no folder with the golden files")
    case = json.loads((Path(os.environ["EXX_GOLDEN"]) / f"{name}.json").read_text())
    finding = analyze(case["inputs"]["control"], case["inputs"]["treatment"], binary=False)
    agrees(finding, case["expected"]["effect_sizes"])


@given(st.lists(st.tuples(fifths, fifths), min_size=1, max_size=40), st.randoms())
def test_swapping_arms_mirrors_and_shuffling_changes_nothing(pairs, random):
    """Relabelling the arms changes the sign of every difference; order means nothing."""
    here = analyze(*zip(*pairs, strict=True))
    there = analyze(*zip(*[(t, c) for c, t in random.sample(pairs, len(pairs))], strict=True))

    for name in ("cliffs_delta", "cliffs_delta_between", "cohens_h"):
        assert here.details[name] == pytest.approx(-there.details[name], abs=1e-12)
    assert here.details["prob_superiority"] == pytest.approx(1 - there.details["prob_superiority"])
    if here.estimate is not None:
        assert here.estimate == pytest.approx(-there.estimate, abs=1e-12)
        assert (here.low, here.high) == pytest.approx((-there.high, -there.low), abs=1e-9)


@given(st.lists(st.tuples(fifths, fifths), min_size=1, max_size=25))
def test_dominance_between_samples_counts_all_pairs(pairs):
    """Every treatment value against every control value, one by one."""
    control, treatment = zip(*pairs, strict=True)
    signs = [np.sign(t - c) for t in treatment for c in control]

    assert analyze(control, treatment).details["cliffs_delta_between"] == pytest.approx(np.mean(signs), abs=1e-12)


def test_ties_count():
    """One win among 1,000 items is 0.001 within pairs, not 1; among the changed items it is 1."""
    details = analyze([0.0] * 1000, [1.0] + [0.0] * 999).details

    assert details["cliffs_delta"] == pytest.approx(0.001)
    assert details["sign_rate_nonzero"] == 1.0


@pytest.mark.parametrize(
    ("control", "treatment", "reason"),
    [
        pytest.param([0.6, 0.2, 0.4], [0.8, 0.4, 0.6], "all deltas are equal", id="equal-but-for-float-noise"),
        pytest.param([0.0], [1.0], "a standard deviation needs two complete pairs", id="one"),
        pytest.param([], [], "there are no complete pairs", id="none"),
    ],
)
def test_no_spread_has_no_standardised_size(control, treatment, reason):
    """Constant deltas, one pair or none: d_z is None with a reason, never 10^15."""
    finding = analyze(control, treatment)

    assert (finding.estimate, finding.low, finding.summary["cohens_d"]) == (None, None, None)
    assert finding.reason.startswith(reason)


def test_two_items_have_d_and_no_correction():
    """Deltas 0 and 1: d_z = 0.5/√0.5; with one degree of freedom Hedges's factor is 0, so there is no g_z."""
    finding = analyze([0.0, 0.0], [0.0, 1.0])

    assert finding.estimate == pytest.approx(0.5 / 0.5**0.5)
    assert "g_z" not in finding.details
    assert correction(2) == pytest.approx(0.5641895835)


@pytest.mark.parametrize(
    ("t", "df", "shift"), [(1.2, 1, 0.5), (-1.9647, 499, 10.0), (2.0, 20, 1.0), (30.0, 11999, 28.5)]
)
def test_noncentral_law_agrees_with_simulation(t, df, shift):
    """P(T ≤ t) within four standard errors of 400,000 draws of (Z + shift)/√(χ²/df)."""
    rng = np.random.default_rng(9)
    drawn = (rng.normal(size=400000) + shift) / np.sqrt(rng.chisquare(df, size=400000) / df)
    share = float(np.mean(drawn <= t))

    assert _below(t, df, shift) == pytest.approx(share, abs=4 * (share * (1 - share) / 400000) ** 0.5 + 1e-9)


@given(st.floats(-3, 3), st.integers(2, 500))
def test_limits_solve_the_noncentral_law(d, n):
    """At the limits the observed t lies at its 97.5th and 2.5th percentile."""
    low, high = limits(d, n)

    assert low < d < high or n == 2
    assert _below(d * n**0.5, n - 1, low * n**0.5) == pytest.approx(0.975, abs=1e-9)
    assert _below(d * n**0.5, n - 1, high * n**0.5) == pytest.approx(0.025, abs=1e-9)


def test_keeps_the_contract():
    """What exx asks of every analysis: see exx.testing."""
    check_analysis(EffectSizes)
