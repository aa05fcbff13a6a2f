"""Holds a run to ``--max-cost``: nothing is submitted that is expected to cost more than is left.

What is expected of a request is its prompt, counted, and an answer as long as those of its arm and item type have been
on average. While fewer than twenty of them are stored, an answer is taken to use its whole limit of tokens, so that the
first submission cannot overrun. What was spent is added up from the tokens that the service reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain

from attrs import define, field

from exx.errors import OverBudget
from exx.jobs.parts import JobRequests, Part
from exx.pipeline.asking import all_chunks
from exx.pipeline.context import TrialContext
from exx.records import Item, Price, Request, RequestId, Response, Usage
from exx.responses import ResponseStore
from exx.tokens import message_tokens, tokenizer_for
from exx.wording import dollars

_ENOUGH = 20
Arm = tuple[str, str]
"""A condition and an item type."""


@define
class Budget:
    """What is left of ``--max-cost`` while a trial is asked.

    Attributes:
        ctx: The trial.
        store: The responses.
        items: The prepared items.
        limit: Dollars that the run may cost.
        price: What the trial's tokens cost.
        paid: Dollars that the run has cost so far, as far as this process knows.
    """

    ctx: TrialContext
    store: ResponseStore
    items: Mapping[str, Item]
    limit: float
    price: Price
    paid: float = field(default=0.0, init=False)

    @classmethod
    def of(cls, ctx: TrialContext, store: ResponseStore, items: Mapping[str, Item]) -> Budget | None:
        """The budget of a trial; None when the run has no limit."""
        if ctx.options.max_cost is None:
            return None
        price = ctx.priced.price
        if price is None:
            raise OverBudget(f"--max-cost cannot be held: {ctx.priced.reason}")
        budget = cls(ctx, store, items, ctx.options.max_cost, price)
        budget.paid = budget._paid_by_run()
        return budget

    def _paid_by_run(self) -> float:
        """What this run has paid for, in all its trials."""
        experiment = self.ctx.experiment
        models = {trial.slug: trial.model for trial in experiment.trials}
        total = 0.0
        for slug, usage in self.store.bought().items():
            price = experiment.priced(models[slug]).price if slug in models else self.price
            total += (price or self.price).usd(usage)
        return total

    def pay(self, response: Response) -> None:
        """Count an answer, or a failed attempt, that has just come."""
        self.paid += self.price.usd(response.usage)

    def check(self) -> None:
        """Stop where the run should, and where the money is gone.

        Raises:
            OverBudget: More was spent than the limit.
        """
        self.ctx.stop.check()
        if self.paid > self.limit:
            words = f"--max-cost {self.limit:g}: {dollars(self.paid)} is spent; what was answered is stored"
            raise OverBudget(words, hint=self._hint(self.paid))

    def refuse_all(self) -> None:
        """Refuse to ask what has no response, if all of it is expected to cost more than is left."""
        missing = chain.from_iterable(map(self._missing, all_chunks(self.ctx, self.items)))
        self._refuse(self._expected(missing, self._lengths()), 0.0)

    def refuse_part(self, parts: Sequence[tuple[Part, Mapping[str, str]]]) -> None:
        """Refuse a part, the first of these, when it and those under way are expected to cost more than is left.

        Args:
            parts: Parts with the rows of them that are asked, ``{custom_id: key}``.
        """
        self.paid = self._paid_by_run()
        lengths = self._lengths()
        new, *others = (self._expected(JobRequests(part, dict(rows)), lengths) for part, rows in parts)
        self._refuse(new, sum(expected for expected, _ in others))

    def _refuse(self, new: tuple[float, str], under_way: float) -> None:
        expected, how = new
        if not expected or self.paid + under_way + expected <= self.limit:
            return
        spent = f"{dollars(self.paid)} is spent" + (f", {dollars(under_way)} under way" if under_way else "")
        words = (
            f"--max-cost {self.limit:g}: {spent}, and what would be submitted next is estimated at {dollars(expected)}"
        )
        raise OverBudget(f"{words} ({how}); it was not", hint=self._hint(self.paid + under_way + expected))

    def _hint(self, needed: float) -> str:
        return f"exx resume {self.ctx.run.id} --max-cost {_above(needed)} goes on; a run of fewer items costs less"

    def _missing(self, chunk: Sequence[Request]) -> list[Request]:
        missing = set(self.store.missing([request.key for request in chunk]))
        return [request for request in chunk if request.key in missing]

    def _expected(self, requests: Iterable[Request], lengths: Mapping[Arm, float]) -> tuple[float, str]:
        """Dollars for these requests, and what the length of the answers was taken to be."""
        tokenizer = tokenizer_for(self.ctx.trial.model)
        prompt, answers, assumed = 0, 0.0, False
        seen: set[str] = set()
        for request in requests:
            if request.key in seen:
                continue
            seen.add(request.key)
            prompt += sum(message_tokens(tokenizer, message["content"]) for message in request.messages)
            mean = lengths.get(_arm(request))
            assumed |= mean is None
            answers += float(request.params["max_tokens"]) if mean is None else mean
        how = "answers at their full length" if assumed else "answers as long as those before"
        return self.price.usd(Usage(prompt, round(answers))), how

    def _lengths(self) -> dict[Arm, float]:
        """Mean length of the answers that are stored, where there are enough of them."""
        sums: dict[Arm, list[int]] = {}
        for chunk in all_chunks(self.ctx, self.items):
            found = self.store.get([request.key for request in chunk])
            for request in chunk:
                stored = found.get(request.key)
                if stored is not None and stored.response.error is None and stored.response.usage.completion_tokens:
                    sums.setdefault(_arm(request), []).append(stored.response.usage.completion_tokens)
        return {arm: sum(lengths) / len(lengths) for arm, lengths in sums.items() if len(lengths) >= _ENOUGH}


def _arm(request: Request) -> Arm:
    asked = RequestId.decode(request.custom_id)
    return asked.condition, asked.type


def _above(usd: float) -> str:
    """A round sum that is enough."""
    cents = -int(-usd * 110 // 1)
    return f"{max(1, cents) / 100:.2f}"


def stop_check(ctx: TrialContext, budget: Budget | None) -> Callable[[], None]:
    """What is called before each request."""
    return ctx.stop.check if budget is None else budget.check
