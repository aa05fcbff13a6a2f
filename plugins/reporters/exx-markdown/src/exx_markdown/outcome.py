"""The results themselves: every metric with its interval, the tests behind the verdict, and results by part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from exx import number, p_value
from exx_markdown.figures import place, slug
from exx_markdown.text import bullets, escape, fold, spread, table, where

if TYPE_CHECKING:
    from exx import Address, Finding, Results, VerdictRow
    from exx_markdown.figures import Figures

_CROSSED = ("answer_match", "em")
_P, _Q = 7, 8  # where verdict_table has p and q, which have a section of their own


def results_by_place(results: Results, figures: Figures) -> list[str]:
    """Every metric in every place, with its interval, as a table and as a figure."""
    explained = (
        "Rates are per cent, differences treatment − control in percentage points, and n is the number of questions "
        "that both arms have a value for. A star marks the primary metrics. *Better* and *worse* are said only when "
        f"the interval leaves out zero and p, or q where there is one, is below {results.alpha:g}; *equivalent* when "
        "the difference is shown to be within the margin. *Cannot tell* does not mean that there is no difference."
    )
    paragraphs = ["## Results", explained]
    rows = results.verdict()
    for address in dict.fromkeys(row.address for row in rows):
        here = [row for row in rows if row.address == address]
        header, *cells = ([row[0], *row[2:_P], row[9]] for row in results.verdict_table(here))
        labelled = [(row.title, row) for row in here]
        title = f"Differences: {place(address)}"
        paragraphs += [
            f"### {place(address)}",
            table(header, cells, numbers=range(1, 6)),
            _why_undefined(here),
            figures.forest(f"results-{slug(address)}", labelled, title=title, margin=results.rules.margin),
        ]
    return paragraphs


def _why_undefined(rows: Iterable[VerdictRow]) -> str:
    return bullets(
        f"{escape(row.title)} has {'no value' if row.difference is None else 'no interval'}: {escape(row.reason)}."
        for row in rows
        if row.reason and (row.difference is None or row.low is None)
    )


def significance(results: Results) -> list[str]:
    """The test that stands for each hypothesis, with its q-value and family; all others folded below."""
    entries = {block.address: block.metrics for block in results.blocks()}
    rows = [_hypothesis(row, entries[row.address].get(row.metric, {})) for row in results.verdict()]
    header = ["Metric", "Where", "n", "p", "q", "Family", "Test"]
    intro = (
        "One test stands for each hypothesis “the arms do not differ”. q is p adjusted for how many hypotheses its "
        "family holds, so that the more one looks, the more it takes; the verdict goes by q where there is one. The "
        "primary metrics are a family of their own."
    )
    return [
        "## Significance",
        intro,
        table(header, rows, numbers=(2, 3, 4)),
        *crossed(results),
        *_every_test(results),
    ]


def _hypothesis(row: VerdictRow, entry: Mapping[str, Any]) -> list[str]:
    method = str(entry.get("p_value_method") or "")
    name, _, words = method.partition(": ")
    test = entry.get(name) or {}
    if row.p_value is None:
        words = f"none: {row.reason or 'no analysis gave one'}"
    title = f"{row.title} *" if row.primary else row.title
    told = f"{name}: {words}" if name and row.p_value is not None else words or "–"
    return [
        title,
        where(row.address.temp, row.address.type),
        f"{row.n:,}",
        p_value(row.p_value),
        p_value(row.q_value),
        str(test.get("family") or _family(entry) or "–"),
        told,
    ]


def _family(entry: Mapping[str, Any]) -> str | None:
    """The family of whichever analysis has one, for files that do not name the test that stands for the hypothesis."""
    said = (value.get("family") for value in entry.values() if isinstance(value, Mapping))
    return next((str(family) for family in said if family), None)


def crossed(results: Results) -> list[str]:
    """Which questions changed sides: McNemar's table of the metrics that mean right or wrong."""
    paragraphs = []
    for whole in results.blocks():
        tables: list[tuple[str, Mapping[str, Any]]] = []
        for name in _CROSSED:
            found = whole.metrics.get(name, {}).get("mcnemar")
            if isinstance(found, Mapping) and "both" in found:
                tables.append((results.metric(name).title, found))
        for found in _distinct(found for _, found in tables):
            titles = " and ".join(title for title, other in tables if _counts(other) == _counts(found))
            paragraphs += _square(f"{titles}: {place(whole.address)}", found)
    if not paragraphs:
        return []
    return ["### Questions that changed sides", *paragraphs]


def _distinct(tables: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return list({_counts(table): table for table in tables}.values())


def _counts(table: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(table.get(key) for key in ("both", "b", "c", "neither", "n_undecided"))


def _square(heading: str, found: Mapping[str, Any]) -> list[str]:
    rows = [["Control right", found["both"], found["c"]], ["Control wrong", found["b"], found["neither"]]]
    told = [f"exact p {p_value(found.get('p_exact'))}", f"mid-p {p_value(found.get('p_mid'))}"]
    if found.get("odds_ratio") is not None:
        told.append(
            f"odds ratio {number(found['odds_ratio'])} (95 % CI {spread(found.get('or_ci_95'), number)} exact, "
            f"{spread(found.get('or_ci_95_mid_p'), number)} mid-p)"
        )
    undecided = f" {found['n_undecided']:,} are left out as undecided." if found.get("n_undecided") else ""
    words = (
        f"The treatment alone is right on {found['b']:,} questions, the control alone on {found['c']:,}: "
        f"{'; '.join(told)}.{undecided}"
    )
    return [f"**{escape(heading)}**", table(["", "Treatment right", "Treatment wrong"], rows, numbers=(1, 2)), words]


def _every_test(results: Results) -> list[str]:
    """Every finding about all questions together, with its family of hypotheses."""
    paragraphs: list[str] = []
    count = 0
    for whole in results.blocks():
        here = [finding for finding in results.findings if finding.address == whole.address]
        rows = [_tested(results, finding) for finding in sorted(here, key=lambda finding: _rank(results, finding))]
        count += len(rows)
        if rows:
            header = ["Metric", "Analysis", "n", "Estimate", "Interval", "p", "q", "Family", "Note"]
            paragraphs += [f"**{place(whole.address)}**", table(header, rows, numbers=range(2, 7))]
    if not paragraphs:
        return []
    intro = (
        "Estimates are on each analysis's own scale: differences between 0 and 1, odds ratios, effect sizes. A p-value "
        "without a q is another look at a hypothesis that is counted once already, or one of a kind that is not "
        "adjusted. findings.csv has these and the findings by part."
    )
    return ["### Every test", *fold(f"All findings of every analysis ({count:,})", [intro, *paragraphs])]


def _rank(results: Results, finding: Finding) -> tuple[int, str, str]:
    """Primary metrics first, and everything about one metric together."""
    primary = results.primary
    rank = primary.index(finding.metric) if finding.metric in primary else len(primary)
    return rank, results.metric(finding.metric).title, finding.analysis


def _tested(results: Results, finding: Finding) -> list[str]:
    interval = "–" if finding.low is None else f"{number(finding.low)} to {number(finding.high)}"
    return [
        results.metric(finding.metric).title,
        finding.analysis,
        f"{finding.n:,}",
        number(finding.estimate),
        interval,
        p_value(finding.p_value),
        p_value(finding.q_value),
        finding.family or "–",
        finding.reason or "",
    ]


def subgroups(results: Results, figures: Figures) -> list[str]:
    """The verdict's table for each part of the questions, where there is more than one part."""
    paragraphs: list[str] = []
    for whole in results.blocks():
        for column, parts in whole.content.get("subgroups", {}).items():
            if len(parts) > 1:
                paragraphs += _by_part(results, whole.address, column, figures)
    if not paragraphs:
        return []
    intro = "Read these as hints: the experiment was made to answer for all questions together."
    return ["## Results by part", intro, *paragraphs]


def _by_part(results: Results, address: Address, column: str, figures: Figures) -> list[str]:
    cells: list[list[str]] = []
    header: Sequence[str] = ()
    drawn: list[tuple[str, VerdictRow]] = []
    for part in results.blocks(subgroups=True):
        here = (part.address.temp, part.address.type) == (address.temp, address.type)
        if here and part.address.subgroup and part.address.subgroup[0] == column:
            rows = results.subgroup_verdict(part)
            header, *told = results.verdict_table(rows)
            cells += [[part.address.subgroup[1], row[0], *row[2:]] for row in told]
            drawn += [(f"{row.title}: {part.address.subgroup[1]}", row) for row in rows if row.primary]
    head = [column.capitalize(), header[0], *header[2:]]
    title = f"Differences by {column}: {place(address)}"
    name = f"by-{column}-{slug(address)}"
    figure = figures.forest(name, drawn, title=title, margin=results.rules.margin) if drawn else ""
    return [f"### {place(address)}, by {escape(column)}", figure, table(head, cells, numbers=range(2, 9))]
