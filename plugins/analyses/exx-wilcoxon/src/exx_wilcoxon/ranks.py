"""Signed ranks and their exact law with ties and zeros, or its normal approximation where that is too large.

Sources:
    Wilcoxon, Biometrics Bulletin 1 (1945) 80-83: the test.
    Pratt, Journal of the American Statistical Association 54 (1959) 655-667: zeros are ranked, then left out.
    Pagano & Tritchler, Journal of the American Statistical Association 78 (1983) 435-440: exact laws by transforms.
"""

from __future__ import annotations

from math import erfc, exp, gcd, log, pi, sqrt
from sys import float_info

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SMALLEST = float_info.min  # p-values are never 0: smaller ones are written as the smallest normal number
_LARGEST_WORK = 3_000_000


@frozen(eq=False)
class SignedRanks:
    """Ranks of the deltas that are not 0, doubled so that they are integers.

    Attributes:
        doubled: Distinct doubled ranks of |delta|.
        times: How many deltas have each.
        plus: Sum of the doubled ranks of the positive deltas.
        minus: Sum of those of the negative ones.
    """

    doubled: Ints
    times: Ints
    plus: int
    minus: int

    @classmethod
    def of(cls, values: Floats, counts: Ints, zeros: str) -> SignedRanks:
        """Rank distinct deltas with their counts; ``zeros`` is ``pratt`` or ``wilcox``."""
        if zeros == "wilcox":
            values, counts = values[values != 0], counts[values != 0]
        sizes, index = np.unique(np.round(np.abs(values), 12), return_inverse=True)
        times = np.bincount(index, weights=counts, minlength=len(sizes)).astype(np.int64)
        doubled = 2 * np.cumsum(times) - times + 1
        plus = int(doubled[index] @ (counts * (values > 0)))
        minus = int(doubled[index] @ (counts * (values < 0)))
        kept = sizes > 0
        return cls(doubled[kept], times[kept], plus, minus)

    @property
    def z(self) -> float:
        """Standardised sum of the signed ranks, given ties and zeros; 0 without a delta that is not 0."""
        spread = sqrt(float(self.times @ self.doubled.astype(np.float64) ** 2))
        return (self.plus - self.minus) / spread if spread else 0.0

    def p_normal(self) -> float:
        """Two-sided normal p-value, without a continuity correction."""
        return max(_SMALLEST, erfc(abs(self.z) / sqrt(2)))

    def p_exact(self) -> float | None:
        """Two-sided p-value over all signs; None where the law has too many points."""
        if self.plus == self.minus:
            return 1.0
        unit = gcd(*self.doubled.tolist())
        tail = _upper_tail(self.doubled // unit, self.times, abs(self.plus - self.minus) // unit)
        return None if tail is None else min(1.0, max(_SMALLEST, 2 * tail))


def _upper_tail(steps: Ints, times: Ints, sum_: int) -> float | None:
    """P(Σ ±steps ≥ sum_) for sum_ > 0, from one transform of the law tilted towards sum_."""
    total = int(times @ steps)
    if sum_ == total:
        return exp(-log(2) * int(times.sum()))
    tilt = _tilt(steps.astype(np.float64), times, float(sum_))
    likely = 1 / (1 + np.exp(-tilt * steps))
    mean, variance = float(times @ (steps * likely)), float(times @ (steps**2.0 * likely * (1 - likely)))
    # Bernstein's inequality bounds what lies beyond ``reach`` by 1e-18, so the transform may wrap around it.
    third = log(2e18) * float(steps[-1]) / 3
    reach = int(third + sqrt(third * third + 2 * log(2e18) * variance)) + 1
    size = 1 << (min(2 * reach, total) + 1).bit_length()
    if size * len(steps) > _LARGEST_WORK:
        return None
    first = (total + sum_) // 2
    beyond = np.arange(min(total, max(first, int(mean)) + reach) - first + 1)[:size]
    law = np.fft.irfft(_transform(steps, times, likely, size), size)
    tail = float(np.exp(-tilt * beyond) @ np.maximum(law[(first + beyond) % size], 0.0))
    half = tilt * steps / 2
    return tail * exp(float(times @ (half + np.log1p(np.exp(-2 * half)) - log(2))) - tilt * sum_ / 2)


def _tilt(steps: Floats, times: Ints, sum_: float) -> float:
    tilt = 0.0
    for _ in range(50):
        pull = np.tanh(tilt * steps / 2)
        slope = float(times @ (steps**2 * (1 - pull**2))) / 2
        missing = sum_ - float(times @ (steps * pull))
        if slope <= 0 or missing < 1e-6 * sqrt(slope):
            break
        tilt += missing / slope
    return tilt


def _transform(steps: Ints, times: Ints, likely: Floats, size: int) -> NDArray[np.complex128]:
    product = np.ones(size // 2 + 1, dtype=np.complex128)
    turns = np.arange(size // 2 + 1)
    for step, number, share in zip(steps.tolist(), times.tolist(), likely.tolist(), strict=True):
        angle = (2 * pi / size) * (turns * step % size)
        product *= (1 - share + share * np.exp(-1j * angle)) ** number
    return product
