"""How many of an answer's words the passage holds: a cheap judgement of support that allows for other wording.

It looks at single words, so it is blind to their order and to negation: "Paris is not the capital" is supported by a
passage that calls Paris the capital and holds "not" elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from attrs import field, frozen
from attrs.validators import and_, ge, le

from exx import GroundedAnswers, normalise_words


@frozen(kw_only=True)
class OverlapDetector:
    """Support is the share of the answer's words that occur in the passage.

    Case, accents, punctuation and articles do not count. An answer without a single word has support 0.

    Attributes:
        min_token_overlap: Support below this counts as unsupported; in [0, 1].
    """

    name: ClassVar[str] = "overlap"

    min_token_overlap: float = field(default=0.6, validator=and_(ge(0.0), le(1.0)))

    @property
    def cutoff(self) -> float:
        """The least share of words that counts as supported."""
        return self.min_token_overlap

    def support(self, batch: Sequence[GroundedAnswers]) -> Sequence[float]:
        """Count every answer's words that its passage holds; the share, in [0, 1]."""
        passages = normalise_words.many([grounded.context for grounded in batch], keep_articles=True)
        said = iter(normalise_words.many([answer for grounded in batch for _, answer in grounded.claims]))
        degrees: list[float] = []
        for grounded, passage in zip(batch, passages, strict=True):
            # Looking a dozen words up in the text is several times faster than making a set of all its words.
            words = f" {passage} "
            for _ in grounded.claims:
                tokens = next(said).split()
                held = [token for token in tokens if f" {token} " in words]
                degrees.append(len(held) / len(tokens) if tokens else 0.0)
        return degrees
