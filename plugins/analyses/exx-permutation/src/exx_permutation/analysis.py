"""Sign-flip permutation test: if the prompts were exchangeable, how often would the mean delta be this far from zero?

If it makes no difference which prompt an answer came from, every item's delta might as well have had the other sign.
The test asks in which share of all sign patterns the sum is at least as far from zero as the observed one.

Sources:
    Fisher, The Design of Experiments (1935), section 21: the test.
    Pagano & Tritchler, Journal of the American Statistical Association 78 (1983) 435-440: its exact law by transforms.
    Phipson & Smyth, Statistical Applications in Genetics and Molecular Biology 9:39 (2010): p-values that are drawn.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from attrs import field, frozen
from attrs.validators import ge

from exx import Finding

if TYPE_CHECKING:
    import numpy as np

    from exx import PairedSample


@frozen(kw_only=True)
class Permutation:
    """Two-sided sign-flip test of the mean of treatment − control.

    Attributes:
        permutation_samples: Sign patterns to draw, in the rare case that something has to be drawn: deltas that are
            nearly, but not all, on a coarse lattice.
    """

    name: ClassVar[str] = "permutation"
    level: ClassVar[Literal["metric"]] = "metric"

    permutation_samples: int = field(default=5000, validator=ge(100))

    def analyze(self, sample: PairedSample, rng: np.random.Generator) -> Iterable[Finding]:
        """Test one sample.

        Yields:
            One finding: the mean delta and the p-value. Where two items share a group, whole groups change their signs,
            and what single items would give is beside, under ``items``. Without a complete pair the p-value is None.
        """
        shared = sample.clusters is not None
        details, items = self._test(sample, rng) if sample.n else ({}, None)
        p_value = details.pop("p_value", None)
        places = {"p_value": 35, "p_value_items": 20} if shared else {"p_value": 20}
        yield Finding(
            analysis=self.name,
            metric=sample.metric.name,
            address=sample.address,
            n=sample.n,
            estimate=sample.mean_delta,
            p_value=p_value,
            reason=None if sample.n else "there are no complete pairs",
            details=details,
            summary={"perm_p_value": p_value if items is None else items["p_value"]},
            default_for=places,
        )

    def _test(self, sample: PairedSample, rng: np.random.Generator) -> tuple[dict[str, Any], dict[str, Any] | None]:
        from exx_permutation.laws import two_sided

        values, counts = sample.unique
        found = _told(two_sided(values, counts, sample.lattice, self.permutation_samples, rng))
        if sample.clusters is None:
            return {**found, "unit": "item"}, None
        sums, times = _tally(sample.clusters[0])
        flipped = _told(two_sided(sums, times, sample.lattice, self.permutation_samples, rng))
        return {**flipped, "unit": "group", "n_clusters": int(times.sum()), "items": found}, found


def _told(tail: Any) -> dict[str, Any]:
    drawn = {} if tail.draws is None else {"standard_error": tail.standard_error, "n_resamples": tail.draws}
    return {"p_value": tail.p_value, "method": tail.method, **drawn}


def _tally(values: Any) -> tuple[Any, Any]:
    import numpy as np

    return np.unique(values, return_counts=True)
