"""Phases on plain files: the same code as in a run, and a clear word when a file is left out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from lab import SLUG, Lab, Told

Cli = Callable[..., Told]


@pytest.fixture
def done(lab: Lab) -> Path:
    """The results of a finished run."""
    lab.run()
    return lab.path("results")


def test_parse_makes_the_table_of_the_run(cli: Cli, done: Path) -> None:
    """Byte for byte."""
    told = cli("parse", "--results-jsonl", str(done / "results_combined.jsonl"), "--out-csv", "out/p.csv")

    assert (told.status, told.out, told.err) == (0, "20 rows in out/p.csv\n", "")
    assert Path("out/p.csv").read_bytes() == (done / "predictions.csv").read_bytes()


def test_score_makes_the_scores_of_the_run(cli: Cli, done: Path) -> None:
    """With the config's scorers; notes go to stderr."""
    told = cli(
        *("score", "--pred-csv", str(done / "predictions.csv"), "--prepared-dir", "data/prepared"),
        *("--out-dir", "out", "--config", "experiment.yaml", "--json"),
    )

    assert told.status == 0
    assert told.json == {"rows": 20, "per_item_scores": "out/per_item_scores.csv", "scorers": {"fake": ["exact"]}}
    assert Path("out/per_item_scores.csv").read_bytes() == (done / "per_item_scores.csv").read_bytes()


def test_score_takes_settings_from_the_command_line(cli: Cli, done: Path) -> None:
    """Without a config at all: the abstention rule of the official scorers."""
    files = ("--pred-csv", str(done / "predictions.csv"), "--prepared-dir", "data/prepared", "--out-dir")
    assert cli("score", *files, "one").status == 0
    assert cli("score", *files, "two", "--set", "abstention=none").status == 0

    one, two = (Path(name, "per_item_scores.csv").read_text() for name in ("one", "two"))
    assert one != two


def test_stats_makes_the_findings_of_the_run(cli: Cli, done: Path) -> None:
    """The seed counts."""
    files = ("--per-item-csv", str(done / "per_item_scores.csv"), "--config", "experiment.yaml", "--out-path")
    told = cli("stats", *files, "out/significance.json")

    assert told.status == 0 and told.out.endswith(" findings in out/significance.json\n")
    assert Path("out/significance.json").read_bytes() == (done / "significance.json").read_bytes()
    assert cli("stats", *files, "out/other.json", "--set", "stats.random_seed=7").status == 0
    assert Path("out/other.json").read_bytes() != (done / "significance.json").read_bytes()


def test_costs_need_a_price_to_be_dollars(cli: Cli, done: Path) -> None:
    """The batch price applies to files when the config says so: half of 1 dollar per million, for 100 prompt tokens."""
    price = "pricing={input_per_million: 1, output_per_million: 0}"
    told = cli("costs", "--pred-csv", str(done / "predictions.csv"), "--out-path", "c.json", "--set", price, "--json")

    assert told.status == 0
    assert told.json == json.loads(Path("c.json").read_text())
    text = json.dumps(told.json)
    assert "5e-05" in text or "0.00005" in text


def test_report_writes_about_a_folder(cli: Cli, done: Path) -> None:
    """The same as the run's own."""
    told = cli("report", "--results-dir", str(done), "--reports-dir", "r", "--config", "experiment.yaml")

    assert (told.status, told.out) == (0, "report: r/note.md\n")
    assert Path("r/note.md").read_text() == (done.parent / "reports" / "note.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("parse",), "exx parse needs --results-jsonl, --out-csv; or a config and --run-id"),
        (("parse", "--out-csv", "x"), "exx parse on files also needs --results-jsonl"),
        (("score", "--pred-csv", "x"), "exx score on files also needs --prepared-dir and --out-dir"),
        (("stats", "--out-path", "x"), "exx stats on files also needs --per-item-csv"),
        (("costs",), "exx costs needs --pred-csv, --out-path; or a config and --run-id"),
        (("report", "--results-dir", "."), "exx report on files also needs --reports-dir"),
        (("score", "x.yaml", "--config", "y.yaml", "--run-id", "a"), "two configs were given: x.yaml and y.yaml"),
    ],
)
def test_what_is_left_out_is_named(cli: Cli, arguments: tuple[str, ...], words: str) -> None:
    """Status 2: usage."""
    told = cli(*arguments)

    assert (told.status, told.out) == (2, "")
    assert words in told.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("parse", "--results-jsonl", "no.jsonl", "--out-csv", "x"), "exx: no.jsonl: cannot be read: No such file"),
        (("stats", "--per-item-csv", "no.csv", "--out-path", "x"), "no.csv"),
        (("costs", "--pred-csv", "no.csv", "--out-path", "x"), "no.csv"),
        (("report", "--results-dir", "no", "--reports-dir", "x"), "exx: no: no such folder"),
        (("score", "--pred-csv", "no.csv", "--prepared-dir", ".", "--out-dir", "x"), "no.csv"),
    ],
)
def test_a_file_that_is_not_there_is_named(cli: Cli, arguments: tuple[str, ...], words: str) -> None:
    """Status 1, and no traceback."""
    told = cli(*arguments)

    assert (told.status, told.out) == (1, "")
    assert words in told.err and "Traceback" not in told.err


@pytest.mark.parametrize("phase", ["parse", "score", "stats", "costs", "report"])
def test_a_phase_of_a_run_takes_the_runs_limits(cli: Cli, lab: Lab, phase: str) -> None:
    """``exx score CONFIG --run-id a`` goes on with what the run was started with, and asks nothing."""
    assert cli("run", "--run-id", "a", "--limit-items", "4", "--temps", "0.0", "--quiet").status == 0
    told = cli(phase, "experiment.yaml", "--run-id", "a", "--force")

    assert told.status == 0, told.err
    assert [name for _, name in lab.plugin.events] == [phase]
    assert lab.state()["options"]["limit_items"] == 4
    assert lab.asked == []
    assert cli(phase, "--run-id", "a").status == 0
    assert lab.plugin.events == []


@pytest.mark.parametrize("phase", ["prepare", "build", "submit", "poll"])
def test_the_first_phases_can_be_done_one_by_one(cli: Cli, lab: Lab, phase: str) -> None:
    """Each with the run it belongs to."""
    order = ("prepare", "build", "submit", "poll")
    for name in order[: order.index(phase) + 1]:
        assert cli(name, "--run-id", "a").status == 0
        assert [done for _, done in lab.plugin.events] == [name]
    assert (lab.path("results/results_combined.jsonl").exists()) == (phase == "poll")
    assert (lab.path("", slug=SLUG).exists()) == (phase != "prepare")


def test_a_phase_needs_a_run(cli: Cli) -> None:
    """Only ``prepare`` can begin one."""
    told = cli("submit")

    assert told.status == 2
    assert "exx: exx submit needs --run-id\n  → a phase on its own belongs to a run" in told.err
    assert cli("prepare").status == 0
