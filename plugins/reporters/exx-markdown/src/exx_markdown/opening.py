"""What a reader sees first: the verdict, what could be wrong with it, the table, and what was asked of whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from exx_markdown.text import block, bullets, code, escape, table, where

if TYPE_CHECKING:
    from exx import Results

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


def verdict(results: Results) -> list[str]:
    """One sentence per primary metric and place, and every reason to doubt it."""
    rows = [row for row in results.verdict() if row.primary]
    answers = [
        f"**{where(row.address.temp, row.address.type)}: {row.answer}.** {escape(row.sentence)}" for row in rows
    ] or ["There is no verdict: no metric was measured."]
    doubts = results.caveats()
    return [
        "## Verdict",
        *answers,
        "### What could be wrong with it",
        bullets(map(escape, doubts)) if doubts else _UNREMARKABLE,
        _ALWAYS,
    ]


def glance(results: Results) -> list[str]:
    """Every metric in every place."""
    header, *rows = results.verdict_table()
    explained = (
        "Rates are per cent, differences treatment − control in percentage points, and n is the number of questions "
        "that both arms have a value for. A star marks the primary metrics. *Better* and *worse* are said only when "
        f"the interval leaves out zero and p, or q where there is one, is below {results.alpha:g}; q is p adjusted for "
        "the number of hypotheses. *Cannot tell* does not mean that there is no difference."
    )
    return ["## At a glance", table(header, rows, numbers=range(2, 9)), explained]


def setup(results: Results) -> list[str]:
    """What was asked, of which model, under which prompts; nothing without a manifest."""
    manifest = results.manifest
    if manifest is None:
        return []
    return ["## What was asked", bullets(_facts(results, manifest)), *_prompts(manifest.get("prompts") or {})]


def _facts(results: Results, manifest: Mapping[str, Any]) -> list[str]:
    facts = {
        "Model": manifest.get("model"),
        "Backend": _backend(manifest.get("backend") or {}),
        "Datasets": ", ".join(map(str, manifest.get("datasets", []))),
        "Temperatures": ", ".join(f"{temp:g}{_times(results, temp)}" for temp in manifest.get("temps", [])),
        "Decoding": _decoding(manifest),
        "Asked": _when(manifest.get("stage_status") or {}),
    }
    return [f"{name}: {escape(value)}" for name, value in facts.items() if value]


def _backend(backend: Mapping[str, Any]) -> str:
    options = ", ".join(f"{key}={value}" for key, value in (backend.get("options") or {}).items())
    package = " ".join(str(backend[key]) for key in ("distribution", "version") if backend.get(key))
    return f"{backend.get('name', '')}{f' ({package})' if package else ''}{f', {options}' if options else ''}"


def _times(results: Results, temp: float) -> str:
    times = (results.config.samples_per_item if results.config else {}).get(repr(temp), 1) or 1
    return f" ({times} answers to each question)" if times > 1 else ""


def _decoding(manifest: Mapping[str, Any]) -> str:
    limits = manifest.get("max_new_tokens") or {}
    told = [f"{name} {manifest[name]}" for name in ("top_p", "top_k") if manifest.get(name) is not None]
    longest = [f"{count:,} ({kind.replace('_', '-')})" for kind, count in limits.items()]
    return ", ".join([*told, *([f"at most {' or '.join(longest)} tokens"] if longest else [])])


def _when(stages: Mapping[str, Any]) -> str:
    submitted = stages.get("submit") or {}
    days = [str(submitted.get(key) or "")[:10] for key in ("started_at", "finished_at")]
    return " to ".join(dict.fromkeys(day for day in days if day))


def _prompts(prompts: Mapping[str, Any]) -> list[str]:
    paragraphs = []
    for arm, prompt in prompts.items():
        told = [
            f"{prompt['words']} words" if "words" in prompt else "",
            f"from {escape(prompt['source'])}" if prompt.get("source") else "",
            f"sha256 {str(prompt['sha256'])[:12]}…" if prompt.get("sha256") else "",
        ]
        paragraphs.append(f"The {escape(arm)} prompt ({', '.join(part for part in told if part)}):")
        paragraphs.append(block(prompt["text"], "text") if prompt.get("text") else "")
    return paragraphs
