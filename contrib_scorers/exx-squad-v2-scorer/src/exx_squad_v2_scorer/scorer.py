"""SQuAD 2.0's official scores: exact match and token F1, over all right answers the best.

Sources:
    Rajpurkar, Jia & Liang, ACL 2018, doi:10.18653/v1/P18-2124, with the script evaluate-v2.0.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from attrs import frozen

from exx import AnsweredItem, Metric, best_f1, normalise_squad


@frozen(kw_only=True)
class SquadV2Scorer:
    """Exact match and F1 as evaluate-v2.0.py computes them; it has no options.

    Right answers that normalise to nothing are dropped. Where none is left, and on unanswerable items, an answer is
    right when it normalises to nothing, as an abstention does.
    """

    name: ClassVar[str] = "squad_v2"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("em", "Exact match"), Metric("f1", "Token F1", binary=False))
    datasets: ClassVar[tuple[str, ...] | None] = ("squad_v2",)

    def score(self, batch: Sequence[AnsweredItem]) -> Mapping[str, Sequence[float | None]]:
        """Score every answer; ``em`` is 0 or 1, ``f1`` in [0, 1]."""
        golds = [() if answered.item.is_unanswerable else answered.item.answers for answered in batch]
        right = iter(normalise_squad.many([gold for group in golds for gold in group]))
        said = iter(normalise_squad.many([text for answered in batch for text in answered.texts]))
        em: list[float] = []
        f1: list[float] = []
        for answered, group in zip(batch, golds, strict=True):
            rights = [text for text in [next(right) for _ in group] if text] or [""]
            for _ in answered.texts:
                text = next(said)
                exact = text in rights
                em.append(1.0 if exact else 0.0)
                f1.append(1.0 if exact else best_f1(text, rights))
        return {"em": em, "f1": f1}
