"""The jobs of a batch service are part of a run's status, read off its manifests alone."""

from __future__ import annotations

from collections.abc import Callable

from lab import SLUG, Lab, Told

from exx.runs.folder import RunFolder
from exx.runs.jobs import JobLine, job_rows
from exx.state.files import read_json
from exx.state.run_state import Ledger

Cli = Callable[..., Told]
ABOUT = {"condition": "treatment", "temp": 0.7, "part": 2, "rows": 1200, "content": "", "source": "", "part_file": ""}
JOBS = {"exx-1": ABOUT | {"attempt": 1}, "exx-2": ABOUT | {"attempt": 2}, "exx-3": ABOUT | {"attempt": 1}}
STATUS = {
    "exx-1": {"state": "expired", "collected": True, "answered": 1150, "failed": 50, "submitted_at": 0.0},
    "exx-2": {"state": "running", "message": "busy\x1b[2J"},
}


def note_jobs(lab: Lab, **about: object) -> RunFolder:
    """A run whose manifest remembers jobs."""
    lab.run()
    Ledger.open(lab.path("results/trial_manifest.json")).update(**about)
    return RunFolder(lab.folder / "experiments" / "run_a")


def test_status_lists_jobs(cli: Cli, lab: Lab) -> None:
    """Arm, part, attempt, requests, state and what came of each; one that was only intended says so."""
    note_jobs(lab, jobs=JOBS, job_status=STATUS)
    told = cli("status", "a")
    rows = [line.split("\t")[1:] for line in told.out.splitlines() if line.startswith(f"{SLUG}\texx-")]

    assert rows == [
        ["exx-1", "treatment, 0.7", "2", "1,200", "expired", "1,150 answered, 50 failed", "1970-01-01T00:00:00+00:00"],
        ["exx-2", "treatment, 0.7", "2, attempt 2", "1,200", "running (busy\ufffd[2J)", "not collected", ""],
        ["exx-3", "treatment, 0.7", "2", "1,200", "intended", "not collected", ""],
    ]
    found = cli("status", "a", "--json").json["jobs"]
    assert [(job["id"], job["state"], job["answered"]) for job in found] == [
        *(("exx-1", "expired", 1150), ("exx-2", "running", 0), ("exx-3", "intended", 0)),
    ]


def test_a_run_without_jobs_has_none(cli: Cli, lab: Lab) -> None:
    """No table, an empty list."""
    lab.run()

    assert "job" not in cli("status", "a").out
    assert cli("status", "a", "--json").json["jobs"] == []


def test_a_damaged_record_is_listed_all_the_same(lab: Lab) -> None:
    """By its name: a status never fails because of it."""
    run = note_jobs(lab, jobs={"exx-1": {"condition": "control"}, "exx-2": 7}, job_status="lost")

    assert job_rows(run) == [
        JobLine(trial=SLUG, id=name, message="its record cannot be read") for name in ("exx-1", "exx-2")
    ]
    assert read_json(lab.path("results/trial_manifest.json"))["jobs"]["exx-2"] == 7
