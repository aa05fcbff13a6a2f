"""What these tests share: a server, the client's environment, and the command line in this process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SHARED = HERE.parents[2] / "tests" / "proof" / "support"
sys.path[:0] = [str(HERE / "server"), str(HERE / "support"), str(SHARED)]

from fireworks_lab import Told, in_this_process  # noqa: E402 - found once its folder is on the path
from fireworks_server import FireworksServer  # noqa: E402


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and an environment that says nothing of Fireworks or of exx."""
    for name in list(os.environ):
        if name.startswith(("FIREWORKS_", "EXX_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    monkeypatch.setattr("tempfile.tempdir", None)
    for name in ("home", "scratch", "work"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def server(workdir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FireworksServer]:
    """A server on which nothing goes wrong yet, and an environment that leads to it."""
    with FireworksServer(tmp_path / "service") as made:
        made.change(ready_after=5.0)
        for name, value in made.env.items():
            monkeypatch.setenv(name, value)
        yield made


@pytest.fixture
def exx(workdir: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """``exx(…)`` is the command line, in this process."""

    def call(*arguments: str) -> Told:
        return in_this_process(capsys, *arguments)

    return call
