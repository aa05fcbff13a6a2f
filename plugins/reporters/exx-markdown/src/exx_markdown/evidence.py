"""What the verdict rests on: pairs, answers, datasets, tables of changes, every test, and what it cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from exx_markdown.text import dollars, escape, number, p_value, share, table, where

if TYPE_CHECKING:
    from exx import Address, Finding, Results

_CROSSED = ("answer_match", "em")


def balance(results: Results) -> list[str]:
    """How many questions have an answer in both arms."""
    rows = []
    for part, name in _parts(results):
        alone = part.content.get("n_unpaired") or {}
        arms = [f"{alone.get(arm, 0):,}" for arm in ("control", "treatment")]
        missing = [_lost(results, part.metrics), _undefined(results, part.metrics)]
        place = where(part.address.temp, part.address.type)
        rows.append([place, name, f"{part.content.get('n_items', 0):,}", *arms, *missing])
    header = ["Where", "Part", "Pairs", "Control only", "Treatment only", "Lost in one arm", "No value in either arm"]
    intro = (
        "Every question is compared with itself: only those with an answer in both arms count. A pair that lost its "
        "value in one arm is left out. One without a value in either arm is mostly a question that the metric does not "
        "apply to."
    )
    return ["## Data and pairing", intro, table(header, rows, numbers=(2, 3, 4))]


def _lost(results: Results, metrics: Mapping[str, Any]) -> str:
    missing = {name: entry.get("missing") or {} for name, entry in metrics.items()}
    return _counted(
        results, {name: arms.get("control", 0) + arms.get("treatment", 0) for name, arms in missing.items()}
    )


def _undefined(results: Results, metrics: Mapping[str, Any]) -> str:
    return _counted(results, {name: (entry.get("missing") or {}).get("both", 0) for name, entry in metrics.items()})


def _counted(results: Results, counts: Mapping[str, int]) -> str:
    """Metrics by how many pairs they lack: ``3 in every metric``, or ``226 in False answers``."""
    by_count: dict[int, list[str]] = {}
    for name, count in counts.items():
        by_count.setdefault(count, []).append(results.metric(name).title)
    told = [f"{count:,} in {', '.join(titles)}" for count, titles in sorted(by_count.items()) if count]
    if len(by_count) == 1 and told:
        return f"{next(iter(by_count)):,} in every metric"
    return "; ".join(told) or "0"


def _parts(results: Results) -> Iterator[tuple[Any, str]]:
    """Every block with a name; a part that is the whole is named with it and not shown twice."""
    only: set[str] = set()
    for part in results.blocks(subgroups=True):
        if part.address.subgroup is None:
            subgroups = part.content.get("subgroups", {})
            only = {column for column, values in subgroups.items() if len(values) == 1}
            alone = [f"{column} {value}" for column in subgroups if column in only for value in subgroups[column]]
            yield part, f"all: {', '.join(alone)}" if alone else "all"
        elif part.address.subgroup[0] not in only:
            yield part, " ".join(part.address.subgroup)


def answers(results: Results) -> list[str]:
    """What came back in each arm."""
    if not results.has("per_item_scores.csv"):
        return ["## Answers", "per_item_scores.csv is not among the results, so answers cannot be counted."]
    places = [_where(whole.address) for whole in results.blocks()]
    rows = [
        [
            where(arm.temp, arm.type),
            arm.dataset,
            arm.condition,
            f"{arm.items:,}",
            _count(arm.answered),
            share(arm.abstained),
            _count(arm.truncated),
            _count(arm.failed),
        ]
        for arm in sorted(
            results.arms, key=lambda arm: (places.index((arm.temp, arm.type)), arm.dataset, arm.condition)
        )
    ]
    header = ["Where", "Dataset", "Arm", "Questions", "Answers", "Abstained", "Cut off", "Failed"]
    intro = (
        "Abstained is the share of answers that decline to answer. Cut off are answers that reached the token limit, "
        "failed are requests without an answer. A dash means that the score file does not say."
    )
    return ["## Answers", intro, table(header, rows, numbers=range(3, 8))]


def _count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def subgroups(results: Results) -> list[str]:
    """The verdict's table for each part of the questions, where there is more than one part."""
    paragraphs = []
    for whole in results.blocks():
        for column, parts in whole.content.get("subgroups", {}).items():
            if len(parts) > 1:
                paragraphs += _by_part(results, whole.address, column)
    if not paragraphs:
        return []
    intro = "Read these as hints: the experiment was made to answer for all questions together."
    return ["## Results by part", intro, *paragraphs]


def _by_part(results: Results, place: Address, column: str) -> list[str]:
    rows = []
    for part in results.blocks(subgroups=True):
        here = (part.address.temp, part.address.type) == (place.temp, place.type)
        if here and part.address.subgroup and part.address.subgroup[0] == column:
            header, *cells = results.verdict_table(results.subgroup_verdict(part))
            rows += [[part.address.subgroup[1], row[0], *row[2:]] for row in cells]
    head = [column.capitalize(), header[0], *header[2:]]
    return [f"### {where(place.temp, place.type)}, by {escape(column)}", table(head, rows, numbers=range(2, 9))]


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
            paragraphs += _square(f"{titles}: {where(*_where(whole.address))}", found)
    if not paragraphs:
        return []
    return ["## Questions that changed sides", *paragraphs]


def _distinct(tables: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return list({_counts(table): table for table in tables}.values())


def _counts(table: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(table.get(key) for key in ("both", "b", "c", "neither", "n_undecided"))


def _where(address: Address) -> tuple[float, str]:
    return address.temp, address.type


def _square(heading: str, found: Mapping[str, Any]) -> list[str]:
    rows = [["Control right", found["both"], found["c"]], ["Control wrong", found["b"], found["neither"]]]
    told = [f"exact p {p_value(found.get('p_exact'))}", f"mid-p {p_value(found.get('p_mid'))}"]
    if found.get("odds_ratio") is not None:
        told.append(
            f"odds ratio {number(found['odds_ratio'])} (95 % CI {_spread(found.get('or_ci_95'))} exact, "
            f"{_spread(found.get('or_ci_95_mid_p'))} mid-p)"
        )
    else:
        told.append("no odds ratio, since the arms never disagree")
    majority = " With several answers to each question, right means most of them." if found.get("replicated") else ""
    undecided = found.get("n_undecided")
    halves = (
        f" {undecided:,} questions were right in exactly half of their answers and are left out." if undecided else ""
    )
    return [
        f"### {escape(heading)}",
        table(["", "Treatment right", "Treatment wrong"], rows, numbers=(1, 2)),
        (
            f"The treatment alone is right on {found['b']:,} questions, the control alone on {found['c']:,}: "
            f"{'; '.join(told)}.{majority}{halves}"
        ),
    ]


def _spread(ends: Sequence[Any] | None) -> str:
    return "–" if not ends or None in ends else f"{number(ends[0])} to {number(ends[1])}"


def tests(results: Results) -> list[str]:
    """Every finding about all questions together, with its family of hypotheses."""
    paragraphs: list[str] = []
    for whole in results.blocks():
        here = [finding for finding in results.findings if finding.address == whole.address]
        rows = [_tested(results, finding) for finding in sorted(here, key=lambda finding: _rank(results, finding))]
        if rows:
            header = ["Metric", "Analysis", "n", "Estimate", "Interval", "p", "q", "Family", "Note"]
            paragraphs += [f"### {where(*_where(whole.address))}", table(header, rows, numbers=range(2, 7))]
    if not paragraphs:
        return []
    intro = (
        "Estimates are on each analysis's own scale: differences between 0 and 1, odds ratios, effect sizes. q is p "
        "adjusted within its family of hypotheses; a p-value without a q is another look at a hypothesis that is "
        "counted once already, or one of a kind that is not adjusted. findings.csv has these and the findings by part."
    )
    return ["## Every test", intro, *paragraphs]


def _rank(results: Results, finding: Finding) -> tuple[int, str, str]:
    """Primary metrics first, and everything about one metric together."""
    primary = results.primary
    place = primary.index(finding.metric) if finding.metric in primary else len(primary)
    return place, results.metric(finding.metric).title, finding.analysis


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


def costs(results: Results) -> list[str]:
    """Tokens and money per arm, and what the treatment costs more."""
    costs = results.costs
    if costs is None:
        return []
    rows = [
        [f"{arm}, temperature {float(temp):g}", *_spent(entry)]
        for arm, temps in costs["conditions"].items()
        for temp, entry in temps.items()
    ]
    rows.append(["total", *_spent(costs["total"])])
    header = ["Arm", "Requests", "Prompt tokens", "Answer tokens", "Spent", "Saved by reuse", "Per 1,000 requests"]
    differences = [_dearer(float(temp), change) for temp, change in costs["difference"].items()]
    return ["## Costs", table(header, rows, numbers=range(1, 7)), *differences, _price(costs["price"])]


def _spent(entry: Mapping[str, Any]) -> list[str]:
    usd, tokens = entry["usd"], entry["tokens"]
    counts = [f"{entry['requests']:,}", f"{tokens['prompt']:,}", f"{tokens['completion']:,}"]
    return [*counts, dollars(usd["spent"]), dollars(usd["saved"]), dollars(usd["per_1000_requests"])]


def _dearer(temp: float, change: Mapping[str, Any]) -> str:
    tokens = [change[f"{kind}_tokens_per_1000_requests"] for kind in ("prompt", "completion")]
    if None in tokens:
        return ""
    prompt, answer = (f"{value / 1000:+.1f}".replace("-", "−") for value in tokens)
    money = change["usd_per_1000_requests"]
    price = f" costs {dollars(abs(money))} {'less' if money < 0 else 'more'} per 1,000 requests, and" if money else ""
    return (
        f"At temperature {temp:g} the treatment{escape(price)} takes {prompt} prompt tokens and {answer} answer tokens "
        "per request, compared with the control."
    )


def _price(price: Mapping[str, Any]) -> str:
    if price["source"] is None:
        return f"No sums of money: {escape(price['reason'])}."
    discount = f"times {price['batch_discount']:g} for batches" if price["batch_discount_applied"] else "no discount"
    date = f", {price['date']}" if price.get("date") else ""
    paid, got = (escape(dollars(price[key])) for key in ("input_per_million", "output_per_million"))
    return (
        f"Price: {paid} per million prompt tokens and {got} per million answer tokens, {discount} "
        f"(source: {escape(price['source'])}{escape(date)})."
    )
