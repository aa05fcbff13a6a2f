"""Gates: how they are read, what they look at, and what a failed one does to the exit status."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from lab import SLUG, Lab, Told

from exx.cli.gating import junit_xml, summary_markdown
from exx.errors import UsageError
from exx.gates import Gate, check_names, evaluate, parse_gate
from exx.results import load_results
from exx.state.files import read_json, write_json

Cli = Callable[..., Told]
PRICE = {"pricing": {"input_per_million": 1000.0, "output_per_million": 0.0}}


@pytest.mark.parametrize(
    ("text", "gate"),
    [
        ("em.ci_low < -0.01", Gate("em.ci_low < -0.01", "em", "ci_low", "<", -0.01)),
        ("  em . delta_ci_low<=-1e-2 ", Gate("em . delta_ci_low<=-1e-2", "em", "delta_ci_low", "<=", -0.01)),
        ("cost.usd > 5", Gate("cost.usd > 5", "cost", "usd", ">", 5.0)),
        ("em[open,0.0].delta != .5", Gate("em[open,0.0].delta != .5", "em", "delta", "!=", 0.5, "open", 0.0)),
        ("f1[squad_v2, 0.7].n >= +3", Gate("f1[squad_v2, 0.7].n >= +3", "f1", "n", ">=", 3.0, None, 0.7, "squad_v2")),
    ],
)
def test_gates_are_read(text: str, gate: Gate) -> None:
    """Name, perhaps a scope, field, comparison, number; blanks mean nothing."""
    assert parse_gate(text) == gate


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("em.ci_low", r"is not a gate: expected NAME.FIELD OP NUMBER.*\n  → quote it"),
        ("em.ci_low < nan", "is not a gate"),
        ("em.ci_low < -0.01; import os", "is not a gate"),
        ("__import__('os').system('true') > 0", "is not a gate"),
        ("em.ci_lo < 0", "em has no field 'ci_lo', did you mean 'ci_low'?"),
        ("cost.ci_low < 0", "cost has no field 'ci_low'"),
        ("cost[open].usd > 5", "cost is of the whole run and takes no scope"),
        ("em[].n < 5", "its scope has an empty part"),
        ("em[open,closed].n < 5", r"its scope has two of a kind \('closed'\)"),
    ],
)
def test_what_is_no_gate_is_refused(text: str, said: str) -> None:
    """Before anything runs; and nothing of it is ever evaluated."""
    with pytest.raises(UsageError, match=said):
        parse_gate(text)


def test_unknown_metrics_are_refused_with_the_nearest() -> None:
    """The scorers say what they measure; the names of sums over the run are no metrics."""
    check_names([parse_gate("em.n < 1"), parse_gate("cost.usd > 1")], ["em"])
    with pytest.raises(UsageError, match="nothing measures 'emm', did you mean 'em'"):
        check_names([parse_gate("emm.n < 1")], ["em"])


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("em.delta < 0.5", True),  # 40 % against 100 % in both places: +0.6
        ("em.delta > 0.5", False),
        ("em.control < 0.4", True),
        ("em.control <= 0.4", False),
        ("em[open].treatment == 1", False),
        ("em[closed,0.0].n != 5", True),
        ("em[fake].delta > 0.5", False),
        ("cost.usd > 0.2", True),  # 20 prompts of 10 tokens at $1,000 a million
        ("cost.usd >= 0.2", False),
        ("cost.tokens < 200", True),
        ("answers.requests < 20", True),
        ("answers.failed > 0", True),
        ("answers.lost > 0", True),
        ("verdict.cannot_tell > 1", False),  # no analysis at hand makes an interval: open and closed cannot be told
        ("verdict.worse > 0", True),
        ("guards.got_worse > 0", True),
    ],
)
def test_gates_look_at_results(lab: Lab, text: str, passed: bool) -> None:
    """The control is right for 2 of 5 open and 2 of 5 closed items, the treatment always."""
    lab.run(**PRICE)
    (result,) = evaluate([parse_gate(text)], {SLUG: load_results(lab.path("results"))})

    assert result.passed is passed
    assert result.sentence.startswith("passed: " if passed else "failed: ")


def test_what_is_not_defined_fails(lab: Lab) -> None:
    """No interval, no price, no statistics: the reason is told."""
    lab.run()
    results = load_results(lab.path("results"))
    texts = ("em.ci_low < -1", "em.p_value > 2", "cost.usd > 1000000")
    found = evaluate([parse_gate(text) for text in texts], {SLUG: results})
    (nothing,) = evaluate([parse_gate("em.n < 1")], {"t": None})

    assert [one.passed for one in found] == [False] * 3
    assert "open-book, temperature 0: not defined, there is no ci_low" in found[0].sentence
    assert "the run: not defined, no price" in found[2].sentence
    assert nothing.sentence == "failed: em.n < 1: t: not defined, it has no statistics yet"


def test_sums_are_over_all_trials(lab: Lab) -> None:
    """Two trials of $0.20 each; a metric is looked at in each."""
    lab.run(**PRICE)
    results = load_results(lab.path("results"))
    found = evaluate([parse_gate("cost.usd > 0.3"), parse_gate("em.n < 1")], {"one": results, "two": results})

    assert found[0].values[0].value == pytest.approx(0.4)
    assert [value.where for value in found[1].values] == [
        f"{slug}, {kind}-book, temperature 0" for slug in ("one", "two") for kind in ("open", "closed")
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("f1.n < 1", "'f1' was not measured"),
        (
            "em[0.5].n < 1",
            r"there is no such place\n  → em was measured in \[open,0.0\], \[closed,0.0\]; datasets: fake",
        ),
        ("em[squad_v2].n < 1", "there is no such place"),
    ],
)
def test_a_place_that_is_nowhere_is_a_mistake(lab: Lab, text: str, said: str) -> None:
    """A gate that looks at nothing would pass for ever."""
    lab.run()
    with pytest.raises(UsageError, match=said):
        evaluate([parse_gate(text)], {SLUG: load_results(lab.path("results"))})


# --- the command line ------------------------------------------------------------------------------------------------
def test_a_failed_gate_is_status_4(cli: Cli, lab: Lab) -> None:
    """The run is done, its verdict is printed, and stderr says which gate failed."""
    told = cli("run", "--run-id", "a", "--quiet", "--fail-if", "em.delta > 0.5", "--fail-if", "em.n < 1")

    assert told.status == 4
    assert "gate failed: em.delta > 0.5: open-book, temperature 0: 0.6; closed-book, temperature 0: 0.6\n" in told.out
    assert "gate passed: em.n < 1" in told.out
    assert told.err.startswith("exx: 1 of 2 gates failed\n  em.delta > 0.5: open-book")
    assert read_json(lab.folder / "experiments/run_a/run_state.json")["status"] == "done"


def test_passed_gates_are_status_0(cli: Cli) -> None:
    """And told in JSON, as part of the one object."""
    told = cli("run", "--run-id", "a", "--json", "--fail-if", "em.delta < 0.5")

    assert (told.status, told.err) == (0, "")
    assert told.json["gates"]["passed"] is True
    assert told.json["gates"]["results"][0]["values"][0]["value"] == pytest.approx(0.6)


def test_finished_runs_pass_gates_too(cli: Cli, lab: Lab) -> None:
    """exx show and exx resume take the same options, without asking anything again."""
    lab.run()
    gate = ("--fail-if", "em.delta > 0.5", "--json")

    for command in ("show", "resume"):
        told = cli(command, "a", *gate)
        assert (told.status, told.json["gates"]["passed"]) == (4, False)
        assert not lab.asked


def test_mistakes_show_before_anything_runs(cli: Cli, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Status 2, and no run: a field, a metric, a summary without a file to add to."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    for option in (("--fail-if", "em.ci_lo < 0"), ("--fail-if", "emm.n < 0"), ("--github-summary",)):
        told = cli("run", "--run-id", "a", *option)
        assert (told.status, told.out) == (2, "")
    assert "--github-summary: GITHUB_STEP_SUMMARY is not set" in told.err
    assert not (lab.folder / "experiments").exists()


def test_a_plan_checks_gates(cli: Cli) -> None:
    """So that a mistake costs nothing."""
    assert cli("plan", "--fail-if", "emm.n < 0").status == 2
    assert cli("plan", "--fail-if", "em.n < 0").status == 0


def test_junit_has_a_case_per_gate_and_primary_metric(cli: Cli, lab: Lab) -> None:
    """A failed gate is a failure; a verdict that cannot be told is skipped."""
    cli(
        "run",
        "--run-id",
        "a",
        "--quiet",
        "--fail-if",
        "em.delta > 0.5",
        "--fail-if",
        "em.n < 1",
        "--junit",
        "out/j.xml",
    )
    suite = ET.parse(lab.folder / "out/j.xml").getroot()[0]
    cases = {(case.get("classname"), case.get("name")): [child.tag for child in case] for case in suite}

    assert [suite.get(key) for key in ("tests", "failures", "skipped", "errors")] == ["4", "1", "2", "0"]
    assert cases == {
        ("exx.gates", "em.delta > 0.5"): ["failure"],
        ("exx.gates", "em.n < 1"): ["system-out"],
        (f"exx.verdict.{SLUG}", "Exact match (open, temperature 0)"): ["skipped"],
        (f"exx.verdict.{SLUG}", "Exact match (closed, temperature 0)"): ["skipped"],
    }


def test_hostile_names_stay_inside_their_cells(lab: Lab) -> None:
    """A title with markup, a table's bar, an escape and a bidi mark changes nothing around it."""
    lab.run()
    path = lab.path("results/metrics.json")
    metrics = json.loads(path.read_text())
    metrics[0]["title"] = "<b>|`\x1b[1m\u202e]]>\ufffe&"
    write_json(path, metrics)
    trials = {"<slug>": load_results(lab.path("results"))}
    names = [case.get("name") or "" for case in ET.fromstring(junit_xml([], trials)).iter("testcase")]
    summary = summary_markdown([], trials)

    assert names[0].startswith("<b>|`\ufffd[1m\ufffd]]>\ufffd& (")
    assert r"\<b\>\|\`" in summary
    assert not {"\x1b", "\u202e"} & set(summary)
    assert "### \\<slug\\>" in summary


def test_the_summary_is_added_to_what_is_there(
    cli: Cli, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps share the file; it is only touched when asked for."""
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    lab.run()
    cli("show", "a", "--fail-if", "em.n < 1")
    assert path.read_text() == "before\n"
    cli("show", "a", "--fail-if", "em.n < 1", "--github-summary")
    lines = path.read_text().splitlines()

    assert lines[:4] == [
        "before",
        "## exx",
        "",
        "- ✅ gate passed: em.n \\< 1: open-book, temperature 0: 5; closed-book, temperature 0: 5",
    ]
    assert "| Exact match \\* | open-book, temperature 0 | 5 | 40.0 % | 100.0 % | +60.0 |" in "\n".join(lines)


def test_a_summary_that_cannot_be_written_is_told(
    cli: Cli, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the variable's name."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "none" / "summary.md"))
    lab.run()
    told = cli("show", "a", "--github-summary")

    assert told.status == 1
    assert "which GITHUB_STEP_SUMMARY names: No such file or directory" in told.err
