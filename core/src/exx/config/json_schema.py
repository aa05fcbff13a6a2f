"""JSON Schema (draft 2020-12) of a config, for editors: types, bounds, defaults and words from the classes themselves.

What only a run can know, such as whether a file exists or a metric is measured, is not in a schema; ``exx validate``
checks it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

from attrs import NOTHING, Attribute, fields, frozen, has

from exx.config import schema
from exx.config.docstrings import field_docs, summary

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SCALARS: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    Path: {"type": "string"},
}
_BOUNDS = {">=": "minimum", ">": "exclusiveMinimum", "<=": "maximum", "<": "exclusiveMaximum"}
_LENGTHS = {"string": "Length", "array": "Items", "object": "Properties"}


@frozen
class Option:
    """A plugin that a config may name.

    Attributes:
        kind: ``dataset``, ``backend``, …
        name: The word for it.
        cls: Its class; its fields are its options.
    """

    kind: str
    name: str
    cls: type[Any]


def config_schema(plugins: Iterable[Option]) -> Schema:
    """Describe a whole config, with the options of these plugins.

    Args:
        plugins: Those that are installed.
    """
    known = list(plugins)
    definitions = {_place(option): _options_of(option) for option in known}
    whole = _Writer(known).of_class(schema.Config)
    return {
        "$schema": DIALECT,
        "title": "exx experiment",
        **whole,
        "$defs": dict(sorted(definitions.items())),
    }


def _place(option: Option) -> str:
    return f"{option.kind}.{option.name}"


def _options_of(option: Option) -> Schema:
    """A plugin as a mapping: its name and its options."""
    made = _Writer([]).of_class(option.cls)
    made["properties"] = {"name": {"const": option.name}, **made["properties"]}
    made["required"] = ["name", *made.get("required", [])]
    return made


@frozen
class _Writer:
    """Writes the schema of a class, knowing which plugins a config may name."""

    plugins: Sequence[Option]

    KINDS: ClassVar[Mapping[str, str]] = {
        "backend": "backend",
        "datasets": "dataset",
        "scorers": "scorer",
        "analyses": "analysis",
        "reporters": "reporter",
    }

    def of_class(self, cls: type[Any]) -> Schema:
        """A mapping with the fields of an attrs class and nothing else."""
        hints, words = get_type_hints(cls), field_docs(cls)
        properties = {}
        for field in fields(cls):
            made = self._field(field, hints[field.name])
            if field.alias in words:
                made = {"description": words[field.alias], **made}
            properties[field.alias] = made
        required = [field.alias for field in fields(cls) if field.default is NOTHING]
        made = {"type": "object", "description": summary(cls), "properties": properties, "additionalProperties": False}
        return made | ({"required": required} if required else {})

    def _field(self, field: Attribute[Any], hint: Any) -> Schema:
        made = self._special(field.alias or field.name, hint) or bounded(self._of_type(hint), field.validator)
        if field.default is not NOTHING:
            # A key with nothing behind it leaves a setting at its default.
            made = _or_null(made)
            default = _default(field.default)
            made |= {} if default is None else {"default": default}
        return made

    def _special(self, name: str, hint: Any) -> Schema | None:
        """The keys whose short forms the loader knows."""
        if self.plugins and name in self.KINDS:
            one = self._plugin(self.KINDS[name])
            return one if hint is schema.PluginRef else _list_of(one)
        if hint is schema.Unsupported:
            return self._unsupported()
        if name == "prompt_sets" and self.plugins:
            names = {"type": "string"}
            return {"anyOf": [names, _list_of(names), {"type": "object", "additionalProperties": self._prompt_set()}]}
        if name == "cache":
            return {"enum": [*get_args(hint), False]}
        return None

    def _of_type(self, hint: Any) -> Schema:
        if hint in _SCALARS:
            return dict(_SCALARS[hint])
        made = self._of_class_like(hint)
        if made is not None:
            return made
        origin, arguments = get_origin(hint), get_args(hint)
        if origin is Literal:
            return {"enum": list(arguments)}
        if origin in (Union, UnionType):
            return {"anyOf": [{"type": "null"} if one is NoneType else self._of_type(one) for one in arguments]}
        if origin in (tuple, list, Sequence):
            return _list_of(self._of_type(arguments[0]))
        if origin in (dict, Mapping):
            return {"type": "object", "additionalProperties": self._of_type(arguments[1])}
        return {}

    def _of_class_like(self, hint: Any) -> Schema | None:
        if hint is schema.PromptText:
            text = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
            return {"anyOf": [{"type": "string"}, {**text, "additionalProperties": False}]}
        if isinstance(hint, type) and has(hint):
            return self.of_class(hint)
        if getattr(hint, "__name__", "") == "Source":
            return {"type": "string", "description": "a file or a URL"}
        return None

    def _plugin(self, kind: str) -> Schema:
        """A plugin by its name, or as a mapping with its options."""
        options = [option for option in self.plugins if option.kind == kind]
        names = sorted(option.name for option in options)
        places = [{"$ref": f"#/$defs/{_place(option)}"} for option in sorted(options, key=lambda o: o.name)]
        return {"anyOf": [{"enum": names}, *places]}

    def _prompt_set(self) -> Schema:
        places = [{"$ref": f"#/$defs/{_place(option)}"} for option in self.plugins if option.kind == "prompt_set"]
        return {"anyOf": [{"type": "string"}, *places, self.of_class(schema.PromptFiles)]}

    def _unsupported(self) -> Schema:
        """The detector by its name, or with the keys that every detector may be given and those of its own."""
        plain = self.of_class(schema.Unsupported)
        shared = {name: made for name, made in plain["properties"].items() if name != "options"}
        detectors = [option for option in self.plugins if option.kind == "detector"]
        shapes = []
        for option in sorted(detectors, key=lambda o: o.name):
            own = _Writer([]).of_class(option.cls)["properties"]
            named = {"const": option.name}
            default = shared["strategy"].get("default")
            required = [] if option.name == default else ["strategy"]
            shape = {"type": "object", "properties": {**own, **shared, "strategy": named}, "required": required}
            shapes.append({**shape, "additionalProperties": False})
        return {"anyOf": [{"enum": sorted(option.name for option in detectors)}, *shapes]}


def _list_of(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _or_null(made: Schema) -> Schema:
    """The same, or nothing."""
    if made.get("type") == "null" or any("null" in str(one.get("type")) for one in made.get("anyOf", ())):
        return made
    if "enum" in made:
        return {**made, "enum": [*made["enum"], None]}
    if "type" in made:
        return {**made, "type": [made["type"], "null"]}
    return {**made, "anyOf": [*made["anyOf"], {"type": "null"}]} if "anyOf" in made else made


def _default(default: Any) -> Any:
    """The default as plain JSON; None where it is no plain value."""
    factory = getattr(default, "factory", None)
    value = factory() if factory is not None and not getattr(default, "takes_self", False) else default
    if isinstance(value, schema.PluginRef):
        return value.name
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, list | tuple):
        return [_default(one) for one in value]
    if isinstance(value, Mapping):
        return {str(key): _default(one) for key, one in value.items()}
    return value if isinstance(value, bool | int | float | str) else None


def bounded(made: Schema, validator: Any) -> Schema:
    """Add what an attrs validator says that JSON Schema has words for.

    The classes of ``attrs.validators`` are known by what they hold, since their names are private. One of exx's own may
    carry an ``each`` (a validator of every value of a mapping).
    """
    if validator is None:
        return made
    if "anyOf" in made:
        return {**made, "anyOf": [bounded(one, validator) for one in made["anyOf"]]}
    rule = _rule(made, validator)
    return made if rule is None else rule


def _rule(made: Schema, validator: Any) -> Schema | None:
    for parts in (getattr(validator, "_validators", None), getattr(validator, "validators", None)):
        if parts:
            for part in parts:
                made = bounded(made, part)
            return made
    inner = getattr(validator, "validator", None)
    if inner is not None:  # optional(…)
        return made if made.get("type") == "null" else bounded(made, inner)
    if getattr(validator, "member_validator", None) is not None and made.get("type") == "array":
        made = {**made, "items": bounded(made["items"], validator.member_validator)}
        return bounded(made, getattr(validator, "iterable_validator", None))
    return _simple_rule(made, validator)


def _simple_rule(made: Schema, validator: Any) -> Schema | None:
    kind = made.get("type")
    bound: Callable[..., Any] | None = getattr(validator, "bound", None)
    if bound is not None and kind in ("integer", "number"):
        return {**made, _BOUNDS[validator.compare_op]: bound}
    for name, word in (("min_length", "min"), ("max_length", "max")):
        if hasattr(validator, name) and kind in _LENGTHS:
            return {**made, f"{word}{_LENGTHS[str(kind)]}": getattr(validator, name)}
    if hasattr(validator, "each") and kind == "object":
        return {**made, "additionalProperties": bounded(made["additionalProperties"], validator.each)}
    if hasattr(validator, "pattern") and kind == "string":
        return {**made, "pattern": f"^(?:{validator.pattern.pattern})$"}
    if hasattr(validator, "options") and kind in ("string", "integer", "number"):
        return {**made, "enum": sorted(validator.options)}
    return None
