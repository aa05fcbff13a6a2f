"""The law of the mean of a resample: on a lattice, by its characteristic function, or listed.

Resampling n items with replacement draws n deltas independently from the observed ones, so the law of their sum is
the n-fold convolution of the observed law. Nothing needs to be drawn to know it.

Sources:
    Efron & Tibshirani, An Introduction to the Bootstrap (1993): the ideal bootstrap is this law.
    Gil-Pelaez, Biometrika 38 (1951) 481-482: the distribution function from the characteristic function.
    Bernstein's inequality: how far from the mean the sum can be with a probability that matters.
"""

from __future__ import annotations

from math import log, pi, sqrt
from typing import ClassVar, Protocol

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from exx_paired_bootstrap.resamples import MOST, number_of_resamples, resamples

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ROUNDING = 1e-12
_SAME = 1e-11
_LARGEST_TRANSFORM = 1 << 21
_FINE = (1 << 17) - 1_000  # points of the lattice that deltas are rounded onto where they have none
_SIXTIETHS = 60
_STEP = 2 * pi / 40  # the standardised mean is within ±20 for all that matters
_HARMONICS = 76
_DENOMINATORS = 60
_MANY = 30


class Law(Protocol):
    """The law of the resampled mean."""

    @property
    def title(self) -> str:
        """How the law was got at."""
        ...

    def share_below(self) -> float:
        """P(θ* < θ̂) + ½·P(θ* = θ̂)."""
        ...

    def quantile(self, level: float) -> float:
        """The smallest x with P(θ* ≤ x) ≥ level."""
        ...


def law_of(values: Floats, counts: Ints, lattice: int | None, draws: int, rng: np.random.Generator) -> Law:
    """Choose how to get at the law.

    Args:
        values: Distinct deltas, ascending, at least two.
        counts: How many items have each.
        lattice: The L for which L·values are integers, or None.
        draws: Resamples, where there is no other way: for lumpy deltas in the millions.
        rng: Used only there.
    """
    if lattice is not None:
        law = LatticeLaw.of(np.rint(values * lattice).astype(np.int64), counts, lattice)
        if law is not None:
            return law
    n = int(counts.sum())
    if min(n, len(values)) >= _MANY and number_of_resamples(n, len(values)) > MOST and not _lumpy(values, counts, n):
        return SmoothLaw.of(values, counts)
    if number_of_resamples(n, len(values)) > MOST and (rounded := _rounded(values, counts)) is not None:
        return rounded
    found = resamples(values[:, None], counts, draws, rng)
    return AtomsLaw.of(found.totals[:, 0] / n, found.weights, float(values @ counts) / n, found.title)


@frozen(eq=False)
class LatticeLaw:
    """All attainable means within reach, in steps of 1 / ``units``, and their probabilities."""

    start: int
    units: int
    probabilities: Floats
    cumulative: Floats
    observed: int
    title: str = "exact (n-fold convolution on the lattice)"
    shift: float = 0.0

    @classmethod
    def of(cls, whole: Ints, counts: Ints, lattice: int) -> LatticeLaw | None:
        """Convolve n times; None if the lattice is too fine for that.

        Args:
            whole: Distinct deltas in units of 1/lattice.
            counts: How many items have each.
            lattice: Units per 1.
        """
        n, observed = int(counts.sum()), int(whole @ counts)
        least, most = int(whole[0]), int(whole[-1])
        reach = _reach(whole, counts, n)
        start, length = n * least, n * (most - least) + 1
        if 2 * reach + 1 < length:
            start, length = observed - reach, 2 * reach + 1
        size = 1 << (length - 1).bit_length()
        if size > _LARGEST_TRANSFORM:
            return None
        once = np.bincount(whole % size, weights=counts / n, minlength=size)
        # The circle of the transform is wide enough for what wraps around it not to matter.
        circle = np.fft.irfft(np.fft.rfft(once) ** n, size)
        probabilities = np.maximum(circle[(start + np.arange(length)) % size], 0.0)
        return cls(start, n * lattice, probabilities, np.cumsum(probabilities), observed - start)

    def share_below(self) -> float:
        """P(mean* < mean) + P(mean* = mean) / 2, in [0, 1]."""
        at = float(self.probabilities[self.observed])
        return float(self.cumulative[self.observed]) - at / 2

    def quantile(self, level: float) -> float:
        """The smallest mean whose cumulative probability reaches ``level``, in (0, 1)."""
        index = int(np.searchsorted(self.cumulative, level - _ROUNDING))
        return (self.start + min(index, len(self.cumulative) - 1)) / self.units + self.shift


@frozen(eq=False)
class SmoothLaw:
    """The characteristic function of the standardised mean at equal steps."""

    title: ClassVar[str] = "numerical inversion of the characteristic function"

    mean: float
    error: float
    harmonics: NDArray[np.complex128]

    @classmethod
    def of(cls, values: Floats, counts: Ints) -> SmoothLaw:
        """Evaluate the characteristic function; for 30 distinct deltas or more, and no lattice."""
        n = int(counts.sum())
        mean = float(values @ counts) / n
        error = sqrt(float(counts @ (values - mean) ** 2)) / n
        powers = _characteristic((values - mean) / (n * error), counts / n, _STEP, _HARMONICS) ** n
        return cls(mean, error, powers / (_STEP * np.arange(1, _HARMONICS + 1)))

    def share_below(self) -> float:
        """P(mean* < mean) + P(mean* = mean) / 2, in [0, 1]."""
        return self._below(0.0)

    def quantile(self, level: float) -> float:
        """The smallest mean whose cumulative probability reaches ``level``, in (0, 1)."""
        low, high = -20.0, 20.0
        while high - low > 1e-12:
            middle = (low + high) / 2
            low, high = (low, middle) if self._below(middle) >= level else (middle, high)
        return self.mean + self.error * high

    def _below(self, y: float) -> float:
        turned = np.exp(-1j * y * _STEP * np.arange(1, _HARMONICS + 1)) * self.harmonics
        return 0.5 + _STEP * y / (2 * pi) - _STEP / pi * float(turned.imag.sum())


@frozen(eq=False)
class AtomsLaw:
    """Listed or drawn values, ascending, and how probable it is to be at most each."""

    points: Floats
    cumulative: Floats
    observed: float
    title: str

    @classmethod
    def of(cls, points: Floats, weights: Floats, observed: float, title: str) -> AtomsLaw:
        """Sort values with their probabilities."""
        order = np.argsort(points, kind="stable")
        return cls(points[order], np.cumsum(weights[order]) / float(weights.sum()), observed, title)

    def share_below(self) -> float:
        """P(θ* < θ̂) + P(θ* = θ̂) / 2, in [0, 1]."""
        ends = np.searchsorted(self.points, [self.observed - _SAME, self.observed + _SAME])
        shares = np.concatenate([[0.0], self.cumulative])[ends]
        return float(shares.sum()) / 2

    def quantile(self, level: float) -> float:
        """The smallest value whose cumulative probability reaches ``level``, in (0, 1)."""
        index = int(np.searchsorted(self.cumulative, level - _ROUNDING))
        return float(self.points[min(index, len(self.points) - 1)])


def _rounded(values: Floats, counts: Ints) -> LatticeLaw | None:
    """The law of deltas rounded onto a fine lattice, shifted to their true mean; None for too many to have one.

    For few deltas and lumpy ones, whose law has no smooth distribution function. A lattice of sixtieths and finer ones
    keeps the lumps (halves, thirds, fifths) where they are.
    """
    n = int(counts.sum())
    width = min(n * float(values[-1] - values[0]), 2e-6 * _reach(values * 1e6, counts, n))
    lattice = _SIXTIETHS * max(1, int(_FINE / (width * _SIXTIETHS)))
    whole = np.rint(values * lattice).astype(np.int64)
    law = LatticeLaw.of(whole, counts, lattice)
    if law is None:
        return None
    title = f"n-fold convolution, deltas rounded to 1/{lattice}"
    return evolve(law, title=title, shift=float((values - whole / lattice) @ counts) / n)


def _reach(whole: Ints | Floats, counts: Ints, n: int) -> int:
    """Distance from its mean that the sum exceeds with a probability below 1e-18, by Bernstein's inequality."""
    centred = whole - float(whole @ counts) / n
    third = log(2e18) * float(np.abs(centred).max()) / 3
    return int(third + sqrt(third * third + 2 * log(2e18) * float(counts @ centred**2))) + 1


def _lumpy(values: Floats, counts: Ints, n: int) -> bool:
    """Whether nearly all deltas lie on a coarse lattice, so that the law has steps that matter."""
    echoes = np.abs(_characteristic(values, counts / n, 2 * pi, _DENOMINATORS))
    return bool((n * np.log(np.maximum(echoes, 1e-300)) > log(1e-6)).any())


def _characteristic(values: Floats, shares: Floats, step: float, number: int) -> NDArray[np.complex128]:
    """E exp(i·k·step·X) for k = 1 … number."""
    turn = np.exp(1j * step * values)
    now = np.ones_like(turn)
    found = np.empty(number, dtype=np.complex128)
    for index in range(number):
        now *= turn
        found[index] = now @ shares
    return found
