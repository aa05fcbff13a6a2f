"""Phase score: predictions into per-item scores, by every scorer and the detector of unsupported claims."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from exx import __version__
from exx.config.dump import to_plain
from exx.experiment import Experiment
from exx.pipeline.context import FilePhase, Outcome, Scope, TrialContext
from exx.pipeline.items import FILES
from exx.pipeline.scoring import ScoreSummary, score_files
from exx.records import Json
from exx.state.ledger import digest
from exx.text.abstention import Abstention


class Score(FilePhase):
    """Judge every answer."""

    name: ClassVar[str] = "score"
    scope: ClassVar[Scope] = "trial"

    def inputs(self, ctx: TrialContext) -> dict[str, str]:
        """Predictions and items; scorers, detector and the abstention rule."""
        experiment = ctx.experiment
        inputs = {
            "predictions": ctx.digest_of("parse"),
            "items": ctx.digest_of("prepare", FILES.values()),
            "detector": digest(experiment.detector.stamp()),
            "abstention": digest(to_plain(experiment.config)["abstention"]),
            "fallback_scorer": experiment.config.fallback_scorer,
            "exx-core": __version__,
        }
        return inputs | {f"scorer {bound.name}": digest(bound.stamp()) for bound in experiment.scorers}

    def run(self, ctx: TrialContext) -> Outcome:
        """Write per_item_scores.csv, its Parquet twin, metrics.json, integrity.json, perhaps support.csv."""
        path = ctx.results / "per_item_scores.csv"
        summary = score_with(ctx.experiment, ctx.results / "predictions.csv", ctx.prepared, path, parquet=True)
        details: dict[str, Json] = {
            "scorers": {dataset: list(names) for dataset, names in summary.scorers.items()},
            "failed": dict(summary.failed),
            "truncated": dict(summary.truncated),
            "notes": list(summary.notes),
        }
        return Outcome(artifacts=summary.artifacts, summary=f"{summary.rows} rows", details=details)


def score_with(
    experiment: Experiment, predictions: Path, prepared: Path, out: Path, *, parquet: bool = False
) -> ScoreSummary:
    """Score a predictions file as an experiment's config says."""
    return score_files(
        predictions,
        prepared,
        out,
        scorers=[bound.instance for bound in experiment.scorers],
        detector=experiment.detector.instance,
        abstention=Abstention.of(to_plain(experiment.config)["abstention"]),
        fallback=experiment.config.fallback_scorer,
        parquet=parquet,
    )
