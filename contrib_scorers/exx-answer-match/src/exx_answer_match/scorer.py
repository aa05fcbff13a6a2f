"""Whether an answer holds a right one, for models that answer in sentences.

"It was written by Jane Austen." holds "Jane Austen" and matches, though it is no exact match. Words are compared
without case, accents and punctuation, and a right answer has to stand there as whole words: "art" is not in "party".
By the rule ``words`` that is all; by the rule ``claims`` a match has to be claimed, not denied, and other ways of
putting a right answer match as well.

Sources:
    Wang et al., *Evaluating Open-QA Evaluation* (EVOUNA), NeurIPS 2023 Datasets and Benchmarks: what matching is held
        against, and why exact match will not do for models that chat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from attrs import field, frozen
from attrs.validators import in_

from exx import AnsweredItem, Metric, normalise_words


@frozen(kw_only=True)
class AnswerMatch:
    """A right answer or one of its aliases is what the answer claims.

    On an unanswerable item abstaining is right, and nothing else.

    Attributes:
        rule: ``claims`` judges what the answer says: other spellings, inflections, numbers in words, names cut short or
            with initials, parts of a long right answer in other order match, and what is denied or only one of several
            possibilities does not. ``words`` asks whether a right answer stands there word for word, and nothing else.
    """

    name: ClassVar[str] = "answer_match"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("answer_match", "Answer match"),)
    datasets: ClassVar[tuple[str, ...] | None] = None

    rule: Literal["claims", "words"] = field(default="claims", validator=in_(("claims", "words")))

    def score(self, batch: Sequence[AnsweredItem]) -> Mapping[str, Sequence[float | None]]:
        """Score every answer 0 or 1."""
        from exx_answer_match.look import Look

        right = normalise_words.many([gold for answered in batch for gold in answered.item.answers])
        said = iter(normalise_words.many([text for answered in batch for text in answered.texts]))
        found: list[float] = []
        end = 0
        for answered in batch:
            item = answered.item
            begin, end = end, end + len(item.answers)
            if item.is_unanswerable:
                found += [0.0 if text else 1.0 for text, _ in zip(answered.texts, said, strict=False)]
                continue
            look = Look(item, right[begin:end], judges=self.rule == "claims")
            for text in answered.texts:
                words = next(said)
                found.append(1.0 if text and look.finds(text, words) else 0.0)
        return {"answer_match": found}
