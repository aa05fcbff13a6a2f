"""Writing per_item_scores.csv: a row per item, condition and temperature, with mean and deviation over replicates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import fsum, sqrt
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from exx.pipeline.scoring_judge import Column
from exx.pipeline.scoring_read import ANSWERED, CUT, FAILED, TRUNCATED, Predictions
from exx.records import Metric
from exx.state.files import atomic_path, write_json

if TYPE_CHECKING:
    import pyarrow as pa

KEYS = ("item_key", "type", "condition", "temp")
COUNTS = ("n_samples", "n_failed", "n_truncated")
SUPPORT = ("item_key", "condition", "temp", "sample_index", "support")
_ONE = {ANSWERED: "1,0,0", TRUNCATED: "1,0,1", CUT: "0,0,1", FAILED: "0,1,0"}


@define
class Cells:
    """The rows of the score file, each with the predictions it sums up.

    Attributes:
        first: Row of the prediction that came first, per cell; cells are in the order of these.
        rows: Rows of all its predictions; None when every cell has one prediction alone.
    """

    first: Sequence[int]
    rows: Sequence[Sequence[int]] | None

    @classmethod
    def of(cls, predictions: Predictions) -> Cells:
        """Put the predictions that differ only in their sample index together."""
        arms: dict[tuple[str, str, float], int] = {}
        arm_of = [arms.setdefault((s.type, s.condition, s.temp), len(arms)) for s in predictions.slots]
        if len(arms) == len(predictions.slots):
            return cls(range(len(predictions.texts)), None)
        cells: list[list[int]] = []
        for rows in predictions.rows_of.values():
            by_arm: dict[int, list[int]] = {}
            for row in rows:
                by_arm.setdefault(arm_of[predictions.slot_of[row]], []).append(row)
            cells += by_arm.values()
        cells.sort()
        return cls([rows[0] for rows in cells], cells)


@frozen
class Table:
    """What goes into the score file; lists go by prediction row.

    Attributes:
        predictions: The rows.
        keys: The key of each row's item.
        groups: The group of each row's item, empty without one.
        metrics: The columns' metrics in their order.
        columns: The metrics' values.
    """

    predictions: Predictions
    keys: Sequence[str]
    groups: Sequence[str]
    metrics: Sequence[Metric]
    columns: dict[str, Column] = field(factory=dict)


def write_scores(path: Path, table: Table) -> int:
    """Write the score file and, beside it, metrics.json with what each metric means.

    The same predictions in the same order give the same bytes.

    Returns:
        Rows written.

    Raises:
        ExxError: A file cannot be written.
    """
    found = table.predictions
    cells = Cells.of(found)
    slots = [f"{slot.type},{slot.condition},{slot.temp!r}" for slot in found.slots]
    quote = _Quotes()
    parts: list[Iterable[str]] = [
        [quote[table.keys[row]] for row in cells.first],
        [slots[found.slot_of[row]] for row in cells.first],
        *(_summaries(table.columns.get(metric.name), cells) for metric in table.metrics),
        _counts(found.states, cells),
        [quote[table.groups[row]] for row in cells.first],
    ]
    names = [name for metric in table.metrics for name in (metric.name, f"{metric.name}_std")]
    header = ",".join([*KEYS, *names, *COUNTS, "group"])
    lines = list(map(",".join, zip(*parts, strict=True)))
    with atomic_path(path) as temp, temp.open("w", encoding="utf-8", newline="") as file:
        file.write("\n".join([header, *lines, ""]))
    write_json(path.with_name("metrics.json"), [_description(metric) for metric in table.metrics])
    return len(lines)


def write_parquet(path: Path) -> Path:
    """Write the score file once more as Parquet, beside it, and return where.

    Raises:
        ExxError: The file cannot be written.
    """
    from pyarrow import parquet

    target = path.with_suffix(".parquet")
    with atomic_path(target) as temp:
        parquet.write_table(_arrow(path), temp)
    return target


def write_support(path: Path, predictions: Predictions, keys: Sequence[str], support: Column) -> None:
    """Write how far the detector found each claim supported, a row each, in the order of the predictions.

    The same predictions in the same order give the same bytes.

    Args:
        path: The file to write.
        predictions: The rows.
        keys: The key of each row's item.
        support: Degree of support in [0, 1] per row; None for what was no claim, which gets no row.

    Raises:
        ExxError: The file cannot be written.
    """
    slots = [f"{slot.condition},{slot.temp!r},{slot.sample}" for slot in predictions.slots]
    quote = _Quotes()
    lines = [
        f"{quote[key]},{slots[slot]},{degree + 0.0!r}"
        for key, slot, degree in zip(keys, predictions.slot_of, support, strict=True)
        if degree is not None
    ]
    with atomic_path(path) as temp, temp.open("w", encoding="utf-8", newline="") as file:
        file.write("\n".join([",".join(SUPPORT), *lines, ""]))


def _arrow(path: Path) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv

    with path.open(encoding="utf-8") as file:
        header = file.readline().rstrip("\n").split(",")
    types = dict.fromkeys(header, pa.float64())
    types |= dict.fromkeys((*KEYS, "group"), pa.string()) | dict.fromkeys(COUNTS, pa.int64()) | {"temp": pa.float64()}
    options = csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=True)
    return csv.read_csv(path, convert_options=options)


def _description(metric: Metric) -> dict[str, str | bool | None]:
    return {
        "name": metric.name,
        "title": metric.title,
        "higher_is_better": metric.higher_is_better,
        "binary": metric.binary,
    }


def _summaries(column: Column | None, cells: Cells) -> list[str]:
    """Mean and deviation of every cell as they are written: ``0.5,0.7071067811865476``, or ``,`` without any value."""
    if column is None:
        return [","] * len(cells.first)
    if cells.rows is None:
        alone = {value: "," if value is None else f"{float(value) + 0.0!r},0.0" for value in set(column)}
        return [alone[value] for value in column]
    known: dict[tuple[float | None, ...], str] = {}
    written = []
    for rows in cells.rows:
        values = tuple([column[row] for row in rows])
        if values not in known:
            known[values] = _summary([float(value) for value in values if value is not None])
        written.append(known[values])
    return written


def _summary(values: Sequence[float]) -> str:
    if not values:
        return ","
    if min(values) == max(values):
        return f"{values[0] + 0.0!r},0.0"
    mean = fsum(values) / len(values)
    deviation = sqrt(fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
    return f"{mean!r},{deviation!r}"


def _counts(states: Sequence[int], cells: Cells) -> list[str]:
    if cells.rows is None:
        return [_ONE[state] for state in states]
    written = []
    for rows in cells.rows:
        mine = [states[row] for row in rows]
        failed, cut = mine.count(FAILED), mine.count(CUT)
        written.append(f"{len(mine) - failed - cut},{failed},{mine.count(TRUNCATED) + cut}")
    return written


class _Quotes(dict[str, str]):
    """A text as it stands in CSV, worked out once; line breaks, which readers trip over, become spaces."""

    def __missing__(self, text: str) -> str:
        plain = " ".join(text.splitlines()) if not text.isprintable() else text
        self[text] = '"' + plain.replace('"', '""') + '"' if '"' in plain or "," in plain else plain
        return self[text]
