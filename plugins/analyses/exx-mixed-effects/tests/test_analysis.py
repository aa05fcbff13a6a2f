"""The models agree with R and statsmodels, with counts by hand, and say why whatever is missing is."""

from __future__ import annotations

import json
import warnings
from math import exp, inf, log
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exx import Address, Metric, PairedBlock, PairedSample, Study
from exx.testing import check_analysis
from exx_mixed_effects.analysis import MixedEffects

GOLDEN = json.loads((Path(__file__).parent / "data" / "golden.json").read_text("utf-8"))
HERE = Address(temp=0.0, type="open")
EM = Metric("em", "Exact match")
F1 = Metric("f1", "Token F1", binary=False)


def model(right, answers=1, *, groups=None, metric=EM, told=True, **options):
    """Fit one sample; ``right`` holds right answers per item and arm, ``answers`` how many were given."""
    right = np.asarray(right, dtype=float).reshape(-1, 2)
    counts = np.broadcast_to(np.asarray(answers), right.shape).astype(np.int64)
    sample = PairedSample(
        address=HERE,
        metric=metric,
        control=right[:, 0] / counts[:, 0],
        treatment=right[:, 1] / counts[:, 1],
        groups=None if groups is None else np.array(groups, dtype=np.int64),
        replicates=(counts[:, 0], counts[:, 1]) if told else None,
    )
    block = PairedBlock(address=HERE, samples={metric.name: sample}, n_items=sample.n, n_unpaired={})
    made = MixedEffects(**options).analyze(Study(blocks=[block], seed=1, stats={}))
    return made["blocks"][0]["models"][metric.name]


def drawn(seed, clusters=12, n=60):
    """Items of differing difficulty in groups of differing sizes, with one to four answers."""
    rng = np.random.default_rng(seed)
    groups = np.sort(rng.integers(0, clusters, n))
    counts = rng.integers(1, 5, (n, 2))
    ease = rng.normal(size=clusters)[groups]
    return rng.binomial(counts, 1 / (1 + np.exp(-ease[:, None] - [0.0, 0.6]))), counts, groups


def long_form(right, counts, groups):
    """One row per answer: right or not, (1, arm), cluster, item."""
    rows = [
        (float(k < right[i, arm]), arm, groups[i], i)
        for i in range(len(right))
        for arm in (0, 1)
        for k in range(counts[i, arm])
    ]
    y, arm, cluster, item = (np.array(column) for column in zip(*rows, strict=True))
    return y, np.column_stack([np.ones(len(y)), arm]), cluster, item


def test_keeps_the_contracts():
    """Strict JSON, the same each time, or a reason, on every table that analyses stumble over."""
    check_analysis(MixedEffects)


def test_agrees_with_geepack_and_clogit():
    """Four answers to each of thirty items: log odds ratios, standard errors and correlation as R has them."""
    fitted, expected = model(GOLDEN["right"], GOLDEN["answers"], few_clusters=0), GOLDEN["expected"]

    assert fitted["marginal"]["log_odds_ratio"] == pytest.approx(expected["gee"]["log_or"], rel=1e-10)
    assert fitted["marginal"]["odds_ratio"] == pytest.approx(expected["gee"]["odds_ratio"], rel=1e-10)
    assert fitted["marginal"]["se"] == pytest.approx(expected["gee"]["robust_se"], rel=1e-10)
    assert fitted["marginal"]["correlation"] == pytest.approx(expected["gee"]["alpha_exchangeable"], rel=1e-4)
    assert fitted["marginal"]["how"] == "closed form"
    assert fitted["means"]["se"] == pytest.approx(fitted["marginal"]["se"], rel=1e-10)
    assert fitted["conditional"]["log_odds_ratio"] == pytest.approx(expected["conditional_logit"]["log_or"], rel=1e-6)
    assert fitted["conditional"]["se"] == pytest.approx(expected["conditional_logit"]["se"], rel=1e-6)


def test_the_linear_model_agrees_with_sandwich():
    """Coefficient and errors of lm with vcovCL; statsmodels' factor for 240 answers and two coefficients put on."""
    linear = model(GOLDEN["right"], GOLDEN["answers"], metric=F1)["linear"]
    expected = GOLDEN["expected"]["ols_cluster"]

    assert linear["difference"] == pytest.approx(expected["coef"])
    assert linear["se_cr0"] == pytest.approx(expected["se_cr0"], rel=1e-10)
    assert linear["se_cr1"] * (239 / 238) ** 0.5 == pytest.approx(expected["se_cr1_statsmodels"], rel=1e-10)
    assert linear["se"] == pytest.approx(GOLDEN["expected"]["se"])


@pytest.mark.parametrize("by_group", [False, True], ids=["items", "groups"])
def test_agrees_with_statsmodels_where_nothing_is_balanced(by_group):
    """Unequal numbers of answers, groups of unequal sizes: the same as GEE on one row per answer."""
    api = pytest.importorskip("statsmodels.api")
    right, counts, groups = drawn(3)
    fitted = model(right, counts, groups=groups if by_group else None)["marginal"]
    clusters = groups if by_group else np.arange(len(right))
    y, x, cluster, _ = long_form(right, counts, clusters)
    asked = {"groups": cluster, "family": api.families.Binomial(), "cov_struct": api.cov_struct.Exchangeable()}
    gee = api.GEE(y, x, **asked)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        robust = gee.fit(maxiter=500, ctol=1e-12, ddof_scale=0)
        correlation = gee.cov_struct.dep_params
        reduced = gee.fit(maxiter=500, ctol=1e-12, ddof_scale=0, cov_type="bias_reduced")

    assert fitted["log_odds_ratio"] == pytest.approx(robust.params[1], rel=1e-9)
    assert fitted["correlation"] == pytest.approx(correlation, rel=1e-9)
    assert fitted["se_robust"] == pytest.approx(robust.bse[1], rel=1e-9)
    assert fitted["se_bias_reduced"] == pytest.approx(reduced.bse[1], rel=1e-9)
    assert fitted["how"].startswith("Fisher scoring")


def test_few_clusters_get_wider_intervals():
    """Twelve groups: Mancl and DeRouen's error and t with 11 degrees of freedom, unless asked otherwise."""
    right, counts, groups = drawn(4)
    few, many = (model(right, counts, groups=groups, few_clusters=limit)["marginal"] for limit in (40, 0))

    assert (few["df"], few["se"]) == (11, few["se_bias_reduced"])
    assert (many["df"], many["se"]) == (None, many["se_robust"])
    assert few["ci_95"][0] < many["ci_95"][0] < many["ci_95"][1] < few["ci_95"][1]


def test_odds_ratios_by_hand():
    """Ten pairs, b = 3, c = 1, four right and two wrong under both: 7/3 : 5/5 marginally, 3 for one item."""
    fitted = model([(0, 1)] * 3 + [(1, 0)] + [(1, 1)] * 4 + [(0, 0)] * 2)
    influences = [1 / 0.21 * (t - 0.7) - 1 / 0.25 * (c - 0.5) for c, t in [(0, 1)] * 3 + [(1, 0)] + [(1, 1)] * 4]
    influences += [-1 / 0.21 * 0.7 + 1 / 0.25 * 0.5] * 2

    assert fitted["marginal"]["odds_ratio"] == fitted["means"]["odds_ratio"] == pytest.approx(7 / 3)
    assert fitted["marginal"]["se_robust"] == pytest.approx(sum(e * e for e in influences) ** 0.5 / 10)
    assert fitted["conditional"]["odds_ratio"] == pytest.approx(3)
    assert fitted["conditional"]["se"] == pytest.approx((1 / 3 + 1) ** 0.5)
    assert fitted["conditional"]["n_informative"] == 4
    assert fitted["conditional"]["ci_95"][0] == pytest.approx(exp(log(3) - 1.959964 * (4 / 3) ** 0.5), rel=1e-6)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=30), st.integers(2, 9))
def test_swapped_arms_turn_every_odds_ratio_over(right, size):
    """The logarithms change sign, standard errors and p-values stay."""
    groups = [index // size for index in range(len(right))]
    one, other = model(right, 3, groups=groups), model([pair[::-1] for pair in right], 3, groups=groups)

    for kind in ("marginal", "means", "conditional"):
        was, now = one[kind], other[kind]
        assert (was["log_odds_ratio"] is None) == (now["log_odds_ratio"] is None)
        if was["log_odds_ratio"] is not None:
            assert now["log_odds_ratio"] == pytest.approx(-was["log_odds_ratio"], abs=1e-7)
        assert (was["se"] is None) == (now["se"] is None)
        if was["se"] is not None:
            assert (now["se"], now["p_value"]) == pytest.approx((was["se"], was["p_value"]), rel=1e-5, abs=1e-9)


@given(st.permutations(range(60)))
def test_the_order_of_the_items_does_not_matter(order):
    """Byte for byte the same."""
    right, counts, groups = drawn(5)
    here = list(order)

    assert model(right[here], counts[here], groups=groups[here]) == model(right, counts, groups=groups)


@pytest.mark.parametrize(
    ("right", "groups", "kind", "log_or", "reason"),
    [
        pytest.param([(1, 1)] * 5, None, "marginal", None, "constant outcome", id="all right"),
        pytest.param([(0, 1)] * 5, None, "means", inf, "separation", id="one arm right"),
        pytest.param([(1, 0), (0, 0), (0, 0)], None, "marginal", -inf, "separation", id="one arm wrong"),
        pytest.param([(0, 1), (0, 1), (1, 1), (0, 0)], None, "conditional", inf, "separation", id="one direction"),
        pytest.param([(1, 1), (0, 0)], None, "conditional", None, "no item has right and wrong", id="agreeing"),
        pytest.param([(1, 1), (0, 0), (1, 1)], None, "marginal", 0.0, "same for every cluster", id="identical arms"),
        pytest.param([(0, 1), (1, 1), (1, 0), (0, 1)], [7] * 4, "means", log(3), "needs two clusters", id="one group"),
    ],
)
def test_what_is_not_defined_has_a_reason(right, groups, kind, log_or, reason):
    """No interval, no p-value, and in words why; what is defined nevertheless is told."""
    found = model(right, groups=groups)[kind]

    assert found["log_odds_ratio"] == (None if log_or is None else pytest.approx(log_or, abs=1e-12))
    assert (found["ci_95"], found["p_value"]) == (None, None)
    assert reason in found["reason"]


def test_means_over_an_unknown_number_of_answers():
    """Without n_samples an item's mean counts as one answer, and nothing is said of single ones."""
    fitted = model(GOLDEN["right"], GOLDEN["answers"], told=False, few_clusters=0)

    assert fitted["unit"] == "item mean"
    assert fitted["marginal"]["se"] == pytest.approx(GOLDEN["expected"]["gee"]["robust_se"], rel=1e-10)
    assert "does not say how many" in fitted["conditional"]["reason"]


def test_equations_that_do_not_converge_are_a_result(monkeypatch):
    """After too few steps there is no odds ratio but a reason; what needs no steps stands."""
    monkeypatch.setattr("exx_mixed_effects.gee._STEPS", 2)
    right, counts, groups = drawn(3)
    fitted = model(right, counts, groups=groups)

    assert (fitted["marginal"]["odds_ratio"], fitted["marginal"]["p_value"]) == (None, None)
    assert "did not converge in 2 steps" in fitted["marginal"]["reason"]
    assert fitted["means"]["odds_ratio"] > 1
