"""The phases in their order."""

from __future__ import annotations

from exx.errors import UsageError
from exx.pipeline.build import Build
from exx.pipeline.context import Phase
from exx.pipeline.cost import Costs
from exx.pipeline.parse import Parse
from exx.pipeline.poll import Poll
from exx.pipeline.prepare import Prepare
from exx.pipeline.report import Report
from exx.pipeline.score import Score
from exx.pipeline.stats import Stats
from exx.pipeline.submit import Submit

PHASES: tuple[Phase, ...] = (Prepare(), Build(), Submit(), Poll(), Parse(), Score(), Stats(), Costs(), Report())
NAMES = tuple(phase.name for phase in PHASES)


def choose(
    only: str | None = None, first: str | None = None, last: str | None = None, skip: tuple[str, ...] = ()
) -> tuple[Phase, ...]:
    """Pick phases by name: one alone, or from one to another, both included.

    Raises:
        UsageError: A name is not a phase's, or nothing is left.
    """
    for name in (only, first, last):
        if name is not None and name not in NAMES:
            raise UsageError(f"no phase called {name!r}", hint=f"the phases are {', '.join(NAMES)}")
    start = NAMES.index(only or first or NAMES[0])
    end = NAMES.index(only or last or NAMES[-1])
    chosen = tuple(phase for phase in PHASES[start : end + 1] if phase.name not in skip)
    if not chosen:
        raise UsageError("no phase is left between --from-step and --to-step")
    return chosen
