"""McNemar's test: exact and mid-p power, Connor's formula, and the number of items each takes.

Given m discordant pairs the test rejects by a binomial law, whatever the number of items; that number only decides how
likely each m is. So power is the rejection rate by m, averaged over the binomial law of m.

Sources:
    Connor, Biometrics 43 (1987) 207-211.
    Duffy, Biometrics 40 (1984) 1005-1015.
    Fagerland, Lydersen & Laake, BMC Medical Research Methodology 13:91 (2013): mid-p has nearly the nominal level.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, sqrt
from typing import Literal

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy.special import bdtr, gammaln, ndtr, ndtri

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Test = Literal["exact", "midp"]

LARGEST = 50_000
STABLE = 25
_REACH = 8  # standard deviations: leaves out less than 2e-15


@frozen
class McNemar:
    """Power of McNemar's test for given shares of discordant pairs.

    Attributes:
        gains: Share of items only the treatment has right.
        losses: Share of items only the control has right; their sum is in (0, 1].
        alpha: Level of the two-sided test.
    """

    gains: float
    losses: float
    alpha: float

    @property
    def discordance(self) -> float:
        """Share of discordant pairs."""
        return self.gains + self.losses

    def power(self, n: int, test: Test) -> float:
        """Power of the exact or the mid-p test with n items."""
        return float(self._powers(np.array([n]), test)[0])

    def connor(self, n: float) -> float:
        """Power by Connor's formula."""
        delta, psi = abs(self.gains - self.losses), self.discordance
        spread = sqrt(psi - delta**2)
        reach = delta * sqrt(n) - float(ndtri(1 - self.alpha / 2)) * sqrt(psi)
        return float(ndtr(reach / spread)) if spread > 0 else float(reach > 0)

    def connor_items(self, wanted: float) -> float:
        """Items by Connor's formula, not rounded."""
        delta, psi = abs(self.gains - self.losses), self.discordance
        z_alpha, z_power = float(ndtri(1 - self.alpha / 2)), float(ndtri(wanted))
        return (z_alpha * sqrt(psi) + z_power * sqrt(max(0.0, psi - delta**2))) ** 2 / delta**2

    def items(self, wanted: float, test: Test) -> int | None:
        """The first number of items whose power reaches what is wanted and holds for the next 25; None above 50,000.

        Power goes up and down with the number of items, since the binomial law is discrete. Beyond 500 the search
        begins at 0.9 times Connor's number, below which neither test can have the power.
        """
        guess, psi = self.connor_items(wanted), self.discordance
        if guess > 1.2 * LARGEST:
            return None
        first = 1 if guess < 500 else int(0.9 * guess)
        stride = 40 if guess < 500 else max(40, int(guess / 100))
        if guess * psi * (1 - psi) > 100:  # so many different m that the ups and downs average out
            while first + stride <= LARGEST and self.power(first + stride, test) < wanted:
                first += stride
        held = 0
        while first <= LARGEST:
            enough = self._powers(np.arange(first, first + stride), test) >= wanted
            for offset, one in enumerate(enough.tolist()):
                held = held + 1 if one else 0
                if held > STABLE:
                    return first + offset - STABLE
            first += stride
        return None

    def _powers(self, items: Ints, test: Test) -> Floats:
        """Shape (k,): power for each of some neighbouring numbers of items."""
        psi, share, largest = self.discordance, self.gains / self.discordance, int(items[-1])
        if psi >= 1:
            return _rejections(items, share, self.alpha, test)
        spread = _REACH * sqrt(largest * psi * (1 - psi)) + _REACH
        low, high = max(0, int(items[0] * psi - spread)), min(largest, ceil(largest * psi + spread))
        pairs = np.arange(low, high + 1)
        n, left = items[:, None], items[:, None] - pairs
        logs = gammaln(n + 1) - gammaln(pairs + 1) - gammaln(np.maximum(left, 0) + 1)
        logs = logs + pairs * np.log(psi) + left * np.log1p(-psi)
        law = np.where(left >= 0, np.exp(logs), 0.0)
        powers: Floats = np.minimum(1.0, law @ _rejections(pairs, share, self.alpha, test))
        return powers


def _rejections(pairs: Ints, share: float, alpha: float, test: Test) -> Floats:
    """How often the test rejects, by the number of discordant pairs."""
    critical = _critical_counts(pairs, alpha, test)
    both = _below(critical, pairs, share) + _below(critical, pairs, 1 - share)
    rates: Floats = np.where(critical >= 0, both, 0.0)
    return rates


def _critical_counts(pairs: Ints, alpha: float, test: Test) -> Ints:
    size = 1 << int(pairs.max(initial=255)).bit_length()
    return _critical_table(size, alpha, test)[pairs]


@lru_cache(maxsize=16)
def _critical_table(size: int, alpha: float, test: Test) -> Ints:
    """Critical counts for all numbers of discordant pairs below the size; they depend on nothing else."""
    return _critical(np.arange(size), alpha, test)


def _below(k: Ints, n: Ints, share: float) -> Floats:
    """P(X ≤ k) of a binomial law; n may be 0."""
    found: Floats = bdtr(np.clip(k, 0, n).astype(np.float64), n, share)
    return found


def _critical(pairs: Ints, alpha: float, test: Test) -> Ints:
    """The largest count of the rarer kind at which the test still rejects; −1 where it never does."""
    k = np.floor(pairs / 2 - float(ndtri(1 - alpha / 2)) * np.sqrt(pairs) / 2).astype(np.int64) + 2
    k = np.minimum(k, (pairs - 1) // 2)
    while (above := (k >= 0) & (_p(k, pairs, test) > alpha)).any():
        k = np.where(above, k - 1, k)
    return k


def _p(k: Ints, n: Ints, test: Test) -> Floats:
    """Two-sided p-value of k against n − k, for k < n/2."""
    doubled = 2 * _below(k, n, 0.5)
    if test == "exact":
        return doubled
    logs = gammaln(n + 1) - gammaln(np.maximum(k, 0) + 1) - gammaln(n - k + 1) - n * np.log(2)
    mid: Floats = doubled - np.exp(logs)
    return mid


@lru_cache(maxsize=256)
def smallest_difference(discordance: float, n: int, alpha: float, wanted: float) -> float | None:
    """The difference, to 1e-5, that the mid-p test finds with the wanted power; None where it finds none so often."""

    def reached(delta: float) -> bool:
        return McNemar((discordance + delta) / 2, (discordance - delta) / 2, alpha).power(n, "midp") >= wanted

    normal = (float(ndtri(1 - alpha / 2)) + float(ndtri(wanted))) * sqrt(discordance / n)
    low, high = 0.9 * normal, 1.1 * normal
    if high > discordance or reached(low) or not reached(high):  # few pairs: nothing is normal about them
        low, high = 0.0, discordance
        if not reached(high):
            return None
    while high - low > 1e-5:
        middle = (low + high) / 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def rejected(gains: Ints, losses: Ints, alpha: float) -> NDArray[np.bool_]:
    """Whether the mid-p test rejects, for each pair of counts."""
    pairs, where = np.unique(gains + losses, return_inverse=True)
    answer: NDArray[np.bool_] = np.minimum(gains, losses) <= _critical_counts(pairs, alpha, "midp")[where]
    return answer
