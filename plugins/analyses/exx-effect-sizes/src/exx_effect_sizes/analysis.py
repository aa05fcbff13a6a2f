"""Effect sizes: how large is the difference, on scales that do not depend on how many items were asked?

Sources:
    Goulet-Pelletier & Cousineau, The Quantitative Methods for Psychology 14 (2018) 242-265: d and g of paired data.
    Cliff, Psychological Bulletin 114 (1993) 494-509: dominance, within pairs and between samples.
    Kerby, Comprehensive Psychology 3 (2014) 1: the matched-pairs rank-biserial correlation.
    Cohen, Statistical Power Analysis for the Behavioral Sciences (1988): h.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from attrs import frozen

from exx import Finding

if TYPE_CHECKING:
    import numpy as np

    from exx import PairedSample


@frozen(kw_only=True)
class EffectSizes:
    """Standardised mean difference and dominance of the deltas; without options."""

    name: ClassVar[str] = "effect_sizes"
    level: ClassVar[Literal["metric"]] = "metric"

    def analyze(self, sample: PairedSample, rng: np.random.Generator) -> Iterable[Finding]:
        """Measure one sample.

        Yields:
            One finding: its estimate is d_z, the mean delta over the deltas' standard deviation, with limits from the
            noncentral t law, which takes items as independent; None with a reason where the deltas have no spread. The
            others are in the details.
        """
        del rng  # nothing is drawn
        values, counts = sample.unique
        details: dict[str, Any] = {}
        reason = _reason(sample.n, len(values))
        if sample.n:
            from exx_effect_sizes import sizes

            details = sizes.dominance(values, counts)
            everyone, others = sizes.between(sample.control, sample.treatment)
            details |= {"cliffs_delta_between": everyone, "cliffs_delta_between_other_items": others}
            if sample.metric.binary:
                details["cohens_h"] = sizes.cohens_h(sample.control, sample.treatment)
            if reason is None:
                details |= sizes.standardised(values, counts, sample.control, sample.treatment)
        low, high = details.pop("d_z_ci_95", (None, None))
        d_z = details.pop("d_z", None)
        yield Finding(
            analysis=self.name,
            metric=sample.metric.name,
            address=sample.address,
            n=sample.n,
            estimate=d_z,
            low=low,
            high=high,
            level=0.95,
            reason=reason,
            details={"estimates": "d_z", "unit": "item", **details},
            summary={"cohens_d": d_z, "cliffs_delta": details.get("cliffs_delta")},
        )


def _reason(n: int, distinct: int) -> str | None:
    if n < 2:
        return "a standard deviation needs two complete pairs" if n else "there are no complete pairs"
    return "all deltas are equal: their standard deviation is 0" if distinct < 2 else None
