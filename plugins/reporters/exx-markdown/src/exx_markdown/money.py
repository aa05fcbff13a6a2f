"""What it cost: tokens and dollars per arm, what the treatment adds, and what a percentage point costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from exx import dollars, points
from exx_markdown.blocks import blocks_of, first, named, reason_of
from exx_markdown.text import bullets, escape, spread, table

if TYPE_CHECKING:
    from exx import Results
    from exx_markdown.figures import Figures

COST = "cost_effectiveness.json"

Entry = Mapping[str, Any]


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
    notes = [*_left_out(costs["total"]), *([costs["price"]["note"]] if costs["price"].get("note") else [])]
    return [
        "## Costs",
        table(header, rows, numbers=range(1, 7)),
        *differences,
        _price(costs["price"]),
        " ".join(f"{escape(note[0].upper() + note[1:])}." for note in notes),
    ]


def _spent(entry: Entry) -> list[str]:
    usd, tokens = entry["usd"], entry["tokens"]
    counts = [f"{entry['requests']:,}", f"{tokens['prompt']:,}", f"{tokens['completion']:,}"]
    return [*counts, dollars(usd["spent"]), dollars(usd["saved"]), dollars(usd["per_1000_requests"])]


def _left_out(total: Entry) -> Iterator[str]:
    """What the sums hold, or leave out, beside plain answers."""
    tokens, usd = total["tokens"], total["usd"]
    if tokens.get("cached"):
        yield f"{tokens['cached']:,} of the prompt tokens came from the server's cache"
    if tokens.get("reasoning"):
        yield f"{tokens['reasoning']:,} of the answer tokens were spent on reasoning"
    if total.get("failed_attempts"):
        price = f", {dollars(usd['failed_attempts'])}" if usd.get("failed_attempts") is not None else ""
        yield f"failed attempts ({total['failed_attempts']:,}) took {tokens.get('failed_attempts', 0):,} tokens{price}"
    if usd.get("reason") and usd.get("total") is not None:
        yield str(usd["reason"])


def _dearer(temp: float, change: Entry) -> str:
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


def _price(price: Entry) -> str:
    if price["source"] is None:
        return f"No sums of money: {escape(price['reason'])}."
    discount = f"times {price['batch_discount']:g} for batches" if price["batch_discount_applied"] else "no discount"
    date = f", {price['date']}" if price.get("date") else ""
    paid, got = (escape(dollars(price[key])) for key in ("input_per_million", "output_per_million"))
    return (
        f"Price: {paid} per million prompt tokens and {got} per million answer tokens, {discount} "
        f"(source: {escape(price['source'])}{escape(date)})."
    )


def effectiveness(results: Results, figures: Figures) -> list[str]:
    """What a percentage point of difference costs."""
    content = results.studies.get(COST)
    if content is None:
        return []
    heading = "### Cost-effectiveness"
    blocks = [block for block in blocks_of(content) if not block.get("subgroup")]
    if not blocks:
        return [heading, f"Not analysed: {escape(reason_of(content))}."]
    entries = [(block, name, entry) for block in blocks for name, entry in first(results, block.get("metrics") or {})]
    titled = [(f"{results.metric(name).title}, {named(block)}", block, name, entry) for block, name, entry in entries]
    said = bullets(f"**{escape(title)}**: {escape(entry.get('in_words') or '')}" for title, _, _, entry in titled)
    priced = [one for one in titled if one[3].get("usd_per_1000_items") is not None]
    if not priced:
        price = content.get("price") or {}
        return [heading, *_tokens(blocks), f"No sums of money: {escape(price.get('reason') or 'no price')}."]
    rows = [[results.metric(name).title, named(block), *_ratio(entry, block)] for _, block, name, entry in priced]
    header = [
        "Metric",
        "Where",
        "Dollars per 1,000 questions",
        "Gain",
        "Dollars per point",
        "Dearer and better",
    ]
    intro = (
        "The gain is in percentage points, and *dollars per point* is what one of them costs per 1,000 questions, with "
        "a 95 % interval from resampled questions; where nothing was gained there is no such price. *Dearer and "
        "better* is the share of resamples that are both."
    )
    return [heading, said, intro, table(header, rows, numbers=range(2, 6)), *_planes(priced, figures)]


def _tokens(blocks: list[Entry]) -> Iterator[str]:
    """Without a price, what the treatment takes in tokens."""
    rows = []
    for block in blocks:
        for kind, entry in (block.get("tokens_per_item") or {}).items():
            if isinstance(entry, Mapping) and entry.get("difference") is not None:
                ends = spread(entry.get("ci_95"), lambda end: f"{end:+.1f}".replace("-", "−"))
                means = [f"{entry[arm]:,.1f}" for arm in ("control", "treatment")]
                change = f"{entry['difference']:+.1f}".replace("-", "−")
                rows.append([named(block), kind.removesuffix("_tokens"), *means, change, ends])
    header = ["Where", "Tokens per question", "Control", "Treatment", "Difference", "95 % CI"]
    if rows:
        yield table(header, rows, numbers=range(2, 6))


def _ratio(entry: Entry, block: Entry) -> list[str]:
    money = block.get("usd_per_1000_items") or {}
    more = dollars(entry["usd_per_1000_items"])
    ends = spread(money.get("ci_95"), dollars)
    price = entry.get("usd_per_1000_items_per_point")
    within = spread(entry.get("ci_95"), dollars) if entry.get("ci_95") else f"no interval: {entry.get('reason')}"
    both = (entry.get("quadrants") or {}).get("better_and_dearer")
    return [
        more if ends == "–" else f"{more} ({ends})",
        points(entry.get("effect")),
        f"– ({entry.get('reason') or 'not defined'})" if price is None else f"{dollars(price)} ({within})",
        "–" if both is None else f"{100 * both:.0f} %",
    ]


def _planes(priced: list[tuple[str, Entry, str, Entry]], figures: Figures) -> Iterator[str]:
    from exx import plots

    for title, block, name, entry in priced:
        plane = entry.get("plane") or {}
        if plane.get("points") and plane.get("estimate"):
            file = f"cost-{name}-{block.get('type')}-t{block.get('temp', 0):g}"
            given = (plane["points"], plane["estimate"])
            yield figures.link(file, plots.cost_plane, *given, title=f"Cost and effect: {title}")
