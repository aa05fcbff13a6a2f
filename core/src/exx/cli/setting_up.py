"""Commands for setting up: a first experiment, the schema for editors, a look at the machine, shell completion."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from exx.cli.common import Asked, config_argument, debug_option, json_option, open_experiment, options, set_option
from exx.cli.show import emit_json, note, say, table
from exx.errors import UsageError

if TYPE_CHECKING:
    from exx.experiment import Experiment

_folder = click.Path(path_type=Path, file_okay=False)
_file = click.Path(path_type=Path, dir_okay=False)


@click.command("schema")
@click.option("--out", type=_file, help="Write it here instead of on stdout.")
@json_option
@debug_option
def schema_command(out: Path | None, as_json: bool) -> None:
    """Print the JSON Schema of a config, with the options of the installed plugins."""
    from exx.state.files import write_json

    schema = installed_schema()
    if out is None:
        emit_json(schema)
    else:
        write_json(out, schema)
        if as_json:
            emit_json({"schema": str(out)})
        else:
            say(f"schema in {out}")


def installed_schema() -> dict[str, Any]:
    """The schema of a config with the plugins that are installed; those that clash or are broken are left out."""
    from exx.config.json_schema import Option, config_schema
    from exx.errors import PluginError
    from exx.plugins import KINDS, load_plugins

    registry = load_plugins()
    found = []
    for kind in KINDS:
        try:
            found += [Option(kind, offer.name, offer.cls) for offer in registry.offers(kind).values()]
        except PluginError as clash:
            note(f"note: {clash}")
    return config_schema(found)


@click.command("init")
@click.argument("folder", required=False, default=Path(), type=_folder)
@options(
    click.option("--dataset", help="Name of a dataset, or a file of your own questions."),
    click.option("--backend", help="Name of the backend that answers."),
    click.option("--model", help="The model's name or path, as the backend knows it."),
    click.option("--base-url", help="Where the server is, for backends that ask one."),
    click.option("--control", help="The control's system prompt."),
    click.option("--treatment", help="The treatment's system prompt."),
    click.option("--yes", is_flag=True, help="Ask nothing; take the defaults for what is not given."),
    json_option,
    debug_option,
)
def init_command(folder: Path, yes: bool, as_json: bool, **given: str | None) -> None:
    """Start an experiment in FOLDER: experiment.yaml, prompts, .env.example, .gitignore; overwrites nothing."""
    from exx.plugins import load_plugins
    from exx.setup import DEFAULTS, Answers, start

    asking = not (yes or as_json) and sys.stdin.isatty()
    answers = Answers(**{key: _answer(key, given.get(key), default, asking) for key, default in DEFAULTS.items()})
    made, kept = start(folder, answers, installed_schema(), load_plugins())
    if as_json:
        emit_json({"folder": str(folder), "made": list(map(str, made)), "kept": {str(k): v for k, v in kept.items()}})
        return
    for path in made:
        say(f"made {path}")
    for path, words in kept.items():
        note(f"kept {path} as it is; {words}")
    config = folder / "experiment.yaml"
    say(f"next: exx validate {config}, then exx run {config} --dry-run, which asks no model")


def _answer(key: str, given: str | None, default: str, asking: bool) -> str:
    if given is not None or not asking:
        return default if given is None else given
    from exx.setup import QUESTIONS

    answer: str = click.prompt(QUESTIONS[key], default=default)
    return answer


@click.command("doctor")
@config_argument
@options(
    click.option("--timeout", type=click.FloatRange(min=0.1), default=3.0, help="Seconds to wait for a host."),
    click.option("--offline", is_flag=True, help="Don't touch the network."),
    set_option,
    json_option,
    debug_option,
)
@click.pass_context
def doctor_command(
    ctx: click.Context,
    config: Path | None,
    config_option: Path | None,
    overrides: tuple[str, ...],
    timeout: float,
    offline: bool,
    as_json: bool,
) -> int:
    """Look at the set-up: Python, packages, plugins, disk and, with a config, what its backend needs."""
    from attrs import asdict

    from exx.cli.common import DEFAULT_CONFIG, config_path, load_environment
    from exx.diagnosis import diagnose
    from exx.plugins import load_plugins

    del ctx
    load_environment()
    experiment: Experiment | None = None
    problem = ""
    if config is not None or config_option is not None or DEFAULT_CONFIG.is_file():
        experiment, problem = _opened(Asked(config_path(config, config_option), overrides))
    checks = list(diagnose(load_plugins(), experiment, None if offline else timeout))
    rows = [asdict(check) for check in checks]
    if problem:
        rows.append({"name": "config", "state": "missing", "words": problem, "fix": "exx init starts one"})
    wrong = any(row["state"] == "missing" for row in rows)
    if as_json:
        emit_json({"ok": not wrong, "checks": rows})
        return int(wrong)
    table("", ["what", "state", "found"], [[row["name"], row["state"], row["words"]] for row in rows])
    for row in rows:
        if row["fix"]:
            say(f"{row['name']}: {row['fix']}")
    return int(wrong)


def _opened(asked: Asked) -> tuple[Experiment | None, str]:
    from exx.errors import ConfigError

    try:
        return open_experiment(asked), ""
    except ConfigError as error:
        return None, str(error)


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> None:
    """Print the script that completes commands, options, run ids and plugin names in SHELL."""
    from click.shell_completion import get_completion_class

    from exx.cli.main import cli

    found = get_completion_class(shell)
    if found is None:
        raise UsageError(f"no completion for {shell}")
    try:
        sys.stdout.write(found(cli, {}, "exx", "_EXX_COMPLETE").source() + "\n")
    except RuntimeError as cause:  # bash is too old, or not there
        raise UsageError(f"completion for {shell}: {cause}") from cause
