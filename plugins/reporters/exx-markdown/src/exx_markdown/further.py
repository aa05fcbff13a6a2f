"""What else significance.json answers: datasets together, answering only when sure, and being at least not worse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from exx import number, p_value, percent, points
from exx_markdown.figures import place, slug
from exx_markdown.text import bullets, escape, spread, table, where

if TYPE_CHECKING:
    from exx import Block, Results
    from exx_markdown.figures import Figures

Entry = Mapping[str, Any]


def pooled(results: Results) -> list[str]:
    """The meta-analysis across datasets, where there are several."""
    blocks = [block for block in results.blocks() if block.content.get("meta")]
    if not blocks:
        return []
    rows: list[list[str]] = []
    reasons: dict[str, list[str]] = {}
    for block, name, entry in _entries(results, blocks, "meta"):
        if (entry.get("k") or 0) > 1:
            rows.append([results.metric(name).title, place(block.address), *_pooled(entry)])
            if entry.get("reason"):
                told = f"{results.metric(name).title} ({where(block.address.temp, block.address.type)})"
                reasons.setdefault(str(entry["reason"]), []).append(told)
    heading = "## Across datasets (meta-analysis)"
    if not rows:
        return [heading, "Each metric has pairs of one dataset only in each place, so there is nothing to pool."]
    intro = (
        "*These datasets* is the mean difference weighted by precision (fixed effect); *datasets like these* allows "
        "for datasets that truly differ (random effects, Hartung–Knapp), *one vote each* is the plain mean over "
        "datasets. Q tests whether they agree; I² is how much of the variance lies between them and τ, in points, how "
        "large their differences are."
    )
    header = ["Metric", "Where", "Datasets", "These datasets", "Datasets like these", "One vote each", "Q (df), p"]
    why = [f"{escape(', '.join(titles))}: {escape(reason)}." for reason, titles in reasons.items()]
    return [heading, intro, table([*header, "I²", "τ"], rows, numbers=(2,)), bullets(why)]


def _entries(results: Results, blocks: Sequence[Block], key: str) -> Iterator[tuple[Block, str, Entry]]:
    """The entries of each block under a key, the primary metrics first."""
    rank = {name: place for place, name in enumerate(results.primary)}
    for block in blocks:
        entries = block.content.get(key) or {}
        for name in sorted(entries, key=lambda name: rank.get(name, len(rank))):
            if isinstance(entries[name], Mapping):
                yield block, name, entries[name]


def _pooled(entry: Entry) -> list[str]:
    spread_of = entry.get("heterogeneity") or {}
    tested = "–"
    if spread_of.get("Q") is not None:
        tested = f"{number(spread_of['Q'])} ({spread_of.get('df')}), {p_value(spread_of.get('p_value'))}"
    tau2 = (entry.get("random") or {}).get("tau2")
    percent = spread_of.get("I2")
    return [
        f"{entry['k']}",
        *(_estimate(entry.get(kind)) for kind in ("fixed", "random", "macro")),
        tested,
        "–" if percent is None else f"{percent:.0f} %",
        "–" if tau2 is None else f"{100 * tau2**0.5:.1f}",
    ]


def _estimate(entry: Entry | None) -> str:
    if not entry or entry.get("delta_mean") is None:
        return "–"
    ends = entry.get("ci_95")
    return f"{points(entry['delta_mean'])} ({spread(ends, points)})" if ends else points(entry["delta_mean"])


def selective(results: Results, figures: Figures) -> list[str]:
    """How often each arm is wrong when it answers only where it is sure."""
    blocks = [block for block in results.blocks() if block.content.get("selective_risk")]
    if not blocks:
        return []
    intro = (
        "An arm that declines where it is unsure covers fewer questions and ought to be wrong less often on those it "
        "covers. Coverage is the share of questions answered with at least that much confidence, risk the share of "
        "wrong ones among them."
    )
    paragraphs = ["## Answering only when sure (selective risk)", intro]
    for block in blocks:
        paragraphs += _selective(block, block.content["selective_risk"], figures)
    return paragraphs


def _selective(block: Block, entry: Entry, figures: Figures) -> list[str]:
    from exx import plots

    rows = _operating_points(entry)
    header = [
        "Confidence at least",
        "Coverage, control",
        "Treatment",
        "Risk, control",
        "Treatment",
        "Difference in risk",
    ]
    title = f"Risk and coverage: {place(block.address)}"
    return [
        f"### {place(block.address)}",
        table(header, rows, numbers=range(1, 6)) if rows else "",
        escape(_sentence(entry["reason"])) if entry.get("reason") else _areas(entry),
        _unanswerable(entry),
        figures.link(f"risk-{slug(block.address)}", plots.risk_coverage, entry, title=title),
    ]


def _sentence(reason: object) -> str:
    words = str(reason)
    return f"{words[:1].upper()}{words[1:]}."


def _unanswerable(entry: Entry) -> str:
    """What the arms did with questions that have no answer, which are no part of the curve."""
    found = entry.get("unanswerable") or {}
    declined = found.get("abstention_recall") or {}
    if not found.get("n") or declined.get("control") is None or declined.get("treatment") is None:
        return ""
    return (
        f"Of the {found['n']:,} questions without an answer, which are not part of this, the control declined "
        f"{percent(declined['control'])} and the treatment {percent(declined['treatment'])}."
    )


def _operating_points(entry: Entry) -> list[list[str]]:
    """A row for each threshold; thresholds that let the same questions through share one."""
    by_arm = entry.get("points") or {}
    changes = by_arm.get("delta") or []
    rows: dict[tuple[str, ...], list[float]] = {}
    for at, (control, treatment) in enumerate(
        zip(by_arm.get("control", ()), by_arm.get("treatment", ()), strict=False)
    ):
        risk = (changes[at].get("risk") or {}) if at < len(changes) else {}
        ends = f" ({spread(risk['ci_95'], points)})" if risk.get("ci_95") else ""
        cells = (
            *(percent(arm.get("coverage")) for arm in (control, treatment)),
            *(percent(arm.get("risk")) for arm in (control, treatment)),
            f"{points(risk.get('delta'))}{ends}",
        )
        rows.setdefault(cells, []).append(control["threshold"])
    return [[_range(thresholds), *cells] for cells, thresholds in rows.items()]


def _range(values: Sequence[float]) -> str:
    return f"{values[0]:g}" if len(values) == 1 else f"{values[0]:g} to {values[-1]:g}"


def _areas(entry: Entry) -> str:
    aurc = entry.get("aurc") or {}
    if aurc.get("control") is None or aurc.get("treatment") is None:
        return ""
    shown = f"{aurc['control']:.3f} under the control and {aurc['treatment']:.3f} under the treatment"
    ends = spread(aurc.get("ci_95"), lambda end: f"{end:+.3f}".replace("-", "−"))
    change = "–" if aurc.get("delta") is None else f"{aurc['delta']:+.3f}".replace("-", "−")
    return (
        f"The area under the curve (small for an arm that is right and knows when it is) is {shown}: a difference of "
        f"{change} (95 % CI {ends})."
    )


def noninferiority(results: Results) -> list[str]:
    """Whether the treatment is at least not worse, and whether it is equivalent, within the margins."""
    blocks = [block for block in results.blocks() if block.content.get("tost")]
    if not blocks:
        return []
    rows, reasons = [], []
    for block, name, entry in _entries(results, blocks, "tost"):
        title = results.metric(name).title
        rows.append([title, where(block.address.temp, block.address.type), *_margins(entry)])
        if entry.get("p_non_inferiority") is None and entry.get("reason"):
            told = f"{title}, {place(block.address)}: {entry['reason']}"
            reasons.append(f"{escape(told)}.")
    alphas = sorted({entry["alpha"] for _, _, entry in _entries(results, blocks, "tost") if entry.get("alpha")})
    level = " or ".join(f"{alpha:g}" for alpha in alphas) or "their level"
    intro = (
        "Here the burden of proof is turned round: *not worse* has to be shown against a loss of the whole margin, and "
        f"*equivalent* against a difference of it either way, each one-sided at {level}. *No* means not shown. The "
        "verdict’s own margins are those of the config’s section verdict; these are of stats.tost_margins."
    )
    header = ["Metric", "Where", "Margin", "Difference", "Interval", "p not worse", "Not worse", "p equivalent"]
    return [
        "## Non-inferiority and equivalence",
        intro,
        table([*header, "Equivalent", "Test"], rows, numbers=range(2, 6)),
        bullets(reasons),
    ]


def _margins(entry: Entry) -> list[str]:
    level = "" if entry.get("level") is None else f" ({100 * entry['level']:g} %)"
    ends = spread((entry.get("low"), entry.get("high")), points)
    return [
        "–" if entry.get("margin") is None else f"±{100 * entry['margin']:g}",
        points(entry.get("mean_delta")),
        f"{ends}{level}" if ends != "–" else ends,
        p_value(entry.get("p_non_inferiority")),
        _yes(entry.get("non_inferior")),
        p_value(entry.get("p_tost")),
        _yes(entry.get("equivalent")),
        str(entry.get("method") or "–"),
    ]


def _yes(value: object) -> str:
    return "–" if value is None else "yes" if value else "no"
