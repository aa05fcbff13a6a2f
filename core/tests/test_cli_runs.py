"""Commands about runs that exist: ``status``, ``list``, ``stop``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab import SLUG, Lab, Told

from exx.errors import StopRequested
from exx.pipeline.phases import choose
from exx.records import Request
from exx.state.files import read_json, write_json
from exx.state.stop import StopSignal

Cli = Callable[..., Told]


def backdate(lab: Lab, run_id: str, day: int) -> None:
    """Let a run have been started on another day."""
    path = lab.folder / "experiments" / f"run_{run_id}" / "run_state.json"
    state = read_json(path)
    state["started_at"] = f"2026-01-{day:02d}T00:00:00+00:00"
    write_json(path, state)


def test_status_shows_every_phase(cli: Cli, lab: Lab) -> None:
    """What is done with what came of it, and what is not."""
    lab.run(phases=choose(last="parse"))
    told = cli("status", "a")

    assert told.status == 0
    assert told.out.splitlines()[0].startswith("run a: done, started 20")
    assert "\tprepare\tdone\t10 items of fake\n" in told.out
    assert f"{SLUG}\tparse\tdone\t20 rows\n" in told.out
    assert f"{SLUG}\tscore\tnot done\t\n" in told.out


def test_status_is_one_json_object(cli: Cli, lab: Lab) -> None:
    """For programs that watch."""
    lab.run(phases=choose(last="build"))
    found = cli("status", "a", "--json").json

    assert (found["run_id"], found["status"], found["last_error"], found["simulated"]) == ("a", "done", None, False)
    phases = {p["phase"]: p["status"] for p in found["phases"]}
    assert (phases["prepare"], phases["build"], phases["submit"]) == ("done", "done", "not done")


def test_status_of_a_failed_run_says_why(cli: Cli, lab: Lab) -> None:
    """The last error, and the phase it befell; made harmless."""
    lab.answer = lambda _: None
    assert cli("run", "--run-id", "a", "--quiet").status == 1
    told = cli("status", "a")

    assert "run a: failed" in told.out
    assert "last error: every one of 20 requests failed; the first: the fake refused" in told.out
    assert f"{SLUG}\tsubmit\tfailed\tevery one of 20" in told.out


def test_status_without_a_name_takes_the_latest(cli: Cli, lab: Lab) -> None:
    """By the time it was started."""
    for day, run_id in ((3, "b"), (5, "c"), (4, "a")):
        lab.run(run_id, phases=choose("prepare"))
        backdate(lab, run_id, day)

    assert cli("status", "--json").json["run_id"] == "c"


def test_runs_are_listed_with_the_newest_first(cli: Cli, lab: Lab) -> None:
    """One whose state is damaged is listed all the same."""
    for day, run_id in ((3, "b"), (5, "c"), (4, "a")):
        lab.run(run_id, phases=choose("prepare"))
        backdate(lab, run_id, day)
    (lab.folder / "experiments" / "run_a" / "run_state.json").write_text("{")
    told = cli("list")

    assert told.status == 0
    rows = [line.split("\t") for line in told.out.splitlines()]
    assert rows[0][:4] == ["run", "status", "started", "trials"]
    assert [row[0] for row in rows[1:]] == ["c", "b", "a"]
    assert rows[1][1:4] == ["done", "2026-01-05T00:00:00+00:00", "1"]
    assert "damaged" in rows[3][1]
    assert len(cli("list", "--json").json["runs"]) == 3


def test_a_folder_without_runs_has_none(cli: Cli) -> None:
    """An empty list is no error; a status of nothing is one."""
    assert cli("list", "--json").json == {"runs": []}
    told = cli("status")
    assert told.status == 1
    assert "exx: there is no run in experiments\n  → exx run CONFIG starts one" in told.err


@pytest.mark.parametrize("command", ["status", "stop"])
def test_a_run_that_is_not_there_is_told(cli: Cli, command: str) -> None:
    """With how to find the ones that are."""
    told = cli(command, "nope")

    assert (told.status, told.out) == (1, "")
    assert "there is no run nope in experiments\n  → exx list shows the runs" in told.err


def test_stop_stops_a_run_at_the_next_safe_point(cli: Cli, lab: Lab) -> None:
    """And what goes on afterwards is not stopped again by the same word."""
    asked: list[str] = []
    told: list[Told] = []
    orchestrator = lab.orchestrator()
    stop = StopSignal(orchestrator.folder)

    def answer(request: Request) -> str:
        asked.append(request.custom_id)
        if len(asked) == 5:
            told.append(cli("stop", "a"))
            stop._looked = 0.0  # it looks twice a second, and this takes no time
        return "x"

    lab.answer = answer
    with pytest.raises(StopRequested, match="stopped: STOP_REQUESTED was found"):
        orchestrator.execute(stop)
    assert len(asked) == 5
    assert "run a will stop at the next safe point; exx resume a goes on" in told[0].out
    assert Path("experiments/run_a/STOP_REQUESTED").exists()
    lab.run()

    assert len(asked) == len(set(asked)) == 20
    assert not Path("experiments/run_a/STOP_REQUESTED").exists()


def test_another_folder_of_experiments_can_be_named(cli: Cli, lab: Lab) -> None:
    """``--experiments-dir``."""
    where: Any = {"paths": {"experiments_dir": "elsewhere"}}
    lab.run(phases=choose("prepare"), **where)

    assert cli("list", "--experiments-dir", "elsewhere", "--json").json["runs"][0]["run"] == "a"
    assert cli("status", "a", "--experiments-dir", "elsewhere").status == 0
    assert cli("status", "a").status == 1
