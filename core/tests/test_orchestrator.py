"""A run does every phase that is not done, says beforehand which and why, and tells observers what happens."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from lab import SLUG, Lab

from exx.errors import DataError, ExxError, UsageError
from exx.hookspecs import hookimpl
from exx.pipeline.phases import NAMES, choose

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


# more than one trial


def test_trials_share_the_items_and_keep_their_results_apart(lab: Lab) -> None:
    """Prepared once; every other phase once per trial; put side by side once."""
    lab.run(sweep={"top_k": [1, 2]})
    slugs = [SLUG.replace("tk50", f"tk{k}") for k in (1, 2)]

    assert lab.plugin.events == [
        ("", "prepare"),
        *((slug, phase) for slug in slugs for phase in NAMES[1:]),
        ("", "aggregate"),
    ]
    assert lab.state()["trials"] == slugs
    assert all(lab.path("results/significance.json", slug=slug).exists() for slug in slugs)
    planned = lab.orchestrator(sweep={"top_k": [1, 2, 3]}).plan()
    assert [p.decision.execute for p in planned if p.trial == slugs[0]] == [False] * 7 + [
        True
    ]  # the report repeats the sweep
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
