"""Models of correlated answers: those to one item, and to items on one passage, go right or wrong together.

Metrics of which a single answer scores 0 or 1 get a logistic model, the others a linear one.

Sources:
    Liang & Zeger, Biometrika 73 (1986) 13-22: generalised estimating equations (GEE) and their robust variance.
    Mancl & DeRouen, Biometrics 57 (2001) 126-134: that variance, corrected for few clusters.
    Breslow & Day, Statistical Methods in Cancer Research I (1980), chapter 7: conditional logistic regression.
    Bell & McCaffrey, Survey Methodology 28 (2002) 169-181: standard error CR2 of the linear model.
    Neuhaus, Kalbfleisch & Hauck, Int. Statistical Review 59 (1991) 25-35: marginal and conditional odds ratios.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from attrs import field, frozen
from attrs.validators import ge

if TYPE_CHECKING:
    from exx import Json, Study

METHOD: dict[str, Json] = {
    "marginal": "GEE: logit of the share that is right in each arm, over all items. Exchangeable correlation within a "
    "cluster, robust (sandwich) standard error",
    "means": "the same with independence as the working correlation, every item weighing the same: the odds ratio of "
    "mean_control and mean_treatment, with the same robust standard error",
    "conditional": "conditional logistic regression with a stratum per item: what the treatment does to the odds of "
    "one and the same item; further from 1 than the marginal odds ratio wherever items differ in difficulty",
    "linear": "score = constant + treatment; the standard error is cluster-robust (CR2, Bell–McCaffrey df)",
    "clusters": "groups where two items share one, else items",
}


@frozen(kw_only=True)
class MixedEffects:
    """Fits a model per temperature, type, dataset and metric.

    Attributes:
        few_clusters: With fewer clusters than this, GEE's interval and p-value are from the bias-reduced standard error
            of Mancl and DeRouen and Student's t, otherwise from the robust one and the normal law. Both standard errors
            are given.
    """

    name: ClassVar[str] = "mixed_effects"
    level: ClassVar[Literal["study"]] = "study"
    artifact: ClassVar[str] = "mixed_models.json"

    few_clusters: int = field(default=40, validator=ge(0))

    def analyze(self, study: Study) -> Mapping[str, Json]:
        """Fit the models.

        Returns:
            ``blocks``, each with ``models`` by metric. What cannot be estimated is null, with its ``reason``.
        """
        from exx_mixed_effects.models import block

        blocks: list[Json] = [block(one, self.few_clusters) for one in study.blocks]
        reason = None if blocks else "there are no items"
        return {"level": 0.95, "method": METHOD, "reason": reason, "blocks": blocks}
