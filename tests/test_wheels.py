"""What a stranger gets: wheels that install into an empty environment, each plugin alone, and work there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest
from repository import ROOT, Package, all_packages, core, generated_packages, plugin_packages, prompts

pytestmark = pytest.mark.slow

CONSTRAINTS = ROOT / "constraints.txt"
PLUGINS = [*plugin_packages(), prompts()]
# torch takes minutes and a gigabyte: what needs it is tested in an environment of its own.
LARGE = {"torch"}

# Run in this environment, whose hatchling has the version of constraints.txt; `make wheels` does it in fresh ones.
BUILD = """
import os, sys
from hatchling.build import build_wheel
for folder in sys.argv[2:]:
    os.chdir(folder)
    build_wheel(sys.argv[1])
"""

# Run in the empty one: imports every module of a plugin, whether its class needs it or not, and tries its contract.
IMPORT_AND_CHECK = """
import sys
from importlib import import_module
from pkgutil import walk_packages
package = import_module(sys.argv[1])
for module in walk_packages(package.__path__, f"{package.__name__}."):
    import_module(module.name)
from exx.cli.main import run
sys.exit(run(["plugins", "check", "--json"]))
"""


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
def wheels(tmp_path_factory) -> Path:
    """A folder with a wheel of every package of the tree, and of the one that stands for them all."""
    folder = tmp_path_factory.mktemp("wheels")
    packages = [package.folder for package in all_packages()]
    run(sys.executable, "-c", BUILD, folder, *packages, ROOT)
    return folder


def wheel_of(wheels: Path, name: str) -> Path:
    """The wheel of a package."""
    (found,) = wheels.glob(f"{name.replace('-', '_')}-[0-9]*.whl")
    return found


def requirements(wheel: Path) -> list[str]:
    """What a wheel asks for, extras left out."""
    with zipfile.ZipFile(wheel) as opened:
        (name,) = [name for name in opened.namelist() if name.endswith(".dist-info/METADATA")]
        found = HeaderParser().parsestr(opened.read(name).decode()).get_all("Requires-Dist") or []
    return [line for line in found if "extra ==" not in line]


@pytest.mark.parametrize("package", all_packages(), ids=lambda package: package.name)
def test_wheels_hold_the_code_and_its_types_but_no_tests(package, wheels):
    """A wheel has one import package, marked as typed, and nothing beside it."""
    names = zipfile.ZipFile(wheel_of(wheels, package.name)).namelist()
    outside = [
        name for name in names if not name.startswith((f"{package.module}/", f"{package.name.replace('-', '_')}-0"))
    ]

    assert f"{package.module}/py.typed" in names
    assert not outside


def make_venv(uv: str, folder: Path) -> Path:
    """Make an environment with nothing in it."""
    run(uv, "venv", "--quiet", "--python", sys.executable, folder)
    return folder


def install(uv: str, environment: Path, *what: str | Path) -> None:
    """Install something in the versions that the tree is tested with."""
    run(uv, "pip", "install", "--quiet", "--python", environment / "bin/python", "--constraint", CONSTRAINTS, *what)


@pytest.fixture(scope="module")
def core_alone(uv, wheels, tmp_path_factory) -> Path:
    """An environment with nothing in it but the core and what it asks for, as bytecode too."""
    folder = make_venv(uv, tmp_path_factory.mktemp("core") / "venv")
    install(uv, folder, wheel_of(wheels, "exx-core"))
    assert json.loads(run(folder / "bin/python", "-m", "exx", "plugins", "check", "--json"))["plugins"] == []
    run(folder / "bin/python", "-c", "import exx.testing.installed, exx.testing.analyses, exx.testing.runs, pyarrow")
    return folder


def twin_of(environment: Path, folder: Path) -> Path:
    """The same environment elsewhere: made of links, which takes no time; its scripts still name the old place."""
    shutil.copytree(environment, folder, symlinks=True, copy_function=os.link)
    return folder


@pytest.mark.parametrize("package", PLUGINS, ids=lambda package: package.name)
def test_a_plugin_works_with_the_core_alone(package, uv, wheels, core_alone, tmp_path):
    """In an empty environment with the core, this wheel and what they declare, it imports and keeps its contract."""
    wheel = wheel_of(wheels, package.name)
    large = {re.split(r"[^\w.-]", line)[0] for line in requirements(wheel)} & LARGE
    if large:
        pytest.skip(f"{package.name} needs {', '.join(large)}; make setup-{package.name.removeprefix('exx-')}")
    environment = twin_of(core_alone, tmp_path / "venv")
    install(uv, environment, wheel)
    checked = json.loads(run(environment / "bin/python", "-c", IMPORT_AND_CHECK, package.module))

    assert {row["distribution"] for row in checked["plugins"]} == {package.name}
    assert checked["ok"], checked


def test_the_meta_distribution_brings_all(uv, wheels, tmp_path):
    """``pip install exx`` installs the core and every plugin that is no extra, and all of them register."""
    asked = {re.split(r"[^\w-]", line)[0] for line in requirements(wheel_of(wheels, "exx"))}
    places = [f"{package.name} @ {wheel_of(wheels, package.name).as_uri()}" for package in all_packages()]
    own = tmp_path / "own.txt"  # so that no namesake comes from elsewhere
    own.write_text("\n".join([CONSTRAINTS.read_text("utf-8"), *places]), "utf-8")
    environment = make_venv(uv, tmp_path / "venv")
    python = environment / "bin/python"
    run(uv, "pip", "install", "--quiet", "--python", python, "--constraint", own, wheel_of(wheels, "exx"))
    listed = json.loads(run(environment / "bin/exx", "plugins", "list", "--json"))

    assert listed["problems"] == []
    assert {row["distribution"] for row in listed["plugins"]} == asked - {core().name}


@pytest.fixture(scope="module")
def environment(uv, wheels, tmp_path_factory) -> Path:
    """An environment with nothing in it but the core, what it asks for, and pytest."""
    folder = make_venv(uv, tmp_path_factory.mktemp("environment") / "venv")
    install(uv, folder, wheel_of(wheels, "exx-core"), "pytest")
    return folder


def pytest_passes(environment: Path, *folders: Path) -> None:
    """Run the tests of packages as their authors would, without the settings of this tree."""
    plain = ("-q", "-p", "no:cacheprovider", "-c", os.devnull)
    run(environment / "bin/python", "-m", "pytest", *plain, *(folder / "tests" for folder in folders))


def test_a_plugin_from_outside_is_installed_and_found(uv, environment):
    """The example of a foreign scorer passes its own tests there, and is one of the plugins, its option with it."""
    example = ROOT / "examples" / "third_party_scorer"
    install(uv, environment, "--no-deps", example)

    pytest_passes(environment, example)
    shown = run(environment / "bin/exx", "plugins", "show", "brevity")
    assert "exx-example-brevity" in shown
    assert "max_words" in shown


def test_what_exx_new_writes_works_as_it_is(uv, environment, tmp_path):
    """Of every kind: ``pip install -e`` and ``exx plugins`` shows it, ``pytest`` passes, with no edit."""
    packages: list[Package] = generated_packages()
    install(uv, environment, "--no-deps", *(word for package in packages for word in ("--editable", package.folder)))
    listed = json.loads(run(environment / "bin/exx", "plugins", "list", "--json"))
    found = {row["distribution"]: row["state"] for row in listed["plugins"]}

    assert {package.name: found.get(package.name) for package in packages} == {p.name: "ok" for p in packages}
    pytest_passes(environment, *(package.folder for package in packages))
    run(environment / "bin/exx", "new", "scorer", "from-a-wheel", "--dir", tmp_path)
    assert (tmp_path / "exx-from-a-wheel/pyproject.toml").is_file()
