"""Bootstrap of the mean paired difference: how far might it be off, had other such items been asked?

The interval is that of the ideal bootstrap, with infinitely many resamples, wherever it can be computed.

Sources:
    Efron, Journal of the American Statistical Association 82 (1987) 171-185: BCa, the default.
    Efron & Tibshirani, An Introduction to the Bootstrap (1993): the percentile interval.
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

ITEMS = "items are resampled as if independent of each other"
GROUPS = ITEMS + "; those of one group may not be: see 'cluster', where whole groups are resampled"


@frozen(kw_only=True)
class PairedBootstrap:
    """95 % bootstrap interval of the mean of treatment − control.

    Attributes:
        method: ``bca`` (bias-corrected and accelerated, the default) or ``percentile``; the other is in the details.
        bootstrap_samples: Resamples, where something has to be drawn: for few and continuous deltas, and for groups.
    """

    name: ClassVar[str] = "paired_bootstrap"
    level: ClassVar[Literal["metric"]] = "metric"

    method: Literal["bca", "percentile"] = field(default="bca", validator=in_(("bca", "percentile")))
    bootstrap_samples: int = field(default=5000, validator=ge(100))

    def analyze(self, sample: PairedSample, rng: np.random.Generator) -> Iterable[Finding]:
        """Bound the mean delta of one sample.

        Yields:
            One finding: the mean delta with its interval, or without one and with the reason when there are fewer
            than two items or all deltas are equal.
        """
        values, _ = sample.unique
        reason = None
        if sample.n < 2:
            reason = "an interval needs two complete pairs" if sample.n else "there are no complete pairs"
        elif len(values) < 2:
            reason = "all deltas are equal, so resampling them says nothing about their spread"
        details, limits = self._bounds(sample, rng) if reason is None else ({"method": self.method}, None)
        yield Finding(
            analysis=self.name,
            metric=sample.metric.name,
            address=sample.address,
            n=sample.n,
            estimate=sample.mean_delta,
            low=limits[0] if limits else None,
            high=limits[1] if limits else None,
            level=0.95,
            reason=reason,
            details=details,
            summary={"ci_95": limits},
        )

    def _bounds(self, sample: PairedSample, rng: np.random.Generator) -> tuple[dict[str, Any], list[float]]:
        from exx_paired_bootstrap.interval import intervals, of_groups

        values, counts = sample.unique
        found = intervals(values, counts, sample.lattice, self.bootstrap_samples, rng)
        limits: list[float] = found.pop(self.method)
        details = {"method": self.method, "unit": "item", "assumes": ITEMS, **found}
        if sample.clusters is not None:
            details |= {"assumes": GROUPS, "cluster": of_groups(*sample.clusters, self.bootstrap_samples, rng)}
        return details, limits
