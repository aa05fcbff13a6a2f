"""Commands about plugins: what is installed, what it offers, which options it has, whether it keeps its contracts."""

from __future__ import annotations

import inspect
from typing import Any

import click

from exx.cli.common import complete_plugins, debug_option, json_option
from exx.cli.show import emit_json, note, say, table
from exx.config.docstrings import field_docs
from exx.config.words import near
from exx.errors import UsageError
from exx.plugins import KINDS, Offer, Owner, Registry, load_plugins

_COLUMNS = ("name", "kind", "distribution", "version", "state")


@click.group("plugins", invoke_without_command=True)
@json_option
@click.pass_context
def plugins_command(ctx: click.Context, as_json: bool) -> None:
    """List the installed plugins, show one, or check them."""
    if ctx.invoked_subcommand is None:
        _list(as_json)


@plugins_command.command("list")
@json_option
@debug_option
def list_plugins(as_json: bool) -> None:
    """List name, kind, distribution, version and state of every plugin."""
    _list(as_json)


@plugins_command.command("show")
@click.argument("name", shell_complete=complete_plugins)
@json_option
@debug_option
def show_plugin(name: str, as_json: bool) -> None:
    """Show what a plugin does, its options and hooks, and its README."""
    registry = load_plugins()
    described = [_describe(offer, registry) for offer in _named(registry, [name])]
    if as_json:
        emit_json({"plugins": described})
        return
    for one in described:
        _show(one)
    for readme in dict.fromkeys(one["readme"] for one in described if one["readme"]):
        say(f"\n{readme}")


@plugins_command.command("check")
@click.argument("names", nargs=-1, shell_complete=complete_plugins)
@json_option
@debug_option
def check_plugins(names: tuple[str, ...], as_json: bool) -> int:
    """Try the contracts of every plugin, or of those named; no network, no model."""
    from exx.testing.installed import check_offer

    registry = load_plugins()
    offers = _named(registry, names) if names else _offers(registry)
    checked = [check_offer(offer) for offer in offers]
    rows = [(*_row(one.offer)[:4], one.state, one.detail) for one in checked]
    faults = [] if names else _faults(registry)
    rows += [(*row, problem.splitlines()[0]) for row, problem in faults]
    failed = bool(faults) or any(one.state == "failed" for one in checked)
    columns = (*_COLUMNS, "detail")
    if as_json:
        emit_json({"plugins": [dict(zip(columns, row, strict=True)) for row in rows], "ok": not failed})
    else:
        table("", columns, rows)
        for problem in dict.fromkeys(problem for _, problem in faults):
            note(problem)
    return int(failed)


def _offers(registry: Registry) -> list[Offer]:
    return [offer for kind in KINDS for _, offer in sorted(registry.survey(kind)[0].items())]


def _named(registry: Registry, names: tuple[str, ...] | list[str]) -> list[Offer]:
    """The plugins of these names, of every kind.

    Raises:
        UsageError: There is none of a name.
    """
    offers = _offers(registry)
    for name in names:
        if all(offer.name != name for offer in offers):
            raise UsageError(f"no plugin called {name!r}{near(name, [offer.name for offer in offers])}")
    return [offer for offer in offers if offer.name in names]


def _list(as_json: bool) -> None:
    registry = load_plugins()
    rows = [_row(offer) for offer in _offers(registry)]
    faults = _faults(registry)
    rows += [row for row, _ in faults]
    problems = list(dict.fromkeys(problem for _, problem in faults))
    problems += registry.deprecations
    if as_json:
        emit_json({"plugins": [dict(zip(_COLUMNS, row, strict=True)) for row in rows], "problems": problems})
        return
    table("", _COLUMNS, rows)
    for problem in problems:
        note(problem)


Row = tuple[str, str, str, str, str]


def _row(offer: Offer, state: str = "ok") -> Row:
    return offer.name, offer.kind, offer.owner.distribution, offer.owner.version, state


def _faults(registry: Registry) -> list[tuple[Row, str]]:
    """What cannot be used, each with what is wrong and what helps; of two with one name, the one that came second."""
    clashes = [clash for kind in KINDS for clash in registry.survey(kind)[1]]
    found = [(_row(clash.offers[1], "duplicate"), str(clash.error())) for clash in clashes]
    for broken in registry.broken:
        owner = broken.owner
        row = (owner.entry_point, "", owner.distribution, owner.version, broken.state)
        found.append((row, str(broken.error())))
    return found


def _describe(offer: Offer, registry: Registry) -> dict[str, Any]:
    from attrs import NOTHING, fields

    documented = field_docs(offer.cls)
    options = [
        {
            "name": f.alias,
            "type": _type_name(f.type),
            "required": f.default is NOTHING,
            "default": None if f.default is NOTHING else _default(f.default),
            "what": documented.get(f.name, ""),
        }
        for f in fields(offer.cls)
        if f.init
    ]
    return {
        "name": offer.name,
        "kind": offer.kind,
        "distribution": offer.owner.distribution,
        "version": offer.owner.version,
        "what": _what(offer.cls),
        "options": options,
        "hooks": registry.hooks_of(offer.owner),
        "readme": _readme(offer.owner),
    }


def _what(cls: type[Any]) -> str:
    """The docstring without its section about the fields, which are told one by one."""
    text, _, rest = inspect.cleandoc(cls.__doc__ or "").partition("\nAttributes:\n")
    kept = [line for line in rest.splitlines() if not line.startswith(" ")]
    return "\n".join([text.rstrip(), *kept]).strip()


def _type_name(kind: Any) -> str:
    return kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))


def _default(default: Any) -> Any:
    factory = getattr(default, "factory", None)
    value = factory() if factory is not None and not getattr(default, "takes_self", False) else default
    return value if isinstance(value, bool | int | float | str) or value is None else repr(value)


def _readme(owner: Owner) -> str:
    """README.md as it was when the distribution was installed; empty without one."""
    from importlib.metadata import PackageNotFoundError, metadata

    try:
        found = metadata(owner.distribution)
    except PackageNotFoundError:
        return ""
    return str(found.json.get("description", "")).strip()


def _show(one: dict[str, Any]) -> None:
    say(f"{one['name']} — {one['kind'].replace('_', ' ')} of {one['distribution']} {one['version']}\n")
    say(one["what"] + "\n")
    if one["options"]:
        rows = [
            [o["name"], o["type"], "required" if o["required"] else str(o["default"]), o["what"]]
            for o in one["options"]
        ]
        table("options", ["option", "type", "default", "what"], rows)
    else:
        say("no options")
    say(f"\nhooks: {', '.join(one['hooks'])}")
