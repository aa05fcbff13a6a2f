"""Plain data into typed classes, strictly: no scalar is bent into another, and every problem is told by its path."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

from attrs import NOTHING, fields, frozen, has
from cattrs import BaseValidationError, Converter, ForbiddenExtraKeysError
from cattrs.cols import homogenous_tuple_structure_factory, list_structure_factory, mapping_structure_factory
from cattrs.errors import AttributeValidationNote, IterableValidationNote
from cattrs.gen import make_dict_structure_fn

from exx.config.paths import resolve
from exx.config.words import near, shown
from exx.errors import ConfigError

T = TypeVar("T")
Hook = Callable[[Any, Any], Any]
Steps = tuple[str, ...]

_BOUND = re.compile(r"^(?P<length>Length of )?'(?P<field>\w+)(?:\.(?P<key>[^']+))?' (?P<rest>.*)$", re.DOTALL)
_LARGEST_INT = 2**63 - 1  # what JSON written by everybody else can hold
_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


@frozen
class Origin:
    """Where plain data came from: for messages, and for what relative paths are relative to."""

    source: Path | str
    base: Path | None = None
    lines: Mapping[str, int] = {}

    def locate(self, path: str) -> str:
        """Name a key by its path, with the line it stands on where that is known."""
        line = self.lines.get(path)
        return f"line {line}: {path}" if line and path else path or "top level"


def structure(raw: Any, cls: type[T], origin: Origin, where: str = "", *, converter: Converter | None = None) -> T:
    """Build ``cls`` from plain data; ``where`` is the path of the data within its source.

    Raises:
        ConfigError: With a line per problem: path, what was expected, what was found, the nearest known key.
    """
    chosen = converter or make_converter(origin)
    found: dict[str, None] = {}
    taken: set[Steps] = set()
    first: Exception | None = None
    while True:
        try:
            built = chosen.structure(raw, cls)
        except (BaseValidationError, ForbiddenExtraKeysError, ValueError, TypeError, KeyError) as error:
            first = first or error
            problems = [(steps, text) for steps, text in _flatten(error, ()) if steps not in taken]
            before = len(found)
            found |= dict.fromkeys(_line(origin, where, steps, text) for steps, text in problems)
            if len(found) == before:
                break
            # A class is only built, and its bounds only checked, once all its keys have the right type: take out
            # what is known to be wrong and look again, so that every problem is told at once.
            for steps, _ in problems:
                raw = _without(raw, steps)
                taken.add(tuple(takewhile(lambda step: not step.startswith("["), steps)))
        else:
            if first is None:
                return built
            break
    raise ConfigError(origin.source, list(found)) from first


def _line(origin: Origin, where: str, steps: Steps, text: str) -> str:
    path = where
    for step in steps:
        path = _join(path, step)
    return f"{origin.locate(path)}: {text}"


def _without(raw: Any, steps: Steps) -> Any:
    """The same data without one key; of a list, all of it goes, so that the places of the others don't shift."""
    if not isinstance(raw, Mapping) or not steps or steps[0] not in raw:
        return raw
    rest = {key: value for key, value in raw.items() if key != steps[0]}
    if len(steps) == 1 or steps[1].startswith("["):
        return rest
    return {**rest, steps[0]: _without(raw[steps[0]], steps[1:])}


def make_converter(origin: Origin) -> Converter:
    """A converter that is strict about scalars, lists, mappings and unknown keys."""
    converter = Converter(forbid_extra_keys=True, detailed_validation=True)
    for scalar in (str, int, float, bool):
        converter.register_structure_hook(scalar, _exactly)
    converter.register_structure_hook(Path, lambda value, _: resolve(_exactly(value, str), origin.base))
    converter.register_structure_hook_factory(
        lambda cls: _origin_of(cls) is tuple, _checked(homogenous_tuple_structure_factory, list, "a list")
    )
    converter.register_structure_hook_factory(
        lambda cls: _origin_of(cls) in (list, Sequence), _checked(list_structure_factory, list, "a list")
    )
    converter.register_structure_hook_factory(
        lambda cls: _origin_of(cls) in (dict, Mapping), _checked(mapping_structure_factory, Mapping, "a mapping")
    )
    converter.register_structure_hook_factory(has, _checked(_class_factory, Mapping, "a mapping"))
    converter.register_structure_hook_func(lambda cls: _origin_of(cls) is Literal, _one_of)
    _register_source(converter, origin)
    return converter


def _class_factory(cls: Any, converter: Converter) -> Hook:
    inner = make_dict_structure_fn(cls, converter, _cattrs_forbid_extra_keys=True, _cattrs_detailed_validation=True)
    optional = {f.alias for f in fields(get_origin(cls) or cls) if f.default is not NOTHING}

    def hook(value: Mapping[str, Any], target: Any) -> Any:
        # A key with nothing behind it (``pricing:``) is how people leave a setting at its default.
        return inner({k: v for k, v in value.items() if v is not None or k not in optional}, target)

    return hook


def _checked(factory: Callable[..., Any], wanted: type, words: str) -> Any:
    """Wrap a cattrs factory so that its hook first insists on the right shape: cattrs would iterate over a string."""

    def checked_factory(cls: Any, converter: Converter) -> Hook:
        inner = factory(cls, converter)

        def hook(value: Any, target: Any) -> Any:
            if not isinstance(value, wanted):
                raise TypeError(f"expected {words}, found {shown(value)}")
            return inner(value, target)

        return hook

    return checked_factory


def _one_of(value: Any, cls: Any) -> Any:
    """Take one of a few words, in place of cattrs' own hook, whose message shows the type."""
    known = [str(word) for word in get_args(cls)]
    if value not in get_args(cls):
        raise ValueError(
            f"expected one of {', '.join(known)}, found {shown(value)}{near(str(value), known, quiet=True)}"
        )
    return value


def _origin_of(cls: Any) -> Any:
    return get_origin(cls)


def _register_source(converter: Converter, origin: Origin) -> None:
    from exx.sources import Source

    converter.register_structure_hook(Source, lambda value, _: Source.parse(_exactly(value, str), origin.base))


def _exactly(value: Any, cls: type[T]) -> T:
    """Refuse what ``cls(value)`` would quietly bend: '7', 1.9 and true are not the whole numbers 7, 1 and 1."""
    wanted = (int, float) if cls is float else cls
    if not isinstance(value, wanted) or (isinstance(value, bool) and cls is not bool):
        raise TypeError(f"expected {_WORDS.get(cls, cls.__name__)}, found {shown(value)}")
    if isinstance(value, int | float) and not abs(value) <= _LARGEST_INT:  # NaN is not either
        raise ValueError(f"expected {_WORDS[cls]} of ordinary size, found {shown(value)}")
    if isinstance(value, str) and not value.isascii():
        _encodable(value)
    return cls(value)  # type: ignore[call-arg]


def _encodable(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as cause:
        raise ValueError(f"holds a character that cannot be written: {shown(text)}") from cause


def _flatten(error: BaseException, path: Steps) -> Iterator[tuple[Steps, str]]:
    """Walk cattrs' tree of errors and yield (path, words) for each leaf."""
    if isinstance(error, ForbiddenExtraKeysError):
        known = [f.alias for f in fields(error.cl)]
        for key in sorted(map(str, error.extra_fields)):
            yield (*path, key), f"unknown key{near(key, known)}"
    elif isinstance(error, BaseValidationError):
        for inner in error.exceptions:
            step = _step(inner)
            yield from _flatten(inner, (*path, step) if step else path)
    elif isinstance(error, KeyError):
        yield (*path, str(error.args[0])), "required, but missing"
    else:
        text = str(error.args[0]) if error.args else repr(error)
        bound = _BOUND.match(text)
        yield (path + _named(bound), ("length " if bound["length"] else "") + bound["rest"]) if bound else (path, text)


def _named(bound: re.Match[str]) -> Steps:
    """The field, and the key within it, that a validator's message names."""
    return (bound["field"], bound["key"]) if bound["key"] else (bound["field"],)


def _step(error: BaseException) -> str:
    """The key or index, from the note that cattrs leaves on an exception."""
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, IterableValidationNote):
            return f"[{note.index}]" if isinstance(note.index, int) else str(note.index)
        if isinstance(note, AttributeValidationNote) and not isinstance(error, KeyError):
            return note.name
    return ""


def _join(path: str, step: str) -> str:
    if not step or not path:
        return path or step
    return path + step if step.startswith("[") else f"{path}.{step}"
