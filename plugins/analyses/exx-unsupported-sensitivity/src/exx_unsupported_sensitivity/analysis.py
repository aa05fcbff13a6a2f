"""Is the difference in unsupported answers an artefact of the threshold below which the detector calls them that?

The detector's degrees of support are kept, so every other threshold can be tried without asking anybody again.

Sources:
    Bell & McCaffrey, Survey Methodology 28 (2002) 169-181: standard error (CR2) and degrees of freedom for clusters.
    Steegen, Tuerlinckx, Gelman & Vanpaemel, Perspectives on Psychological Science 11 (2016) 702-712: showing what other
        defensible choices would have said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from attrs import field, frozen
from attrs.validators import and_, ge, le

if TYPE_CHECKING:
    from exx import Json, Study

METHOD = (
    "mean over items of treatment − control; t interval with the standard error CR2 and Bell–McCaffrey degrees of "
    "freedom (items of a group belong together; without groups this is the paired t test). Each threshold is looked at "
    "by itself: intervals and p-values are not adjusted for how many thresholds there are"
)


@frozen(kw_only=True)
class UnsupportedSensitivity:
    """Compares the arms at every threshold of the detector, from 0 to 1.

    An answer counts as unsupported when its support is below the threshold; an abstention never does.

    Attributes:
        grid: Thresholds in the table, evenly spaced from 0 to 1, at least 2. Where the conclusion changes is found
            among all degrees of support that occur, whatever the grid.
    """

    name: ClassVar[str] = "unsupported_sensitivity"
    level: ClassVar[Literal["study"]] = "study"
    artifact: ClassVar[str] = "unsupported_sensitivity.json"

    grid: int = field(default=101, validator=and_(ge(2), le(10_001)))

    def analyze(self, study: Study) -> Mapping[str, Json]:
        """Sweep the threshold for every temperature, and for every dataset where there are several.

        Returns:
            ``blocks``, each with ``curve``, ``changes``, ``recorded``, ``artefact`` and ``in_words``; or no blocks and
            the ``reason``.

        Raises:
            DataError: support.csv or the score file is damaged, or they do not belong together.
        """
        from exx_unsupported_sensitivity.read import read
        from exx_unsupported_sensitivity.report import block

        head: dict[str, Json] = {"metric": "unsupported_rate", "level": 0.95, "method": METHOD}
        found = "the samples came from no file" if study.folder is None else read(study.folder)
        if isinstance(found, str):
            return {**head, "reason": found, "blocks": []}
        return {**head, "reason": None, "blocks": [block(part, self.grid) for part in found]}
