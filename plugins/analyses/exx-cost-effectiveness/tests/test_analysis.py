"""Costs, effects and their ratio: counted by hand, and the resampled interval against enumeration and Fieller."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exx import Address, DataError, Metric, PairedBlock, PairedSample, Price, RequestId, Study
from exx.testing import check_analysis
from exx_cost_effectiveness.analysis import CostEffectiveness
from exx_cost_effectiveness.ratio import fieller, interval, resample, units_of

PRICE = Price(input_per_million=100.0, output_per_million=1000.0)
HEADER = (
    "custom_id,dataset,item_id,condition,temp,sample_index,type,request_id,finish_reason,response_text,"
    "prompt_tokens,completion_tokens,total_tokens,error,cached_tokens,model"
)


def answer(item, arm, prompt, completion, *, sample=0, error="", cached=0, text="an answer", temp=0.0):
    """One row of predictions.csv; the item is ``(dataset, id)``."""
    name = RequestId(*item, arm, temp, sample, "open").encode()
    return f'"{name}",d,i,{arm},{temp},{sample},open,r,stop,"{text}",{prompt},{completion},0,{error},{cached},m'


def write(folder, answers, scores, *, groups=None, metric="em"):
    """Write both tables; ``scores[item]`` holds the metric under control and treatment, None for a blank."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "predictions.csv").write_text("\n".join([HEADER, *answers]) + "\n", "utf-8")
    rows = [f"item_key,type,condition,temp,{metric},n_samples,group"]
    for item, pair in scores.items():
        key = RequestId(*item, "control", 0.0, 0, "open").item_key
        for arm, value in zip(("control", "treatment"), pair, strict=True):
            rows.append(f"{key},open,{arm},0.0,{'' if value is None else value},1,{(groups or {}).get(item, '')}")
    (folder / "per_item_scores.csv").write_text("\n".join(rows) + "\n", "utf-8")
    return folder


def analyze(folder, *, price=PRICE, primary=("em",), blocks=(), **options):
    study = Study(blocks=list(blocks), seed=1, stats={}, folder=folder, price=price, primary=primary)
    return CostEffectiveness(**options).analyze(study)


def trial(folder, tokens, scores, **more):
    """One answer per item and arm; ``tokens`` has completion tokens per arm; prompts take 10 and 20."""
    items = [("d", str(number)) for number in range(len(tokens))]
    answers = [
        answer(item, arm, prompt, count)
        for item, pair in zip(items, tokens, strict=True)
        for arm, prompt, count in zip(("control", "treatment"), (10, 20), pair, strict=True)
    ]
    return write(folder, answers, dict(zip(items, scores, strict=True)), **more)


LOPSIDED = ([(1, 2), (1, 4), (2, 2), (1, 3)] * 5, [(0, 1), (0, 1), (1, 1), (0, 1)] * 5)


def test_keeps_the_contracts():
    """Strict JSON with a reason where the samples came from no file."""
    check_analysis(CostEffectiveness)


def test_costs_and_effect_by_hand(tmp_path):
    """Twenty items: 0.001 + 0.0015 dollars more for each, 75 points gained."""
    (block,) = analyze(trial(tmp_path, *LOPSIDED))["blocks"]
    em = block["metrics"]["em"]

    assert block["n_items"] == 20
    assert block["tokens_per_item"]["prompt_tokens"]["difference"] == 10
    assert block["tokens_per_item"]["completion_tokens"]["control"] == pytest.approx(1.25)
    assert block["tokens_per_item"]["completion_tokens"]["difference"] == pytest.approx(1.5)
    assert block["usd_per_1000_items"]["control"] == pytest.approx(1.0 + 1.25)
    assert block["usd_per_1000_items"]["difference"] == pytest.approx(1.0 + 1.5)
    assert em["effect"] == pytest.approx(0.75)
    assert em["usd_per_1000_items_per_point"] == pytest.approx(2.5 / 75)
    assert em["ci_95"][0] < 2.5 / 75 < em["ci_95"][1]
    assert em["fieller_ci_95"][0] < 2.5 / 75 < em["fieller_ci_95"][1]
    assert em["quadrants"]["better_and_dearer"] == 1.0
    assert "2.5 dollars more, and it is 75 points better: 0.0333 dollars a point" in em["in_words"]


def test_answers_of_an_item_are_averaged(tmp_path):
    """Three answers, one that failed and one without token counts: the tokens of the others count."""
    item, other = ("d", "x|y%"), ("d", "2")
    answers = [
        answer(item, "control", 10, 4),
        answer(item, "control", 10, 8, sample=1),
        answer(item, "control", 999, 999, sample=2, error="timed out"),
        answer(item, "control", 0, 0, sample=3),
        answer(item, "treatment", 30, 1, cached=20, text='said ""no"",\nin two lines'),
        answer(other, "control", 10, 5),
    ]
    folder = write(tmp_path, answers, {item: (0, 1), other: (1, 1)})
    price = Price(input_per_million=100.0, output_per_million=1000.0, cached_per_million=10.0, factor=0.5)
    (block,) = analyze(folder, price=price)["blocks"]

    assert (block["n_items"], block["n_left_out"], block["n_unmetered"]) == (1, 1, 1)
    assert block["tokens_per_item"]["completion_tokens"]["control"] == 6
    assert block["usd_per_1000_items"]["control"] == pytest.approx(0.5 * (1.0 + 6.0))
    assert block["usd_per_1000_items"]["treatment"] == pytest.approx(0.5 * (1.0 + 0.2 + 1.0))


def test_without_a_price_tokens_stand_alone(tmp_path):
    """Nothing is said of money, and why."""
    made = analyze(trial(tmp_path, *LOPSIDED), price=None)
    (block,) = made["blocks"]

    assert "pricing.input_per_million" in made["price"]["reason"]
    assert block["tokens_per_item"]["completion_tokens"]["difference"] == pytest.approx(1.5)
    assert block["usd_per_1000_items"]["reason"] == "no price"
    assert (block["metrics"]["em"]["plane"], block["metrics"]["em"]["reason"]) == (None, "no price")
    assert block["metrics"]["em"]["effect"] == pytest.approx(0.75)


def test_swapped_arms_lose_what_was_gained(tmp_path):
    """Cheaper and worse: no cost of a gain, and every resample in that corner."""
    tokens, scores = ([pair[::-1] for pair in some] for some in LOPSIDED)
    (block,) = analyze(trial(tmp_path, [(t + 10, c) for t, c in tokens], scores))["blocks"]
    em = block["metrics"]["em"]

    assert em["effect"] == pytest.approx(-0.75)
    assert em["usd_per_1000_items"] < 0
    assert (em["usd_per_1000_items_per_point"], em["ci_95"]) == (None, None)
    assert em["reason"] == "nothing was gained"
    assert em["quadrants"]["not_better_and_not_dearer"] == 1.0
    assert "dollars less, and it is 75 points worse." in em["in_words"]


def test_less_of_some_metrics_is_better(tmp_path):
    """Fewer false answers are a gain."""
    tokens, scores = LOPSIDED
    folder = trial(tmp_path, tokens, [pair[::-1] for pair in scores], metric="wrong")
    here = Address(temp=0.0, type="open")
    metric = Metric("wrong", "Wrong", higher_is_better=False)
    sample = PairedSample(address=here, metric=metric, control=np.ones(1), treatment=np.zeros(1))
    some = PairedBlock(address=here, samples={"wrong": sample}, n_items=1, n_unpaired={})
    (block,) = analyze(folder, primary=("wrong",), blocks=[some])["blocks"]

    assert block["metrics"]["wrong"]["less_is_better"]
    assert block["metrics"]["wrong"]["effect"] == pytest.approx(0.75)


def test_the_plane_is_small_and_the_same_each_time(tmp_path):
    """At most 500 seeded points around the estimate; another order of the rows changes nothing."""
    tokens, scores = LOPSIDED
    first, again = (analyze(trial(tmp_path / name, tokens, scores)) for name in "ab")
    order = np.random.default_rng(3).permutation(20)
    mixed = analyze(trial(tmp_path / "c", [tokens[i] for i in order], [scores[i] for i in order]))
    plane = first["blocks"][0]["metrics"]["em"]["plane"]

    assert first == again
    assert mixed["blocks"][0]["metrics"]["em"] == first["blocks"][0]["metrics"]["em"]
    assert len(plane["points"]) == 500
    assert plane["estimate"] == pytest.approx([2.5, 0.75])
    assert np.mean(plane["points"], axis=0) == pytest.approx(plane["estimate"], abs=0.05)


def test_resamples_have_the_law_of_enumeration():
    """Three items: the means of all 27 resamples, each as often as it should be drawn."""
    cost, effect = np.array([1.0, 2.0, 4.0]), np.array([0.0, 1.0, 1.0])
    every = [(cost[list(drawn)].mean(), effect[list(drawn)].mean()) for drawn in product(range(3), repeat=3)]
    means = resample(units_of(cost, effect, np.full(3, -1)), 20_000, np.random.default_rng(1))

    for at in {(round(c, 9), round(e, 9)) for c, e in every}:
        share = np.mean([(round(c, 9), round(e, 9)) == at for c, e in every])
        seen = np.mean((np.abs(means - at) < 1e-9).all(axis=1))
        assert seen == pytest.approx(share, abs=4 * (share * (1 - share) / 20_000) ** 0.5)


def test_whole_groups_are_resampled():
    """Two groups of three items that agree: only three resamples are possible."""
    cost, effect = np.array([1.0] * 3 + [3.0] * 3), np.array([0.0] * 3 + [1.0] * 3)
    units = units_of(cost, effect, np.array([5, 5, 5, 2, 2, 2]))
    means = resample(units, 500, np.random.default_rng(1))

    assert units.number == 2
    assert {tuple(row) for row in means.tolist()} == {(1.0, 0.0), (2.0, 0.5), (3.0, 1.0)}


def test_fieller_by_hand():
    """Costs 1, 2, 3 and effects 2, 2, 5: t = 4.302653 for two degrees of freedom, and the quadratic's roots."""
    cost, effect = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 5.0])
    t = 4.302652729696142**2
    c = 4 - t / 3

    assert "no bounds" in fieller(units_of(cost, effect, np.full(3, -1)))
    a, b = 9 - t * 0.01, 6 - t * 0.05
    effect = np.array([29.0, 29.0, 32.0]) / 10
    root = (b * b - a * c) ** 0.5
    assert fieller(units_of(cost, effect, np.full(3, -1))) == pytest.approx(((b - root) / a, (b + root) / a))


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.05, 0.2), st.floats(-3, 3))
def test_the_interval_agrees_with_fieller(seed, effect, cost):
    """400 items with a clear gain: both intervals agree to a tenth of their width."""
    rng = np.random.default_rng(seed)
    noise = rng.multivariate_normal([cost, effect], [[1.0, 0.03], [0.03, 0.04]], size=400)
    units = units_of(noise[:, 0], noise[:, 1], np.full(400, -1))
    limits = fieller(units)
    if isinstance(limits, str) or noise[:, 1].mean() < 0.05:
        return
    found = interval(resample(units, 4000, rng))

    width = limits[1] - limits[0]
    assert found == pytest.approx(limits, abs=0.12 * width)


def test_a_gain_that_may_be_none_has_no_bounds(tmp_path):
    """One item in twenty gained, none lost: a third of the resamples gain nothing."""
    scores = [(0, 1)] + [(0, 0)] * 19
    (block,) = analyze(trial(tmp_path, [(1, 2)] * 20, scores))["blocks"]
    em = block["metrics"]["em"]

    assert em["usd_per_1000_items_per_point"] == pytest.approx(2.0 / 5)
    assert (em["ci_95"], em["fieller_ci_95"]) == (None, None)
    assert "gain nothing" in em["reason"]
    assert em["quadrants"]["not_better_and_dearer"] == pytest.approx(0.95**20, abs=0.03)


def test_items_that_are_all_alike_have_no_interval(tmp_path):
    """One item, or items with one and the same difference: a ratio, but never an interval of no width."""
    for number in (1, 6):
        folder = trial(tmp_path / str(number), [(1, 2)] * number, [(0, 1)] * number)
        em = analyze(folder)["blocks"][0]["metrics"]["em"]
        assert em["usd_per_1000_items_per_point"] == pytest.approx(0.02)
        assert (em["ci_95"], em["fieller_ci_95"]) == (None, None)
        assert "no two of them differ" in em["reason"]


def test_without_tables_there_is_a_reason(tmp_path):
    """No predictions, no scores, no rows: nothing to compare, and why."""
    assert "no predictions.csv" in analyze(tmp_path)["reason"]
    folder = trial(tmp_path / "a", *LOPSIDED)
    (folder / "per_item_scores.csv").unlink()
    assert "no per_item_scores.csv" in analyze(folder)["reason"]


def test_a_damaged_table_is_refused(tmp_path):
    """A missing column, a third arm and a word for a number are named."""
    folder = trial(tmp_path, *LOPSIDED)
    whole = (folder / "predictions.csv").read_text("utf-8")
    for text, reason in (
        (whole.replace("prompt_tokens", "prompt"), "no column prompt_tokens"),
        (whole.replace(",control,0.0,0", ",neither,0.0,0", 1), "row 1 .*condition 'neither'"),
        (whole.replace(",10,1,0", ",ten,1,0", 1), "damaged"),
        (whole.replace(",10,1,0", ",-10,1,0", 1), "negative"),
    ):
        (folder / "predictions.csv").write_text(text, "utf-8")
        with pytest.raises(DataError, match=reason):
            analyze(folder)
