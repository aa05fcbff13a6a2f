"""What a reader needs last: examples to judge by eye, the methods with their sources, and how to do it all again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from exx import number
from exx_markdown.text import block, bullets, code, escape, fold, where

if TYPE_CHECKING:
    from exx import Results

_KINDS = {
    "backend": "Asked with",
    "dataset": "Questions from",
    "scorer": "Scored with",
    "detector": "Support judged with",
    "analysis": "Analysed with",
    "reporter": "Reported with",
}


def examples(results: Results, *, each: int, longest: int) -> list[str]:
    """Items that the treatment fixed, and items that it broke."""
    if not each or not results.primary or not results.has("per_item_scores.csv"):
        return []
    metric = results.primary[0]
    found = results.examples(metric, each)
    if not found:
        return []
    intro = (
        f"Questions on which the arms differ in {escape(results.metric(metric).title)}: the largest differences first, "
        "and among equals in the order of a hash, so that nobody chose them. Texts are shown as they came, cut at "
        f"{longest:,} characters; marks that cannot be seen are written out."
    )
    paragraphs = ["## Examples", intro]
    for effect, words in (("fixed", "The treatment helped"), ("broke", "The treatment hurt")):
        for place in dict.fromkeys((example.temp, example.type) for example in found):
            here = [e for e in found if e.effect == effect and (e.temp, e.type) == place]
            if here:
                paragraphs += [f"### {words}: {where(*place)}", "\n".join(_shown(e, longest) for e in here)]
    return paragraphs


def _shown(example: Any, longest: int) -> str:
    question = code(example.question, longest) if example.question is not None else code(example.item_key, longest)
    lines = [f"- {question}"]
    if example.is_unanswerable:
        lines.append("  - right answer: none, the passage does not hold it")
    elif example.answers:
        lines.append(f"  - right answer: {code(' / '.join(example.answers[:3]), longest)}")
    for arm, text, score in (
        ("control", example.control_answer, example.control),
        ("treatment", example.treatment_answer, example.treatment),
    ):
        said = "*not at hand*" if text is None else code(text, longest)
        lines.append(f"  - {arm} ({number(score)}): {said}")
    return "\n".join(lines)


def methods(results: Results) -> list[str]:
    """Every plugin that took part, what it does in its own words, and the sources it names."""
    found = results.methods()
    if not found:
        return []
    paragraphs = ["## Methods and sources"]
    for kind, words in _KINDS.items():
        members = [method for method in found if method.kind == kind]
        if members:
            paragraphs += [f"{words}:", "\n".join(_method(method) for method in members)]
    others = [method for method in found if method.kind not in _KINDS]
    return [*paragraphs, bullets(_method(method).removeprefix("- ") for method in others)]


def _method(method: Any) -> str:
    package = " ".join(part for part in (method.distribution, method.version) if part)
    options = ", ".join(f"{key}={value}" for key, value in method.options.items())
    told = [f"**{escape(method.name)}**", f"({escape(package)})" if package else "", escape(options)]
    summary = f": {_words(method.summary)}" if method.summary else ""
    lines = [f"- {' '.join(part for part in told if part)}{summary}"]
    return "\n".join([*lines, *(f"  - {_words(source)}" for source in method.sources)])


def _words(text: str) -> str:
    return escape(text.replace("``", ""))


def again(results: Results) -> list[str]:
    """The commands and the config that make these results anew."""
    return ["## How to do it again", *(_from_run(results) or _from_files())]


def _from_run(results: Results) -> Sequence[str]:
    run = results.run_folder
    if run is None:
        return []
    config = run / "config.yaml"
    name = f"{run.parent.name}/{run.name}"
    commands = [
        f"exx run {shlex.quote(f'{name}/config.yaml')} --run-id {shlex.quote(f'{results.run_id}-again')}",
        f"exx resume {shlex.quote(str(results.run_id))}",
    ]
    intro = (
        "The first command runs the experiment once more, the second does what is missing or out of date in this run. "
        "Neither asks for an answer that the response store beside the runs already holds."
    )
    paragraphs = [intro, block("\n".join(commands), "console")]
    if config.is_file():
        paragraphs += fold("The settings, as they were in effect", [block(config.read_text(encoding="utf-8"), "yaml")])
    return paragraphs


def _from_files() -> Sequence[str]:
    commands = [
        "exx score --pred-csv predictions.csv --prepared-dir data/prepared --out-dir results",
        "exx stats --per-item-csv results/per_item_scores.csv --out-path results/significance.json",
        "exx report --results-dir results --reports-dir reports",
    ]
    return ["These results were computed from files, outside a run:", block("\n".join(commands), "console")]
