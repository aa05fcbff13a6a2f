"""Whether an answer holds a right one, for models that answer in sentences.

"It was written by Jane Austen." holds "Jane Austen" and matches, though it is no exact match. Words are compared
without case, accents and punctuation, and a right answer has to stand there as whole words: "art" is not in "party".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from attrs import frozen

from exx import AnsweredItem, Metric, normalise_words


@frozen(kw_only=True)
class AnswerMatch:
    """A right answer or one of its aliases occurs in the answer, word for word; it has no options.

    On an unanswerable item abstaining is right, and nothing else.
    """

    name: ClassVar[str] = "answer_match"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("answer_match", "Answer match"),)
    datasets: ClassVar[tuple[str, ...] | None] = None

    def score(self, batch: Sequence[AnsweredItem]) -> Mapping[str, Sequence[float | None]]:
        """Score every answer 0 or 1."""
        right = normalise_words.many([gold for answered in batch for gold in answered.item.answers])
        said = iter(normalise_words.many([text for answered in batch for text in answered.texts]))
        found: list[float] = []
        end = 0
        for answered in batch:
            begin, end = end, end + len(answered.item.answers)
            rights = right[begin:end]
            for text in answered.texts:
                words = next(said)
                if answered.item.is_unanswerable:
                    found.append(0.0 if text else 1.0)
                else:
                    found.append(1.0 if words and _holds(words, rights) else 0.0)
        return {"answer_match": found}


def _holds(words: str, rights: Sequence[str]) -> bool:
    if words in rights:
        return True
    padded = f" {words} "
    # Most aliases are not even a part of the text, and need no padding to be passed over.
    return any(right in words and f" {right} " in padded for right in rights if right)
