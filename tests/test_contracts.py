"""Every installed analysis keeps the contracts of analyses, whoever wrote it."""

from __future__ import annotations

import hashlib
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import orjson
import pytest
from hypothesis import HealthCheck, given, settings

from exx.errors import DataError
from exx.experiment import Bound
from exx.pipeline.statistics import compute
from exx.pipeline.statistics_write import document
from exx.plugins import load_plugins
from exx.testing import check_analysis
from exx.testing.analyses import as_bytes, check_table, findings
from exx.testing.strategies import score_tables
from exx.testing.tables import lopsided_tables

OFFERS = load_plugins().offers("analysis")
ASKED = sorted(name for name, offer in OFFERS.items() if offer.cls.level in ("metric", "block"))


@pytest.mark.parametrize("name", sorted(OFFERS))
def test_keeps_the_contracts(name):
    """Mirrored arms, permuted items, identical arms, no NaN, edge cases with a reason: see exx.testing.analyses."""
    check_analysis(OFFERS[name].cls)


@pytest.mark.parametrize("name", ASKED)
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(table=score_tables(max_size=14))
def test_keeps_the_contracts_on_drawn_tables(name, table):
    """Binary, replicated and continuous scores of up to fourteen items, in groups or not."""
    check_table(OFFERS[name].cls(), table)


def digests(names):
    """Digest of what each analysis says about every built-in table; runs in another process."""
    offers = load_plugins().offers("analysis")
    return {
        name: hashlib.sha256(
            b"".join(as_bytes(findings(offers[name].cls(), table)) for table in lopsided_tables())
        ).hexdigest()
        for name in names
    }


def test_results_are_the_same_from_any_number_of_processes():
    """One process that asks every analysis, and two that share them, in another order: the same bytes."""
    here = digests(ASKED)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        halves = list(pool.map(digests, [ASKED[::-2], ASKED[-2::-2]]))

    assert halves[0] | halves[1] == here


HEADER = "item_key,type,condition,temp,em,em_std,f1,f1_std,group"


def whole(tmp_path, rows, names):
    """significance.json of a score file with these rows, by these analyses."""
    scores = tmp_path / "per_item_scores.csv"
    scores.write_text("\n".join([HEADER, *rows]) + "\n")
    bound = [Bound("analysis", name, OFFERS[name].cls(), OFFERS[name].owner, {}) for name in names]
    return document(compute(scores, bound, seed=3))["results"]["0.0"]["closed"]


def rows_of(scores, groups=None):
    """Rows of both arms from triples of item, control and treatment; a None leaves the row out, "" the value."""
    for item, *arms in scores:
        group = "" if groups is None else groups[item]
        for arm, value in zip(("control", "treatment"), arms, strict=True):
            if value is not None:
                yield f"a|{item},closed,{arm},0.0,{value},0,{value},0,{group}"


def test_a_score_outside_its_range_is_refused_with_its_line(tmp_path):
    """No analysis sees a score that cannot be one."""
    with pytest.raises(DataError, match=r"1\.2 is not between 0 and 1") as refused:
        whole(tmp_path, rows_of([(0, 0, 1), (1, 1, 1.2)]), ASKED)

    assert refused.value.line == 5


def test_the_order_of_the_analyses_changes_nothing(tmp_path):
    """Each call has a generator of its own, so what else is asked, and when, does not matter."""
    scores = [(item, item % 3 == 0, item % 2) for item in range(30)]
    rows = list(rows_of([(item, int(control), treatment) for item, control, treatment in scores]))
    there = whole(tmp_path, rows, ASKED[::-1])

    for name, entry in whole(tmp_path, rows, ASKED)["metrics"].items():
        assert orjson.dumps(entry, option=orjson.OPT_SORT_KEYS) == orjson.dumps(
            there["metrics"][name], option=orjson.OPT_SORT_KEYS
        )


def test_shared_groups_make_the_defaults_cluster_robust(tmp_path):
    """Three questions a passage that go wrong together: interval and p of groups, those of items beside and surer."""
    scores = [(item, int(item // 3 % 5 == 0), int(item // 3 % 5 < 3)) for item in range(60)]
    grouped = whole(tmp_path, rows_of(scores, groups=[f"p{item // 3}" for item in range(60)]), ASKED)["metrics"]["em"]
    plain = whole(tmp_path, rows_of(scores), ASKED)["metrics"]["em"]

    assert grouped["ci_95_method"].startswith("cluster_robust: CR2")
    assert grouped["p_value_method"].startswith("cluster_robust: CR2")
    assert grouped["p_value"] == grouped["cluster_robust"]["p_value"] > grouped["p_value_items"]
    assert grouped["ci_95"] == [grouped["cluster_robust"]["low"], grouped["cluster_robust"]["high"]]
    assert grouped["ci_95"][0] < grouped["ci_95_items"][0] and grouped["ci_95_items"][1] < grouped["ci_95"][1]
    assert grouped["design_effect"] > 2.5 and grouped["icc"] == pytest.approx(1.0)
    assert (grouped["p_value_items"], grouped["ci_95_items"]) == (plain["p_value"], plain["ci_95"])
    assert plain["p_value_method"].startswith("mcnemar") and plain["ci_95_method"].startswith("paired_bootstrap")
    assert not {"ci_95_items", "p_value_items", "design_effect"} & set(plain)


def test_arms_without_partners_and_missing_values_are_counted(tmp_path):
    """Nothing is made up for them: two pairs are left, one item has one arm only, one a value that is missing."""
    block = whole(tmp_path, rows_of([(0, 0, 1), (1, 1, 1), (2, None, 1), (3, 1, "")]), ASKED)

    assert block["n_unpaired"] == {"control": 0, "treatment": 1}
    assert (block["metrics"]["em"]["n_items"], block["metrics"]["em"]["n_missing"]) == (2, 1)
