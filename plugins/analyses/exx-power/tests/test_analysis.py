"""Power, smallest difference and number of items agree with R, with enumeration, and with simulation."""

from __future__ import annotations

import json
from itertools import product
from math import comb, sqrt
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from exx import Address, Metric, PairedBlock, PairedSample, Study
from exx.testing import check_analysis
from exx_power.analysis import Power
from exx_power.commands import power as command
from exx_power.mcnemar import McNemar, smallest_difference
from exx_power.student import power, required, smallest, upper_sd, whole

GOLDEN = json.loads((Path(__file__).parent / "data" / "golden.json").read_text("utf-8"))
SCENARIOS = GOLDEN["power"]
HERE = Address(temp=0.0, type="open")
EM = Metric("em", "Exact match")
F1 = Metric("f1", "Token F1", binary=False)


def planned(control, treatment, *, metric=EM, groups=None, **options):
    """Analyse one sample; ``replicates`` and ``spreads`` among the options are the sample's."""
    given_to_sample = {name: options.pop(name) for name in ("replicates", "spreads") if name in options}
    sample = PairedSample(
        address=HERE,
        metric=metric,
        control=np.asarray(control, dtype=float),
        treatment=np.asarray(treatment, dtype=float),
        groups=None if groups is None else np.array(groups, dtype=np.int64),
        **given_to_sample,
    )
    block = PairedBlock(address=HERE, samples={metric.name: sample}, n_items=sample.n, n_unpaired={})
    made = Power(**options).analyze(Study(blocks=[block], seed=1, stats={}))
    return made["blocks"][0]["metrics"][metric.name]


def test_keeps_the_contracts():
    """Strict JSON, the same each time, or a reason, on every table that analyses stumble over."""
    check_analysis(Power(simulations=50))


@pytest.mark.parametrize("at", range(2))
def test_agrees_with_pwr_on_the_paired_t_test(at):
    """Power, items and smallest difference as R's power.t.test(strict = TRUE) and pwr have them."""
    case, expected = SCENARIOS["inputs"]["paired_t"][at], SCENARIOS["expected"]["paired_t"][at]

    assert power(case["delta"], case["sd"], case["n"], 0.05) == pytest.approx(expected["power"], rel=1e-6)
    items = required(case["delta"], case["sd"], 0.05, case["power"])
    assert items == pytest.approx(expected["n_required_unrounded"], rel=1e-6)
    assert whole(items) == expected["n_required"]
    assert smallest(case["sd"], case["n"], 0.05, case["power"]) == pytest.approx(expected["mde"], rel=1e-6)


@pytest.mark.parametrize("at", range(2))
def test_agrees_with_enumeration_on_mcnemar(at):
    """Exact and mid-p power to ten digits, Connor's formula, and the number of items that stays enough."""
    case, expected = SCENARIOS["inputs"]["mcnemar"][at], SCENARIOS["expected"]["mcnemar"][at]
    test = McNemar(case["p01"], case["p10"], 0.05)

    assert test.power(case["n"], "exact") == pytest.approx(expected["power_exact"], rel=1e-8)
    assert test.power(case["n"], "midp") == pytest.approx(expected["power_midp"], rel=1e-8)
    assert test.connor(case["n"]) == pytest.approx(expected["power_connor"], rel=1e-8)
    assert test.connor_items(case["power"]) == pytest.approx(expected["n_connor_unrounded"], rel=1e-8)
    assert whole(test.connor_items(case["power"])) == expected["n_connor"]
    assert test.items(case["power"], "exact") == expected["n_exact_stable"]


def test_mcnemar_by_hand():
    """Seven items that all change, nine in ten for the better: only 7:0 and 0:7 have p below 5 %."""
    test = McNemar(0.9, 0.1, 0.05)

    assert test.power(7, "exact") == pytest.approx(0.9**7 + 0.1**7)
    assert test.power(5, "exact") == 0.0
    assert test.power(6, "exact") == pytest.approx(0.9**6 + 0.1**6)


@given(st.integers(1, 14), st.floats(0.05, 0.6), st.floats(0.01, 0.4), st.sampled_from(["exact", "midp"]))
def test_power_is_the_sum_over_all_outcomes(n, gains, losses, kind):
    """Every split of n items into gains, losses and ties, with its trinomial probability and its own p-value."""
    rest, total = 1 - gains - losses, 0.0
    for b, c in product(range(n + 1), repeat=2):
        if b + c > n:
            continue
        m, k = b + c, min(b, c)
        tail, at = sum(comb(m, j) for j in range(k + 1)) / 2**m, comb(m, k) / 2**m
        p = min(1.0, 2 * tail - (at if kind == "midp" else 0.0)) if b != c else 1.0
        if p <= 0.05:
            total += comb(n, m) * comb(m, b) * gains**b * losses**c * rest ** (n - m)

    assert McNemar(gains, losses, 0.05).power(n, kind) == pytest.approx(total, abs=1e-12)


@given(st.floats(0.001, 0.5), st.floats(0.05, 1.0), st.floats(0.6, 0.95))
def test_required_items_and_smallest_difference_are_inverse(delta, sd, wanted):
    """With the number of items a difference takes, that difference is the smallest one found."""
    items = required(delta, sd, 0.05, wanted)

    if items > 2:
        assert smallest(sd, items, 0.05, wanted) == pytest.approx(delta, rel=1e-4)
    assert required(delta, sd / 2, 0.05, wanted) <= items


def test_the_smallest_difference_of_mcnemar_is_found():
    """Where few items change and where many do, the mid-p test has the power there and less of it a little below."""
    for psi, n in ((0.2, 500), (0.4, 12_000), (0.2, 60)):
        delta = smallest_difference(psi, n, 0.05, 0.8)
        reached, below = (McNemar((psi + d) / 2, (psi - d) / 2, 0.05).power(n, "midp") for d in (delta, delta - 1e-4))
        assert below < reached
        assert reached == pytest.approx(0.8, abs=0.01)
    assert smallest_difference(0.02, 60, 0.05, 0.8) is None


def test_groups_and_pilots_make_plans_larger():
    """Items in equal pairs that agree within each: a design effect near 2, and as many more items."""
    rng = np.random.default_rng(2)
    once = rng.choice([-1.0, 0.0, 1.0], p=[0.1, 0.6, 0.3], size=100)
    deltas = np.repeat(once, 2)
    alone = planned(np.where(deltas < 0, 1, 0), np.where(deltas > 0, 1, 0), simulations=0)
    paired = planned(np.where(deltas < 0, 1, 0), np.where(deltas > 0, 1, 0), groups=np.arange(200) // 2, simulations=0)

    assert paired["design_effect"] == pytest.approx(2.0, abs=0.02)
    assert paired["design_effect_by_icc"] == pytest.approx(2.0, abs=0.02)
    assert paired["n_effective"] == pytest.approx(100, abs=1)
    for one, two in zip(alone["required"], paired["required"], strict=True):
        assert two["n"] == pytest.approx(paired["design_effect"] * one["n"], rel=0.02)
        assert one["n_upper"] > one["n"]
    assert alone["sd_upper"] == pytest.approx(upper_sd(deltas.std(ddof=1), 199))
    assert alone["mde"] < alone["mde_upper"] < paired["mde_upper"]


def test_upper_limit_of_a_standard_deviation():
    """Ten degrees of freedom: the 20th percentile of chi-squared is 6.179 (printed tables)."""
    assert upper_sd(1.0, 10) == pytest.approx(sqrt(10 / 6.179), rel=1e-4)


def test_simulation_agrees_with_the_exact_law():
    """2,000 trials of 300 items, single answers: within four standard errors of the exact power."""
    control, treatment = np.zeros(300), np.zeros(300)
    treatment[:45], control[45:60] = 1, 1
    found = planned(control, treatment, targets=(0.05, 0.1, 0.3), simulations=2000)["simulation"]

    assert (found["test"], found["unit"]) == ("McNemar mid-p", "item")
    for row in found["targets"][:2]:
        exact = McNemar((0.2 + row["target"]) / 2, (0.2 - row["target"]) / 2, 0.05).power(300, "midp")
        assert row["power"] == pytest.approx(exact, abs=4 * sqrt(exact * (1 - exact) / 2000))
    assert found["targets"][2]["power"] is None
    assert "impossible" in found["targets"][2]["reason"]


def test_simulated_groups_know_that_they_are_groups():
    """60 groups of 5 that share most of their delta: the power is that of 60 items and not of 300."""
    rng = np.random.default_rng(5)
    deltas = np.repeat(rng.normal(0, 0.2, 60), 5) + rng.normal(0, 0.05, 300)
    more = {"metric": F1, "targets": (0.05,), "simulations": 2000}
    grouped, alone = (
        planned(np.full(300, 0.5), 0.5 + deltas, groups=groups, **more) for groups in (np.arange(300) // 5, None)
    )
    (found,), (by_items,) = grouped["simulation"]["targets"], alone["simulation"]["targets"]

    assert grouped["simulation"]["unit"] == "group"
    spread = np.asarray(deltas).reshape(60, 5).mean(axis=1).std(ddof=1)
    assert found["power"] == pytest.approx(power(0.05, spread, 60, 0.05), abs=0.08)
    assert by_items["power"] > found["power"] + 0.2


def test_replicates_agree_with_lme4():
    """Thirty items, four answers each: the parts of the variance, and what twice as many answers would give."""
    right, expected = np.array(GOLDEN["replicates"]["right"]), GOLDEN["replicates"]["expected"]
    means, counts = right / 4, np.full(30, 4)
    spreads = np.sqrt(means * (1 - means) * 4 / 3)
    arms = {"replicates": (counts, counts), "spreads": (spreads[:, 0], spreads[:, 1])}
    found = planned(means[:, 0], means[:, 1], simulations=0, **arms)
    parts = found["replicates"]

    assert found["sd"] ** 2 == pytest.approx(expected["var_delta_observed"])
    assert parts["within_control"] == pytest.approx(expected["sampling_var_control"])
    assert parts["within_treatment"] == pytest.approx(expected["sampling_var_treatment"])
    assert parts["noise"] == pytest.approx(expected["sampling_share_of_var_delta"])
    assert parts["between"] == pytest.approx(expected["item_var_delta"])
    assert parts["between_unclipped"] == pytest.approx(expected["item_var_delta_unclipped"])
    assert parts["se_if_doubled"] == pytest.approx(expected["se_if_K_doubled"])
    assert parts["se_floor"] == pytest.approx(expected["se_if_K_infinite"])
    assert "single answers" in found["mcnemar"]["reason"]


def test_one_answer_each_cannot_be_decomposed():
    """Null with a reason, whether the file says one answer or nothing."""
    ones = np.ones(4, dtype=np.int64)
    told = planned([0, 0, 1, 1], [1, 0, 1, 1], replicates=(ones, ones))
    untold = planned([0, 0, 1, 1], [1, 0, 1, 1])

    assert "answered once" in told["replicates"]["reason"]
    assert "does not say how many" in untold["replicates"]["reason"]


def test_swapped_arms_need_the_same_plan():
    """What is to be found has no sign; only which arm has the single answers is turned around."""
    control, treatment = [0] * 30 + [1] * 10, [1] * 22 + [0] * 8 + [1] * 10

    assert planned(control, treatment) == planned(treatment, control)


@pytest.mark.parametrize(
    ("control", "treatment", "reason"),
    [
        pytest.param([], [], "no complete pairs", id="none"),
        pytest.param([0], [1], "two complete pairs", id="one"),
        pytest.param([0, 0], [1, 1], "all deltas are equal", id="constant"),
    ],
)
def test_nothing_is_planned_without_a_spread(control, treatment, reason):
    """Never a smallest difference of 0, and never one item."""
    found = planned(control, treatment)

    assert (found["mde"], found["required"]) == (None, [])
    assert reason in found["reason"]


@pytest.mark.parametrize("targets", [(), (0.0,), (0.1, 1.5)])
def test_targets_are_shares(targets):
    """At least one, each between 0 and 1."""
    with pytest.raises(ValueError, match="'targets' must be shares"):
        Power(targets=targets)


def test_the_command_plans_before_a_run():
    """500 items of which a fifth change: Connor's power by his formula, and the exact test's."""
    asked = ["--items", "500", "--discordance", "0.2", "--target", "0.05"]
    made = json.loads(CliRunner().invoke(command, [*asked, "--json"]).stdout)
    rows = {row["test"]: row for row in made["tests"]}

    assert rows["McNemar, exact"]["power"] == McNemar(0.125, 0.075, 0.05).power(500, "exact")
    assert rows["McNemar, exact"]["n"] == McNemar(0.125, 0.075, 0.05).items(0.8, "exact")
    assert rows["paired t"]["power"] == power(0.05, sqrt(0.2 - 0.0025), 500, 0.05)
    table = CliRunner().invoke(command, asked).stdout.splitlines()
    assert table[0].split("  ")[0] == "test"
    assert len(table) == 5


def test_a_plan_for_very_many_items_is_made_by_formula():
    """A billion items take no longer than five hundred: the law of so many discordant pairs is not summed."""
    asked = ["--items", "1000000000", "--discordance", "0.2", "--target", "0.0001", "--json"]
    rows = {row["test"]: row for row in json.loads(CliRunner().invoke(command, asked).stdout)["tests"]}

    assert rows["McNemar, exact"]["power"] is rows["McNemar, mid-p"]["power"] is None
    assert rows["McNemar, Connor's formula"]["power"] == pytest.approx(1.0)


def test_the_command_counts_groups():
    """Groups of 5 with a correlation of 0.25 double the number of items."""
    asked = ["--discordance", "0.2", "--target", "0.05", "--json"]
    alone = json.loads(CliRunner().invoke(command, asked).stdout)
    grouped = json.loads(CliRunner().invoke(command, [*asked, "--icc", "0.25", "--cluster-size", "5"]).stdout)

    assert grouped["design_effect"] == 2.0
    for one, two in zip(alone["tests"], grouped["tests"], strict=True):
        assert 2 * one["n"] - 1 <= two["n"] <= 2 * one["n"]


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (["--items", "9"], "--discordance or --sd"),
        (["--sd", "0.4", "--discordance", "0.2", "--items", "9"], "--discordance or --sd"),
        (["--sd", "0.4"], "--items, --target, or both"),
        (["--discordance", "0.1", "--target", "0.2"], "above --discordance"),
    ],
)
def test_the_command_says_what_it_lacks(asked, reason):
    """Status 2 and what to do."""
    result = CliRunner().invoke(command, asked)

    assert result.exit_code == 2
    assert reason in result.output
