"""Taking answers into a run that were bought by other means: joined by id, counted, and asked no more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import exx_lab
import orjson
import pytest
from lab import SLUG, Lab, Told

from exx import Adopted, adopt, jobs_of_run
from exx.errors import RunError
from exx.records import JobRow, Request, Response, Usage
from exx.state.files import read_json
from exx.testing import FakeBatchBackend

Cli = Callable[..., Told]


@pytest.fixture
def built(lab: Lab, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A run whose requests are built, and of which nothing was asked."""
    monkeypatch.setattr("exx.runs.adopt.load_plugins", lab.registry)
    assert cli("run", "--run-id", "a", "--to-step", "build", "--quiet").status == 0
    return lab


def elsewhere(lab: Lab) -> list[JobRow]:
    """What another client would have got for the files of the run: the lopsided answers, in another order."""
    rows = []
    for path in sorted(lab.path("batch_inputs").glob("t*.jsonl")):
        for line in path.read_bytes().splitlines():
            row = orjson.loads(line)
            body: Any = row["body"]
            request = Request(row["custom_id"], "", "fake-model", body.pop("messages"), body)
            rows.append(
                JobRow(
                    row["custom_id"], Response("", exx_lab.lopsided(request), "stop", Usage(7, 3), "r", "x/fake-model")
                )
            )
    return rows[::-1]


def test_a_run_with_adopted_answers_is_a_run_like_any_other(built: Lab, cli: Cli) -> None:
    """With all of them adopted no model is asked, prepare and build may be skipped, and the results are the same."""
    adopted = adopt("a", elsewhere(built), source="a file")
    again = cli("run", "--run-id", "a", "--resume", "--skip-prepare", "--skip-build", "--quiet")

    assert adopted == Adopted(stored=20, known=0, failed=0, strange=0, other_model=0, examples=(), missing=0)
    assert again.status == 0 and built.asked == []
    assert cli("run", "--run-id", "b", "--set", "cache=off", "--quiet").status == 0
    assert len(built.asked) == 20
    assert built.result("per_item_scores.csv") == built.result("per_item_scores.csv", "b")


def test_every_row_is_counted_once(built: Lab, cli: Cli) -> None:
    """Repeated ones, errors, other models, and rows of something else; only what is missing is asked afterwards."""
    rows = elsewhere(built)
    failed = JobRow(rows[4].custom_id, Response("", None, error="overloaded"))
    other = JobRow(rows[5].custom_id, Response("", "5", model="accounts/x/models/another"))
    strange = JobRow("sums|nobody|control|0.0|0|closed", Response("", "0"))
    adopted = adopt("a", [*rows[:4], rows[0], failed, other, strange], source="job x")

    assert adopted == Adopted(
        stored=4, known=1, failed=1, strange=1, other_model=1, examples=(strange.custom_id,), missing=16
    )
    (noted,) = read_json(built.path("results/trial_manifest.json"))["adopted"]
    assert {key: noted[key] for key in ("source", "stored", "known", "failed", "strange")} == {
        "source": "job x",
        "stored": 4,
        "known": 1,
        "failed": 1,
        "strange": 1,
    }
    assert cli("resume", "a", "--quiet").status == 0
    assert sorted(built.asked) == sorted(row.custom_id for row in rows[4:])


def test_another_model_is_taken_when_that_is_meant(built: Lab) -> None:
    """Some services call a model by another name in their answers."""
    row = elsewhere(built)[0]
    other = JobRow(row.custom_id, Response("", "5", model="fake-model-0613"))

    assert adopt("a", [other], source="x").other_model == 1
    assert adopt("a", [other], source="x", any_model=True).stored == 1


def test_what_cannot_be_adopted_into(built: Lab, cli: Cli) -> None:
    """No such run; no such trial; nothing built yet."""
    with pytest.raises(RunError, match="run nope in experiments does not exist"):
        adopt("nope", [], source="x")
    with pytest.raises(RunError, match=f"run a has no trial 'other'\n.*{SLUG}"):
        adopt("a", [], source="x", trial="other")
    assert cli("run", "--run-id", "c", "--to-step", "prepare", "--quiet").status == 0
    with pytest.raises(RunError, match=r"run c, trial .*: no requests are built yet"):
        adopt("c", [], source="x")


def test_several_trials_have_to_be_told_apart(lab: Lab, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same ids stand for other requests in each of them."""
    monkeypatch.setattr("exx.runs.adopt.load_plugins", lab.registry)
    sweep = ("--set", "sweep.top_p=[0.5, 1.0]")
    assert cli("run", "--run-id", "a", "--to-step", "build", "--quiet", *sweep).status == 0
    with pytest.raises(RunError, match="run a has 2 trials, whose requests have the same ids"):
        adopt("a", [], source="x")

    assert adopt("a", [], source="x", trial=SLUG).missing == 20


def test_skipping_what_was_never_built_is_told(cli: Cli) -> None:
    """Not a defect, but an order that cannot be carried out."""
    told = cli("run", "--run-id", "new", "--skip-prepare", "--skip-build", "--quiet")

    assert told.status == 1
    assert "there are no requests to ask" in told.err and "leave --skip-build out" in told.err


def test_the_jobs_of_a_run_are_listed(lab: Lab, workdir: Path) -> None:
    """From its manifests alone; with what became of each."""
    lab.plugin.classes = {**lab.plugin.classes, "backends": [FakeBatchBackend]}
    lab.settings["backend"] = "fake_batch"
    lab.run("a")
    jobs = jobs_of_run("a")

    assert [(job.condition, job.state, job.collected, job.rows) for job in jobs] == [
        ("control", "succeeded", True, 10),
        ("treatment", "succeeded", True, 10),
    ]
    with pytest.raises(RunError, match="run b in experiments does not exist"):
        jobs_of_run("b")
