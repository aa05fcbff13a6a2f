"""Wilcoxon's signed-rank test: do large differences favour one arm, when only their order of size counts?

It asks about the ranks of the deltas, not about their mean: for skewed deltas the two can differ in sign.

Sources:
    Wilcoxon, Biometrics Bulletin 1 (1945) 80-83: the test.
    Pratt, Journal of the American Statistical Association 54 (1959) 655-667: what to do with zeros.
    Rosner, Glynn & Lee, Biometrics 62 (2006) 185-192: items in groups.
    Hodges & Lehmann, Annals of Mathematical Statistics 34 (1963) 598-611: the estimate that belongs to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from attrs import evolve, field, frozen
from attrs.validators import in_

from exx import Finding

if TYPE_CHECKING:
    import numpy as np

    from exx import PairedSample


NORMAL = "normal, its variance given ties and zeros, no continuity correction"


@frozen(kw_only=True)
class Wilcoxon:
    """Signed-rank test with its exact law under ties and zeros, and the Hodges–Lehmann estimate.

    Attributes:
        zeros: ``pratt`` (the default) ranks items without a difference and then leaves them out; ``wilcox`` leaves
            them out first.
    """

    name: ClassVar[str] = "wilcoxon"
    level: ClassVar[Literal["metric"]] = "metric"

    zeros: Literal["pratt", "wilcox"] = field(default="pratt", validator=in_(("pratt", "wilcox")))

    def analyze(self, sample: PairedSample, rng: np.random.Generator) -> Iterable[Finding]:
        """Test one sample.

        Yields:
            One finding: the p-value, exact where its law has few enough points; its estimate is the Hodges–Lehmann
            pseudo-median of the deltas, zeros included, with its distribution-free interval. All this takes items as
            independent; where two share a group, ``cluster`` has the p-value with whole groups changing their signs.
            Without a complete pair everything is None.
        """
        del rng  # nothing is drawn
        here = Finding(analysis=self.name, metric=sample.metric.name, address=sample.address, n=sample.n)
        if sample.n:
            yield self._tested(sample, here)
        else:
            why = "there are no complete pairs"
            yield evolve(here, reason=why, details={"W": None}, summary={"hodges_lehmann": None})

    def _tested(self, sample: PairedSample, here: Finding) -> Finding:
        import numpy as np

        from exx_wilcoxon.ranks import SignedRanks, of_groups
        from exx_wilcoxon.walsh import pseudo_median

        values, counts = sample.unique
        ranks, median = SignedRanks.of(values, counts, self.zeros), pseudo_median(values, counts)
        exact = ranks.p_exact()
        details: dict[str, Any] = {
            "W": min(ranks.plus, ranks.minus) / 2,
            "W_plus": ranks.plus / 2,
            "W_minus": ranks.minus / 2,
            "z": ranks.z,
            "n_zero": sample.n - int(ranks.times.sum()),
            "zeros": self.zeros,
            "method": NORMAL if exact is None else "exact, given ties and zeros",
            "achieved_level": median.achieved,
            "unit": "item",
        }
        if sample.clusters is not None:
            details["cluster"] = of_groups(ranks.signed[np.searchsorted(values, sample.deltas)], *sample.cluster_index)
        return evolve(
            here,
            estimate=median.estimate,
            low=median.low,
            high=median.high,
            level=0.95,
            p_value=ranks.p_normal() if exact is None else exact,
            details=details,
            summary={"hodges_lehmann": median.estimate},
            default_for={"p_value": 5} if sample.clusters is None else {},
        )
