"""Commands that plugins add: found by their entry points, and imported only when they are called."""

from __future__ import annotations

import os
from importlib.metadata import EntryPoint, entry_points

import click

from exx.errors import PluginError, UsageError

GROUP = "exx.commands"
_PLUGINS = "exx"


def extra_commands(taken: frozenset[str]) -> dict[str, list[EntryPoint]]:
    """The commands of the installed plugins by name, without importing any; several under a name are a clash.

    With ``EXX_PLUGINS``, those of the distributions whose plugins it names.

    Args:
        taken: Names of exx's own commands, which stay its own.
    """
    wanted = _wanted()
    found: dict[str, list[EntryPoint]] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value)):
        if entry.name not in taken and (wanted is None or _distribution(entry) in wanted):
            found.setdefault(entry.name, []).append(entry)
    return found


def _wanted() -> set[str] | None:
    only = os.environ.get("EXX_PLUGINS")
    if only is None:
        return None
    names = {name.strip() for name in only.split(",")}
    return {_distribution(entry) for entry in entry_points(group=_PLUGINS) if entry.name in names}


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "an unknown distribution"


def words_of(entries: list[EntryPoint]) -> str:
    """What to say of a command without importing it: where it comes from."""
    return "from " + " and ".join(sorted(_distribution(entry) for entry in entries))


def load(name: str, entries: list[EntryPoint]) -> click.Command:
    """Import a command.

    Raises:
        UsageError: Several distributions offer it.
        PluginError: It cannot be imported, or is no command; names its distribution.
    """
    if len(entries) > 1:
        hint = "pip uninstall all but one of them, or choose with EXX_PLUGINS"
        raise UsageError(f"exx {name} is offered by several: {words_of(entries)}", hint=hint)
    (entry,) = entries
    owner = f"{_distribution(entry)} {entry.dist.version}" if entry.dist else _distribution(entry)
    try:
        command = entry.load()
    except Exception as cause:
        hint = f"pip install --force-reinstall {_distribution(entry)}; every other command works"
        raise PluginError(name, owner, f"import of {entry.value!r} failed: {cause!r}", hint=hint) from cause
    if not isinstance(command, click.Command):
        raise PluginError(name, owner, f"{entry.value!r} is not a click command")
    return command
