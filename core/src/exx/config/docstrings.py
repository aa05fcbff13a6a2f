"""What a class says about its fields: the ``Attributes:`` section of its docstring, field by field."""

from __future__ import annotations

import inspect
import re
from typing import Any

_FIELD = re.compile(r"^ {4}(\w+): (.*)$")


def summary(cls: type[Any]) -> str:
    """The first paragraph of a class's docstring, on one line; empty without one."""
    text = inspect.cleandoc(cls.__doc__ or "")
    return " ".join(text.split("\n\n", 1)[0].split())


def field_docs(cls: type[Any]) -> dict[str, str]:
    """Description of every field that the docstring describes, each on one line."""
    found: dict[str, list[str]] = {}
    current: list[str] | None = None
    lines = iter(inspect.cleandoc(cls.__doc__ or "").splitlines())
    for line in lines:
        if line.strip() == "Attributes:":
            break
    for line in lines:
        named = _FIELD.match(line)
        if named:
            current = found.setdefault(named[1], [])
            current.append(named[2])
        elif line.strip() and not line.startswith(" "):
            break
        elif current is not None and line.strip():
            current.append(line.strip())
    return {name: " ".join(words) for name, words in found.items()}
