"""TriviaQA's official scores: exact match and token F1, over all aliases the best.

Sources:
    Joshi et al., ACL 2017, doi:10.18653/v1/P17-1147, with the script triviaqa_evaluation.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from attrs import frozen

from exx import AnsweredItem, Metric, best_f1, normalise_triviaqa


@frozen(kw_only=True)
class TriviaQAScorer:
    """Exact match and F1 as triviaqa_evaluation.py computes them; it has no options.

    An answer and an alias that both normalise to nothing match exactly and have F1 0: there is no common token. On an
    unanswerable item, which TriviaQA does not have, an answer that normalises to nothing is right by both.
    """

    name: ClassVar[str] = "triviaqa"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("em", "Exact match"), Metric("f1", "Token F1", binary=False))
    datasets: ClassVar[tuple[str, ...] | None] = ("triviaqa",)

    def score(self, batch: Sequence[AnsweredItem]) -> Mapping[str, Sequence[float | None]]:
        """Score every answer; ``em`` is 0 or 1, ``f1`` in [0, 1]."""
        right = normalise_triviaqa.many([alias for answered in batch for alias in answered.item.answers])
        said = iter(normalise_triviaqa.many([text for answered in batch for text in answered.texts]))
        em: list[float] = []
        f1: list[float] = []
        end = 0
        for answered in batch:
            begin, end = end, end + len(answered.item.answers)
            aliases = right[begin:end]
            for _ in answered.texts:
                text = next(said)
                if answered.item.is_unanswerable:
                    exact = overlap = 0.0 if text else 1.0
                elif text in aliases:
                    exact, overlap = 1.0, 1.0 if text else 0.0
                else:
                    exact, overlap = 0.0, best_f1(text, aliases)
                em.append(exact)
                f1.append(overlap)
        return {"em": em, "f1": f1}
