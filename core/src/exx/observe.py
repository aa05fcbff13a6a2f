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
