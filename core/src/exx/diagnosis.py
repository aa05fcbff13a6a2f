"""Looking at a set-up: Python, packages, plugins, disk, and what the configured backend needs.

A backend may say what it needs (``prerequisites``); none is known by name here. Secrets are looked for, never shown.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, distribution, distributions
from pathlib import Path
from tempfile import TemporaryFile
from typing import Literal
from urllib.parse import urlsplit

from attrs import frozen

from exx.errors import ExxError
from exx.experiment import Experiment
from exx.plugins import Registry
from exx.records import Prerequisite

State = Literal["ok", "warning", "missing"]

OLDEST = (3, 11)
_LITTLE_ROOM = 1_000_000_000
_DISTRIBUTION = "exx-core"


@frozen
class Check:
    """What one look found.

    Attributes:
        name: What was looked at.
        state: ``missing`` keeps an experiment from running; a ``warning`` may.
        words: What was found.
        fix: What to do about it; empty when there is nothing to do.
    """

    name: str
    state: State
    words: str
    fix: str = ""


def diagnose(registry: Registry, experiment: Experiment | None, timeout: float | None) -> Iterator[Check]:
    """Look at everything, the most basic first.

    Args:
        registry: The plugins.
        experiment: The experiment that is to run; None to look at the machine alone.
        timeout: Seconds to wait for a host to answer; None: don't touch the network.
    """
    yield _python()
    yield from _packages()
    yield from _plugins(registry)
    yield from _folder(Path.cwd())
    if experiment is not None:
        yield from _experiment(experiment)
        yield from _backend(experiment, timeout)


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    where = f"{version} ({sys.executable})"
    if sys.version_info[:2] < OLDEST:
        return Check("Python", "missing", where, fix=f"exx needs Python {'.'.join(map(str, OLDEST))} or later")
    return Check("Python", "ok", where)


def _packages() -> Iterator[Check]:
    """exx itself, and whether what its packages declare is there."""
    yield Check("exx", "ok", f"{_DISTRIBUTION} {distribution(_DISTRIBUTION).version}")
    absent = sorted({need for found in distributions() if _is_ours(found.name) for need in _absent(found.requires)})
    if absent:
        names = ", ".join(absent)
        yield Check("packages", "missing", f"not installed: {names}", fix=f"pip install {' '.join(absent)}")
    else:
        yield Check("packages", "ok", "everything that exx and its plugins declare is installed")


def _is_ours(name: str | None) -> bool:
    if not name:
        return False
    return name == _DISTRIBUTION or any(entry.group == "exx" for entry in distribution(name).entry_points)


def _absent(requires: list[str] | None) -> Iterator[str]:
    for requirement in requires or ():
        if ";" in requirement:  # an extra, or another system's
            continue
        name = "".join(iter_name(requirement))
        try:
            distribution(name)
        except PackageNotFoundError:
            yield name


def iter_name(requirement: str) -> Iterator[str]:
    """The characters of the name that a requirement such as ``numpy>=1.26`` begins with."""
    for character in requirement:
        if not (character.isalnum() or character in "-_."):
            return
        yield character


def _plugins(registry: Registry) -> Iterator[Check]:
    from exx.plugins import KINDS

    count = 0
    for kind in KINDS:
        try:
            count += len(registry.offers(kind))
        except ExxError as clash:
            yield Check("plugins", "missing", str(clash.args[0] if clash.args else clash), fix=clash.hint or "")
    for broken in registry.broken:
        error = broken.error()
        yield Check("plugins", "warning", f"{broken.owner}: {broken.reason}", fix=error.hint or "")
    yield Check("plugins", "ok", f"{count} at hand")


def _folder(folder: Path) -> Iterator[Check]:
    room = shutil.disk_usage(folder).free
    words = f"{room / 1e9:.1f} GB free in {folder}"
    little = room < _LITTLE_ROOM
    yield Check("disk", "warning" if little else "ok", words, fix="make room" if little else "")
    try:
        with TemporaryFile(dir=folder):
            yield Check("folder", "ok", f"{folder} can be written")
    except OSError as error:
        yield Check("folder", "missing", f"{folder} cannot be written: {error.strerror}", fix="go to another folder")


def _experiment(experiment: Experiment) -> Iterator[Check]:
    try:
        experiment.check()
    except ExxError as error:
        yield Check("config", "missing", str(error), fix="exx validate shows every problem")
        return
    datasets = ", ".join(bound.name for bound in experiment.datasets)
    count = len(experiment.trials)
    trials = "1 trial" if count == 1 else f"{count} trials"
    yield Check("config", "ok", f"{experiment.origin.source}: {trials} on {datasets}")
    for bound in experiment.datasets:
        if bound.call("digest") is None:
            words = f"{bound.name} is not on this machine yet; it is fetched when it is first needed"
            yield Check("dataset", "warning", words, fix="exx prepare fetches it; or name a file as its source")


def _backend(experiment: Experiment, timeout: float | None) -> Iterator[Check]:
    try:
        bound = experiment.backend
    except ExxError:
        return  # told by the config's check
    needs: Callable[[], list[Prerequisite]] | None = getattr(bound.instance, "prerequisites", None)
    if needs is None:
        yield Check(f"backend {bound.name}", "ok", "needs no key and no host")
        return
    for need in bound.call("prerequisites"):
        yield _prerequisite(bound.name, need, timeout)


def _prerequisite(backend: str, need: Prerequisite, timeout: float | None) -> Check:
    name = f"backend {backend}"
    if need.kind == "credential":
        there = bool(os.environ.get(need.name))
        words = f"{need.name} is {'set (not shown)' if there else 'not set'}"
    else:
        there, words = _reach(need.name, timeout)
    if there:
        return Check(name, "ok", words)
    return Check(name, "missing" if need.required else "warning", words, fix=need.hint)


def _reach(url: str, timeout: float | None) -> tuple[bool, str]:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if timeout is None:
        return True, f"{host}:{port} was not tried"
    try:
        with socket.create_connection((host, port), timeout=timeout):
            return True, f"{host}:{port} answers"
    except OSError as error:
        reason = "it did not answer in time" if isinstance(error, TimeoutError) else error.strerror or str(error)
        return False, f"{host}:{port} cannot be reached: {reason}"


def credentials(experiment: Experiment) -> list[str]:
    """Names of the environment variables that the configured backend reads secrets from."""
    bound = experiment.backend
    if not hasattr(bound.instance, "prerequisites"):
        return []
    return [need.name for need in bound.call("prerequisites") if need.kind == "credential"]
