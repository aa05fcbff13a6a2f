"""run_state.json and trial_manifest.json: written after every change, and rebuilt when damaged."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from exx.errors import ExxError
from exx.state.ledger import StageRecord
from exx.state.run_state import Ledger


def test_a_ledger_is_on_disk_after_every_change(tmp_path: Path) -> None:
    """What is known of a phase while it runs, and when it has ended."""
    path = tmp_path / "run_state.json"
    ledger = Ledger.open(path)
    ledger.update(run_id="r", trials=["t"])
    ledger.begin("build", {"items": "x"})

    assert Ledger.open(path).stages["build"].status == "running"
    ledger.finish("build", StageRecord(status="done", inputs={"items": "x"}, started_at="then", summary="2 parts"))
    again = Ledger.open(path)
    assert again.stages["build"].summary == "2 parts" and again.stages["build"].finished_at is not None
    assert (again.document, again.note) == ({"run_id": "r", "trials": ["t"]}, None)
    assert json.loads(path.read_text())["schema_version"] == 2


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "is not valid JSON"),
        ('{"schema_version": 2, "stage_st', "is not valid JSON"),
        ("[1, 2]", "has no attribute 'get'"),
        ('{"schema_version": 2}', "'stage_status'"),
        ('{"schema_version": 2, "stage_status": {"build": {"status": "done"}}}', "'artifacts'"),
        ('{"schema_version": 2, "stage_status": {"build": null}}', "the record of build: "),
    ],
)
def test_a_damaged_ledger_is_kept_beside_and_started_anew(tmp_path: Path, content: str, why: str) -> None:
    """Reading changes nothing on disk; the first writing puts the damaged file aside."""
    path = tmp_path / "run_state.json"
    path.write_text(content)
    ledger = Ledger.open(path)

    assert (ledger.stages, ledger.document) == ({}, {})
    assert ledger.note is not None and why in ledger.note
    assert re.search(
        r"run_state.json could not be used \(.*\); it is kept as run_state.json.damaged-\S+ and rebuilt", ledger.note
    )
    assert [p.name for p in tmp_path.iterdir()] == ["run_state.json"]
    ledger.update(run_id="r")
    ledger.update(run_id="s")
    (aside,) = tmp_path.glob("*.damaged-*")
    assert aside.read_text() == content and aside.name in ledger.note
    assert Ledger.open(path).note is None


def test_a_ledger_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """The file, and the remedy."""
    (tmp_path / "file").write_text("x")

    with pytest.raises(ExxError, match=r"cannot write .*/file/run_state.json: .*\n  → a part of the path is a file"):
        Ledger(tmp_path / "file" / "run_state.json").update(run_id="r")
