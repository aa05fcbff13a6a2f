"""From passages and answers to degrees of support: windows against statements, the best window, the mean statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from attrs import define, field

from exx import GroundedAnswers
from exx_nli.model import Entailment, load
from exx_nli.statements import sentences, statements
from exx_nli.windows import pieces, windows

if TYPE_CHECKING:
    from exx_nli.detector import NliDetector

_AT_ONCE = 1024  # passages whose pairs are held in memory together


def judge(options: NliDetector, batch: Sequence[GroundedAnswers]) -> list[float]:
    """Work out the support of every claim, in [0, 1], in the order of the passages and, within one, of its claims.

    An empty passage supports nothing, and an answer without a word is not supported.

    Raises:
        BackendError: The model cannot be had, or is no classifier of entailment.
    """
    model = load(options.model, options.pinned, options.device, options.entailment_label)
    work = _Work(model, options)
    degrees: list[float] = []
    passages = iter(batch)
    while some := list(islice(passages, _AT_ONCE)):
        degrees += work.degrees(some)
    return degrees


@define
class _Work:
    model: Entailment
    options: NliDetector
    limit: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.limit = min(self.options.max_length, self.model.longest) - self.model.added_tokens

    def degrees(self, batch: Sequence[GroundedAnswers]) -> list[float]:
        """One number a claim."""
        claims = [
            [self._pairs(grounded.context, said) for said in self._statements(*claim)]
            for grounded in batch
            for claim in grounded.claims
        ]
        distinct = sorted({pair for claim in claims for pairs in claim for pair in pairs}, key=_order)
        length = self.limit + self.model.added_tokens
        judged = self.model.probabilities(distinct, batch_size=self.options.batch_size, max_length=length)
        known = dict(zip(distinct, judged, strict=True))
        best = [[max((known[pair] for pair in pairs), default=0.0) for pairs in claim] for claim in claims]
        return [self._sum_up(values) for values in best]

    def _statements(self, question: str, answer: str) -> Iterator[str]:
        half = self.limit // 2  # the other half is for the passage
        for said in statements(self._short(question, half // 2), answer):
            yield from pieces(said, self.model.count, half)

    def _short(self, question: str, budget: int) -> str:
        """The question; of one too long for a model, its last sentence, which mostly asks; or nothing."""
        if self.model.count(question) <= budget:
            return question
        last = sentences(question)[-1]
        return last if self.model.count(last) <= budget else ""

    def _pairs(self, passage: str, statement: str) -> list[tuple[str, str]]:
        budget = self.limit - self.model.count(statement)
        parts = [part for sentence in sentences(passage) for part in self._cut(sentence, budget)]
        # One more each, for the space between two sentences that some vocabularies count.
        lengths = [self.model.count(part) + 1 for part in parts]
        chosen = windows(lengths, self.options.window_sentences, budget)
        return [(" ".join(parts[first:last]), statement) for first, last in chosen]

    def _cut(self, sentence: str, budget: int) -> list[str]:
        """The sentence; one that is too long in parts so short that two of them share a window."""
        if self.model.count(sentence) <= budget:
            return [sentence]
        return pieces(sentence, self.model.count, max(1, budget // 2 - 1))

    def _sum_up(self, values: Sequence[float]) -> float:
        if not values:
            return 0.0
        return min(values) if self.options.answer_sentences == "min" else sum(values) / len(values)


def _order(pair: tuple[str, str]) -> tuple[int, str, str]:
    """Pairs of like length together, since a batch is filled up to its longest; and never by chance."""
    return len(pair[0]) + len(pair[1]), *pair
