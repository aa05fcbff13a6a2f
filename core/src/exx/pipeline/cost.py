"""Phase costs: predictions into tokens and dollars per arm, what was reused counted as saved."""

from __future__ import annotations

from typing import Any, ClassVar

from exx import __version__
from exx.config.dump import to_plain
from exx.costs import Cell, Tally, compute_costs
from exx.pipeline.context import FilePhase, Outcome, Scope, TrialContext
from exx.state.files import write_json
from exx.state.ledger import digest


class Costs(FilePhase):
    """Add up what the answers took."""

    name: ClassVar[str] = "costs"
    scope: ClassVar[Scope] = "trial"

    def inputs(self, ctx: TrialContext) -> dict[str, str]:
        """Predictions, what of them was reused, and the price."""
        return {
            "predictions": ctx.digest_of("parse"),
            "reused": digest(ctx.details("poll").get("reused", {})),
            "pricing": digest([to_plain(ctx.experiment.config).get("pricing"), ctx.experiment.by_batch]),
            "exx-core": __version__,
        }

    def run(self, ctx: TrialContext) -> Outcome:
        """Write costs.json."""
        path = ctx.results / "costs.json"
        costs = compute_costs(
            ctx.results / "predictions.csv",
            pricing=ctx.experiment.config.pricing,
            batch=ctx.experiment.by_batch,
            reused=_reused(ctx.details("poll").get("reused", {})),
        )
        write_json(path, costs)
        return Outcome(artifacts=[path], summary="tokens and dollars per arm")


def _reused(noted: Any) -> dict[Cell, Tally]:
    reused = {}
    for place, sums in noted.items():
        condition, temp = place.split("|")
        reused[(condition, float(temp))] = Tally(
            requests=sums["requests"],
            prompt=sums["prompt_tokens"],
            completion=sums["completion_tokens"],
            cached=sums["cached_tokens"],
        )
    return reused
