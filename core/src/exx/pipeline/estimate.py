"""What a run would ask: requests, tokens and dollars, estimated before anything is spent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import asdict, define, field, frozen

from exx.config.trials import Trial
from exx.experiment import Experiment
from exx.pipeline.build import samples_at, user_message
from exx.pipeline.context import TrialContext
from exx.pipeline.orchestrator import Orchestrator
from exx.pipeline.prepare import load_items, share
from exx.records import Item, PromptTexts, Usage
from exx.state.stop import StopSignal
from exx.tokens import Tokenizer, message_tokens, tokenizer_for
from exx.wording import dollars


@frozen(kw_only=True)
class Estimate:
    """An estimate, with what it could not take into account.

    Attributes:
        items: Items to ask about; None while a dataset is not on this machine.
        requests: Requests over all trials, arms, temperatures and replicates. What several of them have in common, such
            as a control arm that trials share, is counted once, since it is asked once.
        shared: Requests saved by that.
        prompt_tokens: Of the system prompts, the task, the passages and the questions.
        completion_tokens_at_most: If every answer used its whole limit.
        usd_prompts: What the prompts cost alone: the least that the run can cost.
        usd_at_most: With every answer at its limit; both None without a price.
        tokenizer: How tokens were counted.
        price: Where the price is from, and of which day.
        notes: What the numbers leave out.
    """

    items: int | None = None
    requests: int | None = None
    shared: int | None = None
    prompt_tokens: int | None = None
    completion_tokens_at_most: int | None = None
    usd_prompts: float | None = None
    usd_at_most: float | None = None
    tokenizer: str | None = None
    price: str | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    def words(self) -> list[str]:
        """Lines for a terminal."""
        if self.items is None:
            return list(self.notes)
        asked = f"{self.items:,} items, {self.requests:,} requests"
        saved = f" ({self.shared:,} more are the same in several trials and asked once)" if self.shared else ""
        tokens = (
            f"about {self.prompt_tokens:,} prompt tokens, at most {self.completion_tokens_at_most:,} completion tokens"
        )
        return [f"{asked}{saved}; {tokens}{self._money()}", *self.notes]

    def _money(self) -> str:
        if self.usd_at_most is None:
            return ""
        return f", {dollars(self.usd_prompts)} for the prompts, at most {dollars(self.usd_at_most)} with the answers"


def estimate(orchestrator: Orchestrator) -> Estimate:
    """Estimate a run from its datasets, prompts and settings; no network."""
    experiment = orchestrator.experiment
    absent = absent_datasets(experiment)
    if absent:
        note = f"no estimate: {', '.join(absent)} is not on this machine yet; exx prepare fetches it"
        return Estimate(notes=(note,))
    items = chosen_items(experiment, orchestrator.options.limit_items)
    contexts = orchestrator.contexts(StopSignal(orchestrator.folder))
    sums = _Sums(items)
    for ctx in contexts:
        sums.add(ctx)
    priced = list({ctx.trial.model: ctx.priced for ctx in contexts}.values())
    reasons = [f"no dollars: {one.reason.removeprefix('no price: ')}" for one in priced if one.reason]
    prices = [f"{one.price.source}{f', {one.price.date}' if one.price.date else ''}" for one in priced if one.price]
    counters = [tokenizer_for(one.model) for one in priced]
    worth = dict.fromkeys(counter.words() for counter in counters)
    known = not reasons
    notes = [*worth, "answers already in the response store cost nothing", *reasons]
    notes += [f"prices: {'; '.join(dict.fromkeys(prices))}"] if known else []
    return Estimate(
        items=len(items),
        requests=sums.requests,
        shared=sums.shared,
        prompt_tokens=sums.prompt,
        completion_tokens_at_most=sums.completion,
        usd_prompts=sums.usd_prompts if known else None,
        usd_at_most=sums.usd if known else None,
        tokenizer="; ".join(dict.fromkeys(counter.name for counter in counters)),
        price="; ".join(dict.fromkeys(prices)) if known else None,
        notes=tuple(notes),
    )


def absent_datasets(experiment: Experiment) -> list[str]:
    """Names of the datasets that are not on this machine."""
    return [dataset.name for dataset in experiment.datasets if dataset.call("digest") is None]


def chosen_items(experiment: Experiment, limit: int | None = None) -> list[Item]:
    """The items that phase prepare would keep."""
    config = experiment.config
    pools = [load_items(dataset).items for dataset in experiment.datasets]
    shares = share(pools, limit, config.sizes, config.stats.random_seed)
    return [item for chosen in shares for item in chosen]


@frozen
class _Users:
    """What users say to items of one type: messages and their tokens, and both again with repeated ones once."""

    messages: int
    tokens: int
    distinct: int
    distinct_tokens: int

    @classmethod
    def of(cls, texts: PromptTexts, items: Iterable[Item], tokenizer: Tokenizer) -> _Users:
        counts: dict[str, int] = {}
        messages = tokens = 0
        for item in items:
            message = user_message(texts, item)
            if message not in counts:
                counts[message] = message_tokens(tokenizer, message)
            messages += 1
            tokens += counts[message]
        return cls(messages, tokens, len(counts), sum(counts.values()))


@define
class _Sums:
    """The requests of several trials, those that are the same counted once."""

    items: Sequence[Item]
    requests: int = 0
    shared: int = 0
    prompt: int = 0
    completion: int = 0
    usd_prompts: float = 0.0
    usd: float = 0.0
    _seen: set[tuple[Any, ...]] = field(factory=set)
    _users: dict[tuple[str, ...], _Users] = field(factory=dict)

    def add(self, ctx: TrialContext) -> None:
        """Count a trial."""
        for temp in ctx.trial.temps:
            for condition in ctx.options.conditions:
                for kind in ("open", "closed"):
                    self._add_cell(ctx, temp, getattr(ctx.prompts.texts, condition), kind)

    def _add_cell(self, ctx: TrialContext, temp: float, system: str, kind: str) -> None:
        trial, texts, samples = ctx.trial, ctx.prompts.texts, samples_at(ctx, temp)
        task = texts.open_book if kind == "open" else texts.closed_book
        tokenizer, limit = tokenizer_for(trial.model), limit_of(trial, kind)
        users = self._said(texts, kind, task, tokenizer)
        asked = (trial.model, trial.top_p, trial.top_k, temp, samples, limit, system, task, kind)
        if asked in self._seen:
            self.shared += users.messages * samples
            return
        self._seen.add(asked)
        # At temperature 0 a question that occurs twice is asked once; above it each has a seed of its own.
        count, tokens = (users.messages, users.tokens) if temp > 0 else (users.distinct, users.distinct_tokens)
        requests = count * samples
        prompt = (tokens + count * message_tokens(tokenizer, system)) * samples
        self.requests += requests
        self.prompt += prompt
        self.completion += requests * limit
        if ctx.priced.price is not None:
            self.usd_prompts += ctx.priced.price.usd(Usage(prompt))
            self.usd += ctx.priced.price.usd(Usage(prompt, requests * limit))

    def _said(self, texts: PromptTexts, kind: str, task: str, tokenizer: Tokenizer) -> _Users:
        key = (tokenizer.name, kind, task)
        if key not in self._users:
            self._users[key] = _Users.of(texts, (item for item in self.items if item.type == kind), tokenizer)
        return self._users[key]


def limit_of(trial: Trial, kind: str) -> int:
    """The longest answer to an item of this type, in tokens."""
    return trial.max_new_tokens.open_book if kind == "open" else trial.max_new_tokens.closed_book
