"""What a run is and came to, in a row for ``exx list`` and in full for ``exx show``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import frozen

from exx.errors import ExxError
from exx.records import Json
from exx.runs.folder import RunFolder, files_of
from exx.verdict import VerdictRow
from exx.wording import points

_USAGE = ("requests", "answered", "failed", "truncated", "reused")


@frozen(kw_only=True)
class RunRow:
    """A run in a row.

    Attributes:
        run: Id.
        status: ``running``, ``done``, ``stopped``, ``failed``, ``died``, or what keeps it from being read.
        started: Latest start, UTC.
        trials: How many.
        models: Asked.
        prompt_sets: Compared.
        n: Items asked about; None while they are not prepared.
        differences: Of the primary metrics, one for each trial, metric, temperature and type: in [-1, 1].
        usd: Spent on the answers; None without a price.
        simulated: The answers were made up.
    """

    run: str
    status: str
    started: str = ""
    trials: int = 0
    models: tuple[str, ...] = ()
    prompt_sets: tuple[str, ...] = ()
    n: int | None = None
    differences: tuple[float, ...] = ()
    usd: float | None = None
    simulated: bool = False

    @property
    def difference(self) -> str:
        """The primary difference in percentage points, or the smallest and the largest of several."""
        ends = dict.fromkeys(points(end) for end in (min(self.differences), max(self.differences)))
        return " … ".join(ends)

    def cells(self) -> list[str]:
        """The row as plain strings."""
        return [
            self.run,
            self.status,
            self.started,
            str(self.trials or ""),
            ", ".join(self.models),
            ", ".join(self.prompt_sets),
            "" if self.n is None else f"{self.n:,}",
            self.difference if self.differences else "",
            "simulated" if self.simulated else "" if self.usd is None else f"${self.usd:,.2f}",
        ]


COLUMNS = ("run", "status", "started", "trials", "model", "prompt set", "n", "difference", "cost")


def summarise(run: RunFolder) -> RunRow:
    """A run in a row; one that cannot be read says so in its status."""
    try:
        return _summarise(run)
    except ExxError:
        return RunRow(run=run.id, status=run.status, started=run.started_at)


def _summarise(run: RunFolder) -> RunRow:
    manifests = [run.manifest(slug).document for slug in run.trials]
    rows = [row for slug in run.trials for row in _primary(run, slug)]
    spent = [_spent(costs) for slug in run.trials if (costs := _costs(run, slug))]
    prepared = run.state.stages.get("prepare")
    items = prepared.details.get("items") if prepared else None
    return RunRow(
        run=run.id,
        status=run.status,
        started=run.started_at,
        trials=len(run.trials),
        models=_distinct(m.get("model") for m in manifests),
        prompt_sets=_distinct(m.get("prompt_set") for m in manifests),
        n=items if isinstance(items, int) else None,
        differences=tuple(row.difference for row in rows if row.difference is not None),
        usd=sum(usd for usd in spent if usd is not None) if any(usd is not None for usd in spent) else None,
        simulated=bool(run.document.get("simulated")),
    )


def _distinct(values: Iterable[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(value) for value in values if value is not None))


def _primary(run: RunFolder, slug: str) -> list[VerdictRow]:
    results = run.results(slug)
    return [row for row in results.verdict() if row.primary] if results else []


def _costs(run: RunFolder, slug: str) -> Mapping[str, Any] | None:
    results = run.results(slug)
    return results.costs if results else None


def _spent(costs: Mapping[str, Any]) -> float | None:
    usd: float | None = costs["total"]["usd"]["spent"]
    return usd


def describe(run: RunFolder) -> dict[str, Json]:
    """Everything ``exx show`` tells: what was asked, the verdict, the files, what was reused and saved.

    Raises:
        RunError: A newer exx made the run.
        DataError: A file of it is damaged, with the command that mends it.
    """
    said = run.document
    files: list[Json] = [
        {"path": path.relative_to(run.path).as_posix(), "size": path.lstat().st_size} for path in files_of(run.path)
    ]
    keys = ("created_at", "started_at", "finished_at", "last_error", "simulated", "exx_core", "options")
    return {
        "run_id": run.id,
        "folder": str(run.path),
        "status": run.status,
        **{key: said.get(key) for key in keys},
        "trials": [_describe_trial(run, slug) for slug in run.trials],
        "files": files,
    }


def _describe_trial(run: RunFolder, slug: str) -> dict[str, Json]:
    manifest = run.manifest(slug).document
    results, costs = run.results(slug), _costs(run, slug)
    total = costs["total"] if costs else None
    asked = ("model", "prompt_set", "datasets", "temps", "top_p", "top_k", "max_new_tokens", "prompts", "backend")
    return {
        "slug": slug,
        **{key: manifest.get(key) for key in asked},
        **(results.judgement().to_json() if results else {"verdict": []}),
        "usage": {**{key: total[key] for key in _USAGE}, "tokens": total["tokens"], "usd": total["usd"]}
        if total
        else None,
    }
