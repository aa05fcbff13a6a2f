"""The command that begins a plugin: a whole package, which works as it is."""

from __future__ import annotations

from pathlib import Path

import click

from exx.cli.common import debug_option, json_option
from exx.cli.show import emit_json, say
from exx.errors import UsageError

_KINDS = ("dataset", "prompt-set", "backend", "scorer", "detector", "analysis", "reporter")


@click.command("new")
@click.argument("kind", type=click.Choice(_KINDS))
@click.argument("name")
@click.option("--dir", "parent", type=click.Path(path_type=Path), default=Path(), help="The folder to write it in.")
@json_option
@debug_option
def new_command(kind: str, name: str, parent: Path, as_json: bool) -> None:
    """Write a plugin package: class, option, README, passing test."""
    from exx.scaffold import NewPackage

    package = NewPackage.of(kind, name)
    _refuse_taken(package.kind.name, package.name, package.distribution)
    folder = package.write(parent)
    if as_json:
        emit_json({"folder": str(folder), "name": package.name, "kind": package.kind.name, "files": [*package.files()]})
        return
    say(f"{folder} is a {package.kind.words} that works. What comes next:\n")
    say(f"  pip install -e {folder}")
    say(f"  exx plugins show {package.name}")
    say(f"  python -m pytest {folder}")
    say(f"\nThen change {folder / 'src' / package.module / package.kind.name}.py, its test and README.md.")


def _refuse_taken(kind: str, name: str, distribution: str) -> None:
    """Refuse a name that is installed already: the two could never be used together.

    Raises:
        UsageError: It is.
    """
    from importlib.metadata import distributions

    from exx.plugins import load_plugins

    offer = load_plugins().survey(kind)[0].get(name)
    if offer is not None:
        raise UsageError(f"a {kind.replace('_', ' ')} {name!r} comes with {offer.owner}", hint="choose another name")
    if any(distributions(name=distribution)):
        raise UsageError(f"a package {distribution} is installed already", hint="choose another name")
