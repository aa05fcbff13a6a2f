"""What submit and poll have in common: what asking depends on, and every request of a trial."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from exx.pipeline.context import TrialContext
from exx.pipeline.requests import chunks, identity_of, items_if_simulated, read_parts, read_requests
from exx.records import Item, Request
from exx.state.ledger import digest


def inputs_of_asking(ctx: TrialContext) -> dict[str, str]:
    """The requests, the model, and the backend with its options and identity."""
    return {
        "requests": ctx.digest_of("build"),
        "model": ctx.trial.model,
        "backend": digest([ctx.experiment.backend.stamp(), identity_of(ctx)]),
        "cache": ctx.experiment.config.cache,
    }


def requests_in(ctx: TrialContext, path: Path, items: Mapping[str, Item]) -> Iterator[Request]:
    """The requests of one part."""
    simulated = items_if_simulated(ctx.experiment, items)
    return read_requests(path, identity_of(ctx), ctx.trial.model, simulated)


def all_chunks(ctx: TrialContext, items: Mapping[str, Item]) -> Iterator[Sequence[Request]]:
    """Every request of a trial, in the order in which they are asked, a few hundred at a time."""
    for path in read_parts(ctx):
        yield from chunks(requests_in(ctx, path, items))
