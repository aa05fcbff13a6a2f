"""McNemar's test: when the arms disagree on an item, does one of them win more often than chance would have it?

Items on which the arms agree carry no information. Of the b + c that remain, the number that the treatment wins is
Binomial(b + c, ½) if neither arm is the better one.

Sources:
    McNemar, Psychometrika 12 (1947) 153-157: conditioning on the discordant items.
    Fagerland, Lydersen & Laake, BMC Medical Research Methodology 13:91 (2013): why mid-p is the default.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal

from attrs import field, frozen
from attrs.validators import in_

from exx import Finding

if TYPE_CHECKING:
    import numpy as np

    from exx import PairedBlock, PairedSample


@frozen(kw_only=True)
class McNemar:
    """McNemar's test of every binary metric, with the conditional odds ratio and the difference of the proportions.

    Attributes:
        test: Whose p-value is the finding's: ``mid_p`` (the default: close to its nominal level) or ``exact``
            (guaranteed, and conservative). Both are always reported.
    """

    name: ClassVar[str] = "mcnemar"
    level: ClassVar[Literal["block"]] = "block"

    test: Literal["mid_p", "exact"] = field(default="mid_p", validator=in_(("mid_p", "exact")))

    def analyze(self, block: PairedBlock, rng: np.random.Generator) -> Iterable[Finding]:
        """Test each binary metric of a block.

        Yields:
            One finding per binary metric. Its estimate is the difference of the two proportions, (b − c)/n, with
            Tango's interval. With replicates an item is right when its mean is above ½, wrong below, and left out at
            exactly ½ (``n_undecided``).
        """
        for sample in block.samples.values():
            if sample.metric.binary:
                yield self._finding(sample)

    def _finding(self, sample: PairedSample) -> Finding:
        from exx_mcnemar.table import Table

        table = Table.of(sample.control, sample.treatment)
        values = dict(table.results())
        low, high = values.pop("tango", (None, None))
        return Finding(
            analysis=self.name,
            metric=sample.metric.name,
            address=sample.address,
            n=table.n,
            estimate=values.pop("difference", None),
            low=low,
            high=high,
            level=0.95,
            p_value=values["p_mid" if self.test == "mid_p" else "p_exact"],
            reason=table.reason(),
            details={"test": self.test, **values},
            block_level=sample.metric.name == "em",
        )
