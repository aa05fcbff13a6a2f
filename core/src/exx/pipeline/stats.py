"""Phase stats: per-item scores into findings, by every analysis."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from attrs import asdict

from exx import __version__
from exx.config.dump import to_plain
from exx.experiment import Experiment
from exx.pipeline.context import FilePhase, Outcome, Scope, TrialContext
from exx.records import Price
from exx.state.ledger import digest


class Stats(FilePhase):
    """Ask every analysis."""

    name: ClassVar[str] = "stats"
    scope: ClassVar[Scope] = "trial"

    def inputs(self, ctx: TrialContext) -> dict[str, str]:
        """Scores, tokens and their price; analyses with their options; seed and primary metrics."""
        config = ctx.experiment.config
        inputs = {
            "scores": ctx.digest_of("score"),
            "stats": digest(to_plain(config)["stats"]),
            "primary metrics": digest(config.verdict.primary),
            "exx-core": __version__,
        }
        if any(bound.instance.level == "study" for bound in ctx.experiment.analyses):  # only these look at tokens
            inputs |= {"predictions": ctx.digest_of("parse"), "pricing": digest(asdict(ctx.priced))}
        return inputs | {f"analysis {bound.name}": digest(bound.stamp()) for bound in ctx.experiment.analyses}

    def run(self, ctx: TrialContext) -> Outcome:
        """Write significance.json, findings.csv, its Parquet twin, and what study analyses make."""
        scores, out = ctx.results / "per_item_scores.csv", ctx.results / "significance.json"
        count, paths = stats_with(
            ctx.experiment, scores, out, prepared=ctx.prepared, price=ctx.priced.price, parquet=True
        )
        return Outcome(artifacts=paths, summary=f"{count} findings")


def stats_with(
    experiment: Experiment,
    per_item_csv: Path,
    out: Path,
    *,
    prepared: Path | None = None,
    price: Price | None = None,
    parquet: bool = False,
) -> tuple[int, list[Path]]:
    """Analyse a score file as an experiment's config says; returns how many findings there are, and the files."""
    # numpy and pyarrow are needed here and nowhere before.
    from exx.pipeline.statistics import compute
    from exx.pipeline.statistics_write import write_statistics

    config = experiment.config
    statistics = compute(
        per_item_csv,
        experiment.analyses,
        seed=config.stats.random_seed,
        primary=config.verdict.primary,
        stats_config=to_plain(config)["stats"],
        prepared=prepared,
        price=price,
    )
    return len(statistics.findings), write_statistics(statistics, out, parquet=parquet)
