"""The statistics engine: who is called with what, where the answers go, and who is named when one is wrong."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from math import inf, nan
from typing import Any, ClassVar

import pytest
from attrs import evolve, field, frozen

from exx import Address, Finding
from exx.errors import PluginError, StopRequested
from exx.experiment import Bound
from exx.pipeline.statistics import analyze_study, compute
from exx.pipeline.statistics_default import defaults
from exx.pipeline.statistics_plain import jsonable, with_reasons
from exx.pipeline.statistics_write import document, write_findings_parquet, write_statistics
from exx.plugins import Owner

HEADER = "item_key,type,condition,temp,em,em_std,f1,f1_std"
OWNER = Owner("coin", "exx-coin", "1.0")


@frozen(kw_only=True)
class Coin:
    """A metric analysis whose answer is its generator's first number."""

    name: ClassVar[str] = "coin"
    level: ClassVar[str] = "metric"
    change: Mapping[str, Any] = field(factory=dict)

    def analyze(self, sample, rng):
        made = Finding(analysis="coin", metric=sample.metric.name, address=sample.address, n=sample.n)
        yield evolve(made, **{"p_value": rng.random(), **self.change})


@frozen(kw_only=True)
class Whole:
    """A block analysis that answers about no metric."""

    name: ClassVar[str] = "whole"
    level: ClassVar[str] = "block"
    path: tuple[str, ...] = ()

    def analyze(self, block, rng):
        yield Finding(analysis="whole", metric="", address=block.address, n=block.n_items, block_path=self.path)


@frozen(kw_only=True)
class Halver:
    """An adjustment that halves, or does what it is told to."""

    name: ClassVar[str] = "halver"
    level: ClassVar[str] = "adjustment"
    does: Any = None

    def adjust(self, findings, primary):
        if self.does:
            return self.does(findings)
        return [evolve(f, q_value=f.p_value / 2, family=",".join(primary)) for f in findings]


@frozen(kw_only=True)
class Counter:
    """A study analysis."""

    name: ClassVar[str] = "counter"
    level: ClassVar[str] = "study"
    artifact: ClassVar[str] = "counter.json"
    answer: Any = None

    def analyze(self, study):
        drawn = study.generator("counter").random()
        return self.answer or {"blocks": len(study.blocks), "drawn": drawn, "stats": study.stats, "most": inf}


def bind(instance):
    return Bound("analysis", instance.name, instance, OWNER, {})


@pytest.fixture
def scores(tmp_path):
    """Three items of two datasets; the treatment alone has two right, and one has no F1."""
    rows = [("a|1", 0, 1, 0.5, 1), ("a|2", 0, 1, "", 1), ("b|1", 1, 1, 0.25, 0.25)]
    lines = [HEADER]
    for key, *values in rows:
        for arm, condition in enumerate(("control", "treatment")):
            lines.append(f"{key},open,{condition},0.0,{values[arm]},0,{values[2 + arm]},0")
    path = tmp_path / "per_item_scores.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def ask(scores, *instances, **options):
    return compute(scores, [bind(instance) for instance in instances], **{"seed": 1, **options})


def block_of(scores, *instances):
    return document(ask(scores, *instances))["results"]["0.0"]["open"]


def test_core_writes_counts_and_means(scores):
    """Means are those of the complete pairs, by hand; what was dropped is counted."""
    block = block_of(scores)

    assert (block["n_items"], block["n_unpaired"]) == (3, {"control": 0, "treatment": 0})
    em, f1 = block["metrics"]["em"], block["metrics"]["f1"]
    assert (em["n_items"], em["mean_control"], em["mean_treatment"]) == (3, pytest.approx(1 / 3), 1.0)
    assert em["delta_mean"] == pytest.approx(2 / 3)
    assert (f1["n_items"], f1["n_missing"], f1["delta_mean"]) == (2, 1, 0.25)
    assert f1["missing"] == {"control": 1, "treatment": 0, "both": 0}
    assert {name: part["n_items"] for name, part in block["subgroups"]["dataset"].items()} == {"a": 2, "b": 1}


def test_every_finding_is_in_both_files(scores, tmp_path):
    """Two metrics on a block and its two subgroups make six findings, in the table and in the document."""
    statistics = ask(scores, Coin(change={"details": {"side": "heads"}, "summary": {"coin_p": 0.5}}), Counter())
    paths = write_statistics(statistics, tmp_path / "out" / "significance.json")

    assert [path.name for path in paths] == ["significance.json", "findings.csv", "counter.json"]
    with paths[1].open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["metric"], row["subgroup"]) for row in rows] == [
        (metric, where) for where in ("", "dataset=a", "dataset=b") for metric in ("em", "f1")
    ]
    written = json.loads(paths[0].read_text())
    assert written["schema_version"] == 2
    assert written["temps"] == [0.0]
    em = written["results"]["0.0"]["open"]["metrics"]["em"]
    assert em["coin"]["side"] == "heads"
    assert em["coin"]["p_value"] == float(rows[0]["p_value"])
    assert em["coin_p"] == 0.5
    assert json.loads(rows[0]["details"]) == {"side": "heads"}


def test_numbers_do_not_depend_on_other_analyses_or_on_order(scores):
    """Each call has a generator of its own."""
    alone = [f.p_value for f in ask(scores, Coin()).findings]
    together = [f.p_value for f in ask(scores, Whole(), Coin()).findings if f.analysis == "coin"]
    shuffled = scores.read_text().splitlines()
    scores.write_text("\n".join([shuffled[0], *reversed(shuffled[1:])]) + "\n")

    assert alone == together == [f.p_value for f in ask(scores, Coin()).findings]
    assert len(set(alone)) == 6
    assert alone != [f.p_value for f in ask(scores, Coin(), seed=2).findings]


def test_block_findings_lie_in_the_block(scores):
    """A finding about no metric lies under its analysis's name, or where its path says."""
    assert block_of(scores, Whole())["whole"] == {"n": 3}
    assert block_of(scores, Whole(path=("whole", "em")))["whole"]["em"] == {"n": 3}
    block = block_of(scores, Coin(change={"block_level": True}))
    assert block["coin"] == block["metrics"]["f1"]["coin"]


def test_undefined_numbers_stand_beside_their_reason(scores):
    """Null comes with the reason, in the entry and beside a summary's key; infinity is a word."""
    change = {"p_value": None, "high": inf, "reason": "nothing to toss", "summary": {"coin_p": None}}
    em = block_of(scores, Coin(change=change))["metrics"]["em"]

    assert em["coin"]["p_value"] is None
    assert em["coin"]["reason"] == "nothing to toss"
    assert em["coin"]["high"] == "Infinity"
    assert em["reason"] == "coin_p: nothing to toss"


def test_unadjusted_p_value_says_so(scores):
    """A p-value without a q-value says that nobody adjusted it."""
    entry = block_of(scores, Coin())["metrics"]["em"]["coin"]

    assert (entry["q_value"], entry["reason"]) == (None, "q_value: not adjusted")
    assert "low" not in entry


def test_missing_arm_gives_an_empty_block_with_reasons(scores, tmp_path):
    """Without a treatment the block is there, with nothing in it and the reason why."""
    lines = [line for line in scores.read_text().splitlines() if "treatment" not in line]
    scores.write_text("\n".join(lines) + "\n")
    block = block_of(scores)

    assert block["n_items"] == 0
    assert block["reason"] == "no item has a row in both arms (3 only in control)"
    assert block["metrics"]["em"]["delta_mean"] is None
    assert "no item has a value in both arms" in block["metrics"]["em"]["reason"]


def test_adjustment_sees_all_findings_and_the_primary_metrics(scores):
    """Q-values and families reach the entries."""
    entry = block_of(scores, Coin(), Halver())["metrics"]["em"]["coin"]

    assert entry["q_value"] == entry["p_value"] / 2
    assert entry["family"] == "em"


def test_study_analysis_gets_everything(scores):
    """A study analysis sees all blocks, the seed and the stats section; what it returns becomes strict JSON."""
    config = {"bootstrap_samples": 7}
    made = ask(scores, Counter(), stats_config=config).artifacts["counter.json"]

    assert (made["blocks"], made["stats"], made["most"]) == (3, config, "Infinity")
    assert made == analyze_study(bind(Counter()), scores, seed=1, stats_config=config)


def raising(error):
    def analyze(*_):
        raise error

    return analyze


@pytest.mark.parametrize(
    ("instance", "message"),
    [
        pytest.param(Coin(change={"p_value": nan}), r"finding on 'em' at 0\.0\|open\|: p_value is NaN", id="nan"),
        pytest.param(Coin(change={"details": {"x": [1.0, nan]}}), r"details\.x\[1\] is NaN", id="nan-deep"),
        pytest.param(Coin(change={"p_value": 1.5}), r"p_value is 1\.5, expected 0 to 1", id="range"),
        pytest.param(Coin(change={"estimate": "0.5"}), r"estimate is '0\.5', expected a number or None", id="word"),
        pytest.param(Coin(change={"details": {"x": object()}}), r"x is a object, which JSON has no", id="object"),
        pytest.param(Coin(change={"address": None}), r"has the address of another block: None", id="address"),
        pytest.param(Coin(change={"metric": "em"}), r"two findings of 'coin' on 'em'", id="twice"),
        pytest.param(Coin(change={"default_for": {"estimate": 1}}), r"default_for has 'estimate'", id="default"),
        pytest.param(Coin(change={"nonsense": 1}), r"TypeError.*nonsense", id="fails"),
        pytest.param(Counter(answer=[1]), r"returned list, expected a mapping", id="study"),
        pytest.param(Counter(answer={"x": nan}), r"counter\.json\.x is NaN", id="study-nan"),
        pytest.param(Halver(does=lambda findings: [1]), r"returned int, expected a Finding", id="not-a-finding"),
    ],
)
def test_wrong_answers_name_the_plugin(scores, instance, message):
    """An analysis that fails, or answers with something that is no finding, is named with its distribution."""
    with pytest.raises(PluginError, match=rf"plugin '(coin|counter|halver)'.*{message}"):
        ask(scores, instance)


def test_adjustment_may_not_drop_findings(scores):
    """An adjustment that loses findings would lose them from every report."""
    with pytest.raises(PluginError, match=r"plugin 'halver' \(exx-coin 1\.0\): it returned other findings"):
        ask(scores, Coin(), Halver(does=lambda findings: findings[1:]))


def test_unknown_level_is_refused(scores):
    """A level that the engine does not know is a mistake in the plugin."""

    class Odd(Coin):
        level = "galaxy"

    with pytest.raises(PluginError, match=r"its level is 'galaxy', expected one of metric, block, study, adjustment"):
        ask(scores, Odd())


def test_stop_is_not_an_error_of_the_plugin(scores):
    """A request to stop passes through."""

    class Stopping(Coin):
        analyze = raising(StopRequested("stopped"))

    with pytest.raises(StopRequested, match="stopped"):
        ask(scores, Stopping())


def test_same_input_gives_the_same_bytes(scores, tmp_path):
    """Writing twice gives identical files."""
    first, second = (write_statistics(ask(scores, Coin()), tmp_path / name / "significance.json") for name in "ab")

    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_parquet_holds_the_same_table(scores, tmp_path):
    """findings.parquet keeps infinity as a number and a missing number as null."""
    from pyarrow import parquet

    write_findings_parquet(ask(scores, Coin(change={"high": inf})).findings, tmp_path / "findings.parquet")
    table = parquet.read_table(tmp_path / "findings.parquet").to_pylist()

    assert len(table) == 6
    assert (table[0]["high"], table[0]["low"], table[2]["subgroup"]) == (inf, None, "dataset=a")


def test_plain_json_of_numpy_values():
    """Arrays and numpy numbers become lists and numbers; what is below zero and infinite has its own word."""
    import numpy as np

    assert jsonable({"a": np.array([1, 2]), "b": np.float64(0.5), "c": (-inf,)}, "x") == {
        "a": [1, 2],
        "b": 0.5,
        "c": ["-Infinity"],
    }


def made(analysis, **values):
    here = Address(temp=0.0, type="open")
    return Finding(analysis=analysis, metric="em", address=here, n=9, **values)


def test_the_highest_offer_stands_for_its_metric():
    """One without a value stands only where none has one, and an adjusted p-value goes before the others."""
    high = made("high", p_value=0.2, low=-1.0, high=1.0, default_for={"p_value": 9, "interval": 9})
    low = made("low", p_value=0.3, default_for={"p_value": 1}, details={"method": "by hand"})
    empty = made("empty", reason="no spread", default_for={"p_value": 20, "interval": 20})

    values, reasons = defaults([low, empty, high, made("other", p_value=0.01)])
    assert (values["p_value"], values["ci_95"], values["ci_95_method"]) == (0.2, [-1.0, 1.0], "high")
    assert reasons == ["q_value: not adjusted"]
    values, _ = defaults([high, evolve(low, q_value=0.6)])
    assert (values["p_value"], values["q_value"], values["p_value_method"]) == (0.3, 0.6, "low: by hand")
    values, reasons = defaults([empty])
    assert (values["p_value"], values["ci_95"]) == (None, None)
    assert reasons == ["ci_95, ci_90: no spread", "p_value: no spread"]


def test_what_stands_in_for_a_primary_metric_is_adjusted_as_one(scores):
    """Without the config's primary metric exact match stands in for it, in the adjustments as in the verdict."""
    seen = ask(scores, Coin(), Halver(), primary=("answer_match",)).findings

    assert {finding.family for finding in seen} == {"em"}


def test_no_null_without_a_reason():
    """Every null of significance.json has a reason beside it: its own, or that of what it is part of."""
    told = with_reasons({"a": None, "reason": "no pairs", "part": {"b": None, "c": [{"d": None}], "e": {"f": 1}}})

    assert told["part"] == {"b": None, "c": [{"d": None, "reason": "no pairs"}], "e": {"f": 1}, "reason": "no pairs"}
    assert with_reasons({"p_value": None}) == {"p_value": None, "reason": "not defined"}
