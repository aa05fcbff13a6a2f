"""What does the treatment do across datasets, and do the datasets agree?

The fixed-effect answer is about these datasets; the random-effects answer is about the mean over datasets like these,
and is less certain by as much as they differ. Every dataset enters with its mean difference and the standard error of
that mean, cluster-robust where items share a group; the width of a resampled interval is never used.

Sources:
    DerSimonian & Laird, Controlled Clinical Trials 7 (1986) 177-188: random effects, ``dl``.
    Paule & Mandel, Journal of Research of the National Bureau of Standards 87 (1982) 377-385: ``pm``.
    Viechtbauer, Journal of Educational and Behavioral Statistics 30 (2005) 261-293: ``reml``.
    Hartung & Knapp, Statistics in Medicine 20 (2001) 3875-3889; Röver, Knapp & Friede, BMC Medical Research
        Methodology 15:99 (2015): the interval, and why its factor must not shrink it.
    Viechtbauer, Statistics in Medicine 26 (2007) 37-52: Q-profile limits of the heterogeneity.
    Higgins, Thompson & Spiegelhalter, Journal of the Royal Statistical Society A 172 (2009) 137-159: prediction.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from attrs import field, frozen
from attrs.validators import in_

from exx import Finding

if TYPE_CHECKING:
    import numpy as np

    from exx import PairedBlock


@frozen(kw_only=True)
class MetaAnalysis:
    """Pooled difference over a block's datasets, with its heterogeneity.

    Attributes:
        method: Estimator of the variance between datasets that the finding's random-effects answer rests on: ``reml``,
            ``pm`` (Paule-Mandel) or ``dl`` (DerSimonian-Laird). All three are always reported.
    """

    name: ClassVar[str] = "meta_analysis"
    level: ClassVar[Literal["block"]] = "block"

    method: Literal["reml", "pm", "dl"] = field(default="reml", validator=in_(("reml", "pm", "dl")))

    def analyze(self, block: PairedBlock, rng: np.random.Generator) -> Iterable[Finding]:
        """Pool each metric over the datasets of a block; a block of one dataset's own has none, and no finding.

        Yields:
            One finding per metric that some dataset has pairs for: the random-effects mean with its guarded
            Hartung-Knapp interval; with a single dataset, that dataset's mean with a normal interval.
        """
        from exx_meta_analysis.pooling import summary

        parts = block.subgroups.get("dataset", {})
        for name, sample in block.samples.items():
            if not sample.n or not parts:
                continue
            samples = {dataset: part.samples[name] for dataset, part in parts.items() if name in part.samples}
            found: dict[str, Any] = summary(samples, self.method)
            headline = found.pop("headline")
            low, high = headline["ci_95"] or (None, None)
            yield Finding(
                analysis=self.name,
                metric=name,
                address=block.address,
                n=sum(sample.n for sample in samples.values()),
                estimate=headline["delta_mean"],
                low=low,
                high=high,
                level=0.95,
                p_value=headline["p_value"],
                reason=found.pop("reason"),
                details=found,
                block_path=("meta", name),
            )
