"""Limits of an online backend: how much in a minute, how many at once, how often a request is tried.

The number at once follows additive increase and multiplicative decrease: half as many when the service says that it is
too much, one more for every round of answers.

Sources:
    Chiu & Jain, "Analysis of the increase and decrease algorithms for congestion avoidance in computer networks",
    Computer Networks and ISDN Systems 17 (1989): why this rule is fair and settles.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field, frozen

from exx.records import Request, Response

_BURST = 0.1
_HAIR = 1e-9
_CHARACTERS_PER_TOKEN = 4


@frozen(kw_only=True)
class Limits:
    """What the runner may do.

    Attributes:
        requests_per_minute: Most requests in any minute; None: no limit.
        tokens_per_minute: Most tokens of prompts and answers in any minute; None: no limit.
        tries: How often a request is tried that fails in passing.
        throttled_tries: How often a request is tried that came at a bad time.
        give_up_after: Requests that fail for good one after the other, none answered between, before the service is
            taken for dead.
        wait: Seconds before the first repetition; doubles.
        longest_wait: Seconds.
        seed: Of the jitter of waits.
    """

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    tries: int = 6
    throttled_tries: int = 24
    give_up_after: int = 50
    wait: float = 0.5
    longest_wait: float = 30.0
    seed: int = 0

    @classmethod
    def of(cls, backend: Any, seed: int = 0) -> Limits:
        """What a backend says of itself."""
        return cls(
            requests_per_minute=getattr(backend, "requests_per_minute", None),
            tokens_per_minute=getattr(backend, "tokens_per_minute", None),
            seed=seed,
        )


@define
class Gate:
    """How many requests may be under way at once just now: between 1 and ``most``."""

    most: int
    limit: float = field(init=False)
    _sent: int = field(default=0, init=False)
    _cut_at: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.limit = float(self.most)

    def sent(self) -> int:
        """Number the next request."""
        self._sent += 1
        return self._sent

    def answered(self) -> None:
        """An answer came: one more at once after a round of them."""
        if self.limit < self.most:
            self.limit = min(float(self.most), self.limit + 1.0 / self.limit)

    def throttled(self, number: int) -> None:
        """The service wants less: half, but once for all that was sent before the last cut."""
        if number > self._cut_at:
            self.limit = max(1.0, self.limit / 2.0)
            self._cut_at = self._sent


@define
class Bucket:
    """A token bucket that keeps every minute, wherever it begins, within a limit.

    It holds a tenth of a minute's worth (at least 1) and is filled with the rest over a minute, so that a minute that
    begins with a full bucket sees the limit and no more.
    """

    per_minute: float
    _level: float = field(init=False)
    _at: float | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._level = self._size

    @property
    def _size(self) -> float:
        return min(self.per_minute, max(1.0, self.per_minute * _BURST))

    @property
    def _rate(self) -> float:
        # A limit of 1 leaves nothing over to fill the bucket with; then a minute has to pass between two.
        return max(self.per_minute - self._size, self._size * 0.999) / 60.0

    def delay(self, amount: float, now: float) -> float:
        """Seconds until this much may be taken; more than the bucket holds may be taken when it is full."""
        if self._at is not None:
            self._level = min(self._size, self._level + (now - self._at) * self._rate)
        self._at = now
        lacking = min(amount, self._size) - self._level
        return lacking / self._rate if lacking > _HAIR else 0.0

    def take(self, amount: float) -> None:
        """Take it, going into debt if it is more than there is; a negative amount gives back."""
        self._level -= amount


@define
class Meters:
    """The two buckets of a backend, and a guess at how many tokens a request will take."""

    requests: Bucket | None
    tokens: Bucket | None
    _answers: int = 0
    _completion: float = 0.0

    @classmethod
    def of(cls, limits: Limits) -> Meters | None:
        """Buckets for the limits there are; None if there are none."""
        requests, tokens = limits.requests_per_minute, limits.tokens_per_minute
        if not requests and not tokens:
            return None
        return cls(Bucket(requests) if requests else None, Bucket(tokens) if tokens else None)

    def guess(self, request: Request) -> float:
        """Tokens of a request: its characters by four, and the longest answer until answers are known."""
        prompt = sum(len(message["content"]) for message in request.messages) / _CHARACTERS_PER_TOKEN
        most = float(request.params.get("max_tokens") or 0)
        return prompt + (min(most, 2.0 * self._completion / self._answers) if self._answers else most)

    def delay(self, tokens: float, now: float) -> float:
        """Seconds until a request may be sent."""
        waits = [self.requests.delay(1.0, now) if self.requests else 0.0]
        waits.append(self.tokens.delay(tokens, now) if self.tokens else 0.0)
        return max(waits)

    def take(self, tokens: float) -> None:
        """A request is sent."""
        if self.requests:
            self.requests.take(1.0)
        if self.tokens:
            self.tokens.take(tokens)

    def settle(self, tokens: float, response: Response) -> None:
        """An answer came: what it really took counts."""
        usage = response.usage
        if self.tokens and usage.total_tokens:
            self.tokens.take(usage.total_tokens - tokens)
            self._answers += 1
            self._completion += usage.completion_tokens
