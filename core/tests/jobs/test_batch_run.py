"""A whole run on a batch service: stopped and gone on with, limited, told about; with the same results as any other."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import exx_lab
import pytest
import yaml
from attrs import evolve, frozen
from lab import Lab, Told

from exx import load_results
from exx.cli.main import run as run_command_line
from exx.errors import BackendError, PluginError, RunError, StopRequested
from exx.hookspecs import hookimpl
from exx.observe import Job
from exx.pipeline.context import RunOptions
from exx.pipeline.phases import choose
from exx.records import JobStatus, RequestId
from exx.state.stop import StopSignal
from exx.testing import FakeBatchBackend, FakePlugin, FakeRemote

PARSED = choose(None, None, "parse")
IN_PARTS = RunOptions(lines_per_part=4)


class Lopsided(FakeBatchBackend):
    """Right under the treatment, seldom under the control: swapped arms would show."""

    answer_text = staticmethod(exx_lab.lopsided)


class Watcher:
    """Keeps what is told about jobs, and can ask for a stop."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.trials: set[str] = set()
        self.when: Callable[[Job], None] = lambda _: None

    @hookimpl
    def exx_job_changed(self, trial: str, job: Job) -> None:
        """Take note."""
        self.jobs.append(job)
        self.trials.add(trial)
        self.when(job)


@pytest.fixture
def watcher() -> Watcher:
    """An observer."""
    return Watcher()


@pytest.fixture
def batch(workdir: Path, watcher: Watcher) -> Lab:
    """A run with ten items in parts of four, three of them in each arm."""
    plugin = FakePlugin(classes={**exx_lab.KINDS, "backends": [Lopsided, *exx_lab.KINDS["backends"]]})
    lab = Lab(workdir, plugin, extra=[watcher])
    lab.settings["backend"] = {"name": "fake_batch", "max_concurrent_jobs": 2}
    return lab


def remote() -> FakeRemote:
    """The service."""
    return FakeRemote(Path("remote"))


def texts(lab: Lab, run_id: str = "a") -> dict[str, str]:
    """Answers by custom_id."""
    rows = csv.DictReader(io.StringIO(lab.result("predictions.csv", run_id).decode()))
    return {row["custom_id"]: row["response_text"] for row in rows}


def test_a_batch_run_says_what_an_online_run_says(batch: Lab, watcher: Watcher) -> None:
    """The same answers at the same places."""
    batch.run(phases=PARSED, options=IN_PARTS)
    batch.plugin.answer = exx_lab.lopsided
    batch.run("b", phases=PARSED, options=IN_PARTS, backend={"name": "fake"}, cache="off")

    assert texts(batch) == texts(batch, "b")
    assert {RequestId.decode(name).condition for name, text in texts(batch).items() if text == "no idea"} == {"control"}
    assert len(remote().created) == 6
    assert remote().most_at_once == 2
    assert batch.contexts(options=IN_PARTS)[0].details("submit") == {
        "asked": 20,
        "answered_before": 0,
        "failed": 0,
        "jobs": 6,
    }
    assert {(job.id, job.answered) for job in watcher.jobs if job.collected} == {
        (name, len(remote().rows_of(name))) for name in remote().created
    }


def test_all_phases_work_on_it(batch: Lab) -> None:
    """Up to the report; and a second run has nothing to do."""
    batch.run(options=IN_PARTS)

    assert batch.result("significance.json")
    assert batch.run(options=IN_PARTS) == []


class Precise(FakeRemote):
    """Says what its model computes with: something else for the treatment, once the job runs."""

    def status(self, job_id: str) -> JobStatus | None:
        """With the precision."""
        status = super().status(job_id)
        return status and evolve(status, precision="FP8" if "treatment" in job_id else "BF16")


def test_the_precision_of_jobs_is_kept_and_told(batch: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the record of each job, per arm beside the results, and as a caveat."""
    monkeypatch.setattr("exx.testing.fake_batch.FakeRemote", Precise)
    batch.run(options=IN_PARTS)
    manifest = json.loads(batch.result("trial_manifest.json"))

    assert {job["precision"] for job in manifest["job_status"].values()} == {"BF16", "FP8"}
    assert {arm: told["precisions"] for arm, told in manifest["answered"].items()} == {
        "control": {"BF16": 10},
        "treatment": {"FP8": 10},
    }
    (sentence,) = load_results(batch.path("results")).arms_unlike()
    assert "BF16 under the control, FP8 under the treatment" in sentence


def test_the_control_is_reused_by_another_run(batch: Lab) -> None:
    """Nobody pays twice; there is not even a connection."""
    batch.run(phases=PARSED)
    created = remote().created
    batch.run("b", phases=PARSED)

    assert remote().created == created
    assert batch.contexts(run_id="b")[0].details("submit")["answered_before"] == 20


def test_a_stop_leaves_jobs_running_and_a_resume_picks_them_up(batch: Lab, watcher: Watcher) -> None:
    """It says which they are; nothing is created twice."""
    orchestrator = batch.orchestrator(options=IN_PARTS, phases=PARSED)
    stop = StopSignal(orchestrator.folder)
    watcher.when = lambda job: stop.request("SIGINT received") if job.state == "running" else None
    with pytest.raises(StopRequested) as stopped:
        orchestrator.execute(stop)
    first, second = remote().created

    assert stopped.value.message == (
        f"stopped: SIGINT received; 2 jobs go on remotely, for exx resume to pick up: {first}, {second}"
    )
    assert batch.state()["status"] == "stopped"
    watcher.when = lambda _: None
    batch.run(phases=PARSED, options=IN_PARTS)

    assert len(remote().created) == 6
    assert set(remote().paid().values()) == {1}
    assert len(texts(batch)) == 20


def test_an_interrupt_at_once_loses_no_job(batch: Lab, watcher: Watcher) -> None:
    """Wherever it comes."""

    def interrupt(job: Job) -> None:
        watcher.when = lambda _: None
        raise KeyboardInterrupt

    for state in ("intended", "queued", "running", "succeeded"):
        watcher.when = lambda job, state=state: interrupt(job) if job.state == state else None  # type: ignore[misc]
        with pytest.raises(KeyboardInterrupt):
            batch.run(phases=PARSED, options=IN_PARTS)
    watcher.when = lambda _: None
    batch.run(phases=PARSED, options=IN_PARTS)

    assert len(remote().created) == 6
    assert set(remote().paid().values()) == {1}


def test_how_many_at_once_may_change_when_a_run_goes_on(batch: Lab, watcher: Watcher) -> None:
    """It changes no result, so it is no other setting; the parts are one."""
    orchestrator = batch.orchestrator(options=evolve(IN_PARTS, max_concurrent_jobs=1), phases=PARSED)
    stop = StopSignal(orchestrator.folder)
    watcher.when = lambda job: stop.request("enough") if job.state == "running" else None
    with pytest.raises(StopRequested, match="1 job goes on remotely"):
        orchestrator.execute(stop)
    watcher.when = lambda _: None
    batch.run(phases=PARSED, options=evolve(IN_PARTS, max_concurrent_jobs=5))

    assert remote().most_at_once == 5
    with pytest.raises(RunError, match=r"options\.lines_per_part"):
        batch.run(phases=PARSED, options=RunOptions(lines_per_part=5))


def test_rows_that_failed_for_good_are_rows_with_an_error(batch: Lab) -> None:
    """Parsed like any other; asked again only when somebody wants that."""
    batch.settings["backend"]["faults"] = {"errors": 0.3, "seed": 2, "times": 99}
    batch.run(phases=PARSED, options=IN_PARTS)
    failed = batch.contexts(options=IN_PARTS)[0].details("submit")["failed"]
    rows = list(csv.DictReader(io.StringIO(batch.result("predictions.csv").decode())))

    assert failed == sum(row["error"] == "the model was overloaded" for row in rows) > 0
    assert max(remote().asked().values()) == 3
    assert batch.run(phases=PARSED, options=IN_PARTS) == []


def test_a_run_in_which_everything_failed_can_be_mended(batch: Lab) -> None:
    """Its rounds of asking are over; resumed, it begins a new one."""
    faults: dict[str, Any] = {"failing": 99}
    batch.settings["backend"]["faults"] = faults
    with pytest.raises(BackendError, match=r"every one of 20 requests failed; the first: job .* invalid role"):
        batch.run(phases=PARSED)
    assert len(remote().created) == 6
    del faults["failing"]
    batch.run(phases=PARSED, force=True)

    assert len(remote().created) == 8
    assert len(texts(batch)) == 20


@frozen(kw_only=True)
class Broken(FakeBatchBackend):
    """A plugin with a defect."""

    name = "broken"
    where: str = "create"

    def connect(self, model: str, items: Any) -> Any:
        """Break here or later."""
        if self.where == "connect":
            raise ZeroDivisionError("oops")
        service = super().connect(model, items)
        owner = self

        class Patched:
            def __enter__(self) -> Any:
                remote = service.__enter__()

                def breaks(*_: object) -> None:
                    raise ZeroDivisionError("oops")

                class Half:
                    def __getattr__(self, name: str) -> Any:
                        return breaks if name == owner.where else getattr(remote, name)

                return Half()

            def __exit__(self, *problem: object) -> None:
                service.__exit__(None, None, None)

        return Patched()


@pytest.mark.parametrize("where", ["connect", "create", "status", "fetch", "collected"])
def test_a_defect_of_a_plugin_names_it(batch: Lab, where: str) -> None:
    """Wherever it shows."""
    batch.plugin.classes["backends"].append(Broken)  # type: ignore[index]
    with pytest.raises(PluginError, match=r"plugin 'broken' \(in-process 0\): ZeroDivisionError: oops"):
        batch.run(phases=PARSED, backend={"name": "broken", "where": where})


def test_the_command_line_limits_jobs_and_tells_of_them(
    batch: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``--max-concurrent-jobs`` on ``run`` and on ``resume``; a line for each change."""
    for place in ("exx.plugins", "exx.cli.session", "exx.cli.plugins"):
        monkeypatch.setattr(f"{place}.load_plugins", batch.registry)
    Path("experiment.yaml").write_text(yaml.safe_dump(batch.settings))

    def call(*arguments: str) -> Told:
        status = run_command_line(list(arguments))
        said = capsys.readouterr()
        return Told(status, said.out, said.err)

    told = call("run", "--run-id", "a", "--lines-per-part", "4", "--max-concurrent-jobs", "1", "--to-step", "build")
    assert told.status == 0, told.err
    told = call("resume", "a", "--max-concurrent-jobs", "3", "--to-step", "parse")

    assert told.status == 0, told.err
    assert remote().most_at_once == 3
    for name in remote().created:
        rows = len(remote().rows_of(name))
        assert f"  job {name}: queued\n" in told.err
        assert f"  job {name}: {rows} of {rows} answered\n" in told.err


def test_the_command_line_says_how_a_stopped_run_goes_on(
    batch: Lab, watcher: Watcher, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 3, the jobs by their names, and the command."""
    for place in ("exx.plugins", "exx.cli.session", "exx.cli.plugins"):
        monkeypatch.setattr(f"{place}.load_plugins", batch.registry)
    Path("experiment.yaml").write_text(yaml.safe_dump(batch.settings))
    watcher.when = lambda job: Path("experiments/run_a/STOP_REQUESTED").touch()
    monkeypatch.setattr("exx.state.stop._LOOK_EVERY", 0.0)
    status = run_command_line(["run", "--run-id", "a"])
    said = capsys.readouterr().err

    assert status == 3
    (name,) = remote().created
    assert f"1 job goes on remotely, for exx resume to pick up: {name}" in said
    assert "exx resume a goes on" in said
