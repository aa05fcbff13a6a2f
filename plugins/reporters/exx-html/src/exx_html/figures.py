"""The report's figures: each as SVG for the page, or the reason why there is none."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
from attrs import frozen

from exx import DataError, plots, points
from exx_html.numbers import where

if TYPE_CHECKING:
    from exx import Results
    from exx_html.items import Table

_MOST_PLACES = 12
_NAMES = re.compile(r'(\bid="|\bhref="#|url\(#)')


@frozen(kw_only=True)
class Figure:
    """A figure, or why there is none.

    Attributes:
        title: What it shows.
        svg: The drawing; None where there is none.
        note: What to know when reading it; without a drawing, why there is none.
        wide: It needs the width of the page.
    """

    title: str
    svg: str | None = None
    note: str = ""
    wide: bool = False


def draw(title: str, make: Callable[[], str], note: str = "", *, wide: bool = False) -> Figure:
    """Draw a figure; where there is nothing to draw, keep the reason."""
    try:
        svg = make()
    except ValueError as nothing:
        return Figure(title=title, note=f"Not drawn: {nothing}.")
    return Figure(title=title, svg=svg, note=note, wide=wide)


def apart(figures: Sequence[Figure], start: str) -> list[Figure]:
    """Give the ids within each drawing a beginning of their own: all figures share one page."""
    return [
        Figure(
            title=figure.title,
            svg=None if figure.svg is None else _NAMES.sub(rf"\g<1>{start}{number}-", figure.svg),
            note=figure.note,
            wide=figure.wide,
        )
        for number, figure in enumerate(figures)
    ]


def differences(results: Results) -> list[Figure]:
    """A forest of all metrics for each place."""
    figures: list[Figure] = []
    rows = results.verdict()
    for place in dict.fromkeys(row.address for row in rows):
        drawn = [_interval(row, f"{row.title}{' ★' if row.primary else ''}") for row in rows if row.address == place]
        known = [row for row in drawn if row is not None]
        title = f"Differences: {where(place.temp, place.type)}"
        margin = results.rules.margin
        band = "" if margin is None else f" The band is the margin of ±{100 * margin:g} points."
        # The same words below every figure would be noise.
        note = "" if figures else f"★ primary. Coloured where the verdict is more than that it cannot be told.{band}"
        figures.append(draw(title, partial(plots.forest, known, title=title, margin=margin), note, wide=True))
    return figures[:_MOST_PLACES]


def _interval(row: Any, label: str) -> plots.Interval | None:
    if row.difference is None:
        return None
    clear = row.answer != "cannot tell"
    return plots.Interval(label=label, estimate=row.difference, low=row.low, high=row.high, clear=clear)


def parts(results: Results) -> list[Figure]:
    """A forest of the first primary metric by part of the questions, where there are several parts."""
    if not results.primary:
        return []
    metric = results.metric(results.primary[0])
    figures = []
    for whole in list(results.blocks())[:_MOST_PLACES]:
        for column, values in whole.content.get("subgroups", {}).items():
            if len(values) < 2:
                continue
            rows = [
                _interval(row, part.address.subgroup[1])
                for part in results.blocks(subgroups=True)
                if part.address.subgroup
                and part.address.subgroup[0] == column
                and (part.address.temp, part.address.type) == (whole.address.temp, whole.address.type)
                for row in results.subgroup_verdict(part)
                if row.metric == metric.name
            ][:40]
            known = [row for row in rows if row is not None]
            title = f"{metric.title} by {column}: {where(whole.address.temp, whole.address.type)}"
            figures.append(draw(title, partial(plots.forest, known, title=title), wide=True))
    return figures


def changed(results: Results, table: Table | None) -> list[Figure]:
    """The four cells, and the bootstrap's law, of the primary metrics in each place."""
    figures = []
    for whole in list(results.blocks())[:_MOST_PLACES]:
        place = whole.address.temp, whole.address.type
        for name in results.primary:
            entry, title = whole.metrics.get(name, {}), results.metric(name).title
            figures.append(_square(entry, f"{title}: {where(*place)}"))
            figures.append(_law(entry, table, name, place, f"{title}: {where(*place)}"))
    return figures


def _square(entry: Mapping[str, Any], what: str) -> Figure:
    title = f"Right and wrong, {what}"
    cells = entry.get("mcnemar")
    if not isinstance(cells, Mapping):
        return Figure(
            title=title, note="Not drawn: the metric is not a matter of right or wrong, or mcnemar did not run."
        )
    undecided = cells.get("n_undecided")
    half = f" {undecided:,} items were right in exactly half of their answers and are left out." if undecided else ""
    most = " With several answers to each question, right means most of them." if cells.get("replicated") else ""
    return draw(title, partial(plots.discordance, cells, title=title), f"{most}{half}".strip())


def _law(entry: Mapping[str, Any], table: Table | None, name: str, place: tuple[float, str], what: str) -> Figure:
    title = f"Bootstrap distribution, {what}"
    if table is None:
        return Figure(title=title, note="Not drawn: per_item_scores.csv is not among the results.")
    drawn: Mapping[str, Any] = entry.get("paired_bootstrap") or {}
    ends = [drawn.get("low"), drawn.get("high")]
    if None in ends:
        ends = list(entry.get("ci_95_items") or entry.get("ci_95") or [None, None])
    if None in ends:
        return Figure(title=title, note=f"Not drawn: {entry.get('reason') or 'there is no interval'}.")
    deltas = sorted(table.deltas(name, place).items())
    values, counts = [delta for delta, _ in deltas], [times for _, times in deltas]
    grouped = entry.get("ci_95") if entry.get("ci_95_items") else None
    note = "Which mean differences other draws of as many items would have given."
    if grouped:
        wider = " to ".join(map(points, grouped))
        note += f" Drawn item by item; with items that share a passage taken together the interval is {wider} points."

    low, high = ends
    return draw(
        title, partial(plots.bootstrap_law, _array(values), _array(counts), low=low, high=high, title=title), note
    )


def _array(numbers: Sequence[float]) -> Any:
    import numpy as np

    return np.array(numbers)


def selective(results: Results) -> list[Figure]:
    """Risk against coverage in each place."""
    figures = []
    for whole in list(results.blocks())[:_MOST_PLACES]:
        title = f"Risk and coverage: {where(whole.address.temp, whole.address.type)}"
        block = whole.content.get("selective_risk")
        if not isinstance(block, Mapping):
            figures.append(Figure(title=title, note="Not drawn: the analysis selective_risk did not run."))
            continue
        note = "; ".join(str(block[key]) for key in ("loss", "reason") if block.get(key))
        figures.append(draw(title, partial(plots.risk_coverage, block, title=title), f"Risk: {note}."))
    return figures


def thresholds(results: Results) -> list[Figure]:
    """The difference in unsupported answers at every threshold of the detector."""
    title = "Sensitivity to the detector's threshold"
    content = read_json(results, "unsupported_sensitivity.json")
    if content is None:
        return [Figure(title=title, note="Not drawn: unsupported_sensitivity.json is not among the results.")]
    blocks = [block for block in content.get("blocks") or [] if not block.get("subgroup")]
    if not blocks:
        return [Figure(title=title, note=f"Not drawn: {content.get('reason') or 'there is no block'}.")]
    return [
        draw(
            f"{title}: {where(float(block['temp']), str(block.get('type', 'open')))}",
            partial(plots.sensitivity, block, title=title),
            str(block.get("in_words") or ""),
        )
        for block in blocks[:_MOST_PLACES]
    ]


def read_json(results: Results, name: str) -> dict[str, Any] | None:
    """Read a file of the results that need not be there.

    Raises:
        DataError: It is there and damaged.
    """
    if not results.has(name):
        return None
    path = results.folder / name
    try:
        content = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as cause:
        raise DataError(path, f"is not valid JSON ({cause})", hint="run the analysis again") from cause
    if not isinstance(content, dict):
        raise DataError(path, "is not a JSON object", hint="run the analysis again")
    return content


def planes(results: Results) -> list[Figure]:
    """The cost-effectiveness planes."""
    title = "Cost and effect"
    content = read_json(results, "cost_effectiveness.json")
    if content is None:
        return [Figure(title=title, note="Not drawn: cost_effectiveness.json is not among the results.")]
    known = [
        _plane(results, block, name) for block in content.get("blocks") or [] for name in block.get("metrics") or {}
    ]
    return known[:_MOST_PLACES] or [
        Figure(title=title, note=f"Not drawn: {content.get('reason') or 'nothing was asked'}.")
    ]


def _plane(results: Results, block: Mapping[str, Any], name: str) -> Figure:
    title = f"Cost and effect: {results.metric(name).title}, {where(float(block['temp']), str(block['type']))}"
    entry = block["metrics"][name]
    plane = entry.get("plane")
    if not plane:
        return Figure(title=title, note=f"Not drawn: {entry.get('reason') or 'there are no resamples'}.")
    make = partial(plots.cost_plane, plane["points"], plane["estimate"], title=title)
    return draw(title, make, str(entry.get("in_words") or ""))
