"""Whether an answer stands in the passage word for word: the simplest judgement of support, and the strictest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from attrs import frozen

from exx import GroundedAnswers, normalise_words


@frozen(kw_only=True)
class SubstringDetector:
    """Support is 1 when the answer's words occur in the passage one after the other, else 0; it has no options.

    Case, accents, punctuation and articles do not count, and words are whole: "art" is not in "party", "10" not in
    "1910". An answer without a single word is not supported.
    """

    name: ClassVar[str] = "baseline"

    @property
    def cutoff(self) -> float:
        """Between the two values that support takes."""
        return 0.5

    def support(self, batch: Sequence[GroundedAnswers]) -> Sequence[float]:
        """Look every answer up in its passage; 0 or 1 each."""
        passages = normalise_words.many([grounded.context for grounded in batch])
        said = iter(normalise_words.many([answer for grounded in batch for _, answer in grounded.claims]))
        degrees: list[float] = []
        for grounded, passage in zip(batch, passages, strict=True):
            words = f" {passage} "
            for _ in grounded.claims:
                text = next(said)
                degrees.append(1.0 if text and f" {text} " in words else 0.0)
        return degrees
