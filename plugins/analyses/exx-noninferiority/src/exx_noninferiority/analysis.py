"""Is the treatment at least not worse than the control by more than a margin, and is it within the margin either way?

A difference that is not significant is no evidence of no difference. These tests turn the burden round: their null
hypothesis is a loss (or a change) as large as the margin, which is fixed before anything is measured.

Sources:
    Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15 (1987) 657-680: two one-sided tests.
    Tango, Statistics in Medicine 17 (1998) 891-908: the score test for paired proportions.
    Liu, Hsueh, Hsieh & Chen, Statistics in Medicine 21 (2002) 231-245: that it keeps its level where Wald's does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from attrs import Factory, field, frozen
from attrs.validators import and_, deep_mapping, ge, gt, instance_of, le, lt

from exx import Finding

if TYPE_CHECKING:
    import numpy as np

    from exx import PairedBlock, PairedSample


@frozen(kw_only=True)
class NonInferiority:
    """One-sided non-inferiority and two-sided equivalence (TOST) of every metric that has a margin.

    Attributes:
        tost_margins: Margin by metric, on the scale of the difference: above 0, at most 1. A metric without a margin is
            not tested.
        tost_alpha: Level of each one-sided test, above 0 and below 0.5.
    """

    name: ClassVar[str] = "noninferiority"
    level: ClassVar[Literal["block"]] = "block"

    tost_margins: Mapping[str, float] = field(
        default=Factory(lambda: {"em": 0.01, "f1": 0.01}),
        validator=deep_mapping(instance_of(str), and_(gt(0.0), le(1.0))),
    )
    tost_alpha: float = field(default=0.05, validator=and_(ge(1e-9), lt(0.5)))

    def analyze(self, block: PairedBlock, rng: np.random.Generator) -> Iterable[Finding]:
        """Test each metric of a block that has a margin.

        Yields:
            One finding per metric. Its estimate is the mean of treatment − control, its interval the one that decides:
            of level 1 − 2·alpha. Its p-value is that of non-inferiority, one-sided; for a metric of which neither
            direction is good it is that of equivalence.
        """
        for name, margin in self.tost_margins.items():
            if name in block.samples:
                yield self._finding(block.samples[name], float(margin))

    def _finding(self, sample: PairedSample, margin: float) -> Finding:
        from exx_noninferiority.margin import judge

        found: dict[str, Any] = dict(judge(sample, margin, self.tost_alpha))
        low, high = found.pop("interval")
        return Finding(
            analysis=self.name,
            metric=sample.metric.name,
            address=sample.address,
            n=sample.n,
            estimate=sample.mean_delta,
            low=low,
            high=high,
            level=1 - 2 * self.tost_alpha,
            p_value=found.pop("p_value"),
            reason=found.pop("reason"),
            details=found,
            block_path=("tost", sample.metric.name),
        )
