"""Which items two trials answered differently, judged by a metric: how many, and some of them with both answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import nsmallest
from pathlib import Path
from typing import Literal
from zlib import crc32

from attrs import evolve, frozen

from exx.records import Condition
from exx.results import Results
from exx.rows import read_columns
from exx.verdict import VerdictRow

Cell = tuple[str, str, float]
Values = Mapping[str, Mapping[Cell, float]]
_LONGEST_TEXT = 2_000
_HINT = "exx parse makes predictions.csv anew"


@frozen(kw_only=True)
class FlipCount:
    """How many items changed in one place.

    Attributes:
        metric: Judged by this.
        temp: Temperature.
        type: ``open`` or ``closed``.
        fixed: Better in the second.
        broke: Worse in the second. Of a metric without a good side, ``fixed`` rose and ``broke`` fell.
        same: Of equal value in both.
    """

    metric: str
    temp: float
    type: str
    fixed: int
    broke: int
    same: int


@frozen(kw_only=True)
class Flip:
    """An item that changed. The answers come from models: treat them as hostile.

    Attributes:
        item_key: ``dataset|id``.
        metric: Judged by this.
        temp: Temperature.
        type: ``open`` or ``closed``.
        effect: What became of it in the second trial.
        a: Its score in the first.
        b: Its score in the second.
        a_answer: First answer in the first trial, up to 2,000 characters; None when predictions.csv has none.
        b_answer: First answer in the second.
    """

    item_key: str
    metric: str
    temp: float
    type: str
    effect: Literal["fixed", "broke"]
    a: float
    b: float
    a_answer: str | None = None
    b_answer: str | None = None


@frozen(eq=False)
class Moved:
    """The items of one place that changed, and how many did."""

    count: FlipCount
    flips: Sequence[Flip]


def count_flips(rows: Sequence[VerdictRow], a: Values, b: Values) -> list[Moved]:
    """Find the items that changed, for each of these rows of the verdict.

    Args:
        rows: Metric and place of each.
        a: By metric and cell, the scores of the first trial.
        b: The same of the second, with the same metrics.
    """
    return [_moved(row, a[row.metric], b[row.metric]) for row in rows]


def _moved(row: VerdictRow, a: Mapping[Cell, float], b: Mapping[Cell, float]) -> Moved:
    sign = -1 if row.higher_is_better is False else 1
    place = row.address.type, row.address.temp
    cells = sorted(cell for cell in a.keys() & b.keys() if cell[1:] == place)
    flips = [
        Flip(
            item_key=cell[0],
            metric=row.metric,
            temp=row.address.temp,
            type=row.address.type,
            effect="fixed" if (b[cell] - a[cell]) * sign > 0 else "broke",
            a=a[cell],
            b=b[cell],
        )
        for cell in cells
        if a[cell] != b[cell]
    ]
    fixed = sum(flip.effect == "fixed" for flip in flips)
    count = FlipCount(
        metric=row.metric,
        temp=row.address.temp,
        type=row.address.type,
        fixed=fixed,
        broke=len(flips) - fixed,
        same=len(cells) - len(flips),
    )
    return Moved(count, flips)


def list_flips(moved: Sequence[Moved], a: Results, b: Results, arm: Condition, each: int) -> list[Flip]:
    """Choose up to ``each`` items per place and effect, the largest changes first, and look their answers up.

    Among equals the order is that of a hash of the item's key: the same for everyone, and not chosen by hand.

    Raises:
        DataError: A predictions.csv is damaged.
    """
    chosen = [
        flip
        for one in moved
        for effect in ("fixed", "broke")
        for flip in nsmallest(each, (f for f in one.flips if f.effect == effect), key=_rank)
    ]
    temps = sorted({flip.temp for flip in chosen})
    keys = {flip.item_key for flip in chosen}
    left, right = (_answers(results.folder / "predictions.csv", keys, arm) for results in (a, b))
    return [evolve(flip, a_answer=_answer(left, flip, temps), b_answer=_answer(right, flip, temps)) for flip in chosen]


def _rank(flip: Flip) -> tuple[float, int]:
    return -abs(flip.a - flip.b), crc32(flip.item_key.encode())


def _answer(texts: Mapping[Cell, str], flip: Flip, temps: Sequence[float]) -> str | None:
    found = texts.get((flip.item_key, flip.type, flip.temp))
    if found is None and len(temps) == 1:  # two temperatures that were compared with each other
        others = [text for (item, kind, _), text in texts.items() if (item, kind) == (flip.item_key, flip.type)]
        found = others[0] if len(others) == 1 else None
    return found


def _answers(predictions: Path, keys: set[str], arm: Condition) -> dict[Cell, str]:
    texts: dict[Cell, str] = {}
    if not keys or not predictions.is_file():
        return texts
    for custom_id, text in read_columns(predictions, ("custom_id", "response_text"), hint=_HINT):
        key, *rest = custom_id.rsplit("|", 4)
        if key in keys and len(rest) == 4 and rest[0] == arm:
            texts.setdefault((key, rest[3], float(rest[1])), text[:_LONGEST_TEXT])
    return texts
