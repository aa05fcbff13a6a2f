"""What a reader sees first: whose results these are, the verdict, the guards, and what could be wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from exx import percent, points
from exx_html.numbers import where
from exx_html.tables import Grid

if TYPE_CHECKING:
    from exx import Results

_UNREMARKABLE = (
    "Nothing stands out: no request failed, answers were cut off equally often in both arms, every question has its "
    "pair, and the data name no questions that share a passage."
)
_ALWAYS = (
    "And always: the verdict is about these questions, this model and these two prompts; and of intervals at 95 %, one "
    "in twenty misses what it should cover."
)


def title(results: Results) -> dict[str, Any]:
    """Model, prompt set and run, for the head of the page."""
    manifest = results.manifest or {}
    named = [
        ("Model", manifest.get("model")),
        ("Prompt set", manifest.get("prompt_set")),
        ("Run" if results.run_id else "Results", results.run_id or results.folder.name),
        ("Datasets", ", ".join(map(str, manifest.get("datasets", [])))),
        ("Asked", _when(manifest.get("stage_status") or {})),
    ]
    return {"facts": [(name, str(value)) for name, value in named if value], "simulated": results.simulated}


def _when(stages: Mapping[str, Any]) -> str:
    submitted = stages.get("submit") or {}
    days = [str(submitted.get(key) or "")[:10] for key in ("started_at", "finished_at")]
    return " to ".join(dict.fromkeys(day for day in days if day))


def verdict(results: Results) -> dict[str, Any]:
    """A card per primary metric and place, the guards, and every reason to doubt."""
    judged = results.judgement()
    cards = [
        {
            "place": where(row.address.temp, row.address.type),
            "metric": row.title,
            "answer": row.answer,
            "difference": points(row.difference),
            "interval": None if row.low is None else f"{points(row.low)} to {points(row.high)}",
            "level": f"{100 * row.level:g} %",
            "arms": (percent(row.control), percent(row.treatment)),
            "sentence": row.sentence,
        }
        for row in judged.primary
    ]
    return {
        "sentence": judged.sentence,
        "cards": cards,
        "guards": [{"status": guard.status, "sentence": guard.sentence} for guard in judged.guards],
        "doubts": list(dict.fromkeys(judged.caveats)) or [_UNREMARKABLE],
        "always": _ALWAYS,
    }


def glance(results: Results) -> Grid:
    """Every metric in every place."""
    header, *rows = results.verdict_table()
    return Grid(header=header, rows=rows, numbers=range(2, len(header) - 1))


def asked(results: Results) -> dict[str, Any] | None:
    """What was asked of which model under which prompts; None without a manifest."""
    manifest = results.manifest
    if manifest is None:
        return None
    facts = {
        "Model": manifest.get("model"),
        "Backend": _backend(manifest.get("backend") or {}),
        "Datasets": ", ".join(map(str, manifest.get("datasets", []))),
        "Temperatures": ", ".join(f"{temp:g}{_times(results, temp)}" for temp in manifest.get("temps", [])),
        "Decoding": _decoding(manifest),
    }
    prompts = [
        {
            "arm": arm,
            "text": prompt.get("text") or "",
            "told": ", ".join(_told(prompt)),
        }
        for arm, prompt in (manifest.get("prompts") or {}).items()
    ]
    return {"facts": [(name, str(value)) for name, value in facts.items() if value], "prompts": prompts}


def _told(prompt: Mapping[str, Any]) -> list[str]:
    told = [f"{prompt['words']} words"] if "words" in prompt else []
    told += [f"from {prompt['source']}"] if prompt.get("source") else []
    return told + ([f"sha256 {str(prompt['sha256'])[:12]}…"] if prompt.get("sha256") else [])


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


def answered(results: Results) -> Grid | None:
    """When and by which model each arm was answered; None where the manifest does not say."""
    if not results.answered:
        return None
    rows = [
        [
            arm,
            f"{said.answers:,}",
            *("–" if at is None else f"{at:%Y-%m-%d %H:%M}" for at in (said.first, said.middle, said.last)),
            _tally(said.models),
            _tally(said.precisions),
        ]
        for arm, said in results.answered.items()
    ]
    header = ["Arm", "Answers", "First (UTC)", "Half by", "Last", "Model as it calls itself", "Precision"]
    return Grid(header=header, rows=rows, numbers=(1,))


def _tally(counts: Mapping[str, int]) -> str:
    if not counts:
        return "not told"
    return ", ".join(name if len(counts) == 1 else f"{name} ({count:,})" for name, count in counts.items())
