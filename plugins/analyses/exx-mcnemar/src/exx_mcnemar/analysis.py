"""McNemar's test: when the arms disagree on an item, does one of them win more often than chance would have it?

Items on which the arms agree carry no information. Of the b + c that remain, the number that the treatment wins is
Binomial(b + c, ½) if neither arm is the better one.

Sources:
    McNemar, Psychometrika 12 (1947) 153-157: conditioning on the discordant items.
    Fagerland, Lydersen & Laake, BMC Medical Research Methodology 13:91 (2013): why mid-p is the default.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from attrs import field, frozen
from attrs.validators import in_, instance_of

from exx import Finding

if TYPE_CHECKING:
    import numpy as np

    from exx import PairedBlock, PairedSample


METHODS = {"mid_p": "mid-p, given the discordant pairs", "exact": "exact, given the discordant pairs"}


@frozen(kw_only=True)
class McNemar:
    """McNemar's test of every binary metric, with the conditional odds ratio and the difference of the proportions.

    Attributes:
        test: Whose p-value is the finding's: ``mid_p`` (the default: close to its nominal level) or ``exact``
            (guaranteed, and conservative). Both are always reported.
        minlike: Report the minimum-likelihood interval of the odds ratio too (``or_ci_95_minlike``).
    """

    name: ClassVar[str] = "mcnemar"
    level: ClassVar[Literal["block"]] = "block"

    test: Literal["mid_p", "exact"] = field(default="mid_p", validator=in_(("mid_p", "exact")))
    minlike: bool = field(default=False, validator=instance_of(bool))

    def analyze(self, block: PairedBlock, rng: np.random.Generator) -> Iterable[Finding]:
        """Test each binary metric of a block.

        Yields:
            One finding per binary metric. Its estimate is the difference of the two proportions, (b − c)/n, with
            Tango's interval. Where two items share a group, p-value and interval are those of whole groups
            (``cluster``), and what single items would give is beside, under ``items``. With replicates an item is
            right when its mean is above ½, wrong below, and left out at exactly ½ (``n_undecided``).
        """
        for sample in block.samples.values():
            if sample.metric.binary:
                yield self._finding(sample)

    def _finding(self, sample: PairedSample) -> Finding:
        from exx_mcnemar.table import Table

        table = Table.of(sample.control, sample.treatment)
        values = dict(table.results(minlike=self.minlike))
        estimate = values.pop("difference", None)
        which = "p_mid" if self.test == "mid_p" else "p_exact"
        p_value, interval = values[which], values["tango_ci_95"]
        groups = _of_groups(sample)
        if groups is not None:
            values |= {"method": f"{groups['method']}, {METHODS[self.test].partition(',')[0]}"}
            values |= {"unit": "group", "cluster": groups, "items": {"p_value": p_value, "interval": interval}}
            p_value, interval = groups[which], groups["interval"]
        low, high = interval or (None, None)
        return Finding(
            analysis=self.name,
            metric=sample.metric.name,
            address=sample.address,
            n=table.n,
            estimate=estimate,
            low=low,
            high=high,
            level=0.95,
            p_value=p_value,
            reason=table.reason(),
            details={"test": self.test, "method": METHODS[self.test], "unit": "item", **values},
            block_level=sample.metric.name == "em",
            default_for={} if table.replicated else {"p_value": 30} | ({"p_value_items": 30} if groups else {}),
        )


def _of_groups(sample: PairedSample) -> dict[str, Any] | None:
    if sample.clusters is None:
        return None
    from exx_mcnemar.groups import of_groups

    return of_groups(sample)
