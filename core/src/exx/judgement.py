"""The judgement: everything a run came to in one object, which command line, reports, JSON and notebooks all read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from attrs import asdict, frozen

from exx.integrity import Integrity
from exx.verdict import GuardRow, VerdictRow

Outcome = Literal["better", "worse", "mixed", "changed", "equivalent", "cannot tell"]


@frozen(kw_only=True)
class Judgement:
    """What an experiment came to, and how far that is to be believed.

    Attributes:
        rows: The verdict, the primary metrics first.
        guards: The metrics that must not get worse.
        integrity: What became of everything that was planned.
        caveats: What could be wrong with the verdict, the weightiest first.
        simulated: The answers were made up; no model was asked.
    """

    rows: Sequence[VerdictRow]
    guards: Sequence[GuardRow]
    integrity: Integrity
    caveats: Sequence[str]
    simulated: bool = False

    @property
    def primary(self) -> list[VerdictRow]:
        """The rows that the experiment was made to answer."""
        return [row for row in self.rows if row.primary]

    @property
    def broken(self) -> list[GuardRow]:
        """The guards that were shown to have got worse."""
        return [guard for guard in self.guards if guard.status == "got worse"]

    @property
    def outcome(self) -> Outcome:
        """The primary rows in one word; an answer in any place counts, and two that contradict each other are mixed.

        ``better`` and ``worse`` were shown somewhere and their opposite nowhere; ``changed`` is said of metrics
        without a good side; ``equivalent`` was shown everywhere; all else cannot be told.
        """
        answers = {row.answer for row in self.primary}
        if {"better", "worse"} <= answers:
            return "mixed"
        if "better" in answers or "worse" in answers:
            return "better" if "better" in answers else "worse"
        if answers & {"higher", "lower"}:
            return "changed"
        return "equivalent" if answers == {"equivalent"} else "cannot tell"

    @property
    def sentence(self) -> str:
        """The outcome in words, with the guards that broke and the losses that could overturn it."""
        parts = [self._shown()]
        if self.broken:
            names = ", ".join(dict.fromkeys(guard.title for guard in self.broken))
            parts.append(f"But what must not get worse did: {names}.")
        if self.integrity.overturned:
            parts.append("The answers that were lost could change that.")
        return " ".join(parts)

    def _shown(self) -> str:
        """The outcome, and in how many comparisons it was shown where it was not in all: the others say less."""
        clear = sum(row.answer == self.outcome for row in self.primary)
        if self.outcome in ("better", "worse") and clear < len(self.primary):
            return f"The treatment is {self.outcome} in {clear} of {len(self.primary)} comparisons."
        return _OUTCOMES[self.outcome]

    def to_json(self) -> dict[str, Any]:
        """Plain data: ``verdict``, ``guards``, ``integrity``, ``caveats``, ``outcome`` and ``sentence``."""
        return {
            "verdict": [asdict(row) for row in self.rows],
            "guards": [asdict(row) for row in self.guards],
            "integrity": self.integrity.to_json(),
            "caveats": list(self.caveats),
            "outcome": self.outcome,
            "sentence": self.sentence,
        }


_OUTCOMES: dict[Outcome, str] = {
    "better": "The treatment is better.",
    "worse": "The treatment is worse.",
    "mixed": "The treatment is better in one respect and worse in another.",
    "changed": "The treatment changes what was measured; whether for the better is not for the metric to say.",
    "equivalent": "Treatment and control are equivalent within the margin.",
    "cannot tell": "This experiment cannot tell whether the treatment helps.",
}
