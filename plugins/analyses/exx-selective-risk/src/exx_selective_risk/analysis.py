"""When the model answers only where it is sure, how often is it wrong, and does the treatment change that?

A question's confidence is the share of its answers that did not abstain; its loss is 1 − its score. Answering the
questions from the most confident down traces the risk of what is answered against the share that is (coverage); the
area under that curve (AURC) is small for an arm that is right and knows when it is.

Sources:
    El-Yaniv & Wiener, Journal of Machine Learning Research 11 (2010) 1605-1641: risk and coverage.
    Geifman & El-Yaniv, Advances in Neural Information Processing Systems 30 (2017) 4878-4887: the area.
    Geifman, Uziel & El-Yaniv, International Conference on Learning Representations (2019): its excess over the best.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from attrs import field, frozen
from attrs.validators import and_, deep_iterable, ge, instance_of, le, min_len

from exx import Finding

if TYPE_CHECKING:
    import numpy as np

    from exx import PairedBlock


@frozen(kw_only=True)
class SelectiveRisk:
    """Risk-coverage curves of both arms, their areas, and the difference of the areas.

    Attributes:
        risk_thresholds: Operating points: a question is answered if its confidence is at least this; each in [0, 1].
        bootstrap_samples: Resamples behind the intervals. Fewer are drawn, and told, where there are so many questions
            that the law of the difference is smooth anyway.
        metric: What says how right an answer is; the loss is 1 − it.
        curve_points: Most points of a curve that are written.
    """

    name: ClassVar[str] = "selective_risk"
    level: ClassVar[Literal["block"]] = "block"

    risk_thresholds: Sequence[float] = field(
        default=(0.0, 0.25, 0.5, 0.75, 1.0),
        validator=and_(min_len(1), deep_iterable(and_(ge(0.0), le(1.0)))),
        converter=tuple,
    )
    bootstrap_samples: int = field(default=5000, validator=ge(100))
    metric: str = field(default="em", validator=instance_of(str))
    curve_points: int = field(default=101, validator=ge(2))

    def analyze(self, block: PairedBlock, rng: np.random.Generator) -> Iterable[Finding]:
        """Compare the curves of a block's arms on its answerable questions.

        Yields:
            One finding: AURC under the treatment − under the control, so a negative one speaks for the treatment, with
            a percentile interval from resampled questions, or groups of questions where some share one.
        """
        from exx_selective_risk.compare import compare
        from exx_selective_risk.pairs import NotComparable, join

        try:
            pairs = join(block, self.metric)
        except NotComparable as cause:
            yield Finding(
                analysis=self.name,
                metric=self.metric,
                address=block.address,
                n=0,
                reason=str(cause),
                details={"thresholds": list(self.risk_thresholds)},
                block_level=True,
            )
            return
        found = compare(pairs, self.risk_thresholds, self.bootstrap_samples, self.curve_points, rng)
        low, high = found.aurc["ci_95"] or (None, None)
        yield Finding(
            analysis=self.name,
            metric=self.metric,
            address=block.address,
            n=pairs.n,
            estimate=found.aurc["delta"],
            low=low,
            high=high,
            level=0.95,
            reason=found.reason,
            details={**found.details, "unanswerable": pairs.unanswerable},
            block_level=True,
        )
