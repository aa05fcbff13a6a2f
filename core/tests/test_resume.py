"""A run that was damaged, changed, stopped or killed comes to the same result, and asks nothing twice."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import exx_lab
import pytest
from exx_lab import lopsided, right_sum
from lab import SLUG, Lab

from exx.errors import ExxError, RunError, StopRequested
from exx.pipeline.context import RunOptions
from exx.pipeline.phases import NAMES, choose
from exx.records import Request
from exx.state import files
from exx.state.stop import StopSignal
from exx.testing import FakePlugin

RESULTS = ("predictions.csv", "per_item_scores.csv", "significance.json", "costs.json")


def plan(lab: Lab, **given: Any) -> dict[str, tuple[bool, str]]:
    """What a run would do and why, by phase."""
    return {p.phase: (p.decision.execute, p.decision.reason) for p in lab.orchestrator(**given).plan()}


# damage


@pytest.mark.parametrize(
    ("name", "phase", "how"),
    [
        ("prepared/open_book.jsonl", "prepare", "changed"),
        ("prepared/prepared_manifest.json", "prepare", "missing"),
        (f"{SLUG}/batch_inputs/t0_default_treatment.p01.jsonl", "build", "changed"),
        (f"{SLUG}/batch_inputs/build_manifest.json", "build", "cut off"),
        (f"{SLUG}/results/results_combined.jsonl", "poll", "changed"),
        (f"{SLUG}/results/results_combined.jsonl", "poll", "missing"),
        (f"{SLUG}/results/predictions.csv", "parse", "changed"),
        (f"{SLUG}/results/predictions.csv", "parse", "cut off"),
        (f"{SLUG}/results/predictions.csv", "parse", "missing"),
        (f"{SLUG}/results/predictions.parquet", "parse", "cut off"),
        (f"{SLUG}/results/per_item_scores.csv", "score", "changed"),
        (f"{SLUG}/results/metrics.json", "score", "cut off"),
        (f"{SLUG}/results/significance.json", "stats", "changed"),
        (f"{SLUG}/results/findings.csv", "stats", "missing"),
        (f"{SLUG}/results/costs.json", "costs", "changed"),
        (f"{SLUG}/reports/note.md", "report", "cut off"),
    ],
)
def test_a_damaged_artifact_is_made_again_and_nothing_else(lab: Lab, name: str, phase: str, how: str) -> None:
    """The same bytes, without asking anything again."""
    lab.run()
    path = lab.folder / "experiments" / "run_a" / name
    good = path.read_bytes()
    path.unlink()
    if how != "missing":
        path.write_bytes(good[:-3] if how == "cut off" else good[:-3] + b"xyz")

    assert lab.run() == [phase]
    assert lab.asked == []
    assert path.read_bytes() == good or path.suffix == ".parquet"
    assert lab.run() == []


@pytest.mark.parametrize("name", ["run_state.json", f"{SLUG}/results/trial_manifest.json"])
def test_a_damaged_state_is_kept_beside_and_rebuilt(lab: Lab, name: str) -> None:
    """The phases it remembered are redone, from answers that are stored; and it is told."""
    lab.run()
    results = {result: lab.result(result) for result in RESULTS}
    path = lab.folder / "experiments" / "run_a" / name
    path.write_bytes(path.read_bytes()[:100])
    orchestrator = lab.orchestrator()
    lab.plugin.events.clear()
    orchestrator.execute(StopSignal(orchestrator.folder))

    done = [phase for _, phase in lab.plugin.events]
    assert done == (["prepare"] if name == "run_state.json" else list(NAMES[1:]))
    assert len(lab.plugin.asked) == 20  # of the first run
    assert {result: lab.result(result) for result in RESULTS if result != "costs.json"} == {
        result: results[result] for result in RESULTS if result != "costs.json"
    }
    (aside,) = path.parent.glob("*.damaged-*")
    assert len(aside.read_bytes()) == 100
    (warning,) = orchestrator.warnings
    assert f"{path.name} could not be used" in warning and aside.name in warning


# change


def touchy(request: Request) -> str:
    """A model whose answers change with everything it is told."""
    told = repr((request.model, request.messages, request.params)).encode()
    return right_sum(request) if hashlib.sha256(told).digest()[0] % 2 else "no idea"


OTHER = {"default": {"control": {"text": "Answer."}, "treatment": {"text": "Think, then answer."}}}
ASKED = ["build", "submit", "poll", "parse", "score", "stats", "costs", "report"]


@pytest.mark.parametrize(
    ("changes", "phases", "asked"),
    [
        ({"prompt_sets": OTHER}, ASKED, 10),
        ({"task_instructions": {"closed_book": {"text": "Say."}}}, ASKED, 10),
        ({"top_p": 0.9}, ASKED, 20),
        (
            {"model_id": "fake-model-2", "trials": [{"id": SLUG}]},
            ["submit", "poll", "parse", "score", "stats", "costs", "report"],
            20,
        ),
        ({"pricing": {"input_per_million": 1, "output_per_million": 2}}, ["costs", "report"], 0),
        ({"analyses": [{"name": "mean_difference", "decimals": 1}]}, ["stats", "report"], 0),
        ({"stats": {"bootstrap_samples": 9}}, ["stats", "report"], 0),
        ({"verdict": {"primary": ["f1"]}}, ["stats", "report"], 0),
        ({"scorers": [{"name": "exact", "strict": True}]}, ["score", "report"], 0),
        ({"unsupported": {"min_token_overlap": 0.7}}, ["score", "report"], 0),
        ({"unsupported": {"min_token_overlap": 0.0}}, ["score", "report"], 0),
        ({"abstention": "none"}, ["score", "stats", "report"], 0),
        ({"abstention": {"markers": ["no idea"]}}, ["score", "report"], 0),
        ({"reporters": []}, ["report"], 0),
        ({"cache": "refresh"}, ["submit", "poll", "report"], 0),
        ({"backend": {"name": "fake", "concurrency": 3}}, ["submit", "poll", "report"], 0),
        ({"datasets": [{"name": "fake", "items": 10}]}, ["prepare", "report"], 0),
        ({"datasets": [{"name": "fake", "items": 12}]}, list(NAMES), 4),
        ({"sizes": {"fake_max_items": 10}}, ["prepare", "report"], 0),
        ({"sizes": {"fake_max_items": 8}}, list(NAMES), 0),
        ({"use_batch_api": False}, ["report"], 0),
    ],
    ids=lambda value: next(iter(value), "") if isinstance(value, dict) else None,
)
def test_a_change_redoes_what_depends_on_it(lab: Lab, changes: dict[str, Any], phases: list[str], asked: int) -> None:
    """Exactly that; a phase whose input came out the same again is left alone. The report repeats every setting."""
    lab.answer = touchy
    lab.run()
    done = lab.run(force=True, **changes)

    assert (done, len(lab.asked)) == (phases, asked)
    assert lab.run(**changes) == []


def test_a_changed_seed_reorders_and_asks_nothing(lab: Lab) -> None:
    """At a temperature of 0 no seed reaches the model; with one above, every answer is another."""
    lab.run()
    before = lab.result("significance.json")

    assert lab.run(force=True, stats={"random_seed": 2}) == list(NAMES)
    assert lab.asked == []
    assert lab.result("significance.json") != before


def test_a_prompt_file_that_changed_is_noticed(lab: Lab) -> None:
    """The config is the same, so nothing has to be forced; what was answered before is found again."""
    (lab.folder / "c.txt").write_text("Answer.")
    (lab.folder / "t.txt").write_text("Think.")
    sets = {"prompt_sets": {"default": {"control": "c.txt", "treatment": "t.txt"}}}
    lab.answer = touchy
    lab.run(**sets)
    (lab.folder / "t.txt").write_text("Think twice.")
    assert plan(lab, **sets)["build"] == (True, "inputs changed: prompt treatment")
    assert lab.run(**sets) == ASKED
    assert len(lab.asked) == 10

    (lab.folder / "t.txt").write_text("Think.")
    assert lab.run(**sets) == ASKED
    assert lab.asked == []


def test_other_settings_need_to_be_meant(lab: Lab) -> None:
    """Two experiments in one run would be neither."""
    lab.run()
    words = (
        r"run a was started with other settings:\n    stats.bootstrap_samples: 5000 → 9\n    top_k: 50 → 3\n"
        r"    options.limit_items: None → 3\n  → --force goes on with the new settings"
    )
    with pytest.raises(RunError, match=words):
        lab.run(stats={"bootstrap_samples": 9}, top_k=3, options=RunOptions(limit_items=3))
    assert lab.state()["status"] == "done"


def test_force_without_a_change_redoes_everything_and_asks_nothing(lab: Lab) -> None:
    """And comes to the same."""
    lab.run()
    before = {name: lab.result(name) for name in RESULTS}

    assert lab.run(force=True) == list(NAMES)
    assert lab.asked == []
    assert {name: lab.result(name) for name in RESULTS} == before


# stopping and failing


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a run comes to that nobody disturbs."""
    folder = tmp_path_factory.mktemp("calm")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        lab = Lab(folder, FakePlugin(answer=lopsided, classes=exx_lab.KINDS))
        lab.run(cache="off")
    return {name: lab.result(name) for name in RESULTS}


@pytest.mark.parametrize("count", [1, 7, 19, 20])
def test_a_run_that_was_stopped_goes_on_exactly_there(lab: Lab, calm: dict[str, bytes], count: int) -> None:
    """Nothing is asked twice, and the results are those of a run that nobody stopped."""
    asked: list[str] = []
    orchestrator = lab.orchestrator(cache="off")
    stop = StopSignal(orchestrator.folder)

    def answer(request: Request) -> str:
        asked.append(request.custom_id)
        if len(asked) == count:
            stop.request("SIGINT received")
        return lopsided(request)

    lab.answer = answer
    with pytest.raises(StopRequested, match="stopped: SIGINT received"):
        orchestrator.execute(stop)
    assert (lab.state()["status"], lab.state()["last_error"]) == ("stopped", "stopped: SIGINT received")
    assert plan(lab, cache="off")["submit"] == (True, "was interrupted") or count == 20
    lab.run(cache="off")

    assert len(asked) == len(set(asked)) == 20
    assert {name: lab.result(name) for name in RESULTS} == calm


def _fail_at(monkeypatch: pytest.MonkeyPatch, number: int, cause: BaseException) -> list[int]:
    """Let the writing of one file fail, at the moment before it is put in place."""
    calls: list[int] = []
    sync = files._sync

    def failing(path: Path) -> None:
        calls.append(1)
        if len(calls) == number:
            raise cause
        sync(path)

    monkeypatch.setattr(files, "_sync", failing)
    return calls


FULL, KILLED = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), KeyboardInterrupt()


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        *((number, FULL) for number in (1, 3, 6, 15, 25, 41, 57, 63)),
        *((number, KILLED) for number in (2, 4, 11, 21, 33, 49, 60, 64)),
    ],
)
def test_whichever_file_cannot_be_written_the_run_goes_on_later(
    lab: Lab, calm: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, number: int, cause: BaseException
) -> None:
    """A full disk, or an interrupt, at any file: what was finished stays, nothing is asked twice, the result is one."""
    with monkeypatch.context() as patch:
        calls = _fail_at(patch, number, cause)
        if isinstance(cause, OSError):
            with pytest.raises(ExxError, match=r"^cannot write .*: No space left on device\n  → free some disk space"):
                lab.run(cache="off")
        else:
            with pytest.raises(KeyboardInterrupt):
                lab.run(cache="off")
        assert len(calls) >= number
    before = list(lab.asked)
    lab.run(cache="off")

    assert not set(before) & set(lab.asked)
    assert {name: lab.result(name) for name in RESULTS} == calm
    assert not list(lab.folder.rglob("*.tmp"))


def test_a_folder_that_is_read_only_is_told(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is asked; with the file and the remedy."""

    def refuse(path: Path, *_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    words = r"cannot write experiments/run_a/.lock: Read-only file system.*\n  → the file system is mounted read-only"
    with pytest.raises(ExxError, match=words):
        lab.run()
    assert lab.asked == []


def test_a_phase_that_failed_is_told_and_done_again(lab: Lab) -> None:
    """In run_state.json, in the manifest, and in the plan."""
    lab.run(phases=choose(last="parse"))
    scores = lab.path("results/per_item_scores.csv")
    scores.mkdir(parents=True)
    with pytest.raises(ExxError, match=r"cannot write .*per_item_scores.csv"):
        lab.run()
    assert lab.state()["status"] == "failed" and "per_item_scores.csv" in lab.state()["last_error"]
    record = json.loads(lab.result("trial_manifest.json"))["stage_status"]["score"]
    assert record["status"] == "failed" and "cannot write" in record["summary"]
    assert plan(lab)["score"] == (True, "failed last time")
    scores.rmdir()

    assert lab.run() == ["score", "stats", "costs", "report"]
    assert lab.state()["last_error"] is None


def test_litter_of_a_killed_process_is_swept_away(lab: Lab) -> None:
    """Its temporary files, but not those of a process that lives."""
    folder = lab.path("results")
    folder.mkdir(parents=True)
    dead, alive = folder / ".predictions.csv.999999999.tmp", folder / f".x.{os.getppid()}.tmp"
    for path in (dead, alive):
        path.write_text("half")
    lab.run()

    assert (dead.exists(), alive.exists()) == (False, True)
