"""``exx plugins``: what is installed, what it offers, what is broken."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import frozen
from lab import Installed, Lab, Told, write_distribution

from exx.plugins import Broken, Owner, Registry
from exx.testing import FakePlugin

Cli = Callable[..., Told]


@pytest.mark.parametrize("arguments", [("plugins",), ("plugins", "list")])
def test_what_is_installed_is_listed(cli: Cli, arguments: tuple[str, ...]) -> None:
    """Name, kind, distribution, version, state; one line each."""
    told = cli(*arguments)
    rows = [line.split("\t") for line in told.out.splitlines()]

    assert told.status == 0
    assert rows[0] == ["name", "kind", "distribution", "version", "state"]
    assert ["exact", "scorer", "in-process", "0", "ok"] in rows
    assert ["overlap", "detector", "in-process", "0", "ok"] in rows


@pytest.mark.parametrize("arguments", [("plugins", "--json"), ("plugins", "list", "--json")])
def test_the_list_is_one_json_object(cli: Cli, arguments: tuple[str, ...]) -> None:
    """For programs."""
    found = cli(*arguments).json

    assert found["problems"] == []
    entry = {"name": "note", "kind": "reporter", "distribution": "in-process", "version": "0", "state": "ok"}
    assert entry in found["plugins"]


@frozen
class Exact:
    """Another scorer of the same name."""

    name: ClassVar[str] = "exact"


def test_a_broken_plugin_and_a_clash_are_listed_and_told(cli: Cli, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every other plugin is listed all the same."""

    def registry() -> Registry:
        both = Registry.of(lab.plugin, FakePlugin(classes={"scorers": [Exact]}))
        both.broken.append(Broken(Owner("nli", "exx-nli", "0.1"), "import of 'exx_nli' failed: no torch"))
        return both

    monkeypatch.setattr("exx.cli.plugins.load_plugins", registry)
    told = cli("plugins", "list", "--json")
    states = {(row["name"], row["kind"]): row["state"] for row in told.json["plugins"]}

    assert told.status == 0
    assert states[("nli", "")] == "broken" and states[("note", "reporter")] == "ok"
    listed = [(row["distribution"], row["state"]) for row in told.json["plugins"] if row["name"] == "exact"]
    assert listed == [("in-process", "ok"), ("in-process", "duplicate")]
    assert any("plugin 'nli' (exx-nli 0.1): import of 'exx_nli' failed: no torch" in p for p in told.json["problems"])
    assert any("scorer 'exact' is also offered by 'FakePlugin'" in p for p in told.json["problems"])
    assert "plugin 'nli' (exx-nli 0.1)" in cli("plugins").err


def test_a_plugin_is_shown_with_its_options(cli: Cli) -> None:
    """What it does, in its own words; each option with type and default."""
    told = cli("plugins", "show", "fake")

    assert told.status == 0
    assert "fake — dataset of in-process 0" in told.out and "fake — backend of in-process 0" in told.out
    assert "items\tint\t10\tHow many." in told.out
    assert "hooks: exx_phase_finished, exx_register_analyses, exx_register_backends" in told.out
    assert "no options\n" in cli("plugins", "show", "note").out


def test_what_is_shown_is_one_json_object(cli: Cli) -> None:
    """Two kinds may have a plugin of one name."""
    found: Any = cli("plugins", "show", "overlap", "--json").json
    (shown,) = found["plugins"]

    assert (shown["kind"], shown["distribution"], shown["version"]) == ("detector", "in-process", "0")
    assert shown["what"].startswith("An answer is supported by a passage it occurs in.")
    (option,) = shown["options"]
    assert option["name"] == "min_token_overlap" and option["default"] == 0.6 and option["required"] is False
    assert option["what"] == "Support below this is none."
    assert shown["what"] == "An answer is supported by a passage it occurs in."
    assert "exx_register_detectors" in shown["hooks"] and shown["readme"] == ""


def test_a_plugin_that_is_not_there_points_to_the_nearest(cli: Cli) -> None:
    """Status 2."""
    told = cli("plugins", "show", "overlop")

    assert (told.status, told.out) == (2, "")
    assert "exx: no plugin called 'overlop', did you mean 'overlap'?" in told.err


def test_an_installed_distribution_is_listed_by_a_real_process(installed: Installed) -> None:
    """Through its entry point; one that cannot be imported is told beside it."""
    site = Path(installed.env["PYTHONPATH"].split(os.pathsep)[0])
    write_distribution(site, "exx-broken", "0.9", {"broken": "no_such_module"})
    installed.env["EXX_PLUGINS"] = "lab,broken"
    told = installed.run("plugins", "list")

    assert told.status == 0
    assert "diary\tbackend\texx-lab\t1.0\tok" in told.out
    assert "broken\t\texx-broken\t0.9\tbroken" in told.out
    assert "plugin 'broken' (exx-broken 0.9): import of 'no_such_module' failed: ModuleNotFoundError" in told.err
    assert "→ pip install --force-reinstall exx-broken, or leave it out with EXX_PLUGINS" in told.err


def test_plugins_are_checked(cli: Cli) -> None:
    """Each by the contract of its kind, or only those that are named; status 0 when none fails."""
    told = cli("plugins", "check", "exact", "overlap", "--json")
    found = {row["name"]: (row["state"], row["detail"]) for row in told.json["plugins"]}

    assert told.status == 0 and told.json["ok"] is True
    assert found == {"exact": ("ok", ""), "overlap": ("ok", "")}


def test_a_plugin_that_fails_its_check_fails_the_command(cli: Cli, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Status 1, with the promise that is broken; so do a duplicate and a broken plugin."""
    classes = {**lab.plugin.classes, "scorers": [Exact], "analyses": [], "reporters": []}

    def registry() -> Registry:
        made = Registry.of(FakePlugin(classes=classes))
        made.broken.append(Broken(Owner("nli", "exx-nli", "0.1"), "import of 'exx_nli' failed: no torch"))
        return made

    monkeypatch.setattr("exx.cli.plugins.load_plugins", registry)
    told = cli("plugins", "check", "--json")
    found = {row["name"]: (row["state"], row["detail"]) for row in told.json["plugins"]}

    assert told.status == 1 and told.json["ok"] is False
    assert found["exact"][0] == "failed" and "exact: has no" in found["exact"][1]
    assert found["nli"] == ("broken", "plugin 'nli' (exx-nli 0.1): import of 'exx_nli' failed: no torch")
    assert cli("plugins", "check", "exakt").status == 2


def test_a_readme_is_shown_as_it_was_installed(installed: Installed) -> None:
    """From the metadata of the distribution."""
    site = Path(installed.env["PYTHONPATH"].split(os.pathsep)[0])
    (metadata,) = site.glob("exx_lab-*/METADATA")
    metadata.write_text(metadata.read_text() + "\n# The lab\n\nFor tests.\n")
    told = installed.run("plugins", "show", "diary")

    assert told.status == 0
    assert told.out.endswith("\n\n# The lab\n\nFor tests.\n")
