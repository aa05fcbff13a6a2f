"""What a run would ask: requests, tokens and dollars, estimated before anything is spent."""

from __future__ import annotations

from typing import Any

from attrs import asdict, frozen

from exx.config.schema import Pricing
from exx.config.trials import Trial
from exx.experiment import Experiment
from exx.pipeline.build import samples_at, user_message
from exx.pipeline.context import TrialContext
from exx.pipeline.orchestrator import Orchestrator
from exx.pipeline.prepare import load_items, share
from exx.records import Item
from exx.state.stop import StopSignal

_CHARACTERS_PER_TOKEN = 4
_MESSAGE_TOKENS = 8


@frozen
class Estimate:
    """An estimate, with what it could not take into account.

    Attributes:
        items: Items to ask about; None while a dataset is not on this machine.
        requests: Requests over all trials, arms, temperatures and replicates, reuse not counted.
        prompt_tokens: Four characters a token, which is near the truth for English.
        completion_tokens_at_most: If every answer used its whole limit.
        usd_at_most: At the config's price; None without one.
        notes: What the numbers leave out.
    """

    items: int | None
    requests: int | None
    prompt_tokens: int | None
    completion_tokens_at_most: int | None
    usd_at_most: float | None
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    def words(self) -> list[str]:
        """Lines for a terminal."""
        if self.items is None:
            return list(self.notes)
        money = f", at most ${self.usd_at_most:,.2f}" if self.usd_at_most is not None else ""
        asked = f"{self.items:,} items, {self.requests:,} requests"
        tokens = (
            f"about {self.prompt_tokens:,} prompt tokens, at most {self.completion_tokens_at_most:,} completion tokens"
        )
        return [f"{asked}; {tokens}{money}", *self.notes]


def estimate(orchestrator: Orchestrator) -> Estimate:
    """Estimate a run from its datasets, prompts and settings; no network."""
    experiment = orchestrator.experiment
    absent = [dataset.name for dataset in experiment.datasets if dataset.call("digest") is None]
    if absent:
        note = f"no estimate: {', '.join(absent)} is not on this machine yet; exx prepare fetches it"
        return Estimate(None, None, None, None, None, (note,))
    items = _items(experiment, orchestrator.options.limit_items)
    contexts = orchestrator.contexts(StopSignal(orchestrator.folder))
    sums = [_trial_sums(ctx, items) for ctx in contexts]
    requests, prompt, completion = (sum(column) for column in zip(*sums, strict=True))
    notes = ["tokens are estimated at four characters each; answers already in the response store cost nothing"]
    pricing = experiment.config.pricing
    if pricing is None:
        notes.append("no dollars: the config has no pricing")
    usd = _dollars(pricing, prompt, completion, experiment.by_batch)
    return Estimate(len(items), requests, prompt, completion, usd, tuple(notes))


def _items(experiment: Experiment, limit: int | None) -> list[Item]:
    config = experiment.config
    pools = [load_items(dataset).items for dataset in experiment.datasets]
    shares = share(pools, limit, config.sizes, config.stats.random_seed)
    return [item for chosen in shares for item in chosen]


def _trial_sums(ctx: TrialContext, items: list[Item]) -> tuple[int, int, int]:
    """Requests, prompt tokens and completion tokens of a trial."""
    texts = ctx.prompts.texts
    systems = [getattr(texts, condition) for condition in ctx.options.conditions]
    rounds = sum(samples_at(ctx, temp) for temp in ctx.trial.temps)
    users = sum(_tokens(user_message(texts, item)) for item in items)
    prompt = sum(users + len(items) * _tokens(system) for system in systems) * rounds
    completion = sum(_limit(ctx.trial, item) for item in items) * len(systems) * rounds
    return len(items) * len(systems) * rounds, prompt, completion


def _tokens(text: str) -> int:
    return len(text) // _CHARACTERS_PER_TOKEN + _MESSAGE_TOKENS


def _limit(trial: Trial, item: Item) -> int:
    return trial.max_new_tokens.open_book if item.type == "open" else trial.max_new_tokens.closed_book


def _dollars(pricing: Pricing | None, prompt: int, completion: int, batch: bool) -> float | None:
    if pricing is None:
        return None
    full = (prompt * pricing.input_per_million + completion * pricing.output_per_million) / 1e6
    return full * (pricing.batch_discount if batch else 1.0)
