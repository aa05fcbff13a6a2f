"""Commands that plugins add to the command line: found without being imported, and none can disturb another."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lab import Installed

_MODULE = """
import click
from pathlib import Path

Path("IMPORTED").touch()


@click.group()
def garden():
    "Look after the garden."


@garden.command("water")
@click.option("--litres", type=int, default=1)
def water(litres):
    "Water it."
    import os
    click.echo(f"{litres} litres, {os.environ.get('GARDEN_KEY', 'no key')}")
"""


@pytest.fixture
def site(installed: Installed) -> Path:
    """Where distributions are installed: one with a plugin and a command, one whose command is broken."""
    folder = Path(installed.env["PYTHONPATH"].split(os.pathsep)[0])
    (folder / "garden_plugin.py").write_text(_MODULE)
    add(folder, "exx-garden", "garden_plugin:garden", word="garden", plugin="garden")
    add(folder, "exx-shed", "shed_plugin:shed", word="shed", plugin="shed")
    installed.env["EXX_PLUGINS"] = "lab,garden,shed"
    return folder


def add(site: Path, distribution: str, target: str, *, word: str, plugin: str) -> None:
    """Install a distribution with a command, and with a plugin to be chosen by."""
    info = site / f"{distribution.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[exx]\n{plugin} = exx_lab\n\n[exx.commands]\n{word} = {target}\n")


def test_help_names_them_apart_and_imports_none(installed: Installed, site: Path) -> None:
    """With the distribution each comes from."""
    told = installed.run("--help")
    _, _, theirs = told.out.partition("Commands of plugins:")

    assert told.status == 0
    assert [line.split() for line in theirs.strip().splitlines()] == [
        ["garden", "from", "exx-garden"],
        ["shed", "from", "exx-shed"],
    ]
    assert not (installed.folder / "IMPORTED").exists()


def test_a_command_runs_with_its_own_commands_and_options(installed: Installed, site: Path) -> None:
    """And finds what .env says, as every command does that may need a key."""
    (installed.folder / ".env").write_text("GARDEN_KEY=spade\n")
    told = installed.run("garden", "water", "--litres", "3")

    assert (told.status, told.out) == (0, "3 litres, spade\n")


def test_a_broken_command_names_its_distribution_and_disturbs_no_other(installed: Installed, site: Path) -> None:
    """Status 1, one message."""
    told = installed.run("shed")

    assert told.status == 1
    assert "plugin 'shed' (exx-shed 1.0): import of 'shed_plugin:shed' failed: ModuleNotFoundError" in told.err
    assert installed.run("garden", "water").out == "1 litres, no key\n"


def test_what_is_no_command_is_told(installed: Installed, site: Path) -> None:
    """Such as a function that is only a function."""
    (site / "shed_plugin.py").write_text("def shed():\n    pass\n")

    assert "plugin 'shed' (exx-shed 1.0): 'shed_plugin:shed' is not a click command" in installed.run("shed").err


def test_plugins_that_are_left_out_have_no_commands(installed: Installed, site: Path) -> None:
    """EXX_PLUGINS names plugins; the commands are those of their distributions."""
    installed.env["EXX_PLUGINS"] = "lab,garden"
    told = installed.run("shed")

    assert "exx-shed" not in installed.run("--help").out
    assert told.status == 2 and "no command 'shed'" in told.err


def test_two_of_a_name_are_an_error_for_that_name_alone(installed: Installed, site: Path) -> None:
    """It names both; nothing else is disturbed."""
    add(site, "exx-allotment", "garden_plugin:garden", word="garden", plugin="allotment")
    installed.env["EXX_PLUGINS"] += ",allotment"
    told = installed.run("garden", "water")

    assert told.status == 2
    assert "exx garden is offered by several: from exx-allotment and exx-garden" in told.err
    assert installed.run("plugins", "list").status == 0


def test_exx_keeps_its_own_commands(installed: Installed, site: Path) -> None:
    """A plugin cannot take one over."""
    add(site, "exx-thief", "garden_plugin:garden", word="list", plugin="thief")
    installed.env["EXX_PLUGINS"] += ",thief"

    assert installed.run("list").status == 0
    assert not (installed.folder / "IMPORTED").exists()
    assert "exx-thief" not in installed.run("--help").out
