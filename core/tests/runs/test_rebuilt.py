"""State that is old, damaged or gone is made anew from what is on disk; nothing is asked twice, and it is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab import SLUG, Lab, Told

from exx.errors import RunError
from exx.pipeline.context import RunOptions
from exx.pipeline.phases import NAMES
from exx.state.run_state import Ledger
from exx.state.stop import StopSignal

Cli = Callable[..., Told]
RESULTS = ("predictions.csv", "per_item_scores.csv", "significance.json", "costs.json")
STATE, MANIFEST = "run_state.json", f"{SLUG}/results/trial_manifest.json"


def results(lab: Lab) -> dict[str, bytes]:
    """What a run came to."""
    return {name: lab.result(name) for name in RESULTS}


def go_on(lab: Lab, **given: Any) -> tuple[list[str], list[str]]:
    """Go on with run a: the phases that did work, and what the user is told."""
    lab.plugin.events.clear()
    lab.plugin.asked.clear()
    orchestrator = lab.orchestrator(**given)
    orchestrator.execute(StopSignal(orchestrator.folder))
    return [phase for _, phase in lab.plugin.events], orchestrator.warnings


def file_of(lab: Lab, name: str) -> Path:
    """A file of run a."""
    return lab.folder / "experiments" / "run_a" / name


@pytest.mark.parametrize(
    ("name", "phases"), [(STATE, ["prepare"]), (MANIFEST, list(NAMES[1:]))], ids=["run_state", "trial_manifest"]
)
def test_a_ledger_that_is_gone_is_made_anew(lab: Lab, name: str, phases: list[str]) -> None:
    """Its phases are redone from their inputs, the answers come from the store, and every byte is the same."""
    lab.run()
    before = results(lab)
    file_of(lab, name).unlink()
    done, told = go_on(lab)

    assert (done, lab.asked) == (phases, [])
    assert results(lab) == before
    assert [f"{STATE} is missing; it is rebuilt" in words for words in told] == ([True] if name == STATE else [])
    assert lab.run() == []


def test_everything_but_the_answers_can_go(lab: Lab) -> None:
    """The folder of the run removed: made again, byte by byte, without asking anything."""
    lab.run()
    before = results(lab)
    for path in sorted(file_of(lab, ".").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    done, told = go_on(lab)

    assert (done, lab.asked, told) == (list(NAMES), [], [])
    assert results(lab) == before


V1: dict[str, Any] = {
    "prompts": {"control": {"path": "c.txt", "sha256": "00"}},
    "temps": [0.0],
    "jobs": [{"id": 7}],
    "stage_status": dict.fromkeys(NAMES, "completed"),
}


@pytest.mark.parametrize("version", [{}, {"schema_version": 1}, {"schema_version": None}, {"schema_version": "1"}])
def test_an_older_manifest_is_upgraded(lab: Lab, version: dict[str, Any]) -> None:
    """Phases that merely say "completed" have no fingerprint, so they are seen to again; the old file is kept."""
    lab.run()
    before = results(lab)
    old = json.dumps(version | V1)
    file_of(lab, MANIFEST).write_text(old)
    done, (told,) = go_on(lab)

    assert (done, lab.asked) == (list(NAMES[1:]), [])
    assert results(lab) == before
    manifest = json.loads(lab.result("trial_manifest.json"))
    assert manifest["schema_version"] == 2 and manifest["prompts"]["control"]["text"] == "Answer."
    (aside,) = (p for p in file_of(lab, MANIFEST).parent.iterdir() if ".json." in p.name)
    assert aside.read_text() == old and aside.name in told
    assert ("has schema version 1; it is kept as" in told) == (version.get("schema_version", 1) is not None)
    assert lab.run() == []


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ({"status": "done", "inputs": {}}, "the record of score: "),
        ("completed", "the record of score: "),
        (None, "the record of score: "),
        ([], "the record of score: "),
    ],
)
def test_one_damaged_record_costs_one_phase(lab: Lab, damage: Any, words: str) -> None:
    """The others are still believed, since each is checked by itself."""
    lab.run()
    before = results(lab)
    manifest = json.loads(lab.result("trial_manifest.json"))
    manifest["stage_status"]["score"] = damage
    file_of(lab, MANIFEST).write_text(json.dumps(manifest))
    done, (told,) = go_on(lab)

    assert (done, lab.asked) == (["score"], [])
    assert words in told and results(lab) == before


@pytest.mark.parametrize(
    ("phase", "key", "value"),
    [
        ("build", "details", {}),
        ("build", "details", {"requests": 5, "parts": []}),
        ("parse", "summary", "20000 rows"),
        ("score", "artifacts", []),
        ("score", "artifacts", [{"path": "../../../../etc/passwd", "size": 1, "sha256": "0"}]),
        ("score", "artifacts", [{"path": 5, "size": 1, "sha256": "0"}]),
        ("stats", "inputs", {}),
        ("costs", "status", "finished"),
    ],
)
def test_a_record_changed_by_hand_is_not_believed(lab: Lab, phase: str, key: str, value: Any) -> None:
    """Its phase is redone; whatever the record says is neither used nor removed."""
    lab.run()
    before = results(lab)
    manifest = json.loads(lab.result("trial_manifest.json"))
    manifest["stage_status"][phase][key] = value
    file_of(lab, MANIFEST).write_text(json.dumps(manifest))
    done, (told,) = go_on(lab)

    assert (done, lab.asked) == ([phase], [])
    assert f"the record of {phase}: it was changed by another program, or by hand" in told
    assert results(lab) == before and Path("/etc/passwd").exists()


@pytest.mark.parametrize("how", ["gone", "cut off", "another shape"])
def test_a_run_is_resumed_without_its_state(cli: Cli, lab: Lab, how: str) -> None:
    """Settings and limits come from a trial's manifest: nothing is asked beyond them."""
    lab.run(options=RunOptions(limit_items=4))
    before = results(lab)
    path = file_of(lab, STATE)
    content = path.read_bytes()
    path.unlink() if how == "gone" else path.write_bytes(content[:200] if how == "cut off" else b"[]")
    told = cli("resume", "a", "--quiet")

    assert told.status == 0, told.err
    assert [phase for _, phase in lab.plugin.events] == ["prepare"]
    assert lab.asked == [] and results(lab) == before
    assert "note: " in told.err and "rebuilt" in told.err
    state = lab.state()
    assert state["options"]["limit_items"] == 4 and state["config"] == json.loads(content)["config"]


def test_other_settings_are_noticed_without_the_state(lab: Lab) -> None:
    """A trial's manifest says what the run was started with."""
    lab.run()
    file_of(lab, STATE).unlink()

    with pytest.raises(RunError, match=r"was started with other settings:\n    top_k: 50 → 3"):
        lab.run(top_k=3)


@pytest.mark.parametrize("damaged", [STATE, "config.yaml", "both"])
def test_settings_that_were_changed_by_hand_are_not_believed(cli: Cli, lab: Lab, damaged: str) -> None:
    """Neither in run_state.json nor in config.yaml, which is there for people."""
    lab.run()
    before = results(lab)
    if damaged != "config.yaml":
        state = lab.state()
        state["config"]["top_k"] = 7
        file_of(lab, STATE).write_text(json.dumps(state))
    if damaged != STATE:
        settings = file_of(lab, "config.yaml").read_text()
        file_of(lab, "config.yaml").write_text(settings.replace("top_k: 50", "top_k: 7"))
    told = cli("resume", "a", "--quiet")

    assert told.status == 0, told.err
    assert ("run_state.json was changed by another program, or by hand" in told.err) == (damaged != "config.yaml")
    assert (lab.asked, results(lab), lab.state()["config"]["top_k"]) == ([], before, 50)
    assert "top_k: 50" in file_of(lab, "config.yaml").read_text()


def test_a_run_that_remembers_too_little_says_so(cli: Cli, lab: Lab) -> None:
    """With what goes on all the same."""
    lab.run()
    file_of(lab, STATE).unlink()
    file_of(lab, MANIFEST).write_text("{")
    told = cli("resume", "a")

    assert told.status == 1
    assert "does not say how it was started\n  → exx list shows the runs; exx run CONFIG --run-id ID" in told.err


def test_reading_changes_nothing(lab: Lab) -> None:
    """Only a run that goes on puts an old file aside."""
    lab.run()
    file_of(lab, MANIFEST).write_text(json.dumps(V1))
    before = {p: p.read_bytes() for p in file_of(lab, ".").rglob("*") if p.is_file()}
    ledger = Ledger.open(file_of(lab, MANIFEST))
    lab.orchestrator().plan()

    assert ledger.note is not None and (ledger.stages, ledger.document) == ({}, {})
    assert {p: p.read_bytes() for p in file_of(lab, ".").rglob("*") if p.is_file()} == before


def test_a_newer_manifest_is_refused(lab: Lab) -> None:
    """Rather than taken for damaged, and rebuilt."""
    lab.run()
    manifest = json.loads(lab.result("trial_manifest.json")) | {"schema_version": 3}
    file_of(lab, MANIFEST).write_text(json.dumps(manifest))

    with pytest.raises(
        RunError, match=r"trial_manifest.json has schema version 3, and this exx knows versions up to 2"
    ):
        lab.run()
