"""What a reader sees first: the verdict, what else may have got worse, and what could be wrong with all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exx_markdown.figures import place
from exx_markdown.text import amount, bullets, code, escape

if TYPE_CHECKING:
    from exx import Results, VerdictRow
    from exx_markdown.figures import Figures

_SIMULATED = (
    "> **SIMULATED: no model was asked.** The answers in this report were made up to try the machinery out. "
    "Nothing below says anything about a prompt."
)
_UNREMARKABLE = (
    "Nothing stands out: no request failed, answers were cut off equally often in both arms, every question has its "
    "pair, and the data name no questions that share a passage."
)
_ALWAYS = (
    "And always: the verdict is about these questions, this model and these two prompts; and of intervals at 95 %, one "
    "in twenty misses what it should cover."
)
_GUARDS = (
    "A better answer is no good news if something else pays for it. *Held* means: shown not to be worse by more than "
    "the margin. *Not shown* is no pass: it may have got worse."
)


def title(results: Results) -> list[str]:
    """The heading, and whose results these are; a banner if nobody was asked."""
    manifest = results.manifest or {}
    told = [
        f"model {code(str(manifest['model']))}" if "model" in manifest else "",
        f"prompt set {code(str(manifest['prompt_set']))}" if "prompt_set" in manifest else "",
        f"run {code(results.run_id)}" if results.run_id else f"results in {code(results.folder.name)}",
    ]
    line = ", ".join(part for part in told if part)
    return ["# Did the treatment help?", _SIMULATED if results.simulated else "", line[0].upper() + line[1:] + "."]


def verdict(results: Results, figures: Figures) -> list[str]:
    """One sentence per primary metric and place, the guards, and every reason to doubt it."""
    rows = [row for row in results.verdict() if row.primary]
    answers = [f"**{place(row.address)}: {row.answer}.** {escape(row.sentence)}" for row in rows]
    return [
        "## Verdict",
        f"**In short: {escape(results.judgement().sentence)}**" if answers else "",
        *(answers or ["There is no verdict: no metric was measured."]),
        _drawn(results, rows, figures),
        *_guards(results),
        *_doubts(results),
    ]


def _drawn(results: Results, rows: list[VerdictRow], figures: Figures) -> str:
    known = [row for row in rows if row.difference is not None]
    if not known:
        return ""
    margin = known[0].margin if len({row.margin for row in known}) == 1 else None
    labelled = [(f"{row.title}, {place(row.address)}", row) for row in known]
    drawn = figures.forest("verdict", labelled, title="The verdict’s differences", margin=margin)
    band = f" The band is the margin of ±{amount(margin)}." if margin else ""
    return f"{drawn}\n\n*Treatment − control with 95 % intervals; in colour where the verdict is clear.{band}*"


def _guards(results: Results) -> list[str]:
    rows = results.guards()
    told = [f"**{row.status}**: {escape(row.sentence)}" for row in rows]
    judged = {row.metric for row in rows}
    wanted = results.config.verdict.guards if results.config else ()
    told += [f"**not judged**: {_unjudged(results, name)}" for name in wanted if name not in judged]
    if not told:
        return []
    return ["### Did anything else get worse?", bullets(told), _GUARDS]


def _unjudged(results: Results, name: str) -> str:
    if name != "cost":
        return f"{escape(results.metric(name).title)} was not measured."
    reason = (results.costs or {}).get("price", {}).get("reason") or "there are no sums of money"
    return f"Cost: {escape(reason)}."


def _doubts(results: Results) -> list[str]:
    doubts = results.caveats()
    said = bullets(map(escape, doubts)) if doubts else _UNREMARKABLE
    return ["### What could be wrong with it", said, _ALWAYS]
