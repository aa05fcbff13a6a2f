"""What the runs of a folder are and came to, in a row each and in full."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from lab import SLUG, Lab, Told

from exx.errors import RunError
from exx.runs.folder import RunFolder, is_run_id
from exx.runs.summary import RunRow
from exx.state.files import read_json, write_json

Cli = Callable[..., Told]
PRICE = {"pricing": {"input_per_million": 1000.0, "output_per_million": 0.0}}


def test_a_run_in_a_row(cli: Cli, lab: Lab) -> None:
    """The control is right for 4 of 10, the treatment always: 60 points. 20 answers of 10 prompt tokens: $0.20."""
    lab.run(**PRICE)
    told = cli("list")

    assert told.out.splitlines()[0].split("\t") == [
        *("run", "status", "started", "trials", "model", "prompt set", "n", "difference", "cost"),
    ]
    row = told.out.splitlines()[1].split("\t")
    assert (row[:2], row[3:]) == (["a", "done"], ["1", "fake-model", "default", "10", "+60.0", "$0.20"])
    found = cli("list", "--json").json["runs"][0]
    assert (found["run"], found["n"], found["usd"], found["simulated"]) == ("a", 10, pytest.approx(0.2), False)
    assert found["differences"] == [pytest.approx(0.6), pytest.approx(0.6)]


def test_differences_of_several_trials_are_a_range() -> None:
    """From the smallest to the largest; with its sign."""
    assert RunRow(run="a", status="done", differences=(0.021, -0.03, 0.0)).difference == "−3.0 … +2.1"


def test_a_run_is_shown_in_full(cli: Cli, lab: Lab) -> None:
    """What was asked, the verdict, the files, what was reused and saved: the control's answers of the first run."""
    lab.run("first", **PRICE)
    other = {"default": {"control": {"text": "Answer."}, "treatment": {"text": "Think first."}}}
    lab.run("a", prompt_sets=other, **PRICE)
    found = cli("show", "a", "--json").json
    (trial,) = found["trials"]

    assert (found["run_id"], found["status"]) == ("a", "done")
    assert trial["prompts"]["treatment"]["text"] == "Think first."
    primary = [(row["metric"], row["difference"]) for row in trial["verdict"] if row["primary"]]
    assert primary == [("em", pytest.approx(0.6))] * 2
    assert (trial["usage"]["requests"], trial["usage"]["reused"]) == (20, 10)
    assert (trial["usage"]["usd"]["spent"], trial["usage"]["usd"]["saved"]) == (pytest.approx(0.1), pytest.approx(0.1))
    size = lab.path("results/significance.json").stat().st_size
    assert {"path": f"{SLUG}/results/significance.json", "size": size} in found["files"]

    told = cli("show", "a").out
    assert "  reused: 10 answers, from the store\n" in told
    assert "; $0.10 spent, $0.10 saved by reuse\n" in told
    assert "treatment: 2 words, in the config, sha256 " in told
    assert "\nExact match *\topen-book, temperature 0\t5\t40.0 %\t100.0 %\t+60.0\t" in told


def test_a_run_that_has_nothing_yet_is_shown_all_the_same(cli: Cli, lab: Lab) -> None:
    """Stopped before anything was answered."""
    lab.answer = lambda _: None
    assert cli("run", "--run-id", "a", "--quiet").status == 1
    found = cli("show", "a", "--json").json

    assert (found["status"], found["trials"][0]["verdict"], found["trials"][0]["usage"]) == ("failed", [], None)
    assert cli("show", "a").status == 0


def test_a_run_of_a_newer_exx_is_listed_and_left_alone(cli: Cli, lab: Lab) -> None:
    """It may hold what this one would misread."""
    lab.run()
    path = lab.folder / "experiments" / "run_a" / "run_state.json"
    write_json(path, read_json(path) | {"schema_version": 3})

    assert cli("list", "--json").json["runs"][0]["status"] == "made by a newer exx"
    with pytest.raises(RunError, match=r"has schema version 3, .*\n  → a newer exx made this run"):
        lab.run()
    assert read_json(path)["schema_version"] == 3


def test_a_damaged_run_is_found_by_its_files(lab: Lab) -> None:
    """Its trials are those that have a manifest."""
    lab.run()
    folder = lab.folder / "experiments" / "run_a"
    (folder / "run_state.json").write_text("{")

    assert (RunFolder(folder).trials, RunFolder(folder).status) == ([SLUG], "run_state.json is damaged")


@pytest.mark.parametrize("name", ["a/b", "..", ".", "", "a\x00", "a b", ".hidden", "-"])
def test_what_is_a_run_id(name: str) -> None:
    """Nothing that leads elsewhere or hides."""
    assert is_run_id(name) == (name == "-")
