"""What a stranger gets: wheels that install into an empty environment and work there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from repository import ROOT

pytestmark = pytest.mark.slow

CONSTRAINTS = ROOT / "constraints.txt"


def run(*command: str | Path) -> str:
    """Run a command away from the tree; its output is the message if it fails."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("EXX_", "PYTHON", "VIRTUAL_ENV"))
    }
    done = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(sys.prefix).anchor,
        env=environment,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def uv() -> str:
    """The uv of this environment."""
    found = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if found is None:
        pytest.skip("uv is not installed; make setup installs it")
    return found


@pytest.fixture(scope="module")
def wheels(uv, tmp_path_factory) -> list[Path]:
    """Wheels of the core and of one scorer, built from the tree."""
    folder = tmp_path_factory.mktemp("wheels")
    for package in ("core", "contrib_scorers/exx-answer-match"):
        run(uv, "build", "--wheel", "--build-constraint", CONSTRAINTS, "--out-dir", folder, ROOT / package)
    return sorted(folder.glob("*.whl"))


def test_wheels_hold_the_code_and_its_types_but_no_tests(wheels):
    """A wheel has one import package, marked as typed, and nothing beside it."""
    assert [wheel.name.split("-")[0] for wheel in wheels] == ["exx_answer_match", "exx_core"]
    for wheel, package in zip(wheels, ("exx_answer_match", "exx"), strict=True):
        names = zipfile.ZipFile(wheel).namelist()
        outside = [name for name in names if not name.startswith((f"{package}/", f"{wheel.name.split('-')[0]}-0"))]

        assert f"{package}/py.typed" in names
        assert not outside


@pytest.fixture(scope="module")
def environment(uv, wheels, tmp_path_factory) -> Path:
    """An environment with nothing in it but those wheels and what they ask for."""
    folder = tmp_path_factory.mktemp("environment")
    run(uv, "venv", "--python", sys.executable, folder / "venv")
    install(uv, folder / "venv", *wheels)
    return folder / "venv"


def install(uv: str, environment: Path, *what: str | Path) -> None:
    """Install something in the versions that the tree is tested with."""
    run(uv, "pip", "install", "--python", environment / "bin" / "python", "--constraint", CONSTRAINTS, *what)


def test_installed_wheels_work_on_their_own(environment):
    """In an empty environment the command starts, and finds the plugin that was installed with it."""
    listed = run(environment / "bin" / "exx", "plugins", "list")

    assert "answer_match" in listed
    assert "exx-answer-match" in listed


def test_a_plugin_from_outside_is_installed_and_found(uv, environment):
    """The example of a foreign scorer passes its own tests there, and is one of the plugins, its option with it."""
    example = ROOT / "examples" / "third_party_scorer"
    install(uv, environment, example, "pytest")

    run(environment / "bin" / "python", "-m", "pytest", "-p", "no:cacheprovider", "-c", os.devnull, example / "tests")
    shown = run(environment / "bin" / "exx", "plugins", "show", "brevity")

    assert "exx-example-brevity" in shown
    assert "max_words" in shown
