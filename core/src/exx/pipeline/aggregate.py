"""Phase aggregate: after several trials, all of them side by side, with one family of hypotheses over them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from exx import __version__
from exx.aggregate import Overview, TrialResults, draw, overview, render
from exx.config.dump import to_plain
from exx.config.trials import Trial
from exx.experiment import Bound
from exx.pipeline.context import FilePhase, Outcome, Scope, TrialContext, describe_settings
from exx.records import Json
from exx.results import load_results, rules_of
from exx.state.files import write_json, write_text
from exx.state.ledger import StageRecord, digest
from exx.state.run_state import Ledger

MANIFEST, REPORT = "multi_trial_manifest.json", "aggregate_report.md"
_MADE_FROM = ("significance.json", "findings.csv")


class Aggregate(FilePhase):
    """Write the overview of a run with several trials."""

    name: ClassVar[str] = "aggregate"
    scope: ClassVar[Scope] = "end"

    def inputs(self, ctx: TrialContext) -> dict[str, str]:
        """What the statistics of each trial are, how they are adjusted, and what the trials are."""
        config = ctx.experiment.config
        inputs = {f"trial {trial.slug}": digest([_about(ctx, trial), _made(ctx, trial)]) for trial in _trials(ctx)}
        inputs |= {f"costs of {trial.slug}": digest(_costs(ctx, trial)) for trial in _trials(ctx)}
        inputs |= {
            "verdict": digest(to_plain(config)["verdict"]),
            "simulated": str(ctx.experiment.simulated),
            "exx-core": __version__,
        }
        return inputs | {f"analysis {bound.name}": digest(bound.stamp()) for bound in _adjustments(ctx)}

    def run(self, ctx: TrialContext) -> Outcome:
        """Write multi_trial_manifest.json, aggregate_report.md and, where matplotlib is installed, its figures."""
        trials = [TrialResults(slug=t.slug, about=_about(ctx, t), results=_results(ctx, t)) for t in _trials(ctx)]
        found = _judged(ctx, trials)
        manifest, report = ctx.run.folder / MANIFEST, ctx.run.folder / REPORT
        write_json(manifest, _manifest(ctx, found))
        figures = _drawn(found)
        for name, svg in figures.items():
            write_text(ctx.run.folder / name, svg)
        write_text(report, render(found, ctx.run.id, figures))
        words = f"{len(trials)} trials, {found.size} primary hypotheses"
        made = [manifest, report, *(ctx.run.folder / name for name in figures)]
        return Outcome(artifacts=made, summary=words, details={"family": found.family, "m": found.size})


def _drawn(found: Overview) -> dict[str, str]:
    try:
        return draw(found)
    except ImportError:  # the figures are an extra; the table has the same numbers
        return {}


def _judged(ctx: TrialContext, trials: list[TrialResults]) -> Overview:
    adjustments = _adjustments(ctx)
    try:
        return overview(trials, [b.instance for b in adjustments], rules=rules_of(ctx.experiment.config.verdict))
    except (TypeError, ValueError, LookupError, AttributeError) as cause:
        if not adjustments:
            raise
        raise adjustments[0].failure(cause) from cause


def _manifest(ctx: TrialContext, found: Overview) -> dict[str, Any]:
    return {
        "schema_version": 2,
        "run_id": ctx.run.id,
        "simulated": found.simulated,
        "trials": [_entry(ctx, trial) for trial in _trials(ctx)],
        "family": {"name": found.family, "m": found.size},
        "verdict": [row.to_json() for row in found.rows],
        "guards": [one.to_json() for one in found.guards],
    }


def _entry(ctx: TrialContext, trial: Trial) -> dict[str, Json]:
    record = _stats(ctx, trial)
    made = [a for a in record.artifacts if _is_made_from(a.path)] if record else []
    return {
        "slug": trial.slug,
        **_about(ctx, trial),
        "status": record.status if record else "not done",
        "results": f"{trial.slug}/results",
        "reports": f"{trial.slug}/reports",
        "artifacts": [{"path": a.path, "size": a.size, "sha256": a.sha256} for a in made],
    }


def _trials(ctx: TrialContext) -> tuple[Trial, ...]:
    return ctx.experiment.trials


def _about(ctx: TrialContext, trial: Trial) -> dict[str, Any]:
    about = describe_settings(trial, ctx.experiment.prompts(trial))
    about["prompts"] = {arm: {"sha256": said["sha256"]} for arm, said in about["prompts"].items()}
    return about


def _stats(ctx: TrialContext, trial: Trial) -> StageRecord | None:
    return Ledger.open(ctx.run.folder / trial.slug / "results" / "trial_manifest.json").stages.get("stats")


def _made(ctx: TrialContext, trial: Trial) -> dict[str, str]:
    record = _stats(ctx, trial)
    if record is None or record.status != "done":
        return {}
    return {artifact.path: artifact.sha256 for artifact in record.artifacts if _is_made_from(artifact.path)}


def _costs(ctx: TrialContext, trial: Trial) -> dict[str, str]:
    """What the price is counted from, which is a guard too."""
    record = Ledger.open(ctx.run.folder / trial.slug / "results" / "trial_manifest.json").stages.get("costs")
    return {artifact.path: artifact.sha256 for artifact in record.artifacts} if record else {}


def _is_made_from(path: str) -> bool:
    return Path(path).name in _MADE_FROM


def _results(ctx: TrialContext, trial: Trial) -> Any:
    folder = ctx.run.folder / trial.slug / "results"
    return load_results(folder, ctx.experiment.config) if _made(ctx, trial) else None


def _adjustments(ctx: TrialContext) -> list[Bound]:
    return [bound for bound in ctx.experiment.analyses if bound.instance.level == "adjustment"]
