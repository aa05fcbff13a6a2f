"""``exx fireworks``: what lies at the service is listed, fetched, taken into a run, and removed after being shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from fireworks_caller import ROWS, Caller
from fireworks_lab import MODEL, Told, configure, expected, kinds, lopsided, said
from fireworks_server import FireworksServer, Plan
from fireworks_server.world import Dataset

Exx = Callable[..., Told]
RUN = ("run", "e.yaml", "--run-id", "k", "--quiet")


@pytest.fixture
def call(server: FireworksServer) -> Caller:
    """The API, by other means than the client."""
    server.world.answer = lopsided
    return Caller(server)


def done_elsewhere(call: Caller, name: str, rows: list[object], *, wait: bool = True, **body: object) -> None:
    """Have rows answered by a job that exx knows nothing of."""
    call.dataset(f"{name}-given", rows)
    assert call.job(name, inputDatasetId=f"{name}-given", outputDatasetId=f"{name}-made", **body).ok
    if wait:
        call.ended(name)


def built(exx: Exx, workdir: Path, *more: str) -> list[object]:
    """Build a run, and read the rows that it would send."""
    configure(workdir)
    told = exx(*RUN, "--to-step", "build", *more)
    assert told.status == 0, told.err
    files = sorted((workdir / "experiments" / "run_k").rglob("*.jsonl"))
    rows = [
        json.loads(line) for path in files if "batch_inputs" in path.parts for line in path.read_text().splitlines()
    ]
    assert len(rows) == 16
    return rows


def test_all_datasets_are_listed_whatever_the_pages(server: FireworksServer, exx: Exx) -> None:
    """More than two hundred of them; a prefix chooses."""
    for number in range(450):
        name = f"d-{number:03d}"
        server.world.datasets[name] = Dataset(name, {"exampleCount": "3"}, server.clock.now(), ready_at=0.0)
    told = exx("fireworks", "datasets", "--json")
    some = exx("fireworks", "datasets", "--prefix", "d-44")

    assert told.status == 0, told.err
    listed = json.loads(told.out)["datasets"]
    assert [one["id"] for one in listed] == [f"d-{number:03d}" for number in range(450)]
    assert {(one["state"], one["rows"]) for one in listed} == {("READY", "3")}
    assert some.out.count("d-44") == 10 and "d-43" not in some.out


def test_jobs_are_listed_with_how_they_are(server: FireworksServer, exx: Exx, call: Caller) -> None:
    """Their states, outputs and models; and why one failed, without the mail address of whoever made it."""
    server.go_wrong(Plan(fates={0: "refuse"}))
    server.world.answer = lambda custom_id, body: "x"
    done_elsewhere(call, "bad", ROWS)  # type: ignore[arg-type]
    done_elsewhere(call, "good", ROWS)  # type: ignore[arg-type]
    told = exx("fireworks", "jobs", "--json")
    bad, good = json.loads(told.out)["jobs"]

    assert (bad["id"], bad["state"], bad["message"]) == (
        "bad",
        "FAILED",
        "INVALID_ARGUMENT: dataset.jsonl:9: invalid row",
    )
    assert (good["id"], good["state"], good["model"], good["output"]) == ("good", "COMPLETED", MODEL, "good-made")
    assert "@" not in told.out + told.err


def test_an_output_is_fetched_by_its_id(server: FireworksServer, exx: Exx, call: Caller, workdir: Path) -> None:
    """Both of its files; without any run."""
    server.world.answer = lambda custom_id, body: "x"
    done_elsewhere(call, "j", ROWS)  # type: ignore[arg-type]
    told = exx("fireworks", "download", "j-made", "--out", "here")

    assert told.status == 0, told.err
    assert sorted(path.name for path in (workdir / "here").iterdir()) == ["BIJOutputSet.jsonl", "error-data"]
    assert len((workdir / "here" / "BIJOutputSet.jsonl").read_text().splitlines()) == 4


def test_an_output_that_is_not_there_is_told(server: FireworksServer, exx: Exx, workdir: Path) -> None:
    """With the way to those that are; no folder is left."""
    told = exx("fireworks", "download", "nothing")

    assert (told.status, "there is no dataset nothing" in told.err) == (1, True)
    assert "exx fireworks datasets" in told.err


@pytest.mark.parametrize(
    "pattern",
    ["dataset/{dataset}/{file}", "dataset/{dataset}/{dataset}_{file}", "{dataset}-{file}", "{dataset}/{file}"],
)
def test_a_whole_chain_is_fetched_however_its_files_are_named(
    server: FireworksServer, exx: Exx, call: Caller, workdir: Path, pattern: str
) -> None:
    """The prefix is told in words only, so no spelling of it may make one file replace another."""
    server.change(lineage=pattern)
    server.go_wrong(Plan(fates={0: "expire"}))
    server.world.answer = lambda custom_id, body: "x"
    done_elsewhere(call, "j", ROWS)  # type: ignore[arg-type]
    name = f"accounts/{server.account}/batchInferenceJobs/j"
    assert call.job("k", continuedFromJobName=name, outputDatasetId="k-made").ok
    call.ended("k")
    told = exx("fireworks", "download", "k-made", "--lineage", "--out", "here")
    rows = "".join(path.read_text() for path in (workdir / "here").rglob("*") if path.is_file())

    assert told.status == 0, told.err
    assert sorted(json.loads(line)["custom_id"] for line in rows.splitlines()) == ["r0", "r1", "r2", "r3"]


@pytest.mark.parametrize("by", ["--job", "--dataset"])
def test_a_run_adopts_what_was_answered_elsewhere(
    server: FireworksServer, exx: Exx, call: Caller, workdir: Path, by: str
) -> None:
    """Built here, uploaded and run by other means, adopted, and gone on with: exx submits nothing itself."""
    rows = built(exx, workdir)
    for name, some in (("one", rows[:9]), ("two", rows[9:])):
        done_elsewhere(call, name, some)
    end = "" if by == "--job" else "-made"
    told = exx("fireworks", "adopt", "k", by, f"one{end}", by, f"two{end}")
    assert told.status == 0, told.err
    assert "9 answers stored" in told.out and "7 answers stored" in told.out
    gone_on = exx("resume", "k", "--quiet", "--to-step", "parse")

    assert gone_on.status == 0, gone_on.err
    assert server.created == ["one", "two"]
    assert said(workdir) == expected()


def test_what_an_adopted_job_lacks_is_asked(server: FireworksServer, exx: Exx, call: Caller, workdir: Path) -> None:
    """Partial output counts for what is in it; nothing is bought twice."""
    rows = built(exx, workdir)
    server.go_wrong(Plan(fates={0: "expire"}))
    done_elsewhere(call, "one", rows)
    told = exx("fireworks", "adopt", "k", "--job", "one")
    assert "6 requests have no answer" in told.out, told.err
    gone_on = exx("resume", "k", "--quiet", "--to-step", "parse")

    assert gone_on.status == 0, gone_on.err
    assert said(workdir) == expected()
    assert set(server.paid.values()) == {1}


def test_rows_of_another_run_and_of_another_model_are_left_out(
    server: FireworksServer, exx: Exx, call: Caller, workdir: Path
) -> None:
    """They are counted; another model's may be taken when somebody says so."""
    rows = built(exx, workdir)
    server.world.answer = lambda custom_id, body: "x"
    done_elsewhere(call, "strange", ROWS)  # type: ignore[arg-type]
    done_elsewhere(call, "other", rows, model=server.settings.models[1])
    told = exx("fireworks", "adopt", "k", "--job", "strange", "--job", "other")

    assert told.status == 0, told.err
    assert "4 not of this trial" in told.out
    assert "16 of another model, left out" in told.out
    assert "16 answers stored" in exx("fireworks", "adopt", "k", "--job", "other", "--any-model").out


def test_a_job_that_is_not_finished_is_not_adopted(
    server: FireworksServer, exx: Exx, call: Caller, workdir: Path
) -> None:
    """Unless it is to be waited for."""
    rows = built(exx, workdir)
    done_elsewhere(call, "one", rows, wait=False)
    told = exx("fireworks", "adopt", "k", "--job", "one")

    assert told.status == 1 and "not finished" in told.err and "--wait" in told.err


def test_cleanup_shows_first_and_deletes_only_what_is_the_runs(
    server: FireworksServer, exx: Exx, call: Caller, workdir: Path
) -> None:
    """Without ``--yes`` nothing goes; with it, jobs and datasets of the run go, and no others."""
    server.world.answer = lopsided
    call.dataset("somebody-elses")
    configure(workdir)
    assert exx(*RUN, "--to-step", "parse").status == 0
    before = set(server.world.datasets)
    shown = exx("fireworks", "cleanup", "k")
    assert shown.status == 0, shown.err
    assert set(server.world.datasets) == before and "job.delete" not in kinds(server)
    assert "--yes deletes 6 of these" in shown.out
    told = exx("fireworks", "cleanup", "k", "--yes")

    assert "6 deleted" in told.out, told.err
    assert set(server.world.datasets) == {"somebody-elses"}
    assert {job.state for job in server.world.jobs.values()} == {"DELETED"}
    assert "nothing to delete" in exx("fireworks", "cleanup", "k").out


def test_f27_what_a_failed_run_left_is_found(server: FireworksServer, exx: Exx, workdir: Path) -> None:
    """A dataset whose job was refused; by the run, or by its name when the run is gone."""
    server.change(trouble="unpaid")
    configure(workdir)
    assert exx(*RUN).status == 1
    assert len(server.world.datasets) == 1
    by_name = exx("fireworks", "cleanup", "--prefix", "exx-k-")
    assert "--yes deletes 1 of these" in by_name.out, by_name.err
    told = exx("fireworks", "cleanup", "--prefix", "exx-k-", "--yes")

    assert "1 deleted" in told.out, told.err
    assert not server.world.datasets


def test_a_job_under_way_is_kept_unless_told_otherwise(
    server: FireworksServer, exx: Exx, call: Caller, workdir: Path
) -> None:
    """With what it works on."""
    server.change(phases=(1e6, 1.0, 1.0, 1.0, 1.0))
    done_elsewhere(call, "exx-k-one", ROWS, wait=False)  # type: ignore[arg-type]
    kept = exx("fireworks", "cleanup", "--prefix", "exx-k-", "--yes")
    assert "nothing to delete" in kept.out, kept.err
    assert "exx-k-one-given" in server.world.datasets
    told = exx("fireworks", "cleanup", "--prefix", "exx-k-", "--yes", "--running")

    assert "2 deleted" in told.out, told.err
    assert server.counts["job.delete"] == 1


def test_whose_leftovers_has_to_be_said(server: FireworksServer, exx: Exx) -> None:
    """Neither everything nor two things at once."""
    assert exx("fireworks", "cleanup", "--yes").status == 2
    assert exx("fireworks", "cleanup", "k", "--prefix", "exx", "--yes").status == 2
    assert server.calls == []


def test_a_bad_key_is_told_in_one_message(server: FireworksServer, exx: Exx, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a run."""
    monkeypatch.setenv("FIREWORKS_API_KEY", "fw_wrong")
    told = exx("fireworks", "jobs")

    assert told.status == 1 and "FIREWORKS_API_KEY" in told.err and "fw_wrong" not in told.err
