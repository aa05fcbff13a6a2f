"""Plain data into typed classes, strictly: no scalar is bent into another, and every problem is told by its path."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_origin

from attrs import NOTHING, fields, frozen, has
from cattrs import BaseValidationError, Converter, ForbiddenExtraKeysError
from cattrs.cols import homogenous_tuple_structure_factory, list_structure_factory, mapping_structure_factory
from cattrs.errors import AttributeValidationNote, IterableValidationNote
from cattrs.gen import make_dict_structure_fn

from exx.config.paths import resolve
from exx.errors import ConfigError

T = TypeVar("T")
Hook = Callable[[Any, Any], Any]

_BOUND = re.compile(r"^'(?P<field>\w+)' (?P<rest>.*)$", re.DOTALL)
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
    try:
        return (converter or make_converter(origin)).structure(raw, cls)
    except (BaseValidationError, ForbiddenExtraKeysError, ValueError, TypeError, KeyError) as error:
        problems = [f"{origin.locate(path)}: {text}" for path, text in _flatten(error, where)]
        raise ConfigError(origin.source, list(dict.fromkeys(problems))) from error


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


def _origin_of(cls: Any) -> Any:
    return get_origin(cls)


def _register_source(converter: Converter, origin: Origin) -> None:
    from exx.sources import Source

    converter.register_structure_hook(Source, lambda value, _: Source.parse(_exactly(value, str), origin.base))


def _exactly(value: Any, cls: type[T]) -> T:
    """Refuse what ``cls(value)`` would quietly bend: '7', 1.9 and true are not the whole numbers 7, 1 and 1."""
    wanted = (int, float) if cls is float else cls
    if isinstance(value, wanted) and (cls is bool or not isinstance(value, bool)):
        return cls(value)  # type: ignore[call-arg]
    raise TypeError(f"expected {_WORDS.get(cls, cls.__name__)}, found {shown(value)}")


def shown(value: Any) -> str:
    """A value for a message: short, and never more than a line."""
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"


def _flatten(error: BaseException, path: str) -> Iterator[tuple[str, str]]:
    """Walk cattrs' tree of errors and yield (path, words) for each leaf."""
    if isinstance(error, ForbiddenExtraKeysError):
        known = [f.alias for f in fields(error.cl)]
        for key in sorted(map(str, error.extra_fields)):
            yield _join(path, key), f"unknown key{near(key, known)}"
    elif isinstance(error, BaseValidationError):
        for inner in error.exceptions:
            yield from _flatten(inner, _join(path, _step(inner)))
    elif isinstance(error, KeyError):
        yield _join(path, str(error.args[0])), "required, but missing"
    else:
        text = str(error.args[0]) if error.args else repr(error)
        bound = _BOUND.match(text)
        yield (_join(path, bound["field"]), bound["rest"]) if bound else (path, text)


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


def near(word: str, known: Sequence[str]) -> str:
    """Words that point to the nearest known name, or list the known ones."""
    close = get_close_matches(word, known, n=1)
    if close:
        return f", did you mean {close[0]!r}?"
    return f"; known here: {', '.join(known)}" if known else "; nothing is expected here"
