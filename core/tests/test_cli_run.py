"""``exx run``, ``plan``, ``resume`` and ``validate``: what they print, and the status they end with."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from exx_lab import lopsided
from lab import SLUG, Lab, Told

from exx.cli import main as main_module
from exx.pipeline.phases import NAMES
from exx.records import Request, RequestId
from exx.state.files import read_json

Cli = Callable[..., Told]


def phases(lab: Lab) -> list[str]:
    """Which phases worked in the last command."""
    return [phase for _, phase in lab.plugin.events]


def test_a_run_prints_its_verdict_and_where_the_report_is(cli: Cli, lab: Lab) -> None:
    """On stdout; what it does meanwhile goes to stderr. Without a config, ./experiment.yaml."""
    told = cli("run", "--run-id", "a")

    assert told.status == 0
    assert told.out.endswith(f"report: experiments/run_a/{SLUG}/reports/note.md\n")
    assert "Exact match" in told.out
    assert "run a in experiments/run_a" in told.err
    assert "  submit: 20 asked, 0 answered before (" in told.err
    assert phases(lab) == list(NAMES)


def test_what_was_lost_is_told_after_the_verdict(cli: Cli, lab: Lab) -> None:
    """One line when nothing was; else how many of what, in which arm, and what they could change; so does exx show."""
    assert "Nothing was lost: all 20 planned answers came back and were scored." in cli("run", "--run-id", "a").out

    def answer(request: Request) -> str | None:
        asked = RequestId.decode(request.custom_id)
        fails = (asked.condition, asked.item_id) in {("treatment", "i1"), ("treatment", "i4"), ("control", "i4")}
        return None if fails else lopsided(request)

    lab.answer = answer
    told, shown = cli("run", "--run-id", "b", "--set", "cache=off"), cli("show", "b")
    (trial,) = cli("show", "b", "--json").json["trials"]

    for words in (told.out, shown.out):
        assert "3 of 20 planned answers were lost: control 1 failed; treatment 2 failed." in words
        assert "4 of 5 planned pairs can be compared; 1 lost the treatment's answer." in words
        assert "4 of 5 planned pairs can be compared; 1 lost both." in words
        assert (
            "wherever the lost values (1 pair) had fallen, +50.0 points would lie between +40.0 and +60.0, and" in words
        )
    assert trial["integrity"]["is_whole"] is False
    assert [one["p_value"] for one in trial["integrity"]["pairs"] if one["treatment"]] == [1.0]
    assert {"guards", "caveats", "outcome", "sentence"} <= set(trial)


def test_a_run_is_one_json_object(cli: Cli) -> None:
    """And nothing else on stdout; nor on stderr, as with --quiet."""
    told = cli("run", "experiment.yaml", "--run-id", "a", "--json")
    found = told.json

    assert (told.status, told.err) == (0, "")
    assert (found["run_id"], found["status"], found["simulated"]) == ("a", "done", False)
    (trial,) = found["trials"]
    assert trial["reports"] == [f"experiments/run_a/{SLUG}/reports/note.md"]
    verdict = {(row["metric"], row["address"]["type"]): row for row in trial["verdict"]}
    em = verdict["em", "open"]
    assert (em["control"], em["treatment"], em["primary"]) == (0.4, 1.0, True)


def test_runs_without_a_name_get_the_time(cli: Cli, lab: Lab) -> None:
    """And never the same one twice."""
    names = [cli("run", "--json", "--to-step", "prepare").json["run_id"] for _ in range(3)]

    assert len(set(names)) == 3
    assert all(len(name) >= len("20260101-000000") for name in names)
    assert sorted(path.name for path in (lab.folder / "experiments").glob("run_*")) == sorted(f"run_{n}" for n in names)


@pytest.mark.parametrize(
    ("arguments", "done"),
    [
        (("--to-step", "build"), ["prepare", "build"]),
        (("--only-step", "prepare"), ["prepare"]),
        (("--from-step", "prepare", "--to-step", "submit"), ["prepare", "build", "submit"]),
    ],
)
def test_some_phases_alone(cli: Cli, lab: Lab, arguments: tuple[str, ...], done: list[str]) -> None:
    """``--only-step``, ``--from-step``, ``--to-step``."""
    assert cli("run", *arguments).status == 0
    assert phases(lab) == done


def test_the_rest_can_be_done_later(cli: Cli, lab: Lab) -> None:
    """From where it ended; what is left out stays as it is."""
    cli("run", "--run-id", "a", "--to-step", "parse")
    assert cli("run", "--run-id", "a", "--from-step", "score", "--to-step", "stats").status == 0
    assert phases(lab) == ["score", "stats"]
    assert cli("run", "--run-id", "a", "--resume", "--skip-prepare", "--skip-build").status == 0
    assert phases(lab) == ["costs", "report"]
    assert cli("resume", "a").status == 0
    assert phases(lab) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "--only-step", "scores"), "exx: no phase called 'scores'\n  → the phases are prepare, build"),
        (("run", "--from-step", "report", "--to-step", "build"), "no phase is left between --from-step and --to-step"),
        (
            ("run", "--parts-per-dataset", "2", "--lines-per-part", "3"),
            "--parts-per-dataset and --lines-per-part exclude",
        ),
        (("run", "--resume"), "exx: --resume needs --run-id\n  → exx list shows the runs"),
        (("run", "--run-id", "../up"), "exx: --run-id '../up': expected letters, digits, '.', '_' and '-'"),
        (("run", "--run-id", ""), "expected letters, digits"),
        (("run", "--temps", "warm"), "exx: --temps 'warm': expected numbers separated by commas"),
        (("run", "--models", "gpt-9"), "no trial is left by --models"),
        (("run", "--limit-items", "0"), "0 is not in the range x>=1"),
        (("run", "--condition", "placebo"), "'placebo' is not one of 'control', 'treatment', 'both'"),
        (("run", "a.yaml", "--config", "b.yaml"), "exx: two configs were given: a.yaml and b.yaml\n  → give one"),
        (("run", "a.yaml"), "exx: a.yaml: 1 problem\n  no such file\n  → give the path of an experiment.yaml"),
        (
            ("run", "--set", "stats.bootstrap_sample=3"),
            "stats.bootstrap_sample: unknown key, did you mean 'bootstrap_samples'?",
        ),
        (("run", "--set", "nonsense"), "exx: --set 'nonsense': expected KEY=VALUE"),
        (("run", "--dry-run"), "backend: no backend called 'dry_run'; installed: diary, fake"),
        (("run", "--no-such-option"), "No such option"),
        (("rum",), "no command 'rum'; did you mean 'run'?"),
        (("zzz",), "no command 'zzz'"),
        (("resume",), "Missing argument 'RUN_ID'"),
    ],
)
def test_a_command_that_makes_no_sense_ends_with_status_2(
    cli: Cli, lab: Lab, arguments: tuple[str, ...], words: str
) -> None:
    """One message on stderr, nothing on stdout, and nothing begun."""
    told = cli(*arguments)

    assert (told.status, told.out) == (2, "")
    assert words in told.err and "Traceback" not in told.err
    assert not (lab.folder / "experiments").exists()


def test_a_run_that_fails_ends_with_status_1(cli: Cli, lab: Lab) -> None:
    """With the first error, what to do, and how to go on; then going on does it."""
    answer, lab.answer = lab.answer, lambda _: None
    told = cli("run", "--run-id", "a")
    assert (told.status, told.out) == (1, "")
    assert "exx: every one of 20 requests failed; the first: the fake refused\n  → nothing was lost; mend" in told.err
    assert "what was finished is kept: exx resume a goes on" in told.err
    lab.answer = answer

    assert cli("resume", "a").status == 0
    assert phases(lab) == list(NAMES[2:])


def test_json_says_nothing_on_stdout_when_it_fails(cli: Cli, lab: Lab) -> None:
    """A program sees the status first."""
    lab.answer = lambda _: None
    told = cli("run", "--json")

    assert (told.status, told.out) == (1, "")


def test_a_traceback_is_shown_only_on_request(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect is told as one; ``--debug`` shows where, in front of the command or behind it."""

    def broken(_: object) -> None:
        raise ZeroDivisionError("oops \x1b[2J")

    monkeypatch.setattr("exx.cli.common.open_experiment", broken)
    monkeypatch.setattr("exx.cli.running.open_experiment", broken)
    told = cli("validate")
    assert told.status == 1
    assert told.err.startswith(
        "exx: ZeroDivisionError: oops \ufffd[2J\n  → this is a defect in exx or a plugin; exx --debug"
    )
    assert "Traceback" not in told.err
    assert "Traceback" in cli("validate", "--debug").err
    assert "Traceback" in cli("--debug", "validate").err


@pytest.mark.parametrize(
    ("cause", "status", "words"),
    [
        (MemoryError(), 1, "exx: out of memory; try --limit-items"),
        (KeyboardInterrupt(), 3, "interrupted at once; what was answered is stored, exx resume goes on"),
    ],
)
def test_other_endings_have_their_status(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, cause: BaseException, status: int, words: str
) -> None:
    """And a word of what to do."""

    def ends(_: object) -> None:
        raise cause

    monkeypatch.setattr("exx.cli.running.open_experiment", ends)
    told = cli("run")

    assert told.status == status and words in told.err


def test_help_and_version_are_no_errors(cli: Cli) -> None:
    """Every command has a line."""
    told = cli("--help")
    assert told.status == 0
    for name in main_module._COMMANDS:
        assert f"  {name} " in told.out
        assert cli(name, "--help").status == 0
    assert cli("--version").out.startswith("exx, version ")


# plan and validate


def test_a_plan_says_what_and_why_and_asks_nothing(cli: Cli, lab: Lab) -> None:
    """The same as ``run --plan-only``; nothing is begun."""
    told = cli("plan", "experiment.yaml", "--run-id", "a", "--limit-items", "3")

    assert told.status == 0
    assert "prepare\texecute\tnot done yet\n" in told.out
    assert "report\texecute\tafter prepare\n" in told.out
    assert "3 items, 6 requests; about " in told.out
    assert cli("run", "--plan-only", "--run-id", "a", "--limit-items", "3").out == told.out
    assert lab.asked == [] and not (lab.folder / "experiments").exists()


def test_a_plan_is_one_json_object(cli: Cli) -> None:
    """With the decisions and the estimate."""
    cli("run", "--run-id", "a", "--quiet", "--to-step", "parse")
    found = cli("plan", "--run-id", "a", "--json").json

    assert found["run_id"] == "a"
    decisions = {p["phase"]: (p["execute"], p["reason"]) for p in found["phases"]}
    assert decisions["parse"] == (False, "done: 20 rows, sha256 matches")
    assert decisions["score"] == (True, "not done yet")
    assert found["estimate"]["requests"] == 20


def test_a_plan_of_several_trials_names_them(cli: Cli) -> None:
    """What is done once, and what for each."""
    told = cli("plan", "--set", "sweep={top_k: [1, 2]}")

    assert "all trials\tprepare\texecute\t" in told.out
    assert "fake-model-default-tp1-tk1-mx1024-1024\tbuild\texecute\t" in told.out


def test_a_good_config_is_valid(cli: Cli) -> None:
    """And says what it would run."""
    assert cli("validate", "experiment.yaml").out == f"experiment.yaml is valid: 1 trial\n  {SLUG}\n"
    told = cli("validate", "--json", "--set", "sweep={top_k: [1, 2]}")
    assert told.json["valid"] is True and len(told.json["trials"]) == 2


def test_a_bad_config_is_told_completely(cli: Cli, lab: Lab) -> None:
    """Every problem with its line, on one go; status 2."""
    (lab.folder / "bad.yaml").write_text(
        "backend: fake\ndatasets:\n- {name: fake, itms: 3}\n"
        "prompt_sets: {default: {control: no.txt, treatment: {text: x}}}\nunsupported: {strategy: overlp}\n"
    )
    told = cli("validate", "bad.yaml")

    assert (told.status, told.out) == (2, "")
    assert told.err.startswith("exx: bad.yaml: 3 problems\n")
    assert "line 3: datasets[0].itms: unknown key, did you mean 'items'?" in told.err
    assert "line 5: unsupported.strategy: no detector called 'overlp'; did you mean 'overlap'?" in told.err
    assert "line 4: prompt_sets.default.control: no.txt: no such file" in told.err


# settings


def test_settings_of_the_command_line_count(cli: Cli, lab: Lab) -> None:
    """--set, --temps, --limit-items, --condition."""
    arguments = ("--set", "temps=[0.0, 0.5]", "--temps", "0.5", "--limit-items", "2", "--condition", "treatment")
    assert cli("run", "--to-step", "poll", *arguments).status == 0

    assert len(lab.asked) == 2
    assert all("|treatment|0.5|" in one for one in lab.asked)


def test_a_finished_run_with_other_settings_is_refused_or_forced(cli: Cli, lab: Lab) -> None:
    """Which settings differ, and what --force would do."""
    cli("run", "--run-id", "a", "--quiet")
    told = cli("run", "--run-id", "a", "--set", "pricing={input_per_million: 1, output_per_million: 1}")
    assert told.status == 1
    assert "run a was started with other settings:\n    pricing: None → {" in told.err
    assert "--force goes on with the new settings and redoes what depends on them" in told.err
    price = ("--set", "pricing={input_per_million: 1, output_per_million: 1}")

    assert cli("run", "--run-id", "a", *price, "--force").status == 0
    assert phases(lab) == ["costs", "report"]


def test_the_environment_file_is_read_also_on_resume(cli: Cli, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of services are there whenever the model is asked; what the environment has already stays."""
    monkeypatch.setenv("LAB_SET", "before")
    monkeypatch.delenv("LAB_KEY", raising=False)
    (lab.folder / ".env").write_text("LAB_KEY=secret-7\nLAB_SET=after\n")
    seen: list[tuple[str | None, str | None]] = []

    def answer(request: Request) -> str:
        seen.append((os.environ.get("LAB_KEY"), os.environ.get("LAB_SET")))
        return "x"

    lab.answer = answer
    cli("run", "--run-id", "a", "--to-step", "build")
    os.environ.pop("LAB_KEY", None)
    assert cli("resume", "a").status == 0
    os.environ.pop("LAB_KEY", None)

    assert set(seen) == {("secret-7", "before")}
    found = [path for path in lab.folder.rglob("*") if path.is_file() and b"secret-7" in path.read_bytes()]
    assert found == [lab.folder / ".env"]


# resume


def test_a_resume_knows_how_the_run_was_started(cli: Cli, lab: Lab) -> None:
    """Limits, trials, overrides and prompt files; the config itself may be gone."""
    (lab.folder / "t.txt").write_text("Think.")
    sets = "prompt_sets={default: {control: {text: Answer.}, treatment: t.txt}}"
    arguments = ("--limit-items", "3", "--temps", "0.5", "--set", "temps=[0.0, 0.5]", "--set", sets)
    assert cli("run", "--run-id", "a", "--to-step", "build", "--quiet", *arguments).status == 0
    (lab.folder / "experiment.yaml").unlink()
    told = cli("resume", "a", "--json")

    assert told.status == 0
    assert len(lab.asked) == 6
    assert all("|0.5|" in one for one in lab.asked)


def test_a_resume_of_what_is_not_there_is_told(cli: Cli, lab: Lab) -> None:
    """And of a run that does not remember how it was started."""
    told = cli("resume", "nope")
    assert (told.status, told.out) == (1, "")
    assert "exx: run nope in experiments does not exist\n  → exx list shows the runs; exx run CONFIG" in told.err
    folder = lab.folder / "experiments" / "run_b"
    folder.mkdir(parents=True)
    (folder / "run_state.json").write_text("{")

    assert "run b in experiments does not say how it was started" in cli("resume", "b").err


def test_a_resume_from_elsewhere_does_not_begin_anew(cli: Cli, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths would lead to other folders, and everything would be asked and paid for again."""
    cli("run", "--run-id", "a", "--to-step", "poll", "--quiet")
    elsewhere = lab.folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    told = cli("resume", "a", "--experiments-dir", "../experiments")

    assert (told.status, lab.asked) == (1, [])
    assert "was kept in experiments\n  → resume in the folder in which the run was started" in told.err
    assert list(elsewhere.iterdir()) == []


def test_a_damaged_state_is_mended_by_run(cli: Cli, lab: Lab) -> None:
    """It is told that it was, and where the damaged file is."""
    cli("run", "--run-id", "a", "--quiet")
    path = lab.folder / "experiments" / "run_a" / "run_state.json"
    path.write_text("{")
    told = cli("run", "--run-id", "a", "--resume")

    assert told.status == 0 and lab.asked == []
    assert "note: experiments/run_a/run_state.json could not be used (" in told.err
    assert read_json(path)["status"] == "done"


# what cannot be helped


def test_a_read_only_folder_is_told(cli: Cli, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file, the reason, the remedy; before the model is asked."""

    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    told = cli("run", "--run-id", "a")

    assert (told.status, told.out, lab.asked) == (1, "", [])
    assert "exx: cannot write experiments/run_a/.lock: Read-only file system" in told.err
    assert "→ the file system is mounted read-only: write to another folder" in told.err


def test_a_damaged_store_is_told(cli: Cli, lab: Lab) -> None:
    """With what to do about it."""
    cli("run", "--run-id", "a", "--to-step", "build", "--quiet")
    (lab.folder / "experiments" / "responses.sqlite").write_bytes(
        b"not a database, but long enough to be taken for one"
    )
    told = cli("resume", "a")

    assert told.status == 1
    assert (
        "responses.sqlite: file is not a database\n  → the file is damaged: move experiments/responses.sqlite"
        in told.err
    )


def test_a_store_that_another_process_writes_to_is_shared(cli: Cli, lab: Lab) -> None:
    """Two runs at once have one store; a reader is no obstacle."""
    assert cli("run", "--run-id", "b", "--quiet").status == 0
    reader = sqlite3.connect(lab.folder / "experiments" / "responses.sqlite")
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM responses").fetchone()
    try:
        assert cli("run", "--run-id", "c", "--quiet", "--set", "top_p=0.5").status == 0
    finally:
        reader.close()
    assert len(lab.asked) == 20


def test_hostile_words_of_a_model_reach_no_terminal(cli: Cli, lab: Lab) -> None:
    """Nor those of an error that a service sends."""
    lab.answer = lambda _: None
    (lab.folder / "experiment.yaml").write_text(yaml.safe_dump({**lab.settings, "model_id": "e\x1b[2Jvil\u202e"}))
    told = cli("run", "--run-id", "a")

    assert "\x1b" not in told.err + told.out and "\u202e" not in told.err + told.out
    assert "\x1b" not in cli("status", "a").out and "\x1b" not in cli("list").out
