"""Nothing is removed that was not listed first, and nothing that somebody works on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lab import Lab, Told

from exx.errors import RunError, UsageError
from exx.pipeline.phases import choose
from exx.runs.clean import parse_age, plan_clean
from exx.state.files import read_json, write_json
from exx.state.lock import run_lock

Cli = Callable[..., Told]
EXPERIMENTS = Path("experiments")


def started(lab: Lab, run_id: str, day: str, status: str = "done") -> Path:
    """A run that was started on a day."""
    lab.run(run_id, phases=choose("prepare"))
    path = lab.folder / "experiments" / f"run_{run_id}" / "run_state.json"
    write_json(path, read_json(path) | {"started_at": f"{day}T00:00:00+00:00", "status": status})
    return path.parent


def test_only_what_is_asked_for_is_listed(lab: Lab) -> None:
    """By age, by failure, by both, by name; without any of these no run at all."""
    started(lab, "old", "2026-01-01")
    started(lab, "old-failed", "2026-01-02", "failed")
    started(lab, "new-failed", "2026-03-01", "failed")
    now, month = datetime(2026, 3, 2, tzinfo=UTC), timedelta(days=30)

    def listed(*names: str, failed: bool = False, older_than: timedelta | None = None) -> list[str]:
        plan = plan_clean(EXPERIMENTS, names, failed=failed, older_than=older_than, now=now)
        return [one.run for one in plan.litter]

    assert listed() == []
    assert listed(older_than=month) == ["old-failed", "old"]
    assert listed(failed=True) == ["new-failed", "old-failed"]
    assert listed(failed=True, older_than=month) == ["old-failed"]
    assert listed("new-failed", "new-failed") == ["new-failed"]
    with pytest.raises(UsageError, match="runs are named, so --failed and --older-than have nothing to pick"):
        listed("old", failed=True)


@pytest.mark.parametrize("name", ["nope", "../run_a", "a/../../x", "", "."])
def test_a_name_that_is_no_run_is_refused(lab: Lab, name: str) -> None:
    """Above all one that leads elsewhere."""
    lab.run(phases=choose("prepare"))

    with pytest.raises(RunError, match="there is no run"):
        plan_clean(EXPERIMENTS, [name])


def test_temporary_files_of_the_dead_are_listed_with_their_size(lab: Lab) -> None:
    """Not those of the living; and one within a run that goes anyway is not counted twice."""
    folder = started(lab, "a", "2026-01-01")
    for path in (folder / ".x.999999999.tmp", EXPERIMENTS / ".y.999999999.tmp", EXPERIMENTS / f".z.{os.getpid()}.tmp"):
        path.write_text("12345")

    assert [(one.path.name, one.size) for one in plan_clean(EXPERIMENTS).litter] == [
        (".y.999999999.tmp", 5),
        (".x.999999999.tmp", 5),
    ]
    assert [one.path.name for one in plan_clean(EXPERIMENTS, ["a"]).litter] == ["run_a", ".y.999999999.tmp"]


def test_the_command_lists_and_removes_only_with_yes(cli: Cli, lab: Lab) -> None:
    """The same list both times."""
    folder = started(lab, "a", "2026-01-01")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    kept = started(lab, "b", "2026-01-01")
    told = cli("clean", "a")
    assert f"experiments/run_a\t{size / 1000:.1f} kB\tnamed\n" in told.out
    assert "nothing was removed; --yes removes" in told.out and folder.exists()

    done = cli("clean", "a", "--yes", "--json").json
    assert (done["removed"], done["bytes"], [one["run"] for one in done["litter"]]) == (True, size, ["a"])
    assert not folder.exists() and kept.exists()
    assert cli("clean").out == "nothing to remove\n"
    assert cli("clean", "--older-than", "30d", "--yes").status == 0 and not kept.exists()


def test_answers_in_a_run_of_its_own_are_mentioned(lab: Lab) -> None:
    """With ``cache: off`` they are nowhere else."""
    lab.run(cache="off")

    (one,) = plan_clean(EXPERIMENTS, ["a"]).litter
    assert one.why == "named; its answers are in it and go with it"


def test_a_run_in_use_is_left_alone(cli: Cli, lab: Lab) -> None:
    """Also when it may be in use on another machine, and when it comes into use after it was listed."""
    here, there = started(lab, "here", "2026-01-01"), started(lab, "there", "2026-01-01")
    note = {"pid": 1, "host": "another-machine", "since": "2026-01-01T00:00:00+00:00"}
    (there / "lock.json").write_text(json.dumps(note))
    with run_lock(here):
        told = cli("clean", "here", "there", "--yes")
        assert told.out == "nothing to remove\n"
        assert "left alone: run here is in use by process" in told.err
        assert "left alone: run there is in use by process 1 on another-machine" in told.err
    assert here.exists() and there.exists()


@pytest.mark.parametrize(
    ("text", "age"), [("30d", timedelta(days=30)), ("12h", timedelta(hours=12)), ("2 w", timedelta(days=14))]
)
def test_ages(text: str, age: timedelta) -> None:
    """Hours, days, weeks."""
    assert parse_age(text) == age


@pytest.mark.parametrize("text", ["", "30", "d", "-3d", "1.5d", "3 months"])
def test_what_is_no_age(text: str) -> None:
    """Says what would be one."""
    with pytest.raises(UsageError, match=r"expected a number and h, d or w, such as 30d"):
        parse_age(text)
