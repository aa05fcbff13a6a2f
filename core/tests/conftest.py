"""What the core's tests share: an experiment in this process, the command line in this process, and one of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest
import yaml

SUPPORT = Path(__file__).parent / "support"
sys.path.insert(0, str(SUPPORT))

import exx_lab  # noqa: E402 - found once its folder is on the path
from lab import Installed, Lab, Told, install, write_distribution  # noqa: E402

from exx.cli.main import run as run_command_line  # noqa: E402
from exx.testing import FakePlugin  # noqa: E402


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and an environment that says nothing to exx."""
    for name in ("EXX_PLUGINS", "EXX_TRACE"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def lab(workdir: Path) -> Lab:
    """An experiment with fakes."""
    made: list[Lab] = []
    plugin = FakePlugin(answer=lambda request: made[0].answer(request), classes=exx_lab.KINDS)  # noqa: PLW0108 - it may change
    made.append(Lab(workdir, plugin))
    return made[0]


@pytest.fixture
def cli(lab: Lab, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Told]:
    """The command line, in this process, with the fakes as its only plugins and an experiment.yaml that names them."""
    # Imported first: a module that took the name while it stood for the fakes would keep them for good.
    for place in ("exx.cli.session", "exx.cli.plugins", "exx.methods", "exx.runs.adopt", "exx.testing.runs"):
        import_module(place)
    for place in ("exx.plugins", "exx.cli.session", "exx.cli.plugins"):
        monkeypatch.setattr(f"{place}.load_plugins", lab.registry)
    (lab.folder / "experiment.yaml").write_text(yaml.safe_dump(lab.settings))

    def call(*arguments: str) -> Told:
        lab.plugin.events.clear()
        lab.plugin.asked.clear()
        capsys.readouterr()
        status = run_command_line(list(arguments))
        said = capsys.readouterr()
        return Told(status, said.out, said.err)

    return call


@pytest.fixture
def distribution() -> Callable[..., None]:
    """``distribution(site, name, version, entry_points)`` installs a distribution into a folder."""
    return write_distribution


@pytest.fixture
def installed(workdir: Path, tmp_path: Path) -> Iterator[Installed]:
    """``exx`` in processes of its own, with the lab plugin installed as a real distribution."""
    made = install(workdir, tmp_path / "site")
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
        process.communicate()
