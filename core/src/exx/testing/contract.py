"""What every plugin's class keeps, whatever its kind: a frozen record of documented options, with a name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from attrs import NOTHING, fields, has

from exx import interfaces
from exx.config.docstrings import field_docs

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PROTOCOLS: dict[str, tuple[type[Any], ...]] = {
    "dataset": (interfaces.Dataset,),
    "prompt_set": (interfaces.PromptSet,),
    "backend": (interfaces.OnlineBackend, interfaces.BatchBackend),
    "scorer": (interfaces.Scorer,),
    "detector": (interfaces.Detector,),
    "reporter": (interfaces.Reporter,),
}
_LEVELS = ("metric", "block", "study", "adjustment")


def require(kept: object, subject: Any, complaint: str) -> None:
    """Raise an AssertionError that names the plugin, unless the contract is kept."""
    if not kept:
        name = getattr(subject, "name", None) or getattr(subject, "__name__", type(subject).__name__)
        raise AssertionError(f"{name}: {complaint}")


def subject_of(kind: str, plugin: Any) -> Any:
    """An instance to try: what was given, or a class with every option at its default; its class has been checked.

    Raises:
        AssertionError: The class breaks a contract, or cannot be made without options.
    """
    if not isinstance(plugin, type):
        check_class(kind, type(plugin))
        return plugin
    check_class(kind, plugin)
    missing = required_options(plugin)
    require(not missing, plugin, f"has no default for {', '.join(missing)}: give an instance instead of the class")
    return plugin()


def required_options(cls: type[Any]) -> list[str]:
    """Names of the options without a default."""
    return [option.alias for option in fields(cls) if option.init and option.default is NOTHING]


def check_class(kind: str, cls: type[Any]) -> None:
    """Check that a class can be offered under a kind: name, options, their documentation, the members it needs.

    Args:
        kind: ``dataset``, ``prompt_set``, ``backend``, ``scorer``, ``detector``, ``analysis`` or ``reporter``.
        cls: The class.

    Raises:
        AssertionError: A contract is broken.
    """
    name = getattr(cls, "name", None)
    require(isinstance(name, str), cls, "has no class variable 'name'")
    require(_NAME.fullmatch(str(name)), cls, f"the name {name!r} is not of a-z, 0-9 and _, beginning with a letter")
    require(has(cls), cls, "is not an attrs class")
    frozen = "__setattr__" in {name for base in cls.__mro__[:-1] for name in vars(base)}
    require(frozen, cls, "is not frozen: write @frozen(kw_only=True)")
    require((cls.__doc__ or "").strip(), cls, "has no docstring, so nobody can learn what it does")
    _check_options(cls)
    for member in _lacking(kind, cls):
        require(False, cls, f"has no {member}")


def _check_options(cls: type[Any]) -> None:
    documented = field_docs(cls)
    for option in fields(cls):
        if option.init:
            require(option.kw_only, cls, f"option {option.alias!r} is not keyword-only")
            require(option.type is not None, cls, f"option {option.alias!r} has no type")
            require(option.alias in documented, cls, f"option {option.alias!r} is not under 'Attributes:'")


def _lacking(kind: str, cls: type[Any]) -> Iterable[str]:
    """Members that the kind asks for and the class does not have; a class may choose between several protocols."""
    if kind == "analysis":
        level = getattr(cls, "level", None)
        require(level in _LEVELS, cls, f"the level {level!r} is none of {', '.join(_LEVELS)}")
        needed = [["adjust"] if level == "adjustment" else ["analyze", *(["artifact"] if level == "study" else [])]]
    else:
        needed = [_members(protocol) for protocol in _PROTOCOLS[kind]]
    own = {option.name for option in fields(cls)}
    missing = [[member for member in wanted if member not in own and not hasattr(cls, member)] for wanted in needed]
    return min(missing, key=len)


def _members(protocol: type[Any]) -> list[str]:
    annotated = getattr(protocol, "__annotations__", {})
    return sorted({*annotated, *(name for name in vars(protocol) if not name.startswith("_"))})
