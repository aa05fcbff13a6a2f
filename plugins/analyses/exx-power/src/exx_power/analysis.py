"""How small a difference could this trial have found, and how many items would it take to find a given one?

Never "observed power": the power at the difference that was seen is the p-value in other words.

Sources:
    Connor, Biometrics 43 (1987) 207-211: sample size of McNemar's test.
    Duffy, Biometrics 40 (1984) 1005-1015: its exact power, over the law of the number of discordant pairs.
    Browne, Statistics in Medicine 14 (1995) 1933-1940: the upper confidence limit of a pilot's standard deviation.
    Donner & Klar, Design and Analysis of Cluster Randomization Trials (2000): design effect.
    Hoenig & Heisey, The American Statistician 55 (2001) 19-24: why not observed power.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from attrs import field, frozen
from attrs.validators import and_, ge, gt, le, lt

if TYPE_CHECKING:
    from exx import Json, Study

METHOD: dict[str, Json] = {
    "t": "paired t test, both tails of the noncentral t law; with shared groups the items count divided by the design "
    "effect",
    "sd": "standard deviation of the deltas; sd_upper is its upper 80 % limit (chi-squared), since a pilot's own is "
    "uncertain",
    "mcnemar": "for single answers: power over the law of the number of discordant pairs, at the share of discordant "
    "pairs that was seen; n_stable is the first number of items whose power is reached and holds for the next 25",
    "simulation": "items (whole groups, where two items share one) drawn from this trial, their deltas shifted so that "
    "their mean is the target (single answers: as many discordant pairs, split by the target), and the test done anew",
    "replicates": "what asking every item K times would change: the variance of a delta is that of the items plus the "
    "sum of both arms' over K",
}


def _are_differences(_: object, __: object, value: tuple[float, ...]) -> None:
    if not value or not all(0 < one < 1 for one in value):
        raise ValueError(f"'targets' must be shares between 0 and 1, at least one; found {list(value)}")


@frozen(kw_only=True)
class Power:
    """Plans with what was seen of the variance, per temperature, type, dataset and metric.

    Attributes:
        targets: Differences to plan for, as shares.
        alpha: Level of the two-sided test.
        power: Probability with which a difference of the target's size is to be found.
        simulations: Simulated trials per target and metric; 0 for none. Only blocks of all items are simulated.
    """

    name: ClassVar[str] = "power"
    level: ClassVar[Literal["study"]] = "study"
    artifact: ClassVar[str] = "power_analysis.json"

    targets: tuple[float, ...] = field(default=(0.01, 0.02, 0.05, 0.1), validator=_are_differences)
    alpha: float = field(default=0.05, validator=and_(gt(0.0), lt(0.5)))
    power: float = field(default=0.8, validator=and_(gt(0.5), lt(1.0)))
    simulations: int = field(default=1000, validator=and_(ge(0), le(100_000)))

    def analyze(self, study: Study) -> Mapping[str, Json]:
        """Plan every block.

        Returns:
            ``blocks``, each with ``metrics``: ``mde``, ``required`` by target, ``mcnemar``, ``replicates``. What is not
            defined is null, with its ``reason``.
        """
        from exx_power.plan import Aims, block

        aims = Aims(targets=self.targets, alpha=self.alpha, power=self.power, simulations=self.simulations)
        blocks: list[Json] = [block(one, aims, study.generator) for one in study.blocks]
        head: dict[str, Json] = {"alpha": self.alpha, "power": self.power, "method": METHOD}
        return {**head, "reason": None if blocks else "there are no items", "blocks": blocks}
