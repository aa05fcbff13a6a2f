"""Which versions of the hook specs a plugin was made for: ranges such as ``>=1,<2``."""

from __future__ import annotations

import re
from itertools import zip_longest
from operator import eq, ge, gt, le, lt, ne

_CLAUSE = re.compile(r"(>=|<=|==|!=|>|<)\s*(\d+(?:\.\d+)*)")
_COMPARE = {">=": ge, "<=": le, "==": eq, "!=": ne, ">": gt, "<": lt}


def accepts(declared: str, version: str) -> bool:
    """Say whether a range holds a version.

    Args:
        declared: Clauses separated by commas, all of which have to hold; 1 and 1.0 are the same.
        version: Numbers with dots between them.

    Raises:
        ValueError: The range cannot be understood.
    """
    return all(_COMPARE[sign](*_aligned(version, wanted)) for sign, wanted in _clauses(declared))


def wants_newer(declared: str, version: str) -> bool:
    """Say whether a range that does not hold a version begins above it."""
    return any(sign in (">=", ">", "==") and lt(*_aligned(version, wanted)) for sign, wanted in _clauses(declared))


def _clauses(declared: str) -> list[tuple[str, str]]:
    found = [_CLAUSE.fullmatch(part.strip()) for part in declared.split(",")]
    if None in found:
        raise ValueError(f"expected a range such as '>=1,<2', found {declared!r}")
    return [(clause[1], clause[2]) for clause in found if clause]


def _aligned(one: str, other: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    pairs = list(zip_longest(map(int, one.split(".")), map(int, other.split(".")), fillvalue=0))
    return tuple(a for a, _ in pairs), tuple(b for _, b in pairs)
