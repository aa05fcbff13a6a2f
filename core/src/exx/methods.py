"""What a result was computed with: each plugin's own words about its method, and the sources it names.

The words are those of the module that holds the plugin's class: its first paragraph, and its section ``Sources:``.
They are given only when the installed version is the one that was used.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from exx.plugins import KINDS, Offer, Registry, load_plugins


@frozen(kw_only=True)
class Method:
    """A plugin that took part.

    Attributes:
        name: The word the config uses.
        kind: ``analysis``, ``scorer``, …; None if it is not known.
        distribution: What ``pip`` knows it as; None if it is not known.
        version: The version that was used; None if it is not known.
        options: The options it was given.
        summary: What it does; None when that version is not installed here.
        sources: What it rests on, one source each.
    """

    name: str
    kind: str | None = None
    distribution: str | None = None
    version: str | None = None
    options: Mapping[str, Any] = field(factory=dict)
    summary: str | None = None
    sources: tuple[str, ...] = ()


def describe(plugins: Iterable[Mapping[str, Any]], registry: Registry | None = None) -> list[Method]:
    """Describe plugins as a manifest lists them: ``name``, and ``kind``, ``distribution``, ``version``, ``options``."""
    registry = registry or load_plugins()
    return [_method(plugin, registry) for plugin in plugins]


def _method(plugin: Mapping[str, Any], registry: Registry) -> Method:
    offer = _offer(plugin, registry)
    summary, sources = read_docstring(_module_doc(offer)) if offer else (None, ())
    return Method(
        name=plugin["name"],
        kind=plugin.get("kind") or (offer.kind if offer else None),
        distribution=plugin.get("distribution") or (offer.owner.distribution if offer else None),
        version=plugin.get("version") or (offer.owner.version if offer else None),
        options=plugin.get("options") or {},
        summary=summary,
        sources=sources,
    )


def _offer(plugin: Mapping[str, Any], registry: Registry) -> Offer | None:
    """The installed class of this name, unless it is another version or from another distribution."""
    kinds = [plugin["kind"]] if plugin.get("kind") in KINDS else ["analysis", *KINDS]
    for kind in kinds:
        offer = registry.offers(kind).get(plugin["name"])
        if offer is None:
            continue
        used = (plugin.get("distribution", offer.owner.distribution), plugin.get("version", offer.owner.version))
        if used == (offer.owner.distribution, offer.owner.version):
            return offer
    return None


def _module_doc(offer: Offer) -> str:
    module = sys.modules.get(offer.cls.__module__)
    return inspect.cleandoc((module.__doc__ if module else None) or offer.cls.__doc__ or "")


def read_docstring(text: str) -> tuple[str | None, tuple[str, ...]]:
    """Take a docstring's first paragraph and the entries of its section ``Sources:``, each on one line."""
    paragraph = text.split("\n\n", 1)[0]
    _, found, section = text.partition("\nSources:\n")
    return " ".join(paragraph.split()) or None, tuple(_entries(section.split("\n"))) if found else ()


def _entries(lines: Sequence[str]) -> list[str]:
    entries: list[str] = []
    indent = None
    for line in lines:
        depth = len(line) - len(line.lstrip())
        if line.strip() and not depth:
            break
        if not line.strip():
            continue
        indent = depth if indent is None else indent
        if depth > indent and entries:
            entries[-1] += f" {line.strip()}"  # deeper lines go on with the entry above
        else:
            entries.append(line.strip().removeprefix("- ").removeprefix("* "))
    return entries
