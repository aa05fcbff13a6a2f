"""What the study analyses wrote files of: the detector's threshold, power, models, and whatever another plugin adds.

Those that this report knows have tables of their own; of any other it shows its words, and its numbers as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from exx import number, p_value, points
from exx_markdown.blocks import blocks_of, first, named, reason_of
from exx_markdown.money import COST
from exx_markdown.text import amount, bullets, code, escape, fold, main_table, spread, table

if TYPE_CHECKING:
    from exx import Results
    from exx_markdown.figures import Figures

SENSITIVITY, MODELS, POWER = ("unsupported_sensitivity.json", "mixed_models.json", "power_analysis.json")
_KNOWN = (SENSITIVITY, MODELS, POWER, COST)
_MOST_LEAVES = 200
Entry = Mapping[str, Any]


def sensitivity(results: Results, figures: Figures) -> list[str]:
    """Whether the conclusion about unsupported answers is the doing of the detector's threshold."""
    content = results.studies.get(SENSITIVITY)
    if content is None:
        return []
    from exx import plots

    paragraphs = ["## Sensitivity to the detector’s threshold"]
    blocks = list(blocks_of(content))
    if not blocks:
        return [*paragraphs, f"Not analysed: {escape(reason_of(content))}."]
    for block in blocks:
        paragraphs.append(f"**{escape(named(block))}.** {_said(block)}")
        if not block.get("subgroup"):
            name = f"sensitivity-{block.get('type')}-t{block.get('temp', 0):g}"
            title = f"Difference in unsupported answers at every threshold: {named(block)}"
            paragraphs.append(figures.link(name, plots.sensitivity, block, title=title))
    return paragraphs


def power(results: Results) -> list[str]:
    """How small a difference the trial could have found, and how many questions would find a given one."""
    content = results.studies.get(POWER)
    if content is None:
        return []
    rows: list[list[str]] = []
    others: list[list[str]] = []
    reasons: list[str] = []
    targets: list[float] = []
    for block in blocks_of(content):
        for name, plan in first(results, block.get("metrics") or {}):
            if block.get("subgroup"):
                continue
            needed = {row["target"]: row for row in plan.get("required") or []}
            targets = targets or list(needed)
            title, kept = results.metric(name).title, rows if name in results.primary else others
            kept.append([title, named(block), *_planned(plan), *(_items(needed.get(target)) for target in targets)])
            if plan.get("reason"):
                reasons.append(f"{escape(f'{title}, {named(block)}')}: {escape(plan['reason'])}.")
    heading = "## Power: what could have been found"
    if not rows and not others:
        return [heading, f"Not planned: {escape(reason_of(content))}."]
    header = ["Metric", "Where", "n", "Smallest difference", "Groups take", *(f"For {amount(t)}" for t in targets)]
    tables = main_table(header, rows, others, numbers=range(2, len(header)))
    return [heading, _aims(content), *tables, bullets(reasons)]


def _aims(content: Entry) -> str:
    power, alpha = content.get("power"), content.get("alpha")
    chance = f"in {100 * power:g} % of experiments like this one" if isinstance(power, int | float) else "usually"
    level = f" at a level of {alpha:g}" if isinstance(alpha, int | float) else ""
    return (
        f"*Smallest difference* is the true difference, in points, that would be found {chance}{level}; in brackets "
        "with a spread at the upper end of what this trial’s own leaves open. The last columns say how many questions "
        "it would take to find a difference of so many points, likewise. *Groups take* is by how much questions that "
        "share a passage multiply that. These are plans from the spread that was seen, "
        "not from the difference: the power at the difference that was seen would be the p-value in other words."
    )


def _planned(plan: Entry) -> list[str]:
    effect = plan.get("design_effect")
    found = _pair(plan.get("mde"), plan.get("mde_upper"), lambda value: f"{100 * value:.1f}")
    shared = "–" if effect is None else f"× {max(1.0, effect):.2f}"
    return [f"{plan.get('n_items', 0):,}", found, shared]


def _items(needed: Entry | None) -> str:
    return "–" if not needed else _pair(needed.get("n"), needed.get("n_upper"), lambda value: f"{value:,}")


def _pair(value: Any, upper: Any, shown: Callable[[Any], str]) -> str:
    if value is None:
        return "–"
    return shown(value) if upper is None or shown(upper) == shown(value) else f"{shown(value)} ({shown(upper)})"


def models(results: Results) -> list[str]:
    """Odds ratios and linear effects from models that know which answers belong together."""
    content = results.studies.get(MODELS)
    if content is None:
        return []
    rows: list[list[str]] = []
    others: list[list[str]] = []
    reasons: list[str] = []
    for block in blocks_of(content):
        for name, model in first(results, block.get("models") or {}):
            if block.get("subgroup"):
                continue
            title, kept = results.metric(name).title, rows if name in results.primary else others
            kept.append([title, named(block), *_modelled(model)])
            reasons += [f"{escape(f'{title}, {named(block)}: {why}')}." for why in _reasons(model)]
    heading = "## Models of all answers (mixed effects)"
    if not rows and not others:
        return [heading, f"Not fitted: {escape(reason_of(content))}."]
    intro = (
        "For right-or-wrong metrics the odds ratio, treatment against control (1: no difference). *Over all items* is "
        "what the treatment does to the share that is right (GEE, exchangeable within a cluster, robust error); "
        "*within an item* is what it does to one and the same question (conditional logistic regression), and lies "
        "further from 1 wherever questions differ in difficulty. For other metrics the difference in points of a "
        "linear model with a cluster-robust error."
    )
    header = ["Metric", "Where", "Clusters", "Over all items (95 % CI)", "p", "Within an item (95 % CI)", "p"]
    tables = main_table(header, rows, others, numbers=range(2, 7))
    return [heading, intro, *tables, bullets(dict.fromkeys(reasons))]


def _modelled(model: Entry) -> list[str]:
    clusters = "–" if model.get("n_clusters") is None else f"{model['n_clusters']:,}"
    linear = model.get("linear")
    if linear:
        ends = spread(linear.get("ci_95"), points)
        shown = "–" if linear.get("difference") is None else f"{points(linear['difference'])} points ({ends})"
        return [clusters, shown, p_value(linear.get("p_value")), "–", "–"]
    cells = [clusters]
    for kind in ("marginal", "conditional"):
        fitted = model.get(kind) or {}
        ratio = fitted.get("odds_ratio")
        shown = "–" if ratio is None else f"{_ratio(ratio)} ({spread(fitted.get('ci_95'), _ratio)})"
        cells += [shown, p_value(fitted.get("p_value"))]
    return cells


def _ratio(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, int | float) else number(value)


def _reasons(model: Entry) -> Iterator[str]:
    for fitted in (model, *(model.get(kind) or {} for kind in ("linear", "marginal", "conditional"))):
        if fitted.get("reason"):
            yield str(fitted["reason"])


def others(results: Results) -> list[str]:
    """What analyses wrote that this report does not know: their words, and their numbers as they are."""
    paragraphs: list[str] = []
    for file, content in results.studies.items():
        if file not in _KNOWN:
            paragraphs += [f"### {escape(_title(file))}", *_other(content), f"All of it: {code(file)}."]
    return ["## Further analyses", *paragraphs] if paragraphs else []


def _title(file: str) -> str:
    words = file.removesuffix(".json").replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _said(block: Entry) -> str:
    return escape(str(block.get("in_words") or f"Not analysed: {reason_of(block)}."))


def _other(content: Entry) -> list[str]:
    blocks = list(blocks_of(content))
    said = [
        f"**{escape(named(block))}.** {_said(block)}"
        for block in blocks
        if block.get("in_words") or block.get("reason")
    ]
    head = [escape(str(content[key])) for key in ("in_words", "reason") if content.get(key)]
    rows = list(_leaves(content))
    shown = table(["What", "Value"], rows[:_MOST_LEAVES], numbers=(1,))
    left = f"{len(rows) - _MOST_LEAVES:,} more are in the file." if len(rows) > _MOST_LEAVES else ""
    return [*head, *said, *(fold("Its numbers", [shown, left]) if rows else [])]


def _leaves(value: Any, path: str = "") -> Iterator[list[str]]:
    """Every single value within, with the way to it; long lists of values are in the file."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path} › {key}" if path else str(key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        if all(isinstance(one, int | float | str | None) for one in value):
            yield [path, ", ".join(map(number, value[:6])) + (", …" if len(value) > 6 else "")]
            return
        for index, inner in enumerate(value[:20], start=1):
            yield from _leaves(inner, f"{path} {index}")
    else:
        yield [path, number(value)]
