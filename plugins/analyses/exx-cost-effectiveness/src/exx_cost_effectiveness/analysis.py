"""What does a percentage point cost? The treatment's extra tokens and money against what it adds to the results.

Sources:
    Briggs, O'Brien & Blackhouse, Annual Review of Public Health 23 (2002) 377-401: the cost-effectiveness plane, ratios
        from resampled pairs, and when a ratio has no meaning.
    Fieller, Journal of the Royal Statistical Society B 16 (1954) 175-185: limits of a ratio of two means.
    Field & Welsh, Journal of the Royal Statistical Society B 69 (2007) 369-390: resampling whole clusters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from attrs import field, frozen
from attrs.validators import and_, ge, le

if TYPE_CHECKING:
    from exx import Json, Study

METHOD: dict[str, Json] = {
    "cost": "an item's cost is the mean over its answers; US dollars per 1,000 items, treatment − control; t interval, "
    "cluster-robust where two items share a group",
    "effect": "treatment − control, with the sign turned for metrics of which less is better: above 0 is better",
    "ratio": "US dollars per 1,000 items for each percentage point gained; percentile interval over resampled items "
    "(whole groups, where two share one), cost and effect drawn together; a resample without a gain counts as "
    "infinitely dear, or cheap, by the sign of its cost. Fieller's limits beside it",
}


@frozen(kw_only=True)
class CostEffectiveness:
    """Compares cost and effect per temperature and type, for the primary metrics.

    Attributes:
        bootstrap_samples: Resamples of cost and effect.
        points: Resamples kept for the cost-effectiveness plane, up to 500.
    """

    name: ClassVar[str] = "cost_effectiveness"
    level: ClassVar[Literal["study"]] = "study"
    artifact: ClassVar[str] = "cost_effectiveness.json"

    bootstrap_samples: int = field(default=5000, validator=ge(1))
    points: int = field(default=500, validator=and_(ge(1), le(500)))

    def analyze(self, study: Study) -> Mapping[str, Json]:
        """Join tokens and scores item by item and compare.

        Returns:
            ``blocks``, each with ``tokens``, ``cost`` and ``metrics``; or no blocks and the ``reason``. Without a price
            the tokens stand alone.

        Raises:
            DataError: predictions.csv or the score file is damaged.
        """
        from exx_cost_effectiveness.read import read
        from exx_cost_effectiveness.report import Task, block

        head: dict[str, Json] = {"level": 0.95, "currency": "USD", "price": _price(study), "method": METHOD}
        found = "the samples came from no file" if study.folder is None else read(study.folder, _metrics(study))
        if isinstance(found, str):
            return {**head, "reason": found, "blocks": []}
        task = Task(
            price=study.price,
            resamples=self.bootstrap_samples,
            points=self.points,
            generator=study.generator,
            less_is_better=_less_is_better(study),
        )
        return {**head, "reason": None, "blocks": [block(part, task) for part in found]}


def _metrics(study: Study) -> tuple[str, ...]:
    """The primary metrics, or where nobody said, every metric of which more is better."""
    if study.primary:
        return tuple(study.primary)
    known = {name: sample.metric for block in study.blocks for name, sample in block.samples.items()}
    return tuple(name for name, metric in known.items() if metric.higher_is_better)


def _less_is_better(study: Study) -> frozenset[str]:
    samples = (sample for block in study.blocks for sample in block.samples.values())
    return frozenset(sample.metric.name for sample in samples if sample.metric.higher_is_better is False)


def _price(study: Study) -> dict[str, Json]:
    price = study.price
    if price is None:
        reason = "no price: set pricing.input_per_million and pricing.output_per_million in the config"
        return {"input_per_million": None, "output_per_million": None, "reason": reason}
    return {
        "input_per_million": price.input_per_million,
        "output_per_million": price.output_per_million,
        "cached_per_million": price.cached_per_million,
        "factor": price.factor,
        "source": price.source,
        "date": price.date,
        "reason": None,
    }
