"""The items as compressed blocks of JSON in the page, which the browser unpacks when it needs them.

The index has what the list and the filters need, and is unpacked at once; answers, right answers and passages are in
blocks of their own, unpacked when they are looked at or searched.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson
from attrs import define, field

from exx_html.items import COUNTS, Table

if TYPE_CHECKING:
    from exx import Results

_SIZES = {"answers": 512, "right": 1024, "passages": 256}
_ONE_SHARE = 10_000


@define
class Packed:
    """Blocks for the page.

    Attributes:
        blocks: Base64 of gzip of JSON, by the id of its element.
        left_out: What did not fit, in words.
    """

    blocks: dict[str, str] = field(factory=dict)
    left_out: list[str] = field(factory=list)


class _Budget:
    def __init__(self, size: int) -> None:
        self.left = size

    def squeeze(self, content: object) -> str | None:
        """Compress; None when there is no room left."""
        block = base64.b64encode(gzip.compress(orjson.dumps(content), compresslevel=5, mtime=0)).decode()
        if len(block) > self.left:
            return None
        self.left -= len(block)
        return block


def pack(results: Results, table: Table, budget: int) -> Packed:
    """Pack a table of items into at most so many bytes of the page.

    The index comes first, then answers, right answers and passages, for as long as there is room.
    """
    packed, room = Packed(), _Budget(budget)
    index = room.squeeze(_index(results, table))
    if index is None:
        packed.left_out.append("the items do not fit into the page; the reporter's option texts_mb makes room")
        return packed
    packed.blocks["exx-index"] = index
    said = [[row.said(0), row.said(1)] for row in table.rows]
    lost = {"answers": _fill(packed, room, "answers", said)}
    lost["right"] = _fill(packed, room, "right", table.right)
    lost["passages"] = _fill(packed, room, "passages", table.passage_texts)
    words = {"answers": "answers to {} items", "right": "right answers of {} items", "passages": "{} passages"}
    told = [words[kind].format(f"{number:,}") for kind, number in lost.items() if number]
    if table.left_out:
        told.insert(0, f"{table.left_out:,} long answers")
    if told:
        packed.left_out.append(
            f"{', '.join(told)} did not fit into the page and are in predictions.csv and the prepared items; the "
            "reporter's option texts_mb makes room"
        )
    return packed


def _fill(packed: Packed, room: _Budget, kind: str, content: Sequence[object]) -> int:
    """Add blocks of a kind for as long as there is room; how many entries were left out."""
    size, lost = _SIZES[kind], 0
    for start in range(0, len(content), size):
        part = content[start : start + size]
        block = room.squeeze(part)
        if block is None:
            lost += len(part)
        else:
            packed.blocks[f"exx-{kind}-{start // size}"] = block
    return lost


def _index(results: Results, table: Table) -> dict[str, Any]:
    described = [results.metric(name) for name in table.metrics]
    arms = [_columns(table, arm) for arm in (0, 1)]
    width = len(table.metrics)
    return {
        "metrics": [{"name": m.name, "title": m.title, "better": m.higher_is_better} for m in described],
        "primary": results.primary[0] if results.primary else None,
        "places": table.places,
        "keys": table.keys,
        "questions": table.questions,
        "passage": table.passages,
        "item": [row.item for row in table.rows],
        "place": [row.place for row in table.rows],
        "scores": [[_scaled(column, _ONE_SHARE) for column in columns[:width]] for columns in arms],
        "counts": [[_scaled(column, 1) for column in columns[width:]] for columns in arms],
        "sizes": _SIZES,
    }


def _columns(table: Table, arm: int) -> list[tuple[float | None, ...]]:
    """One arm's columns; an arm without a row has None in all of them."""
    nothing = (None,) * (len(table.metrics) + len(COUNTS))
    return list(zip(*(row.scores[arm] or nothing for row in table.rows), strict=True))


def _scaled(column: Sequence[float | None], by: int) -> list[int | None]:
    """Whole numbers: shares as ten-thousandths, which are shorter than decimals."""
    known = {value: None if value is None else round(value * by) for value in set(column)}
    return [known[value] for value in column]
