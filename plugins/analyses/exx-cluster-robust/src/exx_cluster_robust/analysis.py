"""Cluster-robust mean: how sure is the mean difference, when questions on one passage go right or wrong together?

The residuals of each group are added up before they are squared, so that items of a group may be correlated in any way;
only the groups have to be independent. Without shared groups this is the paired t-test.

Sources:
    Bell & McCaffrey, Survey Methodology 28 (2002) 169-181: CR2 with its degrees of freedom, the default.
    Liang & Zeger, Biometrika 73 (1986) 13-22: the robust variance that CR1 corrects for few groups.
    Miller, Adding Error Bars to Evals, arXiv 2411.00640 (2024): why evaluations need it.
    Donner & Klar, Design and Analysis of Cluster Randomization Trials (2000): design effect, correlation in groups.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from attrs import field, frozen
from attrs.validators import in_

from exx import Finding

if TYPE_CHECKING:
    import numpy as np

    from exx import PairedSample

TITLE_ITEMS = "t with n − 1 df"
TITLES = {"cr2": "CR2, t with Bell–McCaffrey df", "cr1": "CR1, t with G − 1 df"}


@frozen(kw_only=True)
class ClusterRobust:
    """95 % interval and two-sided test of the mean of treatment − control, robust to correlation within groups.

    Attributes:
        correction: ``cr2`` (the default: close to its nominal level down to few or unequal groups) or ``cr1``. Both
            are in the details.
    """

    name: ClassVar[str] = "cluster_robust"
    level: ClassVar[Literal["metric"]] = "metric"

    correction: Literal["cr2", "cr1"] = field(default="cr2", validator=in_(("cr2", "cr1")))

    def analyze(self, sample: PairedSample, rng: np.random.Generator) -> Iterable[Finding]:
        """Bound and test the mean delta of one sample.

        Yields:
            One finding, with groups from the cluster-robust standard error and beside it what independent items would
            give; without two items that share a group it is the paired t-test. Without a standard error everything but
            the estimate is None, with the reason; only where every delta is 0 the p-value is 1.
        """
        del rng  # nothing is drawn
        spread = sample.spread
        shared = sample.clusters is not None
        values = self._values(sample) if spread.se is not None else {}
        low, high = values.pop("interval", (None, None))
        constant = sample.n > 0 and not sample.unique[0].any()
        summary: dict[str, Any] = (
            {"design_effect": spread.design_effect, "icc": spread.icc} if values and shared else {}
        )
        yield Finding(
            analysis=self.name,
            metric=sample.metric.name,
            address=sample.address,
            n=sample.n,
            estimate=sample.mean_delta,
            low=low,
            high=high,
            level=0.95,
            p_value=1.0 if constant else values.pop("p", None),
            reason=spread.reason,
            details={"unit": "group" if shared else "item", "n_clusters": spread.n_clusters, **values},
            summary=summary,
            default_for={"p_value": 40 if shared else 10, "interval": 40 if shared else 10},
        )

    def _values(self, sample: PairedSample) -> dict[str, Any]:
        from exx_cluster_robust.student import student

        spread, mean = sample.spread, sample.mean_delta
        items = student(mean, spread.se_items, spread.n - 1)
        if sample.clusters is None:
            return {**items, "method": TITLE_ITEMS, "se": spread.se, "df": spread.df}
        errors = {
            "cr1": student(mean, spread.se_cr1, len(sample.clusters[0]) - 1),
            "cr2": student(mean, spread.se_cr2, spread.df_cr2),
        }
        beside = {f"{name}_{key}": found[key] for name, found in errors.items() for key in ("p", "interval")}
        chosen = "se_cr2" if self.correction == "cr2" else "se_cr1"
        return {
            **errors[self.correction],
            "method": TITLES[self.correction],
            "se": getattr(spread, chosen),
            "df": spread.df_cr2 if self.correction == "cr2" else len(sample.clusters[0]) - 1,
            **{
                name: getattr(spread, name)
                for name in ("se_cr0", "se_cr1", "se_cr2", "df_cr2", "se_miller", "se_items")
            },
            "design_effect": spread.design_effect,
            "icc": spread.icc,
            **beside,
            "items": {
                "p_value": items["p"],
                "interval": items["interval"],
                "ci_90": items["ci_90"],
                "method": TITLE_ITEMS,
            },
        }
