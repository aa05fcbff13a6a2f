"""Areas under risk-coverage curves agree with R and with counting every order; their differences mirror."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exx import Address, Metric, PairedBlock, PairedSample
from exx.testing import check_analysis
from exx_selective_risk import curve
from exx_selective_risk.analysis import SelectiveRisk
from exx_selective_risk.compare import _tail

GOLDEN = json.loads((Path(__file__).parent / "data" / "golden.json").read_text())["cases"]
HERE = Address(temp=0.0, type="open")
quarters = st.integers(0, 4).map(lambda k: k / 4)
answers = st.tuples(quarters, quarters)
both_arms = st.lists(st.tuples(answers, answers), min_size=2, max_size=25)


def metric_of(name, control, treatment, groups, items=None):
    return PairedSample(
        address=HERE,
        metric=Metric(name, name),
        control=np.array(control, dtype=float),
        treatment=np.array(treatment, dtype=float),
        groups=None if groups is None else np.array(groups),
        items=np.arange(len(control)) if items is None else np.array(items),
    )


def block(control, treatment, groups=None, score="em"):
    """A block whose arms are lists of (confidence, loss)."""
    (one, first), (other, second) = (zip(*arm, strict=True) if arm else ((), ()) for arm in (control, treatment))
    turned = [[1 - value for value in values] for values in (first, second, one, other)]
    samples = {
        score: metric_of(score, turned[0], turned[1], groups),
        "abstain_rate": metric_of("abstain_rate", turned[2], turned[3], groups),
    }
    return PairedBlock(address=HERE, samples=samples, n_items=len(control), n_unpaired={})


def analyze(some, seed=0, **options):
    (finding,) = SelectiveRisk(**{"bootstrap_samples": 300, **options}).analyze(some, np.random.default_rng(seed))
    return finding


def area(pairs):
    """AURC of (confidence, loss) pairs by the package's formula."""
    _, at = np.unique([confidence for confidence, _ in pairs], return_inverse=True)
    losses = np.array([loss for _, loss in pairs], dtype=float)
    counts, lost = np.bincount(at)[::-1].astype(float), np.bincount(at, weights=losses)[::-1]
    return float(curve.area(counts, lost, curve.harmonic(len(pairs))))


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_agrees_with_golden(case):
    """AURC, E-AURC and every point of R's curve, in both arms."""
    arm = list(zip(case["confidence"], case["loss"], strict=True))
    finding, expected = analyze(block(arm, arm)), case["expected"]

    for name in ("aurc", "e_aurc"):
        assert finding.details[name]["control"] == pytest.approx(expected[name], rel=1e-12)
        assert finding.details[name]["treatment"] == pytest.approx(expected[name], rel=1e-12)
    points = [[p["threshold"], p["coverage"], p["risk"]] for p in expected["points"]]
    found = [[p["confidence"], p["coverage"], p["risk"]] for p in finding.details["curve"]["control"]]
    assert np.array(found) == pytest.approx(np.array(points), abs=1e-12)


@given(st.lists(answers, min_size=1, max_size=6))
def test_area_is_the_mean_over_every_order(pairs):
    """All orders of questions that are equally confident, each with its own mean of running risks."""
    ranked = sorted(pairs, key=lambda pair: -pair[0])
    losses = [
        [loss for _, loss in order]
        for order in permutations(ranked)
        if [confidence for confidence, _ in order] == [confidence for confidence, _ in ranked]
    ]
    running = np.cumsum(losses, axis=1) / np.arange(1, len(pairs) + 1)

    assert area(pairs) == pytest.approx(running.mean(), abs=1e-12)


@given(st.lists(answers, min_size=1, max_size=30))
def test_excess_is_never_negative(pairs):
    """No order is better than that of the losses themselves."""
    best = area([(1 - loss, loss) for _, loss in pairs])

    assert area(pairs) >= best - 1e-12


def test_areas_by_hand():
    """Right, right, wrong from the most confident down: (0 + 0 + 1/3)/3; the wrong one first: (1 + 1/2 + 1/3)/3."""
    good, bad = [(1, 0), (0.5, 0), (0.25, 1)], [(1, 1), (0.5, 0), (0.25, 0)]
    finding = analyze(block(bad, good))

    assert finding.details["aurc"]["treatment"] == pytest.approx(1 / 9)
    assert finding.details["aurc"]["control"] == pytest.approx(11 / 18)
    assert finding.estimate == pytest.approx(1 / 9 - 11 / 18)
    assert finding.details["e_aurc"]["treatment"] == pytest.approx(0)


def test_operating_points_by_hand():
    """Five questions: (EM, abstain) = (1,1) (1,1) (1,1) (1,0) (0,0) answers 2 of 5, one of them wrong."""
    arm = [(0, 0), (0, 0), (0, 0), (1, 0), (1, 1)]
    every = [(1, 0), (1, 0), (1, 1), (1, 1), (1, 1)]
    points = analyze(block(arm, every), risk_thresholds=[0.0, 1.0]).details["points"]

    assert points["control"] == [
        {"threshold": 0.0, "coverage": 1.0, "risk": pytest.approx(0.2)},
        {"threshold": 1.0, "coverage": pytest.approx(0.4), "risk": pytest.approx(0.5)},
    ]
    assert points["delta"][1]["coverage"]["delta"] == pytest.approx(0.6)
    assert points["delta"][1]["risk"]["delta"] == pytest.approx(0.1)
    assert points["delta"][1]["risk_at_equal_coverage"]["delta"] == pytest.approx(0.1)


def test_risk_of_nothing_is_not_defined():
    """An arm that always abstains has a coverage of 0 and no risk at any threshold above 0."""
    finding = analyze(block([(0, 1)] * 4, [(1, 0), (1, 1), (1, 0), (0, 1)]), risk_thresholds=[0.5])

    assert finding.details["points"]["control"] == [{"threshold": 0.5, "coverage": 0.0, "risk": None}]
    assert finding.details["points"]["delta"][0]["risk"] == {"delta": None, "ci_95": None}
    assert finding.details["responses"]["control"] == {"coverage": 0.0, "risk": None}


def test_lopsided_treatment_has_the_smaller_area():
    """The treatment abstains where it is wrong; the control is as often wrong and sure of it."""
    control = [(1, 0)] * 60 + [(1, 1)] * 30 + [(0.5, 1)] * 10
    treatment = [(1, 0)] * 60 + [(0.5, 1)] * 20 + [(0, 1)] * 20
    finding = analyze(block(control, treatment))

    assert finding.low < finding.estimate < finding.high < -0.03
    assert finding.p_value is None
    assert finding.details["points"]["treatment"][-1]["risk"] == 0


def test_identical_arms_have_no_effect_and_no_interval():
    """A difference that is 0 in every resample has no interval [0, 0]."""
    arm = [(1, 0), (0.5, 1), (0.25, 0), (1, 1)]
    finding = analyze(block(arm, arm))

    assert (finding.estimate, finding.low, finding.high) == (0, None, None)
    assert "every resample has the same difference" in finding.reason


@settings(max_examples=40)
@given(both_arms, st.randoms(), st.booleans())
def test_swapping_arms_mirrors_and_shuffling_changes_nothing(rows, random, grouped):
    """With the same seed the interval turns round exactly; the order of the questions is not seen at all."""
    groups = [at // 2 for at in range(len(rows))] if grouped else None
    order = random.sample(range(len(rows)), len(rows))
    shuffled = [rows[at] for at in order]
    moved = None if groups is None else [groups[at] for at in order]
    here = analyze(block([c for c, _ in rows], [t for _, t in rows], groups))
    swapped = analyze(block([t for _, t in rows], [c for c, _ in rows], groups))

    assert analyze(block([c for c, _ in shuffled], [t for _, t in shuffled], moved)) == here
    assert swapped.estimate == pytest.approx(-here.estimate, abs=1e-12)
    if here.low is not None:
        assert here.low <= here.estimate <= here.high
        assert [swapped.low, swapped.high] == pytest.approx([-here.high, -here.low], abs=1e-12)


def test_resampled_cells_match_resampled_questions():
    """Ends of the interval agree with resampling the 300 questions themselves, within Monte-Carlo error."""
    rng = np.random.default_rng(5)
    confidence = rng.integers(0, 3, (2, 300)) / 2
    loss = (rng.random((2, 300)) > 0.3 + 0.4 * confidence).astype(float)
    arms = [list(zip(confidence[row], loss[row], strict=True)) for row in (0, 1)]
    finding = analyze(block(*arms), bootstrap_samples=4000)
    drawn = []
    for _ in range(1500):
        at = rng.integers(300, size=300)
        drawn.append(area([arms[1][i] for i in at]) - area([arms[0][i] for i in at]))
    spread = float(np.std(drawn))

    assert [finding.low, finding.high] == pytest.approx(list(np.quantile(drawn, [0.025, 0.975])), abs=0.2 * spread)


@pytest.mark.parametrize(("units", "t"), [(20, 2.093024), (50, 2.009575), (1000, 1.962341)])
def test_percentiles_lie_further_out_for_few_units(units, t):
    """The tail is Φ(−t·√(n/(n − 1))) with Student's 97.5 % quantile, from a table of it, and 2.5 % for many units."""
    assert _tail(units) == pytest.approx(NormalDist().cdf(-t * (units / (units - 1)) ** 0.5), rel=1e-3)
    assert _tail(10**6) == pytest.approx(0.025, rel=1e-4)


def test_whole_groups_are_resampled():
    """Ten copies of each question in a group of its own: the interval is that of the questions, not of the copies."""
    rng = np.random.default_rng(6)
    once = [[(c / 2, float(loss)) for c, loss in rng.integers(0, [3, 2], (40, 2))] for _ in range(2)]
    copies = [[pair for pair in arm for _ in range(10)] for arm in once]
    alone, grouped, items = (
        analyze(block(*arms, groups), bootstrap_samples=3000)
        for arms, groups in ((once, None), (copies, [i // 10 for i in range(400)]), (copies, None))
    )

    assert grouped.details["resampled"] == "groups of questions"
    assert grouped.details["n_units"] == 40
    assert grouped.high - grouped.low == pytest.approx(alone.high - alone.low, rel=0.15)
    assert items.high - items.low < 0.5 * (grouped.high - grouped.low)


def test_unanswerable_questions_stand_apart():
    """On two questions without an answer abstaining is right: no part of the curve, rates of their own."""
    some = block([(1, 0), (0, 1), (1, 1), (0, 0)], [(1, 0), (1, 0), (0, 0), (0, 0)])
    some.samples["false_answer_rate"] = metric_of("false_answer_rate", [1, 0], [0, 0], None, items=[2, 3])
    finding = analyze(some)

    assert finding.n == 2
    assert finding.details["unanswerable"] == {
        "n": 2,
        "false_answer_rate": {"control": 0.5, "treatment": 0.0, "delta": -0.5},
        "abstention_recall": {"control": 0.5, "treatment": 1.0},
    }


def test_metrics_are_joined_by_item():
    """A question whose score is missing is left out of the confidences too."""
    some = block([(1, 0), (0.5, 1), (0, 1)], [(1, 0), (1, 0), (1, 1)])
    some.samples["em"] = metric_of("em", [1, 0], [1, 0], None, items=[0, 2])

    assert [p["confidence"] for p in analyze(some).details["curve"]["control"]] == [1, 0]


def test_two_levels_of_confidence_are_said_to_be_few():
    """With single answers there is one operating point, and the area says little more."""
    finding = analyze(block([(1, 0), (0, 1), (1, 1), (0, 1)], [(1, 0), (1, 0), (1, 1), (0, 1)]))

    assert finding.details["n_levels"] == {"control": 2, "treatment": 2}
    assert "fewer than three levels of confidence" in finding.reason


def test_continuous_losses_have_no_interval_of_the_excess():
    """Beyond 200 distinct losses the best order is not resampled; the area itself is."""
    rng = np.random.default_rng(7)
    arms = [[(c / 2, loss) for c, loss in zip(rng.integers(0, 3, 250), rng.random(250), strict=True)] for _ in "ct"]
    finding = analyze(block(*arms, score="f1"), metric="f1")
    best = area([(1 - loss, loss) for _, loss in arms[0]])

    assert finding.details["e_aurc"]["control"] == pytest.approx(area(arms[0]) - best)
    assert finding.details["e_aurc"]["ci_95"] is None
    assert finding.low < finding.estimate < finding.high


def test_curve_has_a_bounded_number_of_points():
    """200 levels of confidence are thinned out, the first and the last kept."""
    arm = [(level / 200, 0.0 if level % 3 else 1.0) for level in range(1, 201)]
    points = analyze(block(arm, arm), curve_points=11).details["curve"]["control"]

    assert len(points) == 11
    assert (points[0]["confidence"], points[-1]["coverage"]) == (1, 1)


@pytest.mark.parametrize(
    ("missing", "reason"), [("em", "there is no metric 'em'"), ("abstain_rate", "there is no metric 'abstain_rate'")]
)
def test_a_missing_metric_is_the_reason(missing, reason):
    """Without a score or without abstentions there is no curve."""
    some = block([(1, 0)], [(1, 1)])
    del some.samples[missing]
    finding = analyze(some)

    assert (finding.n, finding.estimate, finding.reason) == (0, None, reason)


def test_no_pairs_and_one_pair_have_reasons():
    """Nothing to compare; and one question, which cannot be resampled."""
    none, one = analyze(block([], [])), analyze(block([(1, 0)], [(0.5, 1)]))

    assert none.reason == "no answerable question has em and abstain_rate in both arms"
    assert (one.estimate, one.low) == (1, None)
    assert "one question cannot be resampled" in one.reason


def test_scores_beyond_one_are_refused():
    """1 − a score of 3 is no loss."""
    assert "outside 0 to 1" in analyze(block([(1, -2)], [(1, 0)])).reason


def test_same_seed_same_finding():
    """Resamples depend on the generator alone."""
    some = block([(1, 0), (0.5, 1), (0.5, 0), (0, 1)] * 5, [(1, 1), (0.5, 0), (1, 0), (0, 1)] * 5)

    assert analyze(some, 3) == analyze(some, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"risk_thresholds": [1.5]}, "must be <= 1"), ({"bootstrap_samples": 10}, "'bootstrap_samples' must be >= 100")],
)
def test_options_are_checked(options, message):
    """Thresholds are shares; a handful of resamples makes no interval."""
    with pytest.raises(ValueError, match=message):
        SelectiveRisk(**options)


def test_contracts():
    """What every analysis keeps: mirrored arms, any order of items, the same seed, no NaN, a reason for every None."""
    check_analysis(SelectiveRisk(bootstrap_samples=200))
