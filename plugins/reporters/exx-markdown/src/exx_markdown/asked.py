"""What was asked: of which model, under which prompts, when each arm was answered, and by whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from exx_markdown.text import block, bullets, escape, fold, table

if TYPE_CHECKING:
    from exx import Results

_ARMS = ("control", "treatment")


def setup(results: Results) -> list[str]:
    """The settings, when each arm was answered, and the prompts; nothing without a manifest."""
    manifest = results.manifest
    if manifest is None:
        return []
    return [
        "## What was asked, when, and of whom",
        bullets(_facts(results, manifest)),
        *_answered(results),
        *_prompts(manifest.get("prompts") or {}),
    ]


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


def _answered(results: Results) -> list[str]:
    arms = [(arm, results.answered[arm]) for arm in _ARMS if arm in results.answered]
    if not arms:
        return ["The manifest does not say when each arm was answered, nor by which revision of the model."]
    rows = [
        [
            arm,
            f"{said.answers:,}",
            *(f"{at:%Y-%m-%d %H:%M}" if at else "–" for at in (said.first, said.middle, said.last)),
            _counted(said.answers, said.models),
            _counted(said.answers, said.precisions),
        ]
        for arm, said in arms
    ]
    header = ["Arm", "Answers", "First (UTC)", "Half of them", "Last", "By the model", "Computed with"]
    unlike = results.arms_unlike()
    words = (
        bullets(map(escape, unlike))
        if unlike
        else "As far as the server tells, both arms were answered by the same model and at about the same time."
    )
    return [table(header, rows, numbers=(1,)), "" if results.simulated else words]


def _counted(answers: int, counts: Mapping[str, int]) -> str:
    """Names with how many answers each has; a dash where the server does not say."""
    if not counts:
        return "–"
    if list(counts.values()) == [answers]:
        return next(iter(counts))
    told = [f"{name} ({count:,})" for name, count in counts.items()]
    untold = answers - sum(counts.values())
    return ", ".join([*told, *([f"not told ({untold:,})"] if untold > 0 else [])])


def _prompts(prompts: Mapping[str, Any]) -> list[str]:
    paragraphs: list[str] = []
    for arm, prompt in prompts.items():
        told = [
            f"{prompt['words']} words" if "words" in prompt else "",
            f"from {escape(prompt['source'])}" if prompt.get("source") else "",
            f"sha256 {str(prompt['sha256'])[:12]}…" if prompt.get("sha256") else "",
        ]
        paragraphs.append(f"The {escape(arm)} prompt ({', '.join(part for part in told if part)}):")
        paragraphs.append(block(prompt["text"], "text") if prompt.get("text") else "")
    return fold("The two system prompts", paragraphs) if paragraphs else []
