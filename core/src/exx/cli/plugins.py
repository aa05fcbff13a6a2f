"""Commands about plugins: what is installed, what it offers, which options it has."""

from __future__ import annotations

import inspect
from typing import Any

import click

from exx.cli.common import debug_option, json_option
from exx.cli.show import emit_json, note, say, table
from exx.config.words import near
from exx.errors import PluginError, UsageError
from exx.plugins import KINDS, Offer, Registry, load_plugins


@click.group("plugins", invoke_without_command=True)
@json_option
@click.pass_context
def plugins_command(ctx: click.Context, as_json: bool) -> None:
    """List the installed plugins, or show one."""
    if ctx.invoked_subcommand is None:
        _list(as_json)


@plugins_command.command("list")
@json_option
@debug_option
def list_plugins(as_json: bool) -> None:
    """List name, kind, distribution, version and state of every plugin."""
    _list(as_json)


@plugins_command.command("show")
@click.argument("name")
@json_option
@debug_option
def show_plugin(name: str, as_json: bool) -> None:
    """Show what a plugin does and which options it has."""
    registry = load_plugins()
    found = [offer for kind in KINDS for offer in _offers(registry, kind)[0].values() if offer.name == name]
    if not found:
        known = [offer for kind in KINDS for offer in _offers(registry, kind)[0]]
        raise UsageError(f"no plugin called {name!r}{near(name, known)}")
    described = [_describe(offer) for offer in found]
    if as_json:
        emit_json({"plugins": described})
        return
    for one in described:
        _show(one)


def _offers(registry: Registry, kind: str) -> tuple[dict[str, Offer], PluginError | None]:
    try:
        return registry.offers(kind), None
    except PluginError as clash:
        return {}, clash


def _list(as_json: bool) -> None:
    registry = load_plugins()
    rows, problems = [], []
    for kind in KINDS:
        offers, clash = _offers(registry, kind)
        rows += [(o.name, kind, o.owner.distribution, o.owner.version, "ok") for _, o in sorted(offers.items())]
        if clash is not None:
            problems.append(str(clash))
            rows.append((clash.plugin, kind, clash.distribution, "", "clash"))
    rows += [(b.owner.entry_point, "", b.owner.distribution, b.owner.version, "broken") for b in registry.broken]
    problems += [str(broken.error()) for broken in registry.broken]
    columns = ("name", "kind", "distribution", "version", "state")
    if as_json:
        emit_json({"plugins": [dict(zip(columns, row, strict=True)) for row in rows], "problems": problems})
        return
    table("", columns, rows)
    for problem in problems:
        note(problem)


def _describe(offer: Offer) -> dict[str, Any]:
    from attrs import NOTHING, fields

    options = [
        {
            "name": f.alias,
            "type": _type_name(f.type),
            "required": f.default is NOTHING,
            "default": None if f.default is NOTHING else _default(f.default),
        }
        for f in fields(offer.cls)
    ]
    return {
        "name": offer.name,
        "kind": offer.kind,
        "distribution": offer.owner.distribution,
        "version": offer.owner.version,
        "what": inspect.cleandoc(offer.cls.__doc__ or ""),
        "options": options,
    }


def _type_name(kind: Any) -> str:
    return kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))


def _default(default: Any) -> Any:
    factory = getattr(default, "factory", None)
    value = factory() if factory is not None and not getattr(default, "takes_self", False) else default
    return value if isinstance(value, bool | int | float | str) or value is None else repr(value)


def _show(one: dict[str, Any]) -> None:
    say(f"{one['name']} — {one['kind'].replace('_', ' ')} of {one['distribution']} {one['version']}\n")
    say(one["what"] + "\n")
    if not one["options"]:
        say("no options")
        return
    rows = [[o["name"], o["type"], "required" if o["required"] else str(o["default"])] for o in one["options"]]
    table("options", ["option", "type", "default"], rows)
