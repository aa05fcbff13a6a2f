"""Comparisons against what a trial says of itself: two runs, each with one arm of it, give the same numbers."""

from __future__ import annotations

import csv
import shutil
from importlib.metadata import entry_points

import pytest
from documentation import run_exx
from repository import ROOT, all_packages

import exx
from exx.runs.compare import compare_trials
from exx.runs.opened import OpenTrial

SAID = ("n", "control", "treatment", "difference", "low", "high", "low_90", "high_90", "p_value", "q_value", "answer")


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    """A dry run of the quick start with every plugin of this tree, as far as the costs; the folder of its results."""
    folder = tmp_path_factory.mktemp("side")
    config = str(ROOT / "examples/quickstart/experiment.yaml")
    command = ("run", config, "--dry-run", "--run-id", "whole", "--to-step", "costs", "--quiet")
    own = {package.name for package in all_packages()}
    plugins = ",".join(entry.name for entry in entry_points(group="exx") if entry.dist and entry.dist.name in own)
    run_exx(folder, plugins, *command, "--set", "samples_per_item={'0.0': 2}")
    (results,) = (folder / "experiments/run_whole").glob("*/results")
    return results


def test_one_arm_in_each_run_is_the_trial(trial, tmp_path):
    """The control as one run's treatment, the treatment as another's: every row of the verdict is the same."""
    opened = []
    for arm in ("control", "treatment"):
        home = tmp_path / arm / "results"
        shutil.copytree(trial, home)
        path = home / "per_item_scores.csv"
        rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(row | {"condition": "treatment"} for row in rows if row["condition"] == arm)
        results = exx.load_results(home, exx.load_results(trial).config)
        opened.append(OpenTrial(arm, arm, results))
    whole = {(row.metric, row.address): row for row in exx.load_results(trial).verdict()}
    found = compare_trials(*opened, "treatment")

    assert len(found.verdict) == len(whole)
    for row in found.verdict:
        same = whole[row.metric, row.address]
        assert [getattr(row, name) for name in SAID] == [getattr(same, name) for name in SAID], row.metric


def test_a_table_is_the_trial(trial):
    """The same scores as a long table: interval and p-value of exact match to the last digit, by way of pandas."""
    pandas = pytest.importorskip("pandas", reason="pandas is not installed; make setup")
    run = exx.load_run(trial)
    scores = run.scores.assign(item=run.scores["item_key"], score=run.scores["em"], metric="em")
    found = exx.compare(scores[["item", "condition", "score", "metric", "type", "temp", "group"]])
    whole = {row.address: row for row in run.verdict if row.metric == "em"}

    assert isinstance(found.findings, pandas.DataFrame)
    for row in found.verdict:
        for name in ("n", "control", "treatment", "difference", "low", "high", "p_value"):
            assert getattr(row, name) == getattr(whole[row.address], name), name
