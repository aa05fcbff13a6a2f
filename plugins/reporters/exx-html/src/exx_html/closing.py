"""What a reader needs last: the methods with their sources, and how to do it all again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

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
_FROM_FILES = (
    "exx score --pred-csv predictions.csv --prepared-dir data/prepared --out-dir results",
    "exx stats --per-item-csv results/per_item_scores.csv --out-path results/significance.json",
    "exx report --results-dir results --reports-dir reports",
)


def methods(results: Results) -> list[dict[str, Any]]:
    """Every plugin that took part, by kind: what it does in its own words, and the sources it names."""
    found = results.methods()
    kinds = dict.fromkeys([*_KINDS, *(str(method.kind) for method in found if method.kind not in _KINDS)])
    groups = [
        {"words": _KINDS.get(kind, "Also"), "members": [_method(m) for m in found if str(m.kind) == kind]}
        for kind in kinds
    ]
    return [group for group in groups if group["members"]]


def _method(method: Any) -> Mapping[str, Any]:
    return {
        "name": method.name,
        "package": " ".join(part for part in (method.distribution, method.version) if part),
        "options": ", ".join(f"{key}={value}" for key, value in method.options.items()),
        "summary": (method.summary or "").replace("``", ""),
        "sources": [source.replace("``", "") for source in method.sources],
    }


def again(results: Results) -> dict[str, Any]:
    """The commands, and the config, that make these results anew."""
    run = results.run_folder
    if run is None:
        intro = "These results were computed from files, outside a run:"
        return {"intro": intro, "commands": "\n".join(_FROM_FILES), "config": None}
    config, name = run / "config.yaml", f"{run.parent.name}/{run.name}"
    commands = [
        f"exx run {shlex.quote(f'{name}/config.yaml')} --run-id {shlex.quote(f'{results.run_id}-again')}",
        f"exx resume {shlex.quote(str(results.run_id))}",
    ]
    intro = (
        "The first command runs the experiment once more, the second does what is missing or out of date in this run. "
        "Neither asks for an answer that the response store beside the runs already holds."
    )
    settings = config.read_text(encoding="utf-8") if config.is_file() else None
    return {"intro": intro, "commands": "\n".join(commands), "config": settings}
