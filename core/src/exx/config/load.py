"""experiment.yaml into ``Config``: YAML with line numbers, ``--set`` overrides, strict structuring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from attrs import evolve
from cattrs import Converter

from exx.config import schema
from exx.config.paths import resolve
from exx.config.structure import Origin, make_converter, structure
from exx.config.words import shown
from exx.errors import ConfigError, UsageError

Config = schema.Config


def load_config(path: Path, overrides: Sequence[str] = ()) -> tuple[Config, Origin]:
    """Read a config file.

    Args:
        path: YAML file.
        overrides: ``dotted.key=YAML value`` each, applied in order.

    Raises:
        ConfigError: The file is missing, is not YAML, or holds something that cannot be used.
    """
    raw, lines = read_yaml(path)
    return build_config(raw, Origin(path, path.resolve().parent, lines), overrides)


def build_config(raw: Any, origin: Origin, overrides: Sequence[str] = ()) -> tuple[Config, Origin]:
    """Structure plain data into a ``Config``, after applying overrides."""
    if raw is None:
        raw = {}
    if not isinstance(raw, dict):
        raise ConfigError(origin.source, [f"expected a mapping of settings, found {shown(raw)}"])
    for override in overrides:
        key = apply_override(raw, override)
        lines = {k: v for k, v in origin.lines.items() if k != key and not k.startswith((f"{key}.", f"{key}["))}
        origin = evolve(origin, lines=lines)  # what is found there no longer comes from that line of the file
    return structure(raw, Config, origin, converter=config_converter(origin)), origin


def read_yaml(path: Path) -> tuple[Any, dict[str, int]]:
    """Parse a YAML file into plain data and the line of each key's path; a key given twice is refused."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as cause:
        raise ConfigError(path, ["no such file"], hint="give the path of an experiment.yaml") from cause
    except (OSError, UnicodeDecodeError) as cause:
        raise ConfigError(path, [f"cannot be read: {cause}"]) from cause
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None, {}
        lines = dict(_lines(node, ""))
        return loader.construct_document(node), lines
    except _DuplicateKeyError as cause:
        raise ConfigError(path, [str(cause)]) from cause
    except (yaml.YAMLError, ValueError) as cause:  # a ValueError is a date or number that does not exist
        raise ConfigError(path, [f"is not valid YAML: {' '.join(str(cause).split())}"]) from cause
    except RecursionError as cause:
        raise ConfigError(path, ["a part of it contains itself, or is nested too deeply"]) from cause


class _DuplicateKeyError(ValueError):
    """A mapping names one key twice; YAML would silently keep the last."""


def _lines(node: yaml.Node, path: str) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            here = f"{path}.{name}" if path else name
            if name in seen:
                raise _DuplicateKeyError(f"line {line}: {here}: given twice, first on line {seen[name]}")
            seen[name] = line
            yield here, line
            yield from _lines(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield f"{path}[{index}]", value.start_mark.line + 1
            yield from _lines(value, f"{path}[{index}]")


def apply_override(raw: dict[str, Any], override: str) -> str:
    """Set one dotted key to a YAML value, making mappings on the way; returns the key.

    Raises:
        UsageError: The override has no ``=``, or goes through something that is not a mapping.
    """
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"--set {override!r}: expected KEY=VALUE", hint="for example --set stats.random_seed=7")
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as cause:
        raise UsageError(f"--set {override!r}: the value is not valid YAML: {cause}") from cause
    *parents, last = key.strip().split(".")
    target = raw
    for parent in parents:
        inner = target.setdefault(parent, {})
        if inner is None:
            inner = target[parent] = {}
        if not isinstance(inner, dict):
            raise UsageError(f"--set {override!r}: {parent!r} is not a mapping in this config")
        target = inner
    target[last] = value
    return key.strip()


def config_converter(origin: Origin) -> Converter:
    """The strict converter, with the shorthands that a config allows."""
    converter = make_converter(origin)
    converter.register_structure_hook(schema.PluginRef, lambda value, _: _plugin_ref(value))
    converter.register_structure_hook(schema.PromptText, lambda value, _: _prompt_text(value, origin))
    converter.register_structure_hook(schema.Unsupported, lambda value, _: _unsupported(value, origin))
    converter.register_structure_hook_func(
        lambda cls: cls == schema.PromptChoice,
        lambda value, _: _prompt_choice(value, converter),
    )
    converter.register_structure_hook_func(
        lambda cls: cls == schema.AbstentionSetting, lambda value, _: _abstention(value, converter)
    )
    whole = converter.get_structure_hook(Config)
    converter.register_structure_hook(Config, lambda value, _: whole(_shorthands(value), Config))
    return converter


def _plugin_ref(value: Any) -> schema.PluginRef:
    if isinstance(value, str):
        return schema.PluginRef(value)
    if isinstance(value, Mapping) and isinstance(value.get("name"), str):
        return schema.PluginRef(value["name"], {k: v for k, v in value.items() if k != "name"})
    raise TypeError(f"expected a plugin's name, or a mapping with a name and its options, found {shown(value)}")


def _prompt_text(value: Any, origin: Origin) -> schema.PromptText:
    if isinstance(value, str):
        return schema.PromptText(path=resolve(value, origin.base))
    if isinstance(value, Mapping) and set(value) == {"text"} and isinstance(value["text"], str):
        return schema.PromptText(text=value["text"])
    raise TypeError(f"expected the path of a text file, or {{text: …}}, found {shown(value)}")


def _unsupported(value: Any, origin: Origin) -> schema.Unsupported:
    known = {"strategy", "threshold", "min_token_overlap"}
    if isinstance(value, str):
        value = {"strategy": value}
    if not isinstance(value, Mapping):
        raise TypeError(f"expected a mapping with a strategy, found {shown(value)}")
    own = {k: v for k, v in value.items() if k in known}
    plain = make_converter(origin)
    unsupported = plain.structure(own, schema.Unsupported)
    return evolve(unsupported, options={k: v for k, v in value.items() if k not in known})


def _prompt_choice(value: Any, converter: Converter) -> schema.PromptChoice:
    """A set by its name, by its name with options, or as files."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and "name" in value:
        return _plugin_ref(value)
    return converter.structure(value, schema.PromptFiles)


def _abstention(value: Any, converter: Converter) -> Any:
    if value in ("default", "none"):
        return value
    if isinstance(value, Mapping):
        return converter.structure(value, schema.Markers)
    raise ValueError(f"expected default, none or {{markers: […]}}, found {shown(value)}")


def _shorthands(value: Any) -> Any:
    """Rewrite the forms that people may write shorter than the schema has them."""
    if not isinstance(value, Mapping):
        return value
    value = dict(value)
    sets = value.get("prompt_sets")
    if isinstance(sets, str):
        value["prompt_sets"] = {sets: sets}
    elif isinstance(sets, list) and all(isinstance(name, str) for name in sets):
        value["prompt_sets"] = {name: name for name in sets}
    if value.get("cache") is False:
        value["cache"] = "off"  # YAML reads a bare off as false
    samples = value.get("samples_per_item")
    if isinstance(samples, Mapping):
        value["samples_per_item"] = {_temp_key(key): count for key, count in samples.items()}
    return value


def _temp_key(key: Any) -> str:
    """YAML reads 0.0 as a number and "0.0" as text; both mean the temperature."""
    try:
        return repr(float(key))
    except (TypeError, ValueError) as cause:
        raise ValueError(f"samples_per_item: expected temperatures as keys, found {shown(key)}") from cause
