"""Bootstrap of the mean paired difference: how far might it be off, had other such items been asked?

The interval is that of the ideal bootstrap, with infinitely many resamples, wherever it can be computed.

Sources:
    Efron, Journal of the American Statistical Association 82 (1987) 171-185: BCa, the default.
    Efron & Tibshirani, An Introduction to the Bootstrap (1993): the percentile interval.
    Hall, Annals of Statistics 16 (1988) 927-953: the studentised interval.
    Field & Welsh, Journal of the Royal Statistical Society B 69 (2007) 369-390: resampling clusters.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from attrs import field, frozen
from attrs.validators import ge, in_

from exx import Finding

if TYPE_CHECKING:
    import numpy as np

    from exx import PairedSample

BY_ITEM = "items are resampled as if independent of each other"
BY_GROUP = "whole groups are resampled"


@frozen(kw_only=True)
class PairedBootstrap:
    """95 % bootstrap interval of the mean of treatment − control.

    Attributes:
        method: ``bca`` (bias-corrected and accelerated, the default), ``percentile`` or ``studentised``. The first two
            are always in the details, the third where it is the method or can be had without drawing.
        bootstrap_samples: Resamples, where something has to be drawn: for the studentised limits, and for groups that
            are neither very few nor very many.
    """

    name: ClassVar[str] = "paired_bootstrap"
    level: ClassVar[Literal["metric"]] = "metric"

    method: Literal["bca", "percentile", "studentised"] = field(
        default="bca", validator=in_(("bca", "percentile", "studentised"))
    )
    bootstrap_samples: int = field(default=5000, validator=ge(100))

    def analyze(self, sample: PairedSample, rng: np.random.Generator) -> Iterable[Finding]:
        """Bound the mean delta of one sample.

        Yields:
            One finding: the mean delta with its interval, or without one and with the reason when there are fewer
            than two items or groups, or none that differ. Where two items share a group, whole groups are resampled,
            and what single items would give is beside, under ``items``.
        """
        shared = sample.clusters is not None
        items: dict[str, Any] = self._of_items(sample, rng) if sample.n > 1 and len(sample.unique[0]) > 1 else {}
        found = self._of_groups(sample, rng) if shared and sample.spread.se is not None else {} if shared else items
        limits = found.get(self.method)
        details = {"unit": "group" if shared else "item", "assumes": BY_GROUP if shared else BY_ITEM, **found}
        if shared:
            details |= {"n_clusters": sample.spread.n_clusters, "items": {**items, "interval": items.get(self.method)}}
        yield Finding(
            analysis=self.name,
            metric=sample.metric.name,
            address=sample.address,
            n=sample.n,
            estimate=sample.mean_delta,
            low=limits[0] if limits else None,
            high=limits[1] if limits else None,
            level=0.95,
            reason=None if limits else self._reason(sample, found),
            details={"method": self.method, **details, "ci_90": found.get(f"{self.method}_90")},
            summary={"ci_95_cluster_bootstrap": limits} if shared else {},
            default_for={"interval": 30, "interval_items": 30} if shared else {"interval": 30},
        )

    def _of_items(self, sample: PairedSample, rng: np.random.Generator) -> dict[str, Any]:
        from exx_paired_bootstrap.interval import intervals
        from exx_paired_bootstrap.orientation import side_of, turned

        values, counts = sample.unique
        side = side_of(float(values @ counts), values, counts)
        if side < 0:
            values, counts = -values[::-1], counts[::-1]
        studentise = self.method == "studentised"
        found = intervals(values, counts, sample.lattice, self.bootstrap_samples, rng, studentise=studentise)
        return turned(found, side)

    def _of_groups(self, sample: PairedSample, rng: np.random.Generator) -> dict[str, Any]:
        import numpy as np

        from exx_paired_bootstrap.groups import group_intervals
        from exx_paired_bootstrap.orientation import side_of, turned

        if sample.clusters is None:
            return {}
        sums, sizes = sample.clusters
        side = side_of(float(sums.sum()), sums, sizes)
        if side < 0:
            order = np.lexsort((sizes, -sums))
            sums, sizes = -sums[order], sizes[order]
        studentise = self.method == "studentised"
        found = group_intervals(sums, sizes, sample.lattice, self.bootstrap_samples, rng, studentise=studentise)
        return turned(found, side)

    def _reason(self, sample: PairedSample, found: dict[str, Any]) -> str:
        if found:
            return str(found["reason"])
        if sample.n < 2:
            return "an interval needs two complete pairs" if sample.n else "there are no complete pairs"
        if len(sample.unique[0]) < 2:
            return "all deltas are equal, so resampling them says nothing about their spread"
        return sample.spread.reason or "not defined"
