"""How often fair coins for the signs would give a sum of deltas as far from zero as the observed one.

With magnitudes a_j that occur m_j times, the sum is S* = Σ ±a_j. Its upper tail is computed under a tilted law that
has the observed sum as its mean, so that it comes out with full relative accuracy however small it is.

Sources:
    Pagano & Tritchler, Journal of the American Statistical Association 78 (1983) 435-440: exact laws by transforms.
    Lugannani & Rice, Advances in Applied Probability 12 (1980) 475-490: the contour through the saddle point.
    Phipson & Smyth, Statistical Applications in Genetics and Molecular Biology 9:39 (2010): (count + 1)/(R + 1).
"""

from __future__ import annotations

from math import exp, log, pi, sqrt
from sys import float_info

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SMALLEST = float_info.min  # p-values are never 0: smaller ones are written as the smallest normal number
_LARGEST_WORK = 20_000_000
_FEW = 30
_DENOMINATORS = 60
_TOLERANCE = 1e-9


@frozen
class Tail:
    """A two-sided p-value, how it was computed, and how uncertain that leaves it (None: not at all)."""

    p_value: float
    method: str
    standard_error: float | None = None
    draws: int | None = None


def two_sided(values: Floats, counts: Ints, lattice: int | None, draws: int, rng: np.random.Generator) -> Tail:
    """P(|S*| ≥ |S|) for the sum S of the deltas.

    Args:
        values: Distinct deltas.
        counts: How many items have each.
        lattice: The L for which L·values are integers, or None.
        draws: Sign patterns to draw, where there is no better way.
        rng: Used only then.
    """
    sum_ = abs(float(values @ counts))
    magnitudes, times = _magnitudes(values, counts)
    if not len(magnitudes):
        return Tail(1.0, "exact (every delta is 0)")
    if sum_ <= _TOLERANCE * float(magnitudes[-1]):
        return Tail(1.0, "exact (the deltas cancel)")
    if lattice is not None:
        found = _on_lattice(np.rint(magnitudes * lattice).astype(np.int64), times, round(sum_ * lattice))
        if found is not None:
            return Tail(_probability(2 * found), "exact (convolution on the lattice)")
    if times.sum() <= _FEW:
        return Tail(_probability(_enumerated(np.repeat(magnitudes, times), sum_)), "exact (all sign patterns)")
    if len(magnitudes) < _FEW or _lumpy(magnitudes, times):
        return _drawn(magnitudes, times, sum_, draws, rng)
    p = 2 * _contour(magnitudes, times, sum_)
    return Tail(_probability(p), "numerical inversion of the characteristic function")


def _magnitudes(values: Floats, counts: Ints) -> tuple[Floats, Ints]:
    kept = values != 0
    magnitudes, index = np.unique(np.round(np.abs(values[kept]), 12), return_inverse=True)
    return magnitudes, np.bincount(index, weights=counts[kept], minlength=len(magnitudes)).astype(np.int64)


def _probability(p: float) -> float:
    return min(1.0, max(_SMALLEST, p))


def _log_cosh(x: Floats) -> Floats:
    size = np.abs(x)
    grown: Floats = size + np.log1p(np.exp(-2 * size)) - log(2)
    return grown


def _saddle(magnitudes: Floats, times: Ints, sum_: float) -> float:
    """Tilt under which the mean is the observed sum, or nearly: any tilt is right, a near one is accurate."""
    tilt = 0.0
    # Σ m·a·tanh(s·a) is concave in s ≥ 0, so Newton's steps go up to the root and never beyond it.
    for _ in range(50):
        pull = np.tanh(tilt * magnitudes)
        slope = float(times @ (magnitudes**2 * (1 - pull**2)))
        missing = sum_ - float(times @ (magnitudes * pull))
        if slope <= 0 or missing < 1e-6 * sqrt(slope):
            break
        tilt += missing / slope
    return tilt


def _on_lattice(magnitudes: Ints, times: Ints, sum_: int) -> float | None:
    """P(S* ≥ sum_) for integer magnitudes and sum_ > 0; None if the lattice is too fine.

    X = (Σ a + S*)/2 = Σ a·Bin(m, ½) is an integer. Tilted by e^{sX}, its law is had from one transform; around its
    own mean it may wrap, since Bernstein's inequality bounds what lies beyond.
    """
    total = int(times @ magnitudes)
    if sum_ == total:
        return exp(-log(2) * int(times.sum()))
    tilt = 2 * _saddle(magnitudes.astype(np.float64), times, float(sum_))
    likely = 1 / (1 + np.exp(-tilt * magnitudes))
    mean, variance = float(times @ (magnitudes * likely)), float(times @ (magnitudes**2 * likely * (1 - likely)))
    third = log(2e18) * float(magnitudes[-1]) / 3
    reach = int(third + sqrt(third * third + 2 * log(2e18) * variance)) + 1
    size = 1 << (min(2 * reach, total) + 1).bit_length()
    if size * len(magnitudes) > _LARGEST_WORK:
        return None
    first = (total + sum_) // 2
    last = min(total, max(first, int(mean)) + reach)
    law = np.fft.irfft(_transform(magnitudes, times, likely, size), size)
    beyond = np.arange(last - first + 1)[:size]
    tail = float(np.exp(-tilt * beyond) @ np.maximum(law[(first + beyond) % size], 0.0))
    return tail * exp(float(times @ _log_cosh(tilt * magnitudes / 2)) - tilt * sum_ / 2)


def _transform(magnitudes: Ints, times: Ints, likely: Floats, size: int) -> NDArray[np.complex128]:
    product = np.ones(size // 2 + 1, dtype=np.complex128)
    steps = np.arange(size // 2 + 1)
    for magnitude, number, share in zip(magnitudes.tolist(), times.tolist(), likely.tolist(), strict=True):
        angle = (2 * pi / size) * (steps * magnitude % size)
        product *= (1 - share + share * np.exp(-1j * angle)) ** number
    return product


def _enumerated(each: Floats, sum_: float) -> float:
    """P(|S*| ≥ sum_) over all 2^n patterns: the sums of two halves, and every way to put them together."""
    middle = len(each) // 2
    left, right = _all_sums(each[:middle]), np.sort(_all_sums(each[middle:]))
    bound = sum_ - _TOLERANCE * float(each.sum())
    above = len(right) - np.searchsorted(right, bound - left)
    below = np.searchsorted(right, -bound - left, side="right")
    return float(above.sum() + below.sum()) / (len(left) * len(right))


def _all_sums(each: Floats) -> Floats:
    sums = np.zeros(1)
    for magnitude in each:
        sums = np.concatenate([sums + magnitude, sums - magnitude])
    return sums


def _lumpy(magnitudes: Floats, times: Ints) -> bool:
    """Whether nearly all deltas lie on a coarse lattice, so that the law has steps that matter."""
    echoes = np.abs(np.cos(np.pi * np.outer(np.arange(1, _DENOMINATORS + 1), magnitudes)))
    return bool((np.log(np.maximum(echoes, 1e-300)) @ times > log(1e-6)).any())


def _contour(magnitudes: Floats, times: Ints, sum_: float) -> float:
    """P(S* ≥ sum_) as the integral of E e^{zS*}·e^{−z·sum_}/z along z = s + it, by the trapezoidal rule."""
    spread = sqrt(float(times @ magnitudes**2))
    tilt = max(_saddle(magnitudes, times, sum_), 1 / spread)
    narrow = sqrt(float(times @ (magnitudes / np.cosh(np.minimum(tilt * magnitudes, 300.0))) ** 2))
    # The rule's error is what the law has one period further on, damped by e^{−tilt·period}.
    step = 2 * pi / max(20 * narrow, 45 / tilt)
    level = float(times @ _log_cosh(tilt * magnitudes)) - tilt * sum_
    shrunk = np.exp(-2 * tilt * magnitudes)
    turn, now = np.exp(-2j * step * magnitudes), np.ones(len(magnitudes), dtype=np.complex128)
    total = 0.5 / tilt
    for index in range(1, 2000):
        now = now * turn
        t = step * index
        logs = np.log((1 + shrunk * now) / (1 + shrunk))
        term = np.exp(times @ logs + 1j * t * (float(times @ magnitudes) - sum_))
        total += float((term / complex(tilt, t)).real)
        if abs(term) < 1e-17:
            break
    return exp(level) * step / pi * total


def _drawn(magnitudes: Floats, times: Ints, sum_: float, draws: int, rng: np.random.Generator) -> Tail:
    count, rows = 0, max(1, 1_000_000 // len(magnitudes))
    bound = sum_ - _TOLERANCE * float(times @ magnitudes)
    for first in range(0, draws, rows):
        heads = rng.binomial(times, 0.5, size=(min(rows, draws - first), len(times)))
        count += int((np.abs((2 * heads - times) @ magnitudes) >= bound).sum())
    p = (count + 1) / (draws + 1)
    return Tail(p, "Monte Carlo over the signs, (count + 1)/(draws + 1)", sqrt(p * (1 - p) / draws), draws)
