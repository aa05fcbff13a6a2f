"""What several commands share: options, and opening an experiment."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from attrs import frozen

from exx.errors import UsageError

if TYPE_CHECKING:
    from exx.config.trials import Narrowing
    from exx.experiment import Experiment

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_CONFIG = Path("experiment.yaml")


def complete_runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Run ids of the experiments folder, for a shell: read off the folders' names, so that it is quick."""
    del param
    folder = ctx.params.get("experiments_dir") or Path("experiments")
    ids = (path.name.removeprefix("run_") for path in folder.glob("run_*") if path.is_dir())
    return sorted(found for found in ids if found.startswith(incomplete))


def complete_plugins(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of the installed plugins, for a shell; what is broken is left out."""
    from exx.errors import PluginError
    from exx.plugins import KINDS, load_plugins

    del ctx, param
    registry = load_plugins()
    names: set[str] = set()
    for kind in KINDS:
        with contextlib.suppress(PluginError):  # a clash is told by exx plugins, not in the middle of a line
            names |= registry.offers(kind).keys()
    return sorted(name for name in names if name.startswith(incomplete))


def options(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Apply several click options in the order in which they are listed."""

    def apply(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


set_option = click.option("--set", "overrides", multiple=True, metavar="K=V", help="Override a config key; V is YAML.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
experiments_option = click.option(
    "--experiments-dir", type=click.Path(path_type=Path), default=Path("experiments"), show_default=True
)
debug_option = click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Use the backend dry_run: no model, no network.")
config_argument = options(
    click.argument("config", required=False, type=click.Path(path_type=Path)),
    click.option("--config", "config_option", type=click.Path(path_type=Path), help="The experiment's YAML file."),
)
narrowing_options = options(
    click.option("--models", help="Only these models, comma-separated."),
    click.option("--prompt-sets", help="Only these prompt sets, comma-separated."),
    click.option("--temps", help="Only these temperatures, comma-separated."),
)


@frozen
class Asked:
    """What a command line says about which experiment to open."""

    config: Path | None = None
    overrides: tuple[str, ...] = ()
    dry_run: bool = False
    models: str | None = None
    prompt_sets: str | None = None
    temps: str | None = None
    account_id: str | None = None

    def narrowing(self) -> Narrowing:
        """The trials to keep.

        Raises:
            UsageError: A temperature is not a number.
        """
        from exx.config.trials import Narrowing

        try:
            temps = tuple(float(word) for word in self.temps.split(",")) if self.temps is not None else None
        except ValueError as cause:
            raise UsageError(f"--temps {self.temps!r}: expected numbers separated by commas") from cause
        return Narrowing(models=_words(self.models), prompt_sets=_words(self.prompt_sets), temps=temps)


def _words(text: str | None) -> tuple[str, ...] | None:
    return tuple(word.strip() for word in text.split(",") if word.strip()) if text is not None else None


def config_path(argument: Path | None, option: Path | None) -> Path:
    """The config to use: argument, ``--config``, or ./experiment.yaml."""
    if argument is not None and option is not None and argument != option:
        raise UsageError(f"two configs were given: {argument} and {option}", hint="give one")
    return argument or option or DEFAULT_CONFIG


def open_experiment(asked: Asked) -> Experiment:
    """Read a config and bind it to the installed plugins; without a config file, every key has its default.

    Raises:
        ConfigError: The config cannot be used.
    """
    # The config's machinery costs more to import than most commands take to run.
    from exx.config.load import build_config, load_config
    from exx.config.structure import Origin
    from exx.experiment import Experiment, with_account, with_dry_run
    from exx.plugins import load_plugins

    load_environment()
    if asked.config is None:
        config, origin = build_config({}, Origin("the command line"), asked.overrides)
    else:
        config, origin = load_config(asked.config, asked.overrides)
    if asked.dry_run:
        config = with_dry_run(config)
    registry = load_plugins()
    if asked.account_id is not None and not asked.dry_run:
        config = with_account(config, registry, asked.account_id)
    return Experiment(config, origin, registry, asked.narrowing())


def load_environment() -> None:
    """Read .env of the working directory; what the environment already has stays."""
    if Path(".env").is_file():
        from dotenv import load_dotenv

        load_dotenv(Path(".env"))
