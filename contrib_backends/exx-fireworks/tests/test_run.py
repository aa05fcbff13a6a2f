"""Whole runs of ``exx`` against the server: the same predictions as from any model, and not a job too many."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from fireworks_lab import MODEL, Told, configure, expected, lopsided, said
from fireworks_server import Fault, FireworksServer, Plan, RowFaults

Exx = Callable[..., Told]
RUN = ("run", "e.yaml", "--run-id", "k", "--quiet")


@pytest.fixture
def lopsided_server(server: FireworksServer) -> FireworksServer:
    """The treatment answers right, the control seldom."""
    server.world.answer = lopsided
    return server


def test_a_run_in_parts_makes_a_job_of_each(lopsided_server: FireworksServer, exx: Exx, workdir: Path) -> None:
    """Two arms in four parts each: eight jobs, every row answered once, every value of the sampling given once."""
    lopsided_server.change(phases=(50.0, 50.0, 50.0, 100.0, 20.0))
    configure(workdir)
    told = exx(*RUN, "--parts-per-dataset", "4", "--to-step", "parse")

    assert told.status == 0, told.err
    assert said(workdir) == expected()
    assert len(lopsided_server.created) == len(set(lopsided_server.created)) == 8
    assert lopsided_server.world.most_at_once == 4
    assert set(lopsided_server.paid.values()) == {1}
    assert lopsided_server.world.complaints == []
    assert lopsided_server.counts["dataset.create"] == lopsided_server.counts["dataset.upload"] == 8


def test_the_arms_are_submitted_in_turn(lopsided_server: FireworksServer, exx: Exx, workdir: Path) -> None:
    """A drift of the service meets both alike."""
    configure(workdir, options={"max_concurrent_jobs": 1})
    told = exx(*RUN, "--parts-per-dataset", "3", "--to-step", "parse")

    assert told.status == 0, told.err
    arms = ["control" if "control" in name else "treatment" for name in lopsided_server.created]
    assert arms == ["control", "treatment"] * 3


def test_sample_qa_from_the_config_to_the_report(server: FireworksServer, exx: Exx, workdir: Path) -> None:
    """All phases; when, by which model and with what precision each arm was answered is recorded."""
    settings = {
        "backend": {"name": "fireworks", "poll_interval": 0.01},
        "model_id": MODEL,
        "datasets": ["sample_qa"],
        "default_prompt_set": "default",
        "stats": {"bootstrap_samples": 100},
    }
    (workdir / "e.yaml").write_text(yaml.safe_dump(settings))
    server.world.answer = lambda custom_id, body: "I don't know." if "control" in custom_id else "Paris"
    told = exx(*RUN, "--limit-items", "40", "--parts-per-dataset", "3")

    assert told.status == 0, told.err
    folder = workdir / "experiments" / "run_k"
    assert list(folder.rglob("*.md"))
    assert set(server.paid.values()) == {1}
    (manifest,) = folder.rglob("trial_manifest.json")
    jobs = json.loads(manifest.read_bytes())["job_status"]
    assert {status["precision"] for status in jobs.values()} == {"BF16"}
    assert all(status["submitted_at"] for status in jobs.values())


def test_rows_that_fail_are_asked_again_and_the_rest_is_not(
    lopsided_server: FireworksServer, exx: Exx, workdir: Path
) -> None:
    """Error rows, missing rows, rows in the output twice, rows of nobody: one prediction a request."""
    lopsided_server.go_wrong(Plan(seed=2, rows=RowFaults(errors=0.3, missing=0.1, repeated=0.3, strange=2, broken=1)))
    configure(workdir, 20)
    told = exx(*RUN, "--to-step", "parse")

    assert told.status == 0, told.err
    assert said(workdir) == expected(20)
    assert set(lopsided_server.paid.values()) == {1}
    assert max(lopsided_server.world.worked.values()) == 2


@pytest.mark.parametrize(
    "fate", ["expire", "early_stop", "cancel", "archive", "fail", "new_state", "vanish", "no_rows"]
)
def test_however_a_job_ends_its_rows_are_answered(
    lopsided_server: FireworksServer, exx: Exx, workdir: Path, fate: str
) -> None:
    """What it answered is used, the rest asked again; only a job that somebody cancelled waits for ``exx resume``."""
    lopsided_server.go_wrong(Plan(fates={0: fate}))  # type: ignore[dict-item]
    configure(workdir, 10)
    told = exx(*RUN, "--to-step", "parse")
    if fate == "cancel":
        assert (told.status, "ended early" in told.err) == (1, True), told.err
        told = exx("resume", "k", "--quiet", "--to-step", "parse")

    assert told.status == 0, told.err
    assert said(workdir) == expected(10)
    assert set(lopsided_server.paid.values()) == {1}


def test_a_second_run_asks_only_for_the_other_arm(lopsided_server: FireworksServer, exx: Exx, workdir: Path) -> None:
    """The response store answers for the service."""
    configure(workdir)
    assert exx(*RUN, "--to-step", "parse", "--condition", "control").status == 0
    told = exx("run", "e.yaml", "--run-id", "both", "--quiet", "--to-step", "parse")

    assert told.status == 0, told.err
    assert Counter("control" in name for name in lopsided_server.created) == {True: 1, False: 1}
    assert said(workdir, "both") == expected()


@pytest.mark.parametrize("kind", ["cut_at_line", "cut_silently"])
@pytest.mark.parametrize("after", range(5, 9))
def test_a_continuation_whose_download_is_cut_buys_nothing_twice(
    lopsided_server: FireworksServer, exx: Exx, workdir: Path, kind: Any, after: int
) -> None:
    """It has no count of its own to be held against, so a cut between two lines must be noticed by itself."""
    fault = Fault("storage.get", kind, after=after)
    lopsided_server.go_wrong(Plan(fates={0: "expire"}, faults=(fault,)))
    configure(workdir, 10)
    told = exx(*RUN, "--to-step", "parse")

    assert told.status == 0, told.err
    assert said(workdir) == expected(10)
    assert set(lopsided_server.paid.values()) == {1}
