"""What observers of a run are told it is."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen


@frozen
class Run:
    """A run, as observers see it.

    Attributes:
        id: The run's id.
        folder: ``experiments/run_<id>``.
        trials: Slugs of its trials, in order.
        simulated: The answers are synthesised; no model is asked.
    """

    id: str
    folder: Path
    trials: tuple[str, ...]
    simulated: bool = False


@frozen(kw_only=True)
class Job:
    """A job at a batch service, as observers see it.

    Attributes:
        id: The job's id, which is also its name at the service.
        condition: The arm it asks.
        temp: Temperature.
        part: Number of the part, from 1.
        attempt: 1 for the first job of a part.
        state: ``intended``, ``queued``, ``running``, ``unknown``, ``succeeded``, ``failed``, ``expired``,
            ``cancelled``, ``gone`` (the service does not know it any more), ``dropped`` (it was never submitted).
        collected: Its rows are stored.
        rows: Requests in it.
        answered: Of them with an answer; 0 until it is collected.
        failed: Of them without one; 0 until it is collected.
        message: What there is to say beside.
    """

    id: str
    condition: str
    temp: float
    part: int
    attempt: int
    state: str
    collected: bool
    rows: int
    answered: int = 0
    failed: int = 0
    message: str = ""
