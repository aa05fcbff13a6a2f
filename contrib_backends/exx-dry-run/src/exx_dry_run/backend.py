"""Makes answers up from the right ones, so that an experiment can be tried without a model and with a known effect.

Every answer is a pure function of the seed and of what is asked: the same request is answered the same way whatever
was asked before, by whichever process, in whatever order.

How an answer comes about. An item has a number u, uniform in [0, 1), for each arm. Below ``accuracy`` the answer is
right, in the next stretch of ``abstain`` it abstains, in the next of ``unsupported`` it is invented, and in what
remains it is wrong but taken from the passage. With probability ``correlation`` both arms of an item use one and the
same u (items that are hard are hard for both), otherwise each has its own. So the planted difference of accuracies is
``treatment.accuracy − control.accuracy`` exactly, and an item is won by the treatment alone with probability
ρ·max(0, t − c) + (1 − ρ)·t·(1 − c).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from struct import unpack
from typing import Any, ClassVar

from attrs import asdict, field, frozen
from attrs.validators import and_, ge, le, lt

from exx import BackendError, Item, Json, Request, RequestId, Response, Usage
from exx_dry_run.invent import invented, span_of

_rate: Any = and_(ge(0.0), le(1.0))
_CHARACTERS_PER_TOKEN = 4
_ABSTENTION = "I don't know."


@frozen(kw_only=True)
class Rates:
    """How one arm answers: shares of its answers, in [0, 1], together at most 1.

    Attributes:
        accuracy: Right answers; on an unanswerable question, abstentions.
        abstain: Abstentions on answerable questions.
        unsupported: Invented answers, in no passage.
    """

    accuracy: float = field(default=0.55, validator=_rate)
    abstain: float = field(default=0.10, validator=_rate)
    unsupported: float = field(default=0.15, validator=_rate)

    def __attrs_post_init__(self) -> None:
        whole = self.accuracy + self.abstain + self.unsupported
        if whole > 1 + 1e-9:
            raise ValueError(f"accuracy, abstain and unsupported add up to {whole:g}, which is more than 1")


@frozen(kw_only=True)
class DryRunBackend:
    """Makes answers up; no model is asked and no network is touched.

    Attributes:
        control: Rates of the control arm.
        treatment: Rates of the treatment arm.
        correlation: Probability that an item is as hard for one arm as for the other.
        seed: Other seeds give other answers at the same rates.
        fail_rate: Share of requests that fail with an error.
        truncate_rate: Share of answers cut off at the token limit.
        latency: Seconds to wait before each answer.
    """

    name: ClassVar[str] = "dry_run"
    simulates: ClassVar[bool] = True

    control: Rates = Rates()
    treatment: Rates = Rates(accuracy=0.62, abstain=0.12, unsupported=0.08)
    correlation: float = field(default=0.7, validator=_rate)
    seed: int = field(default=1, validator=ge(0))
    fail_rate: float = field(default=0.0, validator=and_(ge(0.0), lt(1.0)))
    truncate_rate: float = field(default=0.0, validator=and_(ge(0.0), lt(1.0)))
    latency: float = field(default=0.0, validator=ge(0.0))

    @property
    def concurrency(self) -> int:
        """One request at a time."""
        return 1

    def default_model(self) -> str | None:
        """The name that stands for no model."""
        return "dry-run"

    def identity(self, model: str) -> Mapping[str, Json]:
        """Every option that changes an answer; the model's name changes none."""
        del model
        return {"name": self.name, **asdict(self, filter=lambda attribute, _: attribute.name != "latency")}

    @contextmanager
    def connect(self, model: str, items: Mapping[str, Item]) -> Iterator[DryRunConnection]:
        """Ready at once."""
        yield DryRunConnection(self, model, items)


@frozen
class DryRunConnection:
    """Answers from the prepared items."""

    options: DryRunBackend
    model: str
    items: Mapping[str, Item]

    def answer(self, request: Request) -> Response:
        """Make one answer up.

        Raises:
            BackendError: The request is about an item that was not prepared.
        """
        if self.options.latency:
            time.sleep(self.options.latency)
        asked = RequestId.decode(request.custom_id)
        try:
            item = self.items[asked.item_key]
        except KeyError as cause:
            hint = "the requests and the prepared items are of different runs: exx run --force"
            raise BackendError(f"dry_run: there is no prepared item {asked.item_key}", hint=hint) from cause
        draw = _Draw.of(self.options.seed, asked)
        if draw.failure < self.options.fail_rate:
            return Response(request.key, None, error="dry_run: this request was made to fail (fail_rate)")
        return self._response(request, self._text(item, asked, draw), draw)

    def _text(self, item: Item, asked: RequestId, draw: _Draw) -> str:
        rates = getattr(self.options, asked.condition)
        u = draw.shared if draw.coin < self.options.correlation else draw.own
        if u < rates.accuracy:
            return _ABSTENTION if item.is_unanswerable else item.answers[0]
        if u < rates.accuracy + rates.abstain and not item.is_unanswerable:
            return _ABSTENTION
        if u < rates.accuracy + rates.abstain + rates.unsupported:
            return invented(draw.words)
        return span_of(item, draw.words) or invented(draw.words)

    def _response(self, request: Request, text: str, draw: _Draw) -> Response:
        prompt = sum(len(message["content"]) for message in request.messages) // _CHARACTERS_PER_TOKEN
        usage = Usage(prompt, max(1, len(text) // _CHARACTERS_PER_TOKEN))
        finish = "length" if draw.truncation < self.options.truncate_rate else "stop"
        return Response(request.key, text, finish, usage, f"dry-{request.key[:12]}", self.model)


@frozen
class _Draw:
    """Uniform numbers in [0, 1) for one request; ``coin`` and ``shared`` are the same in both arms."""

    coin: float
    shared: float
    own: float
    failure: float
    truncation: float
    words: int

    @classmethod
    def of(cls, seed: int, asked: RequestId) -> _Draw:
        # At temperature 0 a model gives every replicate the same answer; so does this.
        sample = asked.sample_index if asked.temp > 0 else 0
        name = f"{seed}|{asked.item_key}|{asked.temp!r}|{sample}"
        coin, shared = _uniform(name, 2)
        own, failure, truncation, words = _uniform(f"{name}|{asked.condition}", 4)
        return cls(coin, shared, own, failure, truncation, int(words * 2**32))


def _uniform(name: str, count: int) -> tuple[float, ...]:
    digest = blake2b(name.encode(), digest_size=8 * count).digest()
    return tuple(value / 2**64 for value in unpack(f"<{count}Q", digest))
