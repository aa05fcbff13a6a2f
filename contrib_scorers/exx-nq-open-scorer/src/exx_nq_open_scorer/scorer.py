"""Natural Questions Open's official score: exact match with any of the right answers.

Sources:
    Lee, Chang & Toutanova, ACL 2019, doi:10.18653/v1/P19-1612, with orqa/utils/eval_utils.py: the rule ``orqa``.
    Karpukhin et al., EMNLP 2020, doi:10.18653/v1/2020.emnlp-main.550, with dpr/data/qa_validation.py: the rule ``dpr``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from attrs import field, frozen
from attrs.validators import in_

from exx import AnsweredItem, Metric, normalise_dpr, normalise_orqa


@frozen(kw_only=True)
class NQOpenScorer:
    """Exact match; no F1 was ever published for this data set.

    Attributes:
        rule: ``orqa`` is the official normalisation, ``dpr`` the one that most papers on readers copied. They differ
            in accents only.
    """

    name: ClassVar[str] = "nq_open"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("em", "Exact match"),)
    datasets: ClassVar[tuple[str, ...] | None] = ("nq_open",)

    rule: Literal["orqa", "dpr"] = field(default="orqa", validator=in_(("orqa", "dpr")))

    def score(self, batch: Sequence[AnsweredItem]) -> Mapping[str, Sequence[float | None]]:
        """Score every answer 0 or 1; on an unanswerable item one that normalises to nothing is right."""
        normalise = normalise_orqa if self.rule == "orqa" else normalise_dpr
        right = normalise.many([gold for answered in batch for gold in answered.item.answers])
        said = iter(normalise.many([text for answered in batch for text in answered.texts]))
        em: list[float] = []
        end = 0
        for answered in batch:
            begin, end = end, end + len(answered.item.answers)
            rights = [""] if answered.item.is_unanswerable else right[begin:end]
            em += [1.0 if next(said) in rights else 0.0 for _ in answered.texts]
        return {"em": em}
