"""The service's own command line, where the API gives no address of an output."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from fireworks_lab import JOB, answered, fetched, job, opened, patiently, settled
from fireworks_server import Fault, FireworksServer, Plan

from exx import BackendError

PROGRAM = """#!{python}
import os, pathlib, shutil, sys
pathlib.Path({told!r}).write_text("\\n".join([*sys.argv[1:], "key=" + os.environ.get("FIREWORKS_API_KEY", "")]))
if {status}:
    sys.exit("firectl: " + os.environ["FIREWORKS_API_KEY"] + " is not allowed")
words = sys.argv[1:]
folder = pathlib.Path(words[words.index("--output-dir") + 1])
folder.mkdir(parents=True, exist_ok=True)
for path in pathlib.Path({objects!r}, words[2]).iterdir():
    shutil.copy(path, folder)
"""


@pytest.fixture
def install(server: FireworksServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program called firectl on the path; the file that tells what it was called with."""
    return put_firectl(server, tmp_path, monkeypatch, status=0)


def put_firectl(server: FireworksServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int) -> Path:
    """Make it, ending with a status."""
    told, program = tmp_path / "told.txt", tmp_path / "bin" / "firectl"
    objects = str(server.folder / "objects" / "dataset")
    program.parent.mkdir(exist_ok=True)
    program.write_text(PROGRAM.format(python=sys.executable, told=str(told), objects=objects, status=status))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    return told


def without_addresses(server: FireworksServer, how: str) -> None:
    """Let the API give none."""
    if how == "404":
        server.go_wrong(Plan(faults=(Fault("dataset.download_url", "status", 404, times=1000),)))
    else:
        server.change(addresses=False)


@pytest.mark.parametrize("how", ["404", "empty"])
def test_firectl_is_the_last_resort(server: FireworksServer, install: Path, how: str) -> None:
    """Asked after the API has refused several times; the key goes through the environment."""
    with opened() as service:
        service.create(job())
        settled(service)
        without_addresses(server, how)
        found = answered(fetched(service))
    *words, key = install.read_text().splitlines()

    assert len(found) == 6 and not any(response.error for response in found.values())
    assert words[:2] == ["download", "dataset"] and server.account in words
    assert server.key not in words and key == f"key={server.key}"


@pytest.mark.parametrize("how", ["404", "empty"])
def test_without_firectl_what_to_do_is_said(server: FireworksServer, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """After a bounded number of tries."""
    monkeypatch.setenv("PATH", "/nowhere")
    with opened() as service:
        service.create(job())
        settled(service)
        without_addresses(server, how)
        with pytest.raises(BackendError, match=r"."):
            patiently(lambda: list(service.fetch(JOB)))

    assert server.counts["dataset.download_url"] < 60


def test_a_firectl_that_fails_does_not_tell_the_key(
    server: FireworksServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though it says it itself."""
    told = put_firectl(server, tmp_path, monkeypatch, status=1)
    with opened() as service:
        service.create(job())
        settled(service)
        without_addresses(server, "404")
        with pytest.raises(BackendError, match=r"firectl") as failed:
            fetched(service)

    assert told.exists()
    assert server.key not in str(failed.value)


def test_firectl_is_left_alone_while_there_are_addresses(server: FireworksServer, install: Path) -> None:
    """It is a last resort."""
    with opened() as service:
        service.create(job())
        settled(service)
        assert len(fetched(service)) == 6

    assert not install.exists()
