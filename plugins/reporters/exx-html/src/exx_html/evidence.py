"""What the verdict rests on, as tables: pairs, answers, parts, datasets together, every test, and what it cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from exx import dollars, number, p_value, percent, points
from exx_html.numbers import count, interval, where
from exx_html.tables import Grid

if TYPE_CHECKING:
    from exx import Finding, Results
    from exx_html.figures import Figure


def balance(results: Results) -> Grid:
    """How many questions have an answer in both arms, and how many pairs each metric lacks."""
    rows = []
    for part, name in _parts(results):
        alone = part.content.get("n_unpaired") or {}
        missing = {title: entry.get("missing") or {} for title, entry in part.metrics.items()}
        one_arm = {key: arms.get("control", 0) + arms.get("treatment", 0) for key, arms in missing.items()}
        neither = {key: arms.get("both", 0) for key, arms in missing.items()}
        rows.append(
            [
                where(part.address.temp, part.address.type),
                name,
                f"{part.content.get('n_items', 0):,}",
                *(f"{alone.get(arm, 0):,}" for arm in ("control", "treatment")),
                _counted(results, one_arm),
                _counted(results, neither),
            ]
        )
    header = ["Where", "Part", "Pairs", "Control only", "Treatment only", "Lost in one arm", "No value in either arm"]
    return Grid(header=header, rows=rows, numbers=(2, 3, 4))


def _counted(results: Results, counts: Mapping[str, int]) -> str:
    by_count: dict[int, list[str]] = {}
    for name, missing in counts.items():
        by_count.setdefault(missing, []).append(results.metric(name).title)
    if len(by_count) == 1 and next(iter(by_count)):
        return f"{next(iter(by_count)):,} in every metric"
    told = [f"{missing:,} in {', '.join(titles)}" for missing, titles in sorted(by_count.items()) if missing]
    return "; ".join(told) or "0"


def _parts(results: Results) -> Iterator[tuple[Any, str]]:
    """Every block with a name; a part that is the whole is not shown twice."""
    only: set[str] = set()
    for part in results.blocks(subgroups=True):
        if part.address.subgroup is None:
            only = {column for column, values in part.content.get("subgroups", {}).items() if len(values) == 1}
            yield part, "all"
        elif part.address.subgroup[0] not in only:
            yield part, " ".join(part.address.subgroup)


def fates(results: Results) -> dict[str, Any]:
    """How every planned answer ended, where the score phase wrote it down, and what the lost ones could change."""
    integrity = results.integrity()
    if not integrity.known:
        return {"grid": None, "lines": [], "reason": integrity.reason}
    header, *rows = integrity.table()
    grid = Grid(header=header, rows=rows, numbers=range(3, len(header)), caption="How every planned answer ended")
    return {"grid": grid, "lines": integrity.sentences, "reason": None}


def answers(results: Results) -> Grid | None:
    """What came back in each arm; None without the score file."""
    if not results.has("per_item_scores.csv"):
        return None
    places = [(whole.address.temp, whole.address.type) for whole in results.blocks()]
    known = [arm for arm in results.arms if (arm.temp, arm.type) in places]
    rows = [
        [
            where(arm.temp, arm.type),
            arm.dataset,
            arm.condition,
            f"{arm.items:,}",
            count(arm.answered),
            percent(arm.abstained),
            count(arm.truncated),
            count(arm.failed),
        ]
        for arm in sorted(known, key=lambda arm: (places.index((arm.temp, arm.type)), arm.dataset, arm.condition))
    ]
    header = ["Where", "Dataset", "Arm", "Questions", "Answers", "Abstained", "Cut off", "Failed"]
    return Grid(header=header, rows=rows, numbers=range(3, 8))


def subgroups(results: Results) -> list[Grid]:
    """The verdict's table by part, where there is more than one."""
    grids = []
    for whole in results.blocks():
        for column, values in whole.content.get("subgroups", {}).items():
            if len(values) < 2:
                continue
            rows: list[list[str]] = []
            header: list[str] = []
            for part in results.blocks(subgroups=True):
                here = (part.address.temp, part.address.type) == (whole.address.temp, whole.address.type)
                if here and part.address.subgroup and part.address.subgroup[0] == column:
                    header, *cells = results.verdict_table(results.subgroup_verdict(part))
                    rows += [[part.address.subgroup[1], row[0], *row[2:]] for row in cells]
            caption = f"{where(whole.address.temp, whole.address.type)}, by {column}"
            head = [column.capitalize(), header[0], *header[2:]]
            grids.append(Grid(header=head, rows=rows, numbers=range(2, len(head) - 1), caption=caption))
    return grids


def pooled(results: Results) -> tuple[list[Grid], str]:
    """The meta-analysis across datasets, and why there is none."""
    grids, reasons = [], []
    for whole in results.blocks():
        meta = whole.content.get("meta")
        place = where(whole.address.temp, whole.address.type)
        if not isinstance(meta, Mapping) or not meta:
            reasons.append(f"{place}: the analysis meta_analysis did not run")
        elif all((entry.get("k") or 0) < 2 for entry in meta.values()):
            reasons.append(f"{place}: there are not two datasets to pool")
        else:
            rows = [[results.metric(name).title, *_pooled(entry)] for name, entry in meta.items()]
            header = ["Metric", "Datasets", "Random effects", "95 %", "Fixed", "Macro", "Micro", "I²", "τ", "Note"]
            grids.append(Grid(header=header, rows=rows, numbers=range(1, 9), caption=place))
    return grids, "; ".join(reasons)


def _pooled(entry: Mapping[str, Any]) -> list[str]:
    random, spread = _mean(entry, "random"), _mean(entry, "heterogeneity")
    low, high = random.get("ci_95") or (None, None)
    squared, variance = spread.get("I2"), random.get("tau2")
    return [
        number(entry.get("k")),
        points(random.get("delta_mean")),
        "–" if low is None or high is None else f"{points(low)} to {points(high)}",
        *(points(_mean(entry, name).get("delta_mean")) for name in ("fixed", "macro", "micro")),
        "–" if squared is None else f"{squared:.0f} %",
        "–" if variance is None else f"{100 * variance**0.5:.1f}",
        str(entry.get("reason") or ""),
    ]


def _mean(entry: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = entry.get(name)
    return found if isinstance(found, Mapping) else {}


def tests(results: Results) -> list[Grid]:
    """Every finding about all questions together, with its family of hypotheses."""
    grids = []
    header = ["Metric", "Analysis", "n", "Estimate", "Interval", "p", "q", "Family", "Note"]
    for whole in results.blocks():
        here = [finding for finding in results.findings if finding.address == whole.address]
        rows = [_tested(results, finding) for finding in sorted(here, key=lambda finding: _rank(results, finding))]
        if rows:
            caption = where(whole.address.temp, whole.address.type)
            grids.append(Grid(header=header, rows=rows, numbers=range(2, 7), caption=caption))
    return grids


def _rank(results: Results, finding: Finding) -> tuple[int, str, str]:
    primary = results.primary
    place = primary.index(finding.metric) if finding.metric in primary else len(primary)
    return place, results.metric(finding.metric).title, finding.analysis


def _tested(results: Results, finding: Finding) -> list[str]:
    return [
        results.metric(finding.metric).title,
        finding.analysis,
        f"{finding.n:,}",
        number(finding.estimate),
        interval(finding.low, finding.high),
        p_value(finding.p_value),
        p_value(finding.q_value),
        finding.family or "–",
        finding.reason or "",
    ]


def costs(results: Results) -> dict[str, Any]:
    """Tokens and money per arm, and what the treatment costs more."""
    costs = results.costs
    if costs is None:
        return {"grid": None, "lines": ["costs.json is not among the results, so there is nothing to say about costs."]}
    rows = [
        [f"{arm.capitalize()}, temperature {float(temp):g}", *_spent(entry)]
        for arm, temps in costs["conditions"].items()
        for temp, entry in temps.items()
    ]
    rows.append(["Total", *_spent(costs["total"])])
    header = ["Arm", "Requests", "Prompt tokens", "Answer tokens", "Spent", "Saved by reuse", "Per 1,000 requests"]
    lines = [_dearer(float(temp), change) for temp, change in costs["difference"].items()]
    grid = Grid(header=header, rows=rows, numbers=range(1, 7))
    return {"grid": grid, "lines": [line for line in (*lines, _price(costs["price"])) if line]}


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
        f"At temperature {temp:g} the treatment{price} takes {prompt} prompt tokens and {answer} answer tokens per "
        "request, compared with the control."
    )


def _price(price: Mapping[str, Any]) -> str:
    if price["source"] is None:
        return f"No sums of money: {price['reason']}."
    discount = f"times {price['batch_discount']:g} for batches" if price["batch_discount_applied"] else "no discount"
    date = f", {price['date']}" if price.get("date") else ""
    paid, got = (dollars(price[key]) for key in ("input_per_million", "output_per_million"))
    return (
        f"Price: {paid} per million prompt tokens and {got} per million answer tokens, {discount} "
        f"(source: {price['source']}{date})."
    )


def captioned(figures: list[Figure]) -> tuple[list[Figure], list[str]]:
    """Figures that were drawn, and the reasons why the others were not, each once."""
    drawn = [figure for figure in figures if figure.svg is not None]
    return drawn, [f"{figure.title}. {figure.note}" for figure in figures if figure.svg is None]
