"""Discovery of plugins through entry points, and look-up by name; the only module that speaks to the hook relay.

Every failure names the plugin and its distribution. A plugin that cannot be imported is remembered as broken: it is
listed by ``exx plugins``, and only a look-up that fails because of it raises.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy
from attrs import define, field, frozen, has

from exx.compat import accepts, wants_newer
from exx.errors import PluginError, UsageError
from exx.hookspecs import DEPRECATED, HOOKSPEC_VERSION, ObserverSpecs, RegistrationSpecs
from exx.interfaces import PluginClass

GROUP = "exx"
KINDS = {
    "dataset": "exx_register_datasets",
    "prompt_set": "exx_register_prompt_sets",
    "backend": "exx_register_backends",
    "scorer": "exx_register_scorers",
    "detector": "exx_register_detectors",
    "analysis": "exx_register_analyses",
    "reporter": "exx_register_reporters",
}


@frozen
class Owner:
    """Who offers a plugin: the entry point, and the distribution it came with."""

    entry_point: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


@frozen
class Offer:
    """A class that a plugin offers, under the name the config uses."""

    kind: str
    name: str
    cls: PluginClass
    owner: Owner


@frozen
class Broken:
    """A plugin that could not be imported or registered.

    Attributes:
        owner: Whose it is.
        reason: Why.
        state: ``broken``, or ``other version`` for one that was made for other hook specs.
        fix: What helps; None: installing it again.
    """

    owner: Owner
    reason: str
    state: str = "broken"
    fix: str | None = None

    def error(self) -> PluginError:
        """The exception to raise where this plugin would have been needed."""
        fix = self.fix or f"pip install --force-reinstall {self.owner.distribution}"
        hint = f"{fix}, or leave it out with EXX_PLUGINS"
        return PluginError(self.owner.entry_point, str(self.owner), self.reason, hint=hint)


@frozen
class Clash:
    """A name that two plugins claim; the first of them was there before."""

    offers: tuple[Offer, Offer]

    def error(self) -> PluginError:
        """The exception to raise for any look-up of this kind."""
        first, second = self.offers
        other, owner = first.owner, second.owner
        return PluginError(
            owner.entry_point,
            str(owner),
            f"{first.kind.replace('_', ' ')} {first.name!r} is also offered by {other.entry_point!r} ({other})",
            hint=f"pip uninstall one of {owner.distribution} and {other.distribution}, or use EXX_PLUGINS",
        )


@define
class Registry:
    """The plugins of one process. Build it with ``load_plugins``; tests build their own with ``Registry.of``."""

    manager: pluggy.PluginManager
    owners: dict[str, Owner] = field(factory=dict)
    broken: list[Broken] = field(factory=list)
    on_observer_error: Callable[[str], None] | None = None
    deprecations: list[str] = field(factory=list)
    _offers: dict[str, tuple[dict[str, Offer], list[Clash]]] = field(factory=dict)
    _complained: set[tuple[str, str]] = field(factory=set)

    @classmethod
    def of(cls, *plugins: object) -> Registry:
        """Make a registry of these objects alone, without looking at entry points."""
        registry = cls(_manager())
        for number, plugin in enumerate(plugins):
            name = getattr(plugin, "__name__", type(plugin).__name__)
            registry._register(
                plugin, Owner(f"{name}-{number}" if name in registry.owners else name, "in-process", "0")
            )
        return registry

    def offers(self, kind: str) -> dict[str, Offer]:
        """Every class offered for a kind, by name.

        Raises:
            PluginError: Two plugins claim one name.
        """
        offers, clashes = self.survey(kind)
        for clash in clashes:
            raise clash.error()
        return offers

    def survey(self, kind: str) -> tuple[dict[str, Offer], Sequence[Clash]]:
        """Every class offered for a kind, by name, and the names that two plugins claim; raises nothing."""
        if kind not in self._offers:
            self._offers[kind] = self._collect(kind)
        return self._offers[kind]

    def hooks_of(self, owner: Owner) -> list[str]:
        """Names of the hooks that a plugin implements."""
        plugin = self.manager.get_plugin(owner.entry_point)
        return sorted(caller.name for caller in (plugin and self.manager.get_hookcallers(plugin)) or ())

    def find(self, kind: str, name: str) -> Offer:
        """Look a plugin up by the word the config uses.

        Raises:
            UsageError: Nobody offers it; with the nearest name, and the plugins that failed to load.
        """
        offers = self.offers(kind)
        if name in offers:
            return offers[name]
        raise UsageError(
            f"no {kind.replace('_', ' ')} called {name!r}{_nearest(name, sorted(offers))}", hint=self._hint()
        )

    def observe(self, hook: str, **event: Any) -> None:
        """Tell every observer what happened; one that fails is reported, never fatal."""
        for impl in getattr(self.manager.hook, hook).get_hookimpls():
            try:
                impl.function(*[event[name] for name in impl.argnames])
            except Exception as cause:
                if isinstance(cause, PluginError) or self.on_observer_error is None:
                    raise
                if (impl.plugin_name, hook) not in self._complained:  # once: progress is told ten times a second
                    self._complained.add((impl.plugin_name, hook))
                    owner = self.owners.get(impl.plugin_name, Owner(impl.plugin_name, "in-process", "0"))
                    self.on_observer_error(f"plugin {impl.plugin_name!r} ({owner}) failed in {hook}: {cause!r}")

    def add_observer(self, plugin: object) -> None:
        """Let an object of this process observe the run."""
        self._register(plugin, Owner(f"{type(plugin).__name__}-{id(plugin):x}", "in-process", "0"))

    def _register(self, plugin: object, owner: Owner) -> None:
        try:
            self.manager.register(plugin, name=owner.entry_point)
            self.manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as cause:
            if self.manager.has_plugin(owner.entry_point):
                self.manager.unregister(name=owner.entry_point)
            self.broken.append(Broken(owner, str(cause)))
            return
        self.owners[owner.entry_point] = owner
        for hook in DEPRECATED.keys() & set(self.hooks_of(owner) if DEPRECATED else ()):
            words = (
                f"plugin {owner.entry_point!r} ({owner}) implements {hook}, which will be removed: {DEPRECATED[hook]}"
            )
            self.deprecations.append(words)
            warnings.warn(words, DeprecationWarning, stacklevel=2)

    def _collect(self, kind: str) -> tuple[dict[str, Offer], list[Clash]]:
        offers: dict[str, Offer] = {}
        clashes: list[Clash] = []
        for owner, classes in self._registered(KINDS[kind]):
            for cls in classes:
                name = getattr(cls, "name", None)
                if not isinstance(name, str):
                    self.broken.append(Broken(owner, f"{cls!r} has no class variable 'name'"))
                    continue
                if not has(cls):
                    self.broken.append(Broken(owner, f"{cls!r} is not an attrs class, so it has no options"))
                    continue
                offer = Offer(kind, name, cls, owner)
                if name in offers:
                    clashes.append(Clash((offers[name], offer)))
                else:
                    offers[name] = offer
        return offers, clashes

    def _registered(self, hook: str) -> Iterable[tuple[Owner, list[PluginClass]]]:
        # One implementation at a time: pluggy's own call loop forgets which plugin an exception came from.
        for impl in sorted(getattr(self.manager.hook, hook).get_hookimpls(), key=lambda i: i.plugin_name):
            owner = self.owners[impl.plugin_name]
            try:
                yield owner, list(impl.function())
            except Exception as cause:
                self.broken.append(Broken(owner, f"{hook} failed: {cause!r}"))
                if os.environ.get("EXX_TRACE"):
                    raise PluginError(owner.entry_point, str(owner), f"{hook} failed: {cause!r}") from cause

    def _hint(self) -> str:
        if self.broken:
            return "\n    ".join(["these plugins could not be loaded:", *(str(b.error().message) for b in self.broken)])
        return "exx plugins list shows what is installed"


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; installed: {', '.join(known)}" if known else "; none is installed"


def load_plugins() -> Registry:
    """Find every installed plugin; ``EXX_PLUGINS=a,b`` loads only those entry points.

    Raises:
        UsageError: ``EXX_PLUGINS`` names one that is not installed.
    """
    registry = Registry(_manager())
    only = os.environ.get("EXX_PLUGINS")
    wanted = {name.strip() for name in only.split(",") if name.strip()} if only is not None else None
    entries = sorted(entry_points(group=GROUP), key=lambda e: e.name)
    for name in sorted((wanted or set()) - {entry.name for entry in entries}):
        known = sorted({entry.name for entry in entries})
        raise UsageError(f"EXX_PLUGINS names {name!r}, which is not installed{_nearest(name, known)}")
    for entry in entries:
        if wanted is None or entry.name in wanted:
            _load(registry, entry)
    return registry


def _load(registry: Registry, entry: EntryPoint) -> None:
    dist = entry.dist
    owner = Owner(entry.name, dist.name if dist else "unknown distribution", dist.version if dist else "0")
    if entry.name in registry.owners:
        other = registry.owners[entry.name]
        registry.broken.append(Broken(owner, f"entry point {entry.name!r} is also declared by {other}"))
        return
    try:
        module = entry.load()
    except Exception as cause:
        registry.broken.append(Broken(owner, f"import of {entry.value!r} failed: {cause!r}"))
        if os.environ.get("EXX_TRACE"):
            raise registry.broken[-1].error() from cause
        return
    misfit = _misfit(module, owner)
    if misfit is not None:
        registry.broken.append(misfit)
        return
    registry._register(module, owner)


def _misfit(module: object, owner: Owner) -> Broken | None:
    """Why a plugin does not fit the hook specs of this exx, by what it says itself; None if it does."""
    declared = getattr(module, "exx_hookspec", None)
    if declared is None:
        return None
    try:
        if accepts(declared, HOOKSPEC_VERSION):
            return None
        newer = wants_newer(declared, HOOKSPEC_VERSION)
    except (TypeError, ValueError, AttributeError) as cause:
        return Broken(owner, f"exx_hookspec: {cause}", fix=f"set exx_hookspec = '>=1,<2' in {owner.distribution}")
    reason = f"was made for hook specs {declared}, and those of this exx are {HOOKSPEC_VERSION}"
    return Broken(
        owner, reason, "other version", f"pip install --upgrade {'exx-core' if newer else owner.distribution}"
    )


def _manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(RegistrationSpecs)
    manager.add_hookspecs(ObserverSpecs)
    return manager
