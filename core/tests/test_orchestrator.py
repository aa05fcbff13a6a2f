"""A run does what is not done, remembers it, and comes to the same result however often and wherever it is stopped."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from exx_lab import lopsided, right_sum
from lab import SLUG, Lab

from exx.errors import DataError, ExxError, RunError, StopRequested, UsageError
from exx.hookspecs import hookimpl
from exx.pipeline.context import RunOptions
from exx.pipeline.phases import NAMES, choose
from exx.records import Request
from exx.state import files
from exx.state.stop import StopSignal

RESULTS = ("predictions.csv", "per_item_scores.csv", "significance.json", "costs.json")


def plan(lab: Lab, **given: Any) -> dict[str, tuple[bool, str]]:
    """What a run would do and why, by phase."""
    return {p.phase: (p.decision.execute, p.decision.reason) for p in lab.orchestrator(**given).plan()}


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run_does_every_phase_once_and_in_order(lab: Lab) -> None:
    """And a second time nothing."""
    assert lab.run() == list(NAMES)
    assert lab.run() == []
    state = lab.state()
    assert (state["status"], state["run_id"], state["trials"], state["last_error"]) == ("done", "a", [SLUG], None)
    assert yaml.safe_load((lab.folder / "experiments/run_a/config.yaml").read_text()) == state["config"]


def test_the_results_tell_the_arms_apart(lab: Lab) -> None:
    """The treatment is right every time, the control for i0, i3, i6 and i9: swapped arms would show."""
    lab.run()
    results = json.loads(lab.result("significance.json"))["results"]["0.0"]

    opened, closed = (results[kind]["metrics"]["em"] for kind in ("open", "closed"))
    assert (opened["mean_control"], opened["mean_treatment"]) == (0.4, 1.0)
    assert (closed["mean_control"], closed["mean_treatment"]) == (0.4, 1.0)
    assert opened["mean_difference"]["estimate"] == 0.6


def test_the_manifest_says_what_was_asked_of_whom(lab: Lab) -> None:
    """Prompts with their digests, settings, plugins, and every phase with its artifacts."""
    lab.run()
    manifest = json.loads(lab.result("trial_manifest.json"))

    assert manifest["schema_version"] == 2
    assert manifest["prompts"]["treatment"]["text"] == "Answer, and only when sure."
    assert len(manifest["prompts"]["control"]["sha256"]) == 64
    assert (manifest["model"], manifest["temps"], manifest["datasets"]) == ("fake-model", [0.0], ["fake"])
    assert {(p["kind"], p["name"]) for p in manifest["plugins"]} >= {
        ("scorer", "exact"),
        ("analysis", "mean_difference"),
    }
    parse = manifest["stage_status"]["parse"]
    assert {a["path"] for a in parse["artifacts"]} == {
        f"{SLUG}/results/predictions.{end}" for end in ("csv", "parquet")
    }
    assert all(len(a["sha256"]) == 64 and a["size"] > 0 for a in parse["artifacts"])


# the plan


def test_a_plan_says_what_would_be_done_and_why(lab: Lab) -> None:
    """Before anything is done; and it touches nothing."""
    found = plan(lab)

    assert found["prepare"] == (True, "not done yet")
    assert set(found) == set(NAMES)
    assert all(found[name] == (True, "after prepare") for name in NAMES[1:])
    assert list(lab.folder.iterdir()) == []


def test_a_plan_of_a_finished_run_says_what_there_is(lab: Lab) -> None:
    """In words; and it touches nothing."""
    lab.run()
    before = snapshot(lab.folder / "experiments" / "run_a")
    found = plan(lab)

    assert found["prepare"] == (False, "done: 10 items of fake, sha256 matches")
    assert found["build"] == (False, "done: 20 requests in 2 parts, sha256 matches")
    assert found["submit"][1].startswith("done: 20 asked")
    assert found["report"] == (False, "done: note.md, sha256 matches")
    assert not any(execute for execute, _ in found.values())
    assert snapshot(lab.folder / "experiments" / "run_a") == before


@pytest.mark.parametrize(
    ("damage", "phase", "reason"),
    [
        (lambda path: path.unlink(), "parse", f"{SLUG}/results/predictions.csv is missing"),
        (lambda path: path.write_text("x"), "parse", f"{SLUG}/results/predictions.csv has 1 bytes, not "),
    ],
)
def test_a_plan_names_the_damage(lab: Lab, damage: Callable[[Path], Any], phase: str, reason: str) -> None:
    """And what has to wait for the repair."""
    lab.run()
    damage(lab.path("results/predictions.csv"))
    found = plan(lab)

    assert found[phase][0] and found[phase][1].startswith(reason)
    assert found["poll"][0] is False
    assert found["score"] == found["report"] == (True, "after parse")


def test_a_plan_with_force_says_so(lab: Lab) -> None:
    """The first phase by force, the others after it."""
    lab.run()

    assert plan(lab, force=True)["prepare"] == (True, "--force")


def test_a_plan_of_a_damaged_run_leaves_it_as_it_is(lab: Lab) -> None:
    """Putting the damaged file aside is for the run to do."""
    lab.run()
    (lab.folder / "experiments/run_a/run_state.json").write_text("{")
    before = snapshot(lab.folder)
    assert plan(lab)["prepare"] == (True, "not done yet")

    assert snapshot(lab.folder) == before


# damage


@pytest.mark.parametrize(
    ("name", "phase"),
    [
        ("prepared/open_book.jsonl", "prepare"),
        ("prepared/prepared_manifest.json", "prepare"),
        (f"{SLUG}/batch_inputs/t0_default_treatment.p01.jsonl", "build"),
        (f"{SLUG}/batch_inputs/build_manifest.json", "build"),
        (f"{SLUG}/results/results_combined.jsonl", "poll"),
        (f"{SLUG}/results/predictions.csv", "parse"),
        (f"{SLUG}/results/predictions.parquet", "parse"),
        (f"{SLUG}/results/per_item_scores.csv", "score"),
        (f"{SLUG}/results/metrics.json", "score"),
        (f"{SLUG}/results/significance.json", "stats"),
        (f"{SLUG}/results/findings.csv", "stats"),
        (f"{SLUG}/results/costs.json", "costs"),
        (f"{SLUG}/reports/note.md", "report"),
    ],
)
@pytest.mark.parametrize("how", ["missing", "cut off", "changed"])
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


def uninterrupted(lab: Lab) -> dict[str, bytes]:
    """What a run comes to that nobody disturbs; the answers are its own."""
    lab.run("calm", cache="off")
    return {name: lab.result(name, "calm") for name in RESULTS}


@pytest.mark.parametrize("count", [1, 7, 19, 20])
def test_a_run_that_was_stopped_goes_on_exactly_there(lab: Lab, count: int) -> None:
    """Nothing is asked twice, and the results are those of a run that nobody stopped."""
    calm = uninterrupted(lab)
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


@pytest.mark.parametrize(
    "cause", [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), KeyboardInterrupt()], ids=["full", "killed"]
)
@pytest.mark.parametrize("number", [1, 2, 3, 6, 11, 15, 21, 25, 33, 41, 49, 57, 63])
def test_whichever_file_cannot_be_written_the_run_goes_on_later(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, number: int, cause: BaseException
) -> None:
    """A full disk, or an interrupt, at any file: what was finished stays, nothing is asked twice, the result is the same."""
    calm = uninterrupted(lab)
    lab.plugin.asked.clear()
    with monkeypatch.context() as patch:
        calls = _fail_at(patch, number, cause)
        with pytest.raises(type(cause) if isinstance(cause, KeyboardInterrupt) else ExxError) as caught:  # noqa: PT011
            orchestrator = lab.orchestrator(cache="off")
            orchestrator.execute(StopSignal(orchestrator.folder))
        assert len(calls) >= number
    if isinstance(caught.value, ExxError):
        assert str(caught.value).startswith("cannot write ")
        assert "No space left on device\n  → free some disk space" in str(caught.value)
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
    words = r"cannot write experiments/run_a/.lock: Read-only file system.*\n  → the file system is mounted read-only: write"
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


# more than one trial


def test_trials_share_the_items_and_keep_their_results_apart(lab: Lab) -> None:
    """Prepared once; every other phase once per trial; put side by side once."""
    lab.run(sweep={"top_k": [1, 2]})
    slugs = [SLUG.replace("tk50", f"tk{k}") for k in (1, 2)]

    assert lab.plugin.events == [("", "prepare"), *((slug, phase) for slug in slugs for phase in NAMES[1:]), ("", "aggregate")]
    assert lab.state()["trials"] == slugs
    assert all(lab.path("results/significance.json", slug=slug).exists() for slug in slugs)
    planned = lab.orchestrator(sweep={"top_k": [1, 2, 3]}).plan()
    assert [p.decision.execute for p in planned if p.trial == slugs[0]] == [False] * 7 + [True]  # the report repeats the sweep
    assert [p.decision.reason for p in planned if p.trial.endswith("tk3-mx1024-1024")][:2] == [
        "not done yet",
        "after build",
    ]


# phases by name


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({}, NAMES),
        ({"only": "score"}, ("score",)),
        ({"first": "costs"}, ("costs", "report")),
        ({"last": "build"}, ("prepare", "build")),
        ({"first": "poll", "last": "score"}, ("poll", "parse", "score")),
        ({"last": "submit", "skip": ("prepare", "build")}, ("submit",)),
    ],
)
def test_phases_are_chosen_by_name(given: dict[str, Any], names: tuple[str, ...]) -> None:
    """One, or from one to another, both included."""
    assert tuple(phase.name for phase in choose(**given)) == names


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"only": "scores"}, "no phase called 'scores'\n  → the phases are prepare, build, submit, poll"),
        ({"first": "score", "last": "parse"}, "no phase is left between --from-step and --to-step"),
    ],
)
def test_phases_that_make_no_sense_are_refused(given: dict[str, Any], words: str) -> None:
    """With those that there are."""
    with pytest.raises(UsageError, match=words):
        choose(**given)


def test_a_phase_without_what_it_needs_says_what_is_missing(lab: Lab) -> None:
    """Not a traceback."""
    with pytest.raises(DataError, match=r"predictions.csv: .*[Nn]o such file"):
        lab.run(phases=choose("score"))


# observers


class Diary:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    @hookimpl
    def exx_run_started(self, run: Any) -> None:
        """A run begins."""
        self.lines.append(f"run {run.id} {run.trials}")

    @hookimpl
    def exx_phase_started(self, trial: str, phase: str) -> None:
        """A phase begins."""
        self.lines.append(f"> {phase} {trial}".strip())

    @hookimpl
    def exx_progress(self, phase: str, done: int, total: int) -> None:
        """It got further."""
        if done == total:
            self.lines.append(f"{phase} {done}/{total}")

    @hookimpl
    def exx_phase_finished(self, phase: str, outcome: str) -> None:
        """It ended."""
        self.lines.append(f"< {phase}: {outcome}")

    @hookimpl
    def exx_run_finished(self, outcome: str) -> None:
        """All ended."""
        self.lines.append(outcome)


def test_observers_are_told_in_order(lab: Lab) -> None:
    """What begins, how far it is, what came of it; phases that are done already are not announced."""
    diary = Diary()
    lab.extra.append(diary)
    lab.run(phases=choose(last="build"))
    lab.run(phases=choose(last="submit"))

    assert diary.lines[:6] == [
        f"run a ('{SLUG}',)",
        "> prepare",
        "< prepare: 10 items of fake",
        f"> build {SLUG}",
        "< build: 20 requests in 2 parts",
        "done",
    ]
    assert diary.lines[6:8] == [f"run a ('{SLUG}',)", f"> submit {SLUG}"]
    assert diary.lines[8] == "submit 20/20" and diary.lines[-2:] == ["< submit: 20 asked, 0 answered before", "done"]


def test_observers_are_told_that_a_run_failed(lab: Lab) -> None:
    """So that a progress bar is taken away."""
    diary = Diary()
    lab.extra.append(diary)
    lab.answer = lambda _: None
    with pytest.raises(ExxError, match="every one of 20 requests failed"):
        lab.run()

    assert diary.lines[-1] == "failed"
