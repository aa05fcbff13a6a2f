"""What no retry cures ends a run at once, with one message that says what to do; cured, the run goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fireworks_lab import MODEL, Told, configure, expected, kinds, lopsided, predictions, said
from fireworks_server import Call, FireworksServer, Plan, RowFaults

from exx_fireworks.backend import FireworksBackend

START = ("run", "e.yaml", "--run-id", "k", "--quiet", "--to-step", "parse", "--parts-per-dataset", "2")
RESUME = ("resume", "k", "--quiet", "--to-step", "parse")

Exx = Callable[..., Told]


@pytest.fixture(autouse=True)
def lopsided_server(server: FireworksServer, workdir: Path) -> FireworksServer:
    """Eight items; the treatment answers right, the control seldom."""
    server.world.answer = lopsided
    configure(workdir)
    return server


def refused(told: Told, *words: str) -> None:
    """Hold a failed run against what a person is to see: one message, no traceback, and a way on."""
    assert told.status == 1
    assert told.err.count("error:") <= 1
    assert "Traceback" not in told.err
    for word in words:
        assert word in told.err, told.err


def gone_on_with(exx: Exx, server: FireworksServer, workdir: Path) -> None:
    """Resume, and hold the run against one that nobody disturbed."""
    told = exx(*RESUME)
    assert told.status == 0, told.err
    assert said(workdir) == expected()
    assert len(server.created) == len(set(server.created)) == 4
    assert set(server.paid.values()) == {1}


def test_f23_f24_a_bad_key_is_told_after_one_call(
    server: FireworksServer, exx: Exx, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """403 and not 401; it is not tried again, and what to check is said."""
    monkeypatch.setenv("FIREWORKS_API_KEY", "fw_wrong")
    refused(exx(*START), "FIREWORKS_API_KEY", "403", "exx resume")
    assert len(server.calls) == 1
    monkeypatch.setenv("FIREWORKS_API_KEY", server.key)
    gone_on_with(exx, server, workdir)


def test_no_key_at_all_is_told_before_any_call(
    server: FireworksServer, exx: Exx, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With where it belongs."""
    monkeypatch.delenv("FIREWORKS_API_KEY")
    refused(exx(*START), "FIREWORKS_API_KEY is not set")
    assert server.calls == []
    (workdir / ".env").write_text(f"FIREWORKS_API_KEY={server.key}\n")
    gone_on_with(exx, server, workdir)


def test_an_account_that_is_another_ones_is_told(
    server: FireworksServer, exx: Exx, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """403 with words about access."""
    monkeypatch.setenv("FIREWORKS_ACCOUNT_ID", "fireworks")
    refused(exx(*START), "FIREWORKS_ACCOUNT_ID", "no access")
    monkeypatch.setenv("FIREWORKS_ACCOUNT_ID", server.account)
    gone_on_with(exx, server, workdir)


def test_f26_an_unpaid_account_is_told_and_its_upload_kept(server: FireworksServer, exx: Exx, workdir: Path) -> None:
    """Datasets can be made without a payment method, and jobs cannot: 402."""
    server.change(trouble="unpaid")
    refused(exx(*START), "payment", "exx resume")
    assert kinds(server).count("job.create") == 1
    server.change(trouble=None)
    gone_on_with(exx, server, workdir)

    assert server.counts["dataset.upload"] == 4


def test_f26_an_account_suspended_in_the_middle_keeps_its_jobs(
    server: FireworksServer, exx: Exx, workdir: Path
) -> None:
    """412 everywhere from the third job on; what runs is picked up when it is cured."""

    def suspend(call: Call, done: bool) -> None:
        if call.kind == "job.create" and done and server.counts["job.create"] == 2:
            server.change(trouble="suspended")

    server.watch = suspend
    refused(exx(*START), "412", "spending limit", "exx resume")
    assert len(server.created) == 2
    server.change(trouble=None)
    gone_on_with(exx, server, workdir)


def test_f26_a_job_paused_by_a_suspended_account_is_told(server: FireworksServer, exx: Exx, workdir: Path) -> None:
    """It would wait for ever; the account says why."""
    server.go_wrong(Plan(fates={0: "pause"}))

    def suspend(call: Call, done: bool) -> None:
        if done and len(server.created) == 4:
            server.change(trouble="unpaid")

    server.watch = suspend
    refused(exx(*START), "FAILED_PAYMENTS", "exx resume")
    server.watch = lambda call, done: None
    server.change(trouble=None)
    server.world.jobs[server.created[0]].fate = "complete"
    gone_on_with(exx, server, workdir)


def test_an_unknown_model_is_told_by_its_name(server: FireworksServer, exx: Exx, workdir: Path) -> None:
    """404, which must not be taken for a dataset that is not there."""
    models = server.settings.models
    server.change(models=())
    refused(exx(*START), MODEL, "404", "batch")
    assert kinds(server).count("job.create") == 1
    server.change(models=models)
    gone_on_with(exx, server, workdir)


@pytest.mark.parametrize("model", ["gpt-oss-120b", "accounts/acme-lab/deployedModels/mine-1234"])
def test_a_model_by_half_a_name_is_told_before_any_call(
    server: FireworksServer, exx: Exx, workdir: Path, model: str
) -> None:
    """Batch jobs take whole names of models, and no deployments."""
    configure(workdir, model_id=model)
    told = exx(*START)

    assert told.status in (1, 2) and model in told.err and "accounts/" in told.err
    assert server.calls == []


def test_f14_a_job_that_is_never_worked_on_is_given_up(
    server: FireworksServer, exx: Exx, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is deleted there, and told; its rows are asked by a new job when the run goes on."""
    server.go_wrong(Plan(fates={0: "stuck"}))
    usual = FireworksBackend.job_timeout
    monkeypatch.setattr(FireworksBackend, "job_timeout", property(lambda self: 0.3))
    refused(exx(*START), "given up", "exx resume")
    assert server.counts["job.delete"] == 1
    monkeypatch.setattr(FireworksBackend, "job_timeout", usual)
    told = exx(*RESUME)

    assert told.status == 0, told.err
    assert said(workdir) == expected()
    assert set(server.paid.values()) == {1}


def test_f25_what_was_refused_is_not_sent_again_as_it_was(server: FireworksServer, exx: Exx, workdir: Path) -> None:
    """A job that failed because of what was in it would fail again; its rows are rows with an error."""
    server.go_wrong(Plan(fates={0: "refuse"}))
    told = exx(*START)

    assert len(server.created) == 4
    errors = [row["error"] for row in predictions(workdir) if row["error"]] if told.status == 0 else [told.err]
    assert errors and all("invalid row" in error for error in errors)


def test_f09_answers_cut_short_are_counted_in_each_arm(server: FireworksServer, exx: Exx, workdir: Path) -> None:
    """Only the treatment's are here, so swapped arms would show."""

    class Lopsided(Plan):
        def hits(self, what: str, thing: str) -> bool:
            return what == "cut_short" and "|treatment|" in thing

    server.go_wrong(Lopsided(rows=RowFaults()))
    assert exx("run", "e.yaml", "--run-id", "k", "--quiet").status == 0
    (path,) = (workdir / "experiments" / "run_k").rglob("costs.json")
    told: Any = json.loads(path.read_bytes())
    cut = {row["condition"] for row in predictions(workdir) if row["finish_reason"] == "length"}

    assert cut == {"treatment"}
    assert '"truncated": 8' in json.dumps(told)


def test_arms_with_another_precision_are_warned_of(server: FireworksServer, exx: Exx, workdir: Path) -> None:
    """The control in BF16 and the treatment in FP8 is a difference that no prompt made."""
    server.change(precisions=("BF16", "FP8"))
    assert exx("run", "e.yaml", "--run-id", "k", "--quiet", "--max-concurrent-jobs", "1").status == 0
    folder = workdir / "experiments" / "run_k"
    report = "".join(path.read_text() for path in folder.rglob("*.md"))

    assert "BF16" in report and "FP8" in report
