"""Turning what analyses say into numbers and strict JSON.

JSON has no word for infinity: it becomes the string ``"Infinity"``. NaN is never a result, so it is refused; a value
that is not defined is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, isnan
from numbers import Integral, Real
from typing import Any

from exx.records import Json


def number(value: Any, where: str) -> float | None:
    """Check that a value is a number or None, and make it a plain float.

    Raises:
        ValueError: It is NaN.
        TypeError: It is something else.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{where} is {value!r}, expected a number or None")
    if isnan(value):
        raise ValueError(f"{where} is NaN; a value that is not defined is None, with a reason")
    return float(value)


def jsonable(value: Any, where: str) -> Any:
    """Make plain JSON out of numbers, words, lists, arrays and mappings of them.

    Raises:
        ValueError: There is a NaN in it; ``where`` and the keys above it say which.
        TypeError: It holds something that JSON has no word for.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return finite(number(value, where))
    if isinstance(value, Mapping):
        return {str(key): jsonable(inner, f"{where}.{key}") for key, inner in value.items()}
    if hasattr(value, "tolist"):
        return jsonable(value.tolist(), where)
    if isinstance(value, (list, tuple)):
        return [jsonable(inner, f"{where}[{index}]") for index, inner in enumerate(value)]
    raise TypeError(f"{where} is a {type(value).__name__}, which JSON has no word for")


def with_reasons(value: Any, why: str = "not defined") -> Any:
    """Put a ``reason`` beside every null of a document that has none: that of what it is part of.

    Args:
        value: JSON.
        why: The reason that stands where it is part of.
    """
    if isinstance(value, list):
        return [with_reasons(inner, why) for inner in value]
    if not isinstance(value, Mapping):
        return value
    why = value.get("reason") or why
    lacking = "reason" not in value and None in value.values()
    told = {key: with_reasons(inner, why) for key, inner in value.items()}
    return {**told, "reason": why} if lacking else told


def finite(value: float | None) -> Json:
    """Write an infinite number as a word; leave any other as it is."""
    if value is None or -inf < value < inf:
        return value
    return "Infinity" if value > 0 else "-Infinity"
