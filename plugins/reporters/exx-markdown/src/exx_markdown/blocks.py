"""The form that files of study analyses share: a list of blocks, each about a place and perhaps a part of its items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from exx_markdown.text import where

if TYPE_CHECKING:
    from exx import Results

Entry = Mapping[str, Any]


def blocks_of(content: Entry) -> Iterator[Entry]:
    """The blocks of a file; whatever else stands there is none."""
    blocks = content.get("blocks")
    for block in blocks if isinstance(blocks, list) else []:
        if isinstance(block, Mapping):
            yield block


def first(results: Results, entries: Mapping[str, Entry]) -> Iterator[tuple[str, Entry]]:
    """Entries by metric, the primary metrics first."""
    rank = {name: place for place, name in enumerate(results.primary)}
    for name in sorted(entries, key=lambda name: rank.get(name, len(rank))):
        if isinstance(entries[name], Mapping):
            yield name, entries[name]


def named(block: Entry) -> str:
    """Where a block is from: the place, and its part of the questions."""
    temp, kind, part = block.get("temp"), block.get("type"), block.get("subgroup")
    told = where(temp, str(kind)) if isinstance(temp, int | float) and kind else "All"
    within = " ".join(map(str, part)) if isinstance(part, list) else str(part) if part else ""
    return f"{told}, {within}" if within else told


def reason_of(content: Entry) -> str:
    """Why there is nothing."""
    return str(content.get("reason") or "the file does not say why")
