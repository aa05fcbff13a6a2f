"""Every command speaks JSON: with --json stdout holds one object and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import click
import pytest
from lab import SLUG, Lab, Told

from exx.cli.main import cli as exx

Cli = Callable[..., Told]
TRIAL = f"experiments/run_a/{SLUG}"
SHELL = {"completion"}
"""What prints something for a program of its own kind instead."""

CALLS: dict[str, list[str]] = {
    "run": ["--run-id", "b"],
    "plan": [],
    "resume": ["a"],
    "audit": [],
    "validate": [],
    "status": ["a"],
    "list": [],
    "show": ["a"],
    "compare": ["a", "a", "--flips", "1"],
    "stop": ["a"],
    "archive": ["a"],
    "clean": [],
    "prepare": ["--run-id", "b"],
    "build": ["--run-id", "a"],
    "submit": ["--run-id", "a"],
    "poll": ["--run-id", "a"],
    "parse": ["--results-jsonl", f"{TRIAL}/results/results_combined.jsonl", "--out-csv", "predictions.csv"],
    "score": ["--pred-csv", f"{TRIAL}/results/predictions.csv", "--prepared-dir", "experiments/run_a/prepared"]
    + ["--out-dir", "scored"],
    "stats": ["--per-item-csv", f"{TRIAL}/results/per_item_scores.csv", "--out-path", "significance.json"],
    "costs": ["--pred-csv", f"{TRIAL}/results/predictions.csv", "--out-path", "costs.json"],
    "report": ["--results-dir", f"{TRIAL}/results", "--reports-dir", "reports"],
    "plugins": [],
    "plugins list": [],
    "plugins show": ["fake"],
    "plugins check": [],
    "init": ["fresh", "--backend", "fake", "--dataset", "fake"],
    "schema": [],
    "doctor": [],
    "new": ["scorer", "my_scorer"],
}
"""How each command is called; one that takes longer to set up is called in a test of its own."""

ELSEWHERE = {"analyze"}
"""Their tests are with what they need: test_cli_analyze.py."""


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command of exx itself, those within a group too."""
    context = click.Context(exx)
    for name in exx.list_commands(context):
        if name in exx.extra:
            continue
        command = exx.get_command(context, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {inner}", sub) for inner, sub in command.commands.items())


NAMES = [name for name, _ in commands() if name not in SHELL]


@pytest.mark.parametrize(("name", "command"), [pair for pair in commands() if pair[0] not in SHELL], ids=NAMES)
def test_every_command_has_the_option(name: str, command: click.Command) -> None:
    """--json, by this name."""
    assert "--json" in {option for parameter in command.params for option in parameter.opts}


def test_every_command_is_called_below() -> None:
    """A new command gets a line in CALLS."""
    assert set(NAMES) - ELSEWHERE <= CALLS.keys()


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ELSEWHERE])
def test_json_is_one_object(cli: Cli, lab: Lab, name: str) -> None:
    """Nothing before it and nothing after it, whatever the exit status means."""
    lab.run()
    told = cli(*name.split(), *CALLS[name], "--json")
    found, end = json.JSONDecoder().raw_decode(told.out)

    assert isinstance(found, dict)
    assert told.out[end:] == "\n"
    assert told.status == 0 or name in {"doctor", "plugins check"}, told.err
