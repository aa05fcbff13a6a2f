"""A phase is done when its inputs are today's and its artifacts are on disk as they were; times decide nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from attrs import evolve

from exx.state.ledger import Artifact, StageRecord, decide, describe, digest


@pytest.fixture
def record(tmp_path: Path) -> StageRecord:
    """A phase that has made a file."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.csv").write_text("1\n2\n")
    return StageRecord(
        status="done",
        inputs={"items": "i1", "prompt control": "c1"},
        started_at="2026-01-01T00:00:00+00:00",
        finished_at="2026-01-01T00:00:09+00:00",
        artifacts=describe([tmp_path / "out" / "a.csv"], tmp_path),
        summary="2 rows",
        details={"rows": 2},
    )


def test_a_finished_phase_is_left_alone(record: StageRecord, tmp_path: Path) -> None:
    """The reason says what there is."""
    decision = decide(record, dict(record.inputs), tmp_path)

    assert (decision.execute, decision.reason) == (False, "done: 2 rows, sha256 matches")
    assert decide(evolve(record, artifacts=()), record.inputs, tmp_path).reason == "done: 2 rows"


def test_touching_a_file_changes_nothing(record: StageRecord, tmp_path: Path) -> None:
    """Modification times decide nothing."""
    os.utime(tmp_path / "out" / "a.csv", (1, 1))

    assert not decide(record, record.inputs, tmp_path).execute


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({"items": "i2", "prompt control": "c1"}, "inputs changed: items"),
        ({"items": "i2", "prompt control": "c2"}, "inputs changed: items, prompt control"),
        ({"items": "i1"}, "inputs changed: prompt control"),
        ({"items": "i1", "prompt control": "c1", "seed": "1"}, "inputs changed: seed"),
    ],
)
def test_changed_inputs_are_named(record: StageRecord, tmp_path: Path, inputs: dict[str, str], reason: str) -> None:
    """New and vanished ones too."""
    decision = decide(record, inputs, tmp_path)

    assert (decision.execute, decision.reason) == (True, reason)


def test_a_phase_that_did_not_end_well_is_redone(record: StageRecord, tmp_path: Path) -> None:
    """A killed process leaves ``running`` behind."""
    assert decide(None, {}, tmp_path).reason == "not done yet"
    assert decide(evolve(record, status="running"), record.inputs, tmp_path).reason == "was interrupted"
    assert decide(evolve(record, status="failed"), record.inputs, tmp_path).reason == "failed last time"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "out/a.csv is missing"),
        ("1\n", "out/a.csv has 2 bytes, not 4"),
        ("1\n3\n", "out/a.csv was changed (its sha256 differs)"),
    ],
)
def test_a_damaged_artifact_is_named(record: StageRecord, tmp_path: Path, content: str | None, reason: str) -> None:
    """Missing, cut off, or changed in place."""
    path = tmp_path / "out" / "a.csv"
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    decision = decide(record, record.inputs, tmp_path)

    assert (decision.execute, decision.reason) == (True, reason)


def test_a_record_survives_being_written(record: StageRecord) -> None:
    """With its fingerprint beside it, for other tools."""
    data = record.to_json()

    assert StageRecord.from_json(data) == record
    assert data["fingerprint"] == digest({"prompt control": "c1", "items": "i1"})


def test_an_artifact_is_described_by_content(tmp_path: Path) -> None:
    """Path within the run, size, sha256 (of "abc", FIPS 180-2, appendix B.1)."""
    (tmp_path / "x").write_text("abc")

    sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert describe([tmp_path / "x"], tmp_path) == (Artifact(path="x", size=3, sha256=sha),)
