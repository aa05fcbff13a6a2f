"""Pooled differences agree with R's metafor, rest on standard errors alone, and say what cannot be pooled."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exx import Address, Metric, PairedBlock, PairedSample
from exx.testing import check_analysis
from exx_meta_analysis import heterogeneity as het
from exx_meta_analysis.analysis import MetaAnalysis
from exx_meta_analysis.pooling import pool

GOLDEN = json.loads((Path(__file__).parent / "data" / "golden.json").read_text())["cases"]
SUMMARIES = [case for case in GOLDEN if "y" in case]
PAIRED = [case for case in GOLDEN if "dataset" in case]
HERE = Address(temp=0.0, type="open")
EM = Metric("em", "Exact match")
studies = st.lists(st.tuples(st.integers(-100, 100), st.integers(1, 50)), min_size=2, max_size=8)


def near(value, rel=1e-8):
    return None if value is None else pytest.approx(value, rel=rel, abs=1e-10)


def named(case):
    return case["name"]


def sample(control, treatment, groups=None, address=HERE):
    arms = np.array([control, treatment], dtype=float)
    cluster = None if groups is None else np.array(groups)
    return PairedSample(address=address, metric=EM, control=arms[0], treatment=arms[1], groups=cluster)


def block(parts):
    """A block of datasets, each a list of deltas or a pair of deltas and groups."""
    pieces, everything, groups = {}, [], []
    for number, (name, part) in enumerate(parts.items()):
        values, cluster = part if isinstance(part, tuple) else (part, None)
        where = Address(temp=0.0, type="open", subgroup=("dataset", name))
        one = sample([0.0] * len(values), values, cluster, where)
        pieces[name] = PairedBlock(address=where, samples={"em": one}, n_items=len(values), n_unpaired={})
        everything += values
        groups += [-1] * len(values) if cluster is None else [1000 * number + group for group in cluster]
    whole = sample([0.0] * len(everything), everything, groups)
    subgroups = {"dataset": pieces}
    return PairedBlock(address=HERE, samples={"em": whole}, n_items=whole.n, n_unpaired={}, subgroups=subgroups)


def analyze(parts, **options):
    (finding,) = MetaAnalysis(**options).analyze(block(parts), np.random.default_rng(0))
    return finding


def assert_pooled(found, expected):
    fixed = expected["fixed"]
    assert found["fixed"]["delta_mean"] == near(fixed["estimate"])
    assert (found["fixed"]["se"], found["fixed"]["p_value"]) == (near(fixed["se"]), near(fixed["p"]))
    assert found["fixed"]["ci_95"] == near(fixed["ci95"])
    if expected["tau2"] is None:
        assert (found["random"], found["heterogeneity"]) == (None, None)
        return
    spread = found["heterogeneity"]
    assert (spread["Q"], spread["df"], spread["p_value"]) == (
        near(expected["Q"]),
        expected["Q_df"],
        near(expected["Q_p"]),
    )
    assert (spread["I2"], spread["I2_ci_95"]) == (near(expected["I2_Q"]), near(expected["I2_ci95_qprofile"], 1e-7))
    assert spread["tau2_ci_95"] == near(expected["tau2_ci95_qprofile"], 1e-7)
    for method in ("DL", "PM", "REML"):
        assert_random(found["random_by"][method.lower()], expected[method], expected["tau2"][method])


def assert_random(found, expected, tau2):
    assert (found["tau2"], found["I2"]) == (near(tau2, 1e-6), near(expected["I2"], 1e-6))
    assert (found["delta_mean"], found["normal"]["se"]) == (near(expected["estimate"]), near(expected["se"]))
    assert found["normal"]["ci_95"] == near(expected["ci95"])
    assert (found["se"], found["ci_95"]) == (near(expected["hk_modified_se"]), near(expected["hk_modified_ci95"]))
    plain = found["unguarded"]
    assert (plain["se"], plain["ci_95"], plain["p_value"]) == (
        near(expected["hk_se"]),
        near(expected["hk_ci95"]),
        near(expected["hk_p"]),
    )
    if found["prediction_95"] is not None:
        assert plain["prediction_95"] == near(expected["pi95_hk_t_km1"])
        assert found["normal"]["prediction_95"] == near(expected["pi95_z"])
        assert found["prediction_95_t_km2"] == near(expected["pi95_hts_t_km2"])


@pytest.mark.parametrize("case", SUMMARIES, ids=named)
def test_agrees_with_metafor(case):
    """Six heterogeneous studies, three that agree more than chance would have it, and a single one."""
    assert_pooled(pool(np.array(case["y"]), np.array(case["v"])), case["expected"])


@pytest.mark.parametrize("case", PAIRED, ids=named)
def test_agrees_with_metafor_from_the_items_on(case):
    """Two and three datasets from their items: the variance of each mean is s²/n, and never an interval's width."""
    parts = {}
    for name, c, t in zip(case["dataset"], case["control"], case["treatment"], strict=True):
        parts.setdefault(name, []).append(round(t - c, 12))
    finding = analyze(parts)

    assert_pooled(finding.details, case["expected"])
    for name, expected in case["by_dataset"].items():
        found = finding.details["datasets"][name]
        assert (found["n"], found["delta_mean"]) == (expected["n"], near(expected["mean"]))
        assert found["se"] ** 2 == near(expected["var_of_mean"])
    assert finding.estimate == near(case["expected"]["REML"]["estimate"])
    assert [finding.low, finding.high] == near(case["expected"]["REML"]["hk_modified_ci95"])


def test_entry_has_the_keys_of_the_contract():
    """significance.json holds fixed, random with tau2, and heterogeneity under meta and the metric."""
    finding = analyze({"a": [0.2, 0.4, 0.0], "b": [0.6, 0.2, 0.8]})

    assert finding.block_path == ("meta", "em")
    assert {"delta_mean", "ci_95"} <= finding.details["fixed"].keys()
    assert {"delta_mean", "ci_95", "tau2"} <= finding.details["random"].keys()
    assert {"Q", "df", "p_value", "I2"} <= finding.details["heterogeneity"].keys()
    assert dict(finding.default_for) == {}


def test_two_equal_variances_by_hand():
    """y = 0 and 0.2, both v = 0.01: mean 0.1, Q = 2, every τ² = 0.01, I² = 50 %, and t with one degree of freedom."""
    found = pool(np.array([0.0, 0.2]), np.array([0.01, 0.01]))

    assert found["heterogeneity"]["Q"] == pytest.approx(2)
    assert found["heterogeneity"]["I2"] == pytest.approx(50)
    for one in found["random_by"].values():
        assert (one["tau2"], one["delta_mean"], one["se"]) == pytest.approx((0.01, 0.1, 0.1))
        assert one["ci_95"] == pytest.approx([0.1 - 1.2706204736, 0.1 + 1.2706204736])
        assert one["prediction_95"] is None
    assert "1 degree of freedom" in found["reason"]


def test_guard_never_shortens_an_interval():
    """Three studies that agree too well: the factor below 1 is not used, unless one asks for the unguarded one."""
    found = pool(np.array([0.03, 0.034, 0.027]), np.array([0.0004, 0.0005, 0.0003]))["random"]

    assert found["se"] == found["normal"]["se"] > 5 * found["unguarded"]["se"]


def test_macro_and_micro_can_disagree():
    """A small dataset that gains and a large one that loses: one vote each says better, one vote an item worse."""
    small, large = [0.6, 0.4, 0.5, 0.5], [-0.1, 0.0] * 200
    finding = analyze({"small": small, "large": large})

    assert finding.details["macro"]["delta_mean"] == pytest.approx((0.5 - 0.05) / 2)
    assert finding.details["micro"]["delta_mean"] == pytest.approx((4 * 0.5 - 400 * 0.05) / 404)
    assert finding.details["macro"]["se"] == pytest.approx(
        np.sqrt(np.var(small, ddof=1) / 4 + np.var(large, ddof=1) / 400) / 2
    )
    low, high = finding.details["micro"]["ci_95"]
    assert low < finding.details["micro"]["delta_mean"] < high < 0


def test_groups_make_a_dataset_count_for_less():
    """The same deltas in passages that agree among themselves have a larger error, so the other dataset counts more."""
    lumpy, other = [1.0, 1.0, 0.0, 0.0] * 10, [0.0, 0.2, -0.2, 0.0] * 10
    items = analyze({"a": lumpy, "b": other})
    grouped = analyze({"a": (lumpy, [i // 2 for i in range(40)]), "b": other})

    assert grouped.details["datasets"]["a"]["n_clusters"] == 20
    assert grouped.details["datasets"]["a"]["se"] > 1.3 * items.details["datasets"]["a"]["se"]
    assert grouped.details["fixed"]["delta_mean"] < items.details["fixed"]["delta_mean"]


def test_dataset_without_variation_is_left_out_and_named():
    """Deltas that are all equal say nothing of their error: neither infinite weight nor a made-up variance."""
    finding = analyze({"flat": [0.0] * 5, "a": [0.2, 0.4, 0.0], "b": [0.6, 0.2, 0.8], "single": [1.0]})

    assert finding.details["k"] == 2
    assert "left out of the pooled means: flat (all deltas are equal" in finding.reason
    assert "left out of the pooled means: single" in finding.reason
    assert finding.details["macro"]["ci_95"] is None
    assert finding.details["macro"]["delta_mean"] == pytest.approx((0 + 0.2 + 1.6 / 3 + 1) / 4)


def test_one_dataset_is_its_own_answer():
    """With a single dataset there is nothing random to estimate."""
    finding = analyze({"only": [0.2, 0.4, 0.0]})

    assert finding.estimate == pytest.approx(0.2)
    assert finding.details["random"] is None
    assert "there is one dataset" in finding.reason


def test_nothing_to_pool_has_a_reason():
    """No dataset varies: estimates of the pooled mean and its interval are None."""
    finding = analyze({"a": [0.0, 0.0], "b": [0.4]})

    assert (finding.estimate, finding.low, finding.p_value) == (None, None, None)
    assert finding.reason.startswith("no dataset has a standard error; left out")


def test_block_without_datasets_has_no_finding():
    """A dataset's own block is not pooled again."""
    alone = PairedBlock(address=HERE, samples={"em": sample([0, 1], [1, 1])}, n_items=2, n_unpaired={})

    assert list(MetaAnalysis().analyze(alone, np.random.default_rng(0))) == []


@pytest.mark.parametrize("method", ["reml", "pm", "dl"])
def test_method_chooses_the_headline(method):
    """The finding rests on the estimator that was asked for, and the others are there too."""
    parts = {"a": [0.9, 0.8, 1.0, 0.7], "b": [0.0, 0.2, -0.2], "c": [0.2, 0.1, 0.4, 0.0, 0.3]}
    finding = analyze(parts, method=method)

    assert finding.details["random"]["method"] == method
    assert finding.estimate == finding.details["random_by"][method]["delta_mean"]


@given(studies)
def test_reml_is_the_best_of_a_fine_grid(rows):
    """No τ² of a grid has a higher restricted likelihood, which may have several maxima."""
    y, v = np.array([mean / 100 for mean, _ in rows]), np.array([var / 1000 for _, var in rows])
    best = het.tau2_reml(y, v)
    grid = np.concatenate([[0.0], np.geomspace(1e-7, 10, 300)])

    assert het._likelihood(y, v, best) >= max(het._likelihood(y, v, tau2) for tau2 in grid) - 1e-9


@given(studies)
def test_paule_mandel_makes_q_what_it_should_be(rows):
    """Q at the estimate is k − 1, or is below it at 0 already."""
    y, v = np.array([mean / 100 for mean, _ in rows]), np.array([var / 1000 for _, var in rows])
    tau2, df = het.tau2_pm(y, v), len(rows) - 1

    if tau2 > 0:
        assert het.cochran_q(y, v, tau2) == pytest.approx(df, rel=1e-9)
    else:
        assert het.cochran_q(y, v) <= df * (1 + 1e-12)


@given(studies, st.randoms())
def test_swapping_arms_mirrors_and_the_order_of_datasets_does_not_matter(rows, random):
    """Every mean and interval turns round; heterogeneity and p-values stay."""
    shuffled = random.sample(rows, len(rows))
    here = pool(*(np.array(x, dtype=float) / 100 for x in zip(*rows, strict=True)))
    there = pool(*(np.array(x, dtype=float) / 100 for x in zip(*[(-y, v) for y, v in shuffled], strict=True)))

    assert there["heterogeneity"]["Q"] == pytest.approx(here["heterogeneity"]["Q"], abs=1e-12)
    for which in ("fixed", "random"):
        assert there[which]["delta_mean"] == pytest.approx(-here[which]["delta_mean"], rel=1e-6, abs=1e-9)
        assert there[which]["ci_95"] == pytest.approx([-end for end in here[which]["ci_95"][::-1]], rel=1e-6, abs=1e-9)
        assert there[which]["p_value"] == pytest.approx(here[which]["p_value"], rel=1e-6, abs=1e-9)


def test_options_are_checked():
    """An unknown estimator is refused."""
    with pytest.raises(ValueError, match="'method' must be in"):
        MetaAnalysis(method="hedges")


def test_contracts():
    """What every analysis keeps: mirrored arms, any order of items, the same seed, no NaN, a reason for every None."""
    check_analysis(MetaAnalysis)
