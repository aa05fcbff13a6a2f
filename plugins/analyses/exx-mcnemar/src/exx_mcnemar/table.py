"""The 2 × 2 table of a binary metric, and everything that is computed from its four counts."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from exx_mcnemar.binomial import odds_interval, p_exact, p_mid
from exx_mcnemar.difference import newcombe, tango
from exx_mcnemar.minlike import minlike_interval

_NEARLY = 1e-9


@frozen
class Table:
    """How often the arms were right.

    Attributes:
        both: Both arms are right.
        b: Only the treatment is.
        c: Only the control is.
        neither: Neither is.
        n_undecided: An arm's mean is exactly ½; in none of the other counts.
        replicated: Some value is neither 0 nor 1, so it is a mean of several answers.
    """

    both: int
    b: int
    c: int
    neither: int
    n_undecided: int = 0
    replicated: bool = False

    @classmethod
    def of(cls, control: NDArray[np.float64], treatment: NDArray[np.float64]) -> Table:
        """Count, from values in [0, 1] of the same items in the same order."""
        arms = (control, treatment)
        decided = (np.abs(control - 0.5) > _NEARLY) & (np.abs(treatment - 0.5) > _NEARLY)
        code = ((control > 0.5) * 2 + (treatment > 0.5))[decided]
        neither, b, c, both = np.bincount(code, minlength=4).tolist()
        replicated = any(bool(((arm > _NEARLY) & (arm < 1 - _NEARLY)).any()) for arm in arms)
        return cls(both, b, c, neither, len(control) - len(code), replicated)

    @property
    def n(self) -> int:
        """Items on which both arms are decided."""
        return self.both + self.b + self.c + self.neither

    def reason(self) -> str | None:
        """Why some of the results are None, if any is."""
        if not self.n:
            return f"all {self.n_undecided} pairs are undecided" if self.n_undecided else "there are no complete pairs"
        return None if self.b + self.c else "odds_ratio: the arms never disagree"

    def results(self, *, minlike: bool = False) -> Iterator[tuple[str, Any]]:
        """Yield every count, p-value and interval by its name; with ``minlike`` one more interval of the odds."""
        yield from (("b", self.b), ("c", self.c), ("both", self.both), ("neither", self.neither))
        yield from (("n_undecided", self.n_undecided), ("replicated", self.replicated))
        names = ("p_exact", "p_mid", "odds_ratio", "or_ci_95", "or_ci_95_mid_p", "newcombe_ci_95", "tango_ci_95")
        if not self.n:
            yield from dict.fromkeys(names).items()
            return
        b, c = self.b, self.c
        odds = b / c if c else inf if b else None
        intervals = odds_interval(b, c, mid=False), odds_interval(b, c, mid=True)
        spreads = newcombe(self.both, b, c, self.neither), tango(b, c, self.n)
        yield from zip(names, (p_exact(b, c), p_mid(b, c), odds, *intervals, *spreads), strict=True)
        yield "difference", (b - c) / self.n
        if minlike:
            yield "or_ci_95_minlike", minlike_interval(b, c)
