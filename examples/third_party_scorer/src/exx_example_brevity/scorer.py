"""Is the answer brief? One metric, one option."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from attrs import field, frozen
from attrs.validators import ge

from exx import AnsweredItem, Metric


@frozen(kw_only=True)
class Brevity:
    """Whether an answer has at most so many words.

    A word is what stands between white space. An abstention has no words, so it is brief.

    Attributes:
        max_words: The longest answer that is still brief, in words; at least 1.
    """

    name: ClassVar[str] = "brevity"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("brevity", "Brief answers"),)
    datasets: ClassVar[tuple[str, ...] | None] = None

    max_words: int = field(default=5, validator=ge(1))

    def score(self, batch: Sequence[AnsweredItem]) -> Mapping[str, Sequence[float | None]]:
        """Score 1 for an answer of at most ``max_words`` words, 0 for a longer one."""
        return {
            "brevity": [float(len(text.split()) <= self.max_words) for answered in batch for text in answered.texts]
        }
