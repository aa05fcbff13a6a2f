"""Whatever fails, the key and the signed addresses are nowhere in what a run says, logs or leaves behind."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fireworks_lab import Told, configure, leaks, lopsided
from fireworks_server import Fault, FireworksServer, Plan

import exx_fireworks.datasets
import exx_fireworks.service

Exx = Callable[..., Told]
ALWAYS = 10_000
START = ("run", "e.yaml", "--run-id", "k", "--archive")


@pytest.fixture(autouse=True)
def quick(server: FireworksServer, workdir: Path) -> None:
    """A client that gives up soon, and a service that repeats whatever it is told."""
    server.world.answer = lopsided
    server.change(echo=True)
    configure(workdir, 2, options={"poll_interval": 0.0002})


def everything(told: Told, caplog: pytest.LogCaptureFixture) -> dict[str, str]:
    """What was said, to people and to logs."""
    records = "\n".join(f"{record.getMessage()} {record.args!r} {record.exc_info!r}" for record in caplog.records)
    return {"stdout": told.out, "stderr": told.err, "log": caplog.text + records}


FAULTS: dict[str, Fault] = {
    "storage refuses": Fault("storage.get", "status", 403, times=ALWAYS),
    "storage not understood": Fault("storage.get", "status", 418, times=ALWAYS),
    "storage breaks off": Fault("storage.get", "reset_body", times=ALWAYS),
    "storage cut": Fault("storage.get", "cut", times=ALWAYS),
    "storage cut silently": Fault("storage.get", "cut_silently", times=ALWAYS),
    "storage reset": Fault("storage.get", "reset", times=ALWAYS),
    "upload refused": Fault("storage.put", "status", 403, times=ALWAYS),
    "upload reset": Fault("storage.put", "reset", times=ALWAYS),
    "upload not understood": Fault("storage.put", "status", 418, times=ALWAYS),
    "no addresses": Fault("dataset.download_url", "status", 404, times=ALWAYS),
    "addresses cut": Fault("dataset.download_url", "cut_silently", times=ALWAYS),
    "job refused": Fault("job.create", "status", 400, times=ALWAYS, message="Bearer {key} may not, says a@example.com"),
    "job reset": Fault("job.create", "reset", times=ALWAYS),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_run_that_fails_leaves_no_secret_behind(
    server: FireworksServer,
    exx: Exx,
    workdir: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """Not on the screen with ``--debug``, in no log at its most talkative, in no file of the run or of the store."""
    fault = FAULTS[name]
    if fault.message:
        fault = Fault(fault.call, fault.kind, fault.status, times=ALWAYS, message=fault.message.format(key=server.key))
    if fault.call == "storage.put":
        monkeypatch.setattr(exx_fireworks.datasets, "MULTIPART_LIMIT", 100)
    server.go_wrong(Plan(faults=(fault,)))
    with caplog.at_level(logging.DEBUG):
        told = exx(*START, "--debug")

    assert told.status == 1, told.err
    assert leaks(server.secrets, [workdir.parent / "work", workdir.parent / "scratch"], everything(told, caplog)) == []
    assert "a@example.com" not in told.err + caplog.text


def test_a_wrong_key_is_not_repeated(
    server: FireworksServer, exx: Exx, workdir: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the service does."""
    monkeypatch.setenv("FIREWORKS_API_KEY", "fw_wrongButStillSecret")
    with caplog.at_level(logging.DEBUG):
        told = exx(*START, "--debug")

    assert told.status == 1
    assert leaks({"fw_wrongButStillSecret"}, [workdir.parent], everything(told, caplog)) == []


def test_a_defect_in_the_client_shows_no_secret(
    server: FireworksServer, exx: Exx, workdir: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash in the middle of a download, with its traceback."""

    def breaks(*_: Any) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(exx_fireworks.service, "read_rows", breaks)
    with caplog.at_level(logging.DEBUG):
        told = exx(*START, "--debug")

    assert told.status == 1 and "ZeroDivisionError" in told.err
    assert server.world.signatures
    assert leaks(server.secrets, [workdir.parent / "work"], everything(told, caplog)) == []


def test_a_run_that_goes_well_leaves_none_either(
    server: FireworksServer, exx: Exx, workdir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """From the config to the archive, which is looked through packed and unpacked."""
    with caplog.at_level(logging.DEBUG):
        told = exx(*START, "--debug")
        assert told.status == 0, told.err
        (archive,) = workdir.rglob("*.tar.zst")
        unpacked = exx("archive", "--extract", str(archive), "--experiments-dir", "unpacked")
        assert unpacked.status == 0, unpacked.err

    assert list((workdir / "unpacked").rglob("trial_manifest.json"))
    assert leaks(server.secrets, [workdir.parent / "work"], everything(told, caplog)) == []
    assert leaks({"somebody@example.com"}, [workdir.parent / "work"], everything(told, caplog)) == []


def test_secrets_would_be_found(server: FireworksServer, workdir: Path) -> None:
    """The search that these tests rest on sees a file, a file's name and a text."""
    (workdir / f"x{server.key}").write_text("")
    (workdir / "y").write_text(f"... {server.key} ...")

    assert len(leaks(server.secrets, [workdir], {"text": server.key})) == 3
