"""A finished trial reads back what its files say, and a file that cannot be used is told with what makes it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from exx import DataError, load_results
from exx.answers import count_answers, find_examples
from exx.config.schema import Config, Verdict
from exx.errors import ConfigError
from exx.records import Address

MATCH = {"name": "answer_match", "title": "Answer match", "higher_is_better": True, "binary": True}
SCORES = [
    *("item_key", "type", "condition", "temp", "answer_match", "abstain_rate"),
    *("n_samples", "n_failed", "n_truncated", "group"),
]
FINDINGS = [
    *("analysis", "metric", "temp", "type", "subgroup", "n", "estimate", "low", "high", "level"),
    *("p_value", "q_value", "family", "reason", "details"),
]
PREDICTIONS = ["custom_id", "response_text"]


def entry(control, treatment, ends, p, **more):
    """A metric's entry in significance.json."""
    means = {"n_items": 40, "mean_control": control, "mean_treatment": treatment, "delta_mean": treatment - control}
    return {**means, "ci_95": ends, "mcnemar": {"n": 40, "b": 12, "c": 2, "p_value": p, "p_mid": p}, **more}


def block(**metrics):
    """A block of significance.json."""
    return {"n_items": 40, "n_unpaired": {"control": 0, "treatment": 0}, "metrics": metrics}


def write_table(path: Path, header, rows) -> None:
    """Write a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def write_json(path: Path, content) -> None:
    """Write a JSON file."""
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def folder(tmp_path):
    """Results outside a run: significance.json, metrics.json and four scored questions in both arms."""
    folder = tmp_path / "results"
    folder.mkdir()
    whole = block(answer_match=entry(0.40, 0.65, [0.10, 0.40], 0.01))
    whole["subgroups"] = {"dataset": {"one": block(answer_match=entry(0.3, 0.7, [0.2, 0.6], 0.01))}}
    write_json(folder / "significance.json", {"schema_version": 2, "results": {"0.0": {"open": whole}}})
    write_json(folder / "metrics.json", [MATCH])
    scored = [("one|a", 0, 1), ("one|b", 1, 0), ("one|c", 0, 1), ("one|d", 1, 1)]
    rows = [
        [key, "open", arm, 0.0, score, 0.0, 1, 0, 0, "p1" if key < "one|c" else "p2"]
        for arm in ("treatment", "control")
        for key, control, treatment in scored
        for score in [treatment if arm == "treatment" else control]
    ]
    write_table(folder / "per_item_scores.csv", SCORES, rows)
    return folder


@pytest.fixture
def run(folder, tmp_path):
    """The same results as part of a run, with its config, manifest, prepared items and predictions."""
    run = tmp_path / "experiments" / "run_r7"
    results = run / "some-trial" / "results"
    results.parent.mkdir(parents=True)
    folder.rename(results)
    (run / "run_state.json").write_text("{}", encoding="utf-8")
    (run / "config.yaml").write_text("verdict: {primary: [answer_match], alpha: 0.005}\n", encoding="utf-8")
    write_json(
        results / "trial_manifest.json", {"schema_version": 2, "model": "m", "backend": {"name": "some_backend"}}
    )
    (run / "prepared").mkdir()
    items = [{"id": x, "dataset": "one", "question": f"What is {x}?", "answers": [x.upper()]} for x in "abcd"]
    (run / "prepared" / "open_book.jsonl").write_text(
        "".join(json.dumps(item) + "\n" for item in items), encoding="utf-8"
    )
    said = [[f"one|{x}|{arm}|0.0|0|open", f"{arm} on {x}"] for arm in ("control", "treatment") for x in "abcd"]
    write_table(results / "predictions.csv", PREDICTIONS, said)
    return results


# --- reading ---------------------------------------------------------------------------------------------------------


def test_files_alone_are_enough(folder):
    """Without a run there is no manifest, no config and no run id, and the verdict is there all the same."""
    results = load_results(folder)

    assert (results.manifest, results.config, results.run_id, results.costs) == (None, None, None, None)
    assert [row.answer for row in results.verdict()] == ["better"]
    assert results.verdict_table()[1][0] == "Answer match *"


def test_a_run_brings_its_config_and_prepared_items(run):
    """The run's own alpha is used, here one that leaves the verdict open; its id is the folder's."""
    results = load_results(run)

    assert (results.run_id, results.alpha, results.prepared.name) == ("r7", 0.005, "prepared")
    assert [row.answer for row in results.verdict()] == ["cannot tell"]


def test_blocks_have_addresses(folder):
    """Whole blocks come first, each with its parts behind it when they are asked for."""
    results = load_results(folder)

    assert [part.address for part in results.blocks()] == [Address(0.0, "open")]
    assert [part.address.subgroup for part in results.blocks(subgroups=True)] == [None, ("dataset", "one")]


def test_a_part_that_is_the_whole_is_the_same_hypothesis(folder):
    """Its p-value was not adjusted on its own account; the whole's row stands for it."""
    results = load_results(folder)
    _, part = results.blocks(subgroups=True)

    assert results.subgroup_verdict(part) == results.verdict()


def test_findings_from_the_table(folder):
    """Numbers, places, reasons and details of findings.csv come back as they were written."""
    rows = [
        [
            "mcnemar",
            "em",
            0.7,
            "open",
            "dataset=one",
            9,
            0.5,
            "",
            "Infinity",
            0.95,
            0.04,
            0.08,
            "primary",
            "",
            '{"b": 3}',
        ],
        ["bootstrap", "f1", 0.0, "closed", "", 0, "", "", "", "", "", "", "", "no pairs", ""],
    ]
    write_table(folder / "findings.csv", FINDINGS, rows)
    first, second = load_results(folder).findings

    assert first.address == Address(0.7, "open", ("dataset", "one"))
    assert (first.n, first.low, first.high, first.q_value, first.family) == (9, None, float("inf"), 0.08, "primary")
    assert first.details == {"b": 3}
    assert (second.estimate, second.reason, second.address.subgroup) == (None, "no pairs", None)


def test_findings_without_the_table(folder):
    """significance.json alone gives the findings too, subgroups included."""
    found = load_results(folder).findings

    assert [(f.analysis, f.metric, f.p_value, f.details["b"]) for f in found] == [
        ("mcnemar", "answer_match", 0.01, 12)
    ] * 2
    assert [f.address.subgroup for f in found] == [None, ("dataset", "one")]


def test_what_study_analyses_wrote_is_found_by_its_file(folder):
    """Whatever JSON lies there and is none of the core's own; a damaged one is told with what makes it."""
    write_json(folder / "reading_level.json", {"blocks": []})

    assert dict(load_results(folder).studies) == {"reading_level.json": {"blocks": []}}
    (folder / "reading_level.json").write_text("{", "utf-8")
    with pytest.raises(DataError, match=r"reading_level\.json: is not valid JSON .*\n?.*exx analyze"):
        _ = load_results(folder).studies


def test_metrics_without_a_description(folder):
    """A metric that no file describes goes by its name; metrics.json may be missing altogether."""
    (folder / "metrics.json").unlink()

    assert [metric.title for metric in load_results(folder).metrics] == ["answer_match"]


def test_primary_metric_that_was_not_measured(folder):
    """Exact match, or else what there is, stands in, and the caveats say so."""
    results = load_results(folder, Config(verdict=Verdict(primary=("politeness",))))

    assert results.primary == ("answer_match",)
    assert "judged by politeness, which was not measured; answer_match stands in for it" in results.caveats()[0]


@pytest.mark.parametrize(
    ("manifest", "simulated"),
    [
        ({"simulated": True, "backend": {"name": "x"}}, True),
        ({"simulated": False, "backend": {"name": "dry_run"}}, False),
        ({"backend": {"name": "dry_run"}}, True),
        ({}, False),
    ],
)
def test_simulated_answers_are_known(folder, manifest, simulated):
    """The manifest says whether a model was asked."""
    write_json(folder / "trial_manifest.json", manifest)

    assert load_results(folder).simulated is simulated


# --- damage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "message", "command"),
    [
        ("significance.json", None, "no such file", "exx stats"),
        ("significance.json", "{", "is not valid JSON", "exx stats"),
        ("significance.json", "[]", "is not a JSON object", "exx stats"),
        ("significance.json", "{}", "has no 'results'", "exx stats"),
        ("costs.json", "nonsense", "is not valid JSON", "exx costs"),
        ("metrics.json", '[{"title": "x"}]', "is not a list of metrics", "exx score"),
        ("findings.csv", "analysis\nx\n", "no column metric", "exx stats"),
    ],
)
def test_damage_names_the_file_and_what_makes_it(folder, name, content, message, command):
    """Whatever is wrong with a file, the message has its name, the trouble, and the command that makes it."""
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(content, encoding="utf-8")
    results = load_results(folder)
    with pytest.raises(DataError, match=message) as caught:
        _ = (results.significance, results.costs, results.metrics, results.findings)
    assert name in caught.value.message
    assert command in caught.value.hint


def test_a_row_that_is_no_finding(folder):
    """The row is told by its number."""
    write_table(folder / "findings.csv", FINDINGS, [["a", "em", "warm", "open", "", 1, *[""] * 9]])
    with pytest.raises(DataError, match="row 1 is not a finding"):
        _ = load_results(folder).findings


def test_no_folder():
    """A folder that is not there is an error at once."""
    with pytest.raises(DataError, match="no such folder"):
        load_results("nowhere/results")


def test_a_damaged_config(run):
    """The run's config is checked like any other."""
    (run.parent.parent / "config.yaml").write_text("verdict: {alpha: much}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"verdict\.alpha"):
        load_results(run)


# --- answers ---------------------------------------------------------------------------------------------------------


def test_answers_are_counted_by_arm(tmp_path):
    """Answered, failed, cut off and abstained, per dataset and arm, as counted by hand; the arms differ in each."""
    rows = [
        ["one|a", "open", "control", 0.0, 1, 0.0, 2, 0, 0, "p"],
        ["one|b", "open", "control", 0.0, "", 1.0, 1, 1, 0, "p"],
        ["one|a", "open", "treatment", 0.0, 1, "", 0, 0, 2, "p"],
        ["two%7C|a", "open", "treatment", 0.0, 1, 0.5, 2, 0, 1, ""],
    ]
    write_table(tmp_path / "s.csv", SCORES, rows)
    control, treatment, other = count_answers(tmp_path / "s.csv")

    assert (control.items, control.answered, control.failed, control.truncated, control.asked) == (2, 3, 1, 0, 4)
    assert (control.abstained, control.grouped, control.groups) == (0.5, 2, 1)
    assert (treatment.answered, treatment.truncated, treatment.empty, treatment.abstained) == (0, 2, 2, None)
    assert (other.dataset, other.condition, other.abstained, other.groups) == ("two|", "treatment", 0.5, 0)


def test_a_score_file_without_counts_says_so(tmp_path):
    """The reference system's score file has no counts: they are unknown, not zero."""
    write_table(tmp_path / "s.csv", SCORES[:5], [["one|a", "open", "control", 0.0, 1]])
    (arm,) = count_answers(tmp_path / "s.csv")

    assert (arm.answered, arm.failed, arm.truncated, arm.abstained, arm.asked) == (None, None, None, None, 1)


def test_examples_show_both_answers(run):
    """What the treatment fixed and what it broke, with question, right answers, and each arm's own answer."""
    found = load_results(run).examples("answer_match")
    by_key = {example.item_key: example for example in found}

    assert {key: example.effect for key, example in by_key.items()} == {
        "one|a": "fixed",
        "one|c": "fixed",
        "one|b": "broke",
    }
    broke = by_key["one|b"]
    assert (broke.control, broke.treatment) == (1.0, 0.0)
    assert (broke.control_answer, broke.treatment_answer) == ("control on b", "treatment on b")
    assert (broke.question, broke.answers, broke.is_unanswerable) == ("What is b?", ("B",), False)


def test_the_order_of_the_rows_does_not_matter(folder):
    """Control first or treatment first, an item is fixed or broken all the same."""
    path = folder / "per_item_scores.csv"
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    told = {"metric": "answer_match", "higher_is_better": True, "prepared": None, "each": 9}
    before = find_examples(folder, **told)
    path.write_text("\n".join([header, *reversed(rows)]) + "\n", encoding="utf-8")

    assert find_examples(folder, **told) == before


def test_examples_of_a_metric_that_should_be_low(folder):
    """For an unwanted rate, going down is what was fixed."""
    found = find_examples(folder, metric="answer_match", higher_is_better=False, prepared=None, each=9)

    assert [example.item_key for example in found if example.effect == "fixed"] == ["one|b"]


def test_examples_are_few_and_always_the_same(run):
    """At most as many as asked for, the same each time, and without texts where the files are not at hand."""
    results = load_results(run)
    first = results.examples("answer_match", each=1)
    (run / "predictions.csv").unlink()
    results.prepared = None
    again = results.examples("answer_match", each=1)

    assert [e.effect for e in first] == ["fixed", "broke"]
    assert [e.item_key for e in first] == [e.item_key for e in again]
    assert [(e.question, e.control_answer, e.answers) for e in again] == [(None, None, None)] * 2


def test_long_answers_are_cut(run):
    """Texts of any length take no more than 2,000 characters each."""
    said = [[f"one|{x}|{arm}|0.0|0|open", "word " * 100_000] for arm in ("control", "treatment") for x in "abcd"]
    write_table(run / "predictions.csv", PREDICTIONS, said)

    assert {len(example.control_answer) for example in load_results(run).examples("answer_match")} == {2000}


def test_a_damaged_item_is_told_with_its_line(run):
    """A prepared file that holds something else is named with the line."""
    path = run.parent.parent / "prepared" / "open_book.jsonl"
    path.write_text(path.read_text(encoding="utf-8") + '{"id": 1}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"open_book.jsonl, line 5: not an item"):
        load_results(run).examples("answer_match")


# --- caveats ---------------------------------------------------------------------------------------------------------


def change(folder, edit) -> None:
    """Edit the one whole block of significance.json."""
    path = folder / "significance.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    edit(content["results"]["0.0"]["open"])
    write_json(path, content)


def only(folder, word):
    """The one caveat that has this word."""
    (found,) = [sentence for sentence in load_results(folder).caveats() if word in sentence]
    return found


def test_a_group_for_every_question_is_no_caveat(folder):
    """Questions that each name a passage of their own share none."""
    rows = [[f"one|{i}", "open", "treatment", 0.0, 1, 0.0, 1, 0, 0, f"p{i}"] for i in range(4)]
    write_table(folder / "per_item_scores.csv", SCORES, rows)

    assert not [sentence for sentence in load_results(folder).caveats() if "groups" in sentence]


def test_few_and_shared_questions_are_told(folder):
    """Forty questions are few; four on two passages are not independent."""
    assert "40 questions are few; a single one that changes sides moves the difference by 2.5 points" in only(
        folder, "few"
    )
    assert "4 questions come in 2 groups" in only(folder, "groups")


def test_the_interval_over_groups_is_told(folder):
    """Where the interval allows for shared passages, the one that does not is set beside it."""
    said = {"ci_95": [-0.01, 0.5], "ci_95_items": [0.1, 0.4], "design_effect": 1.8}
    change(folder, lambda whole: whole["metrics"]["answer_match"].update(said))

    told = only(folder, "groups")

    assert "allows for that (−1.0 to +50.0 points); taking all questions as independent it would be +10.0" in told


def test_failures_and_uneven_truncation_are_told_by_arm(folder):
    """How many in which arm, in the right order."""
    rows = [
        ["one|a", "open", "control", 0.0, 1, 0.0, 100, 0, 1, ""],
        ["one|a", "open", "treatment", 0.0, 1, 0.0, 97, 3, 20, ""],
    ]
    write_table(folder / "per_item_scores.csv", SCORES, rows)

    assert "0 requests failed under the control and 3 under the treatment" in only(folder, "failed")
    assert "1.0 % of the answers were cut off at the token limit under the control and 20.0 %" in only(
        folder, "cut off"
    )


def test_lost_pairs_are_told(folder):
    """Questions without a partner, and pairs without a value that no failure explains."""
    change(folder, lambda whole: whole.update(n_unpaired={"control": 2, "treatment": 5}))
    change(folder, lambda whole: whole["metrics"]["answer_match"].update(n_missing=4))

    assert "7 questions have an answer in one arm only" in only(folder, "one arm only")
    assert "Answer match is missing for 4 paired questions" in only(folder, "missing")


def test_too_few_changes_are_told(folder):
    """2 · ½⁵ = 0.0625: five questions that changed sides cannot reach 0.05."""
    change(folder, lambda whole: whole["metrics"]["answer_match"]["mcnemar"].update(b=5, c=0, n_undecided=3))

    assert "differ in Answer match on 5 questions; with fewer than 6" in only(folder, "whichever way")
    assert "3 questions were right in exactly half" in only(folder, "exactly half")


def test_parts_that_move_apart_are_told(folder):
    """A mean over a gain and a loss hides both."""

    def edit(whole):
        up, down = entry(0.2, 0.6, [0.2, 0.6], 0.01), entry(0.6, 0.2, [-0.6, -0.2], 0.01)
        whole["subgroups"]["dataset"] = {"one": block(answer_match=up), "two": block(answer_match=down)}

    change(folder, edit)

    assert "does not move the same way in every dataset (one +40.0, two −40.0 points)" in only(folder, "same way")


def test_several_unadjusted_answers_are_told(folder):
    """Two places and no q-value: the more one looks, the more one finds."""
    content = json.loads((folder / "significance.json").read_text(encoding="utf-8"))
    content["results"]["0.7"] = content["results"]["0.0"]
    write_json(folder / "significance.json", content)

    assert "has 2 parts, and 2 p-values are not adjusted" in only(folder, "parts")


def test_unknown_counts_are_told(folder):
    """A score file without counts is not one without failures."""
    write_table(folder / "per_item_scores.csv", SCORES[:5], [["one|a", "open", "control", 0.0, 1]])

    assert only(folder, "does not say")


def test_nothing_to_say_about_a_plain_result(folder):
    """Enough questions, none shared, none lost, no failure: no caveat."""
    write_table(folder / "per_item_scores.csv", SCORES, [["one|a", "open", "control", 0.0, 1, 0.0, 1, 0, 0, ""]])
    change(folder, lambda whole: whole["metrics"]["answer_match"].update(n_items=400))

    assert load_results(folder).caveats() == []


def test_caveats_without_a_score_file(folder):
    """What significance.json tells is told; what only the score file could tell is left out."""
    (folder / "per_item_scores.csv").unlink()

    assert only(folder, "few")
    assert "could not be looked for" in only(folder, "per_item_scores.csv")
