"""Phase costs: predictions into tokens and dollars per arm, what was reused counted as saved."""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import asdict

from exx import __version__
from exx.costs import Cell, Tally, compute_costs
from exx.pipeline.context import FilePhase, Outcome, Scope, TrialContext
from exx.state.files import write_json
from exx.state.ledger import digest


class Costs(FilePhase):
    """Add up what the answers took."""

    name: ClassVar[str] = "costs"
    scope: ClassVar[Scope] = "trial"

    def inputs(self, ctx: TrialContext) -> dict[str, str]:
        """Predictions, what of them was reused or asked again, and the price."""
        asked = ctx.details("poll")
        return {
            "predictions": ctx.digest_of("parse"),
            "reused": digest([asked.get("reused", {}), asked.get("attempts", {})]),
            "pricing": digest(asdict(ctx.priced)),
            "exx-core": __version__,
        }

    def run(self, ctx: TrialContext) -> Outcome:
        """Write costs.json."""
        path, asked = ctx.results / "costs.json", ctx.details("poll")
        reused, attempts = (_sums(asked.get(what, {})) for what in ("reused", "attempts"))
        costs = compute_costs(ctx.results / "predictions.csv", priced=ctx.priced, reused=reused, attempts=attempts)
        write_json(path, costs)
        return Outcome(artifacts=[path], summary="tokens and dollars per arm")


def _sums(noted: Any) -> dict[Cell, Tally]:
    """What phase poll noted, by arm and temperature."""
    tallies = {}
    for place, sums in noted.items():
        condition, temp = place.split("|")
        tallies[(condition, float(temp))] = Tally(
            requests=sums["requests"],
            prompt=sums["prompt_tokens"],
            completion=sums["completion_tokens"],
            cached=sums["cached_tokens"],
            reasoning=sums.get("reasoning_tokens", 0),
        )
    return tallies
