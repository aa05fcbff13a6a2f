"""A config as plain data again: what config.yaml in a run's folder holds, and what drift is measured by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import fields, has

from exx.config.schema import Config, PluginRef, PromptText, Unsupported


def to_plain(config: Config, *, absolute: bool = False) -> dict[str, Any]:
    """The effective config, defaults included, in the form in which a person would write it.

    Args:
        config: The config.
        absolute: Name prompts by absolute paths, for readers in other folders.
    """
    plain = _plain(config, absolute)
    assert isinstance(plain, dict)
    return plain


def _plain(value: Any, absolute: bool) -> Any:
    if isinstance(value, PluginRef):
        return {"name": value.name, **_plain(value.options, absolute)} if value.options else value.name
    if isinstance(value, PromptText):
        path = value.path and (value.path.absolute() if absolute else value.path)
        return {"text": value.text} if path is None else str(path)
    if isinstance(value, Unsupported):
        known = {"strategy": value.strategy, "threshold": value.threshold, "min_token_overlap": value.min_token_overlap}
        return known | _plain(value.options, absolute)
    if has(type(value)):
        pairs = ((f.alias, _plain(getattr(value, f.name), absolute)) for f in fields(type(value)))
        return {key: inner for key, inner in pairs if inner is not None}
    if isinstance(value, Mapping):
        return {str(key): _plain(inner, absolute) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner, absolute) for inner in value]
    return str(value) if isinstance(value, Path) else value


def differences(old: Mapping[str, Any], new: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Say for each key that differs what it was and what it is."""
    for key in sorted({*old, *new}):
        here = f"{path}.{key}" if path else key
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from differences(before, after, here)
        elif before != after:
            yield f"{here}: {before!r} → {after!r}"
