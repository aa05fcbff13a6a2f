"""Each section shows what its analysis found, in its place and with the right sign, or says why there is nothing."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest

from exx import load_results
from exx_markdown.reporter import MarkdownReporter

PLACE = {"temp": 0.0, "type": "open", "subgroup": None}
UNTOLD = "<script>alert(1)</script> | x"


def metric(delta, ends, **more):
    """A metric's entry: 200 pairs, the control at 40 %."""
    tests = {"permutation": {"n": 200, "p_value": 0.004, "q_value": 0.008, "family": "primary (bh, m = 2)"}}
    chosen = {"p_value": 0.004, "q_value": 0.008, "p_value_method": "permutation: exact (convolution)"}
    means = {"n_items": 200, "mean_control": 0.4, "mean_treatment": 0.4 + delta, "delta_mean": delta}
    return {**means, "ci_95": ends, **chosen, **tests, **more}


@pytest.fixture
def folder(tmp_path):
    """Results without a run: one place, two metrics, two datasets that disagree."""
    part = {"n_items": 100, "n_unpaired": {"control": 0, "treatment": 0}}
    parts = {
        "big": {**part, "metrics": {"em": metric(0.15, [0.09, 0.21], n_items=100)}},
        "small": {**part, "metrics": {"em": metric(-0.05, [-0.09, -0.01], n_items=100)}},
    }
    block = {**part, "n_items": 200, "metrics": {"em": metric(0.1, [0.04, 0.16]), "f1": metric(0.02, [-0.01, 0.05])}}
    content = {"results": {"0.0": {"open": {**block, "subgroups": {"dataset": parts}}}}, "analyses": []}
    results = tmp_path / "results"
    results.mkdir()
    (results / "significance.json").write_text(json.dumps(content), encoding="utf-8")
    return results


def add(folder, key, value) -> None:
    """Put something into the block of significance.json."""
    path = folder / "significance.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["results"]["0.0"]["open"][key] = value
    path.write_text(json.dumps(content), encoding="utf-8")


def study(folder, name, content) -> None:
    """Write what a study analysis made."""
    (folder / name).write_text(json.dumps(content), encoding="utf-8")


def report_of(folder) -> str:
    """The report."""
    first, *_ = MarkdownReporter().write(load_results(folder), folder.parent / "reports")
    return first.read_text(encoding="utf-8")


def section(report, heading) -> str:
    """One section of it."""
    _, found, rest = report.partition(f"\n{heading}\n")
    assert found, f"no section {heading!r}"
    return re.split(r"\n## ", rest)[0]


def test_results_and_figures_have_the_same_numbers(folder):
    """A gain of 10 points is +10.0 in the table, in the figure's words and in the figure's file; the file is XML."""
    told = section(report_of(folder), "## Results")
    drawn = (folder.parent / "reports/results-open-t0.svg").read_text(encoding="utf-8")

    assert "| em \\* | 200 | 40.0 % | 50.0 % | +10.0 | +4.0 to +16.0 | better |" in told
    assert "em: +10.0 (+4.0 to +16.0)" in told
    assert "+10.0 (+4.0 to +16.0)" in drawn
    assert ElementTree.fromstring(drawn).tag.endswith("svg")


def test_every_link_has_its_file_and_words(folder):
    """Each figure that the report links lies beside it, was returned, and is described in words."""
    paths = MarkdownReporter().write(load_results(folder), folder.parent / "reports")
    links = re.findall(r"!\[([^\n]*)\]\(([^)]*)\)", paths[0].read_text(encoding="utf-8"))

    assert paths[0].name == "report.md"
    assert {name for _, name in links} == {path.name for path in paths[1:]}
    assert all(path.is_file() for path in paths)
    assert all(len(words) > 40 for words, _ in links)


def test_significance_names_test_and_family(folder):
    """The test that stands for a hypothesis, its p and its q, and the family that q is from."""
    told = section(report_of(folder), "## Significance")

    assert "| 200 | 0.004 | 0.008 | primary (bh, m = 2) | permutation: exact (convolution) |" in told


def test_parts_are_drawn_and_told(folder):
    """Datasets that move in opposite ways each have their own row and sign."""
    told = section(report_of(folder), "## Results by part")

    assert "| big | em \\* | 100 | 40.0 % | 55.0 % | +15.0 |" in told
    assert "| small | em \\* | 100 | 40.0 % | 35.0 % | −5.0 |" in told
    assert "](by-dataset-open-t0.svg)" in told


def test_meta_analysis(folder):
    """Pooled means with their intervals, Q, I² and τ: a τ² of 0.01 is a τ of 10 points."""
    entry = {
        "k": 2,
        "fixed": {"delta_mean": 0.05, "ci_95": [0.02, 0.08]},
        "random": {"delta_mean": 0.04, "ci_95": [-0.9, 0.98], "tau2": 0.01},
        "heterogeneity": {"Q": 7.25, "df": 1, "p_value": 0.0071, "I2": 86.2},
        "macro": {"delta_mean": 0.06, "ci_95": [0.01, 0.11]},
        "reason": "two datasets say next to nothing",
    }
    add(folder, "meta", {"em": entry, "f1": {"k": 1}})
    told = section(report_of(folder), "## Across datasets (meta-analysis)")

    assert (
        "| em | Open-book, temperature 0 | 2 | +5.0 (+2.0 to +8.0) | +4.0 (−90.0 to +98.0) | +6.0 (+1.0 to +11.0) | "
        "7.25 (1), 0.007 | 86 % | 10.0 |"
    ) in told
    assert "two datasets say next to nothing." in told
    assert "| f1 |" not in told


def test_selective_risk(folder):
    """Thresholds that let the same questions through share a row; a drop in risk is a negative difference."""

    def points(*coverage_and_risk):
        thresholds = (0.0, 0.5, 1.0)
        return [
            {"threshold": at, "coverage": c, "risk": r}
            for at, (c, r) in zip(thresholds, coverage_and_risk, strict=True)
        ]

    drop = {"delta": -0.1, "ci_95": [-0.15, -0.05]}
    entry = {
        "points": {
            "control": points((1.0, 0.5), (0.8, 0.4), (0.8, 0.4)),
            "treatment": points((1.0, 0.5), (0.7, 0.3), (0.7, 0.3)),
            "delta": [{"risk": {"delta": 0.0, "ci_95": None}}, {"risk": drop}, {"risk": drop}],
        },
        "aurc": {"control": 0.42, "treatment": 0.4, "delta": -0.02, "ci_95": [-0.05, 0.01]},
        "curve": {"control": [{"coverage": 0.8, "risk": 0.4}], "treatment": [{"coverage": 0.7, "risk": 0.3}]},
        "unanswerable": {"n": 30, "abstention_recall": {"control": 0.2, "treatment": 0.9}},
    }
    add(folder, "selective_risk", entry)
    told = section(report_of(folder), "## Answering only when sure (selective risk)")

    assert "| 0.5 to 1 | 80.0 % | 70.0 % | 40.0 % | 30.0 % | −10.0 (−15.0 to −5.0) |" in told
    assert "0.420 under the control and 0.400 under the treatment: a difference of −0.020" in told
    assert "30 questions without an answer, which are not part of this, the control declined 20.0 %" in told
    assert "](risk-open-t0.svg)" in told


def test_noninferiority(folder):
    """What is shown is *yes*, what is not is *no*, and what is undefined is a dash with its reason."""
    entry = {"margin": 0.02, "alpha": 0.05, "level": 0.9, "low": -0.015, "high": 0.05, "mean_delta": 0.0175}
    shown = {"p_non_inferiority": 0.02, "non_inferior": True, "p_tost": 0.4, "equivalent": False, "method": "t test"}
    undefined = {"margin": 0.02, "alpha": 0.05, "p_non_inferiority": None, "reason": "the deltas do not vary"}
    add(folder, "tost", {"em": {**entry, **shown}, "f1": undefined})
    told = section(report_of(folder), "## Non-inferiority and equivalence")

    assert "| ±2 | +1.8 | −1.5 to +5.0 (90 %) | 0.020 | yes | 0.40 | no | t test |" in told
    assert "- f1, Open-book, temperature 0: the deltas do not vary." in told


def test_power(folder):
    """The smallest difference in points, and questions for each target, with their upper limits in brackets."""
    needed = [{"target": 0.01, "n": 12_000, "n_upper": 14_000}, {"target": 0.05, "n": 480, "n_upper": None}]
    plan = {"n_items": 200, "mde": 0.078, "mde_upper": 0.085, "design_effect": 1.5, "required": needed}
    none = {"n_items": 200, "mde": None, "required": [], "reason": "the deltas do not vary"}
    blocks = [{**PLACE, "metrics": {"f1": none, "em": plan}}]
    study(folder, "power_analysis.json", {"alpha": 0.05, "power": 0.8, "reason": None, "blocks": blocks})
    told = section(report_of(folder), "## Power: what could have been found")

    assert "| em | Open-book, temperature 0 | 200 | 7.8 (8.5) | × 1.50 | 12,000 (14,000) | 480 |" in told
    assert "For 1 point | For 5 points |" in told
    assert "- f1, Open-book, temperature 0: the deltas do not vary." in told


def test_mixed_effects(folder):
    """Odds ratios over all items and within an item; a linear model's difference in points; separation is told."""
    marginal = {"odds_ratio": 1.5, "ci_95": [1.1, 2.04], "p_value": 0.01}
    conditional = {"odds_ratio": "Infinity", "ci_95": None, "p_value": None, "reason": "separation"}
    logistic = {"model": "logistic", "n_clusters": 200, "marginal": marginal, "conditional": conditional}
    linear = {
        "model": "linear",
        "n_clusters": 50,
        "linear": {"difference": 0.02, "ci_95": [-0.01, 0.05], "p_value": 0.2},
    }
    blocks = [{**PLACE, "models": {"em": logistic, "f1": linear}}]
    study(folder, "mixed_models.json", {"reason": None, "blocks": blocks})
    told = section(report_of(folder), "## Models of all answers (mixed effects)")

    assert "| em | Open-book, temperature 0 | 200 | 1.5 (1.1 to 2.04) | 0.010 | ∞ (–) | – |" in told
    assert "| f1 | Open-book, temperature 0 | 50 | +2.0 points (−1.0 to +5.0) | 0.20 | – | – |" in told
    assert "- em, Open-book, temperature 0: separation." in told


def test_cost_effectiveness(folder):
    """Dollars, the gain, and dollars per point with interval; without a price the tokens and the reason."""
    study(folder, "costs.json", COSTS)
    priced = {
        "usd_per_1000_items": 0.5,
        "effect": 0.1,
        "usd_per_1000_items_per_point": 0.05,
        "ci_95": [0.03, 0.25],
        "quadrants": {"better_and_dearer": 0.97},
        "plane": {"points": [[0.5, 0.09], [0.5, 0.12]], "estimate": [0.5, 0.1]},
        "in_words": "Half a dollar for ten points.",
    }
    block = {**PLACE, "usd_per_1000_items": {"ci_95": [0.4, 0.6]}, "metrics": {"em": priced}}
    study(folder, "cost_effectiveness.json", {"reason": None, "blocks": [block]})
    told = section(report_of(folder), "## Costs")

    assert "| \\$0.50 (\\$0.40 to \\$0.60) | +10.0 | \\$0.050 (\\$0.030 to \\$0.25) | 97 % |" in told
    assert "](cost-em-open-t0.svg)" in told

    prompt = {"control": 60.0, "treatment": 160.0, "difference": 100.0, "ci_95": [99.5, 100.5]}
    bare = {"em": {"usd_per_1000_items": None, "in_words": "Without a price nothing can be said of money."}}
    block = {**PLACE, "tokens_per_item": {"prompt": prompt}, "metrics": bare}
    unpriced = {"reason": None, "price": {"reason": "no price: set it"}, "blocks": [block]}
    study(folder, "cost_effectiveness.json", unpriced)
    told = section(report_of(folder), "## Costs")

    assert "| prompt | 60.0 | 160.0 | +100.0 | +99.5 to +100.5 |" in told
    assert "No sums of money: no price: set it." in told


COSTS = {
    "price": {"source": None, "reason": "no price"},
    "conditions": {},
    "total": {
        "requests": 0,
        "tokens": {"prompt": 0, "completion": 0},
        "usd": {"spent": None, "saved": None, "per_1000_requests": None, "total": None, "reason": "no price"},
    },
    "difference": {},
}


def test_sensitivity(folder):
    """The analysis's own words, for every dataset, and a figure of the whole."""
    curve = [{"threshold": at / 4, "difference": 0.1, "low": 0.05, "high": 0.15} for at in range(5)]
    whole = {**PLACE, "in_words": "More everywhere.", "curve": curve}
    part = {**PLACE, "subgroup": ["dataset", "big"], "in_words": "Fewer there.", "curve": curve}
    study(folder, "unsupported_sensitivity.json", {"reason": None, "blocks": [whole, part]})
    told = section(report_of(folder), "## Sensitivity to the detector’s threshold")

    assert "**Open-book, temperature 0.** More everywhere." in told
    assert "**Open-book, temperature 0, dataset big.** Fewer there." in told
    assert told.count(".svg)") == 1


def test_what_cannot_be_analysed_says_why(folder):
    """A file without blocks is a sentence with its reason; a figure without anything to draw likewise."""
    study(folder, "unsupported_sensitivity.json", {"reason": "there is no support.csv", "blocks": []})
    study(folder, "power_analysis.json", {"reason": "there are no items", "blocks": []})
    report = report_of(folder)

    assert "Not analysed: there is no support.csv." in report
    assert "Not planned: there are no items." in report
    assert "mixed effects, costs, cost-effectiveness" in section(report, "## Not in this report")


def test_an_analysis_nobody_knows_is_shown(folder):
    """A file that a later plugin wrote has its words and numbers in the report, none of them as markup."""
    block = {**PLACE, "in_words": UNTOLD, "depth": {"mean": 0.25, "all": [1, 2, 3]}}
    study(folder, "reading_level.json", {"level": 0.9, "blocks": [block]})
    told = section(report_of(folder), "## Further analyses")

    assert "### Reading level" in told
    assert "\\<script>alert(1)\\</script> \\| x" in told
    assert "| blocks 1 › depth › mean | 0.25 |" in told
    assert "| blocks 1 › depth › all | 1, 2, 3 |" in told


def test_lost_answers_are_counted_and_judged(folder):
    """Seven answers failed under the treatment and none under the control: counted, tested, and held against it."""
    same = {"temp": 0.0, "type": "open", "dataset": "big"}
    ended = {"items": 207, "planned": 207, "abstained": 0, "empty": 0, "truncated": 0, "missing": 0, "blank": 0}
    arms = [
        {**same, **ended, "condition": "control", "answered": 207, "failed": 0},
        {**same, **ended, "condition": "treatment", "answered": 200, "failed": 7},
    ]
    pairs = {"planned": 207, "whole": 200, "control": 0, "treatment": 7, "both": 0, "partly": 0}
    ends = {
        "scored": {"n": 200, "mean": 0.1, "sd": 0.43},
        "lowest": {"n": 207, "mean": (20 - 7) / 207, "sd": 0.45},
        "highest": {"n": 207, "mean": (20 + 7) / 207, "sd": 0.45},
    }
    content = {
        "schema_version": 2,
        "arms": arms,
        "pairs": [{**same, **pairs, "control_more": 0, "treatment_more": 7}],
        "extremes": [{"metric": "em", "temp": 0.0, "type": "open", "lost": 7, **ends}],
    }
    study(folder, "integrity.json", content)
    report = report_of(folder)
    lost = section(report, "## Data and pairing")

    assert "| control | 207 | 207 | 0 | 0 | 0 | 0 | 0 | 0 |" in section(report, "## Answers")
    assert "| treatment | 207 | 200 | 0 | 0 | 0 | 7 | 0 | 7 |" in section(report, "## Answers")
    assert "p = 0.016" in lost  # 2 · ½⁷ = 0.0156
    assert re.search(r"\| em \| Open-book, temperature 0 \| 7 \| 200 \| \+6\.3 .*\| \+13\.0 ", lost)  # 13/207, 27/207


def test_without_figures_there_is_no_link_to_one(folder):
    """And no file; every table is still there."""
    results = load_results(folder)
    drawn = MarkdownReporter().write(results, folder / "with")
    (plain,) = MarkdownReporter(figures=False).write(results, folder / "without")
    full, words = drawn[0].read_text("utf-8"), plain.read_text("utf-8")

    assert len(drawn) > 1 and "![" in full and "![" not in words
    assert re.findall(r"^\|.*$", full, re.M) == re.findall(r"^\|.*$", words, re.M)
