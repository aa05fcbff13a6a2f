"""How often fair coins for the signs would give a sum of deltas as far from zero as the observed one.

With magnitudes a_j that occur m_j times, the sum is S* = Σ ±a_j. Its tail comes out with full relative accuracy however
small it is: on a lattice by a tilted convolution, else along a contour through the saddle point.

Sources:
    Pagano & Tritchler, Journal of the American Statistical Association 78 (1983) 435-440: exact laws by transforms.
    Lugannani & Rice, Advances in Applied Probability 12 (1980) 475-490: the contour through the saddle point.
    Phipson & Smyth, Statistical Applications in Genetics and Molecular Biology 9:39 (2010): (count + 1)/(R + 1).
"""

from __future__ import annotations

from math import exp, hypot, log, pi, sqrt
from sys import float_info
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from exx import signed_sum_tail, signed_sum_tilt

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SMALLEST = float_info.min  # p-values are never 0: smaller ones are written as the smallest normal number
_LARGEST_WORK = 20_000_000
_FEW = 30
_DENOMINATORS = 60
_TOLERANCE = 1e-9
_SOME = 500
_NEAR = 0.6  # of the series' radius, π/2: its terms fall by 1/7 each
_TERMS = 24


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
        steps = np.rint(magnitudes * lattice).astype(np.int64)
        found = signed_sum_tail(steps, times, round(sum_ * lattice), largest_work=_LARGEST_WORK)
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
    # Every delta makes an echo fainter: where a few hundred have silenced them all, the others need not be asked.
    for step in (max(1, len(magnitudes) // _SOME), 1):
        echoes = np.abs(np.cos(np.pi * np.outer(np.arange(1, _DENOMINATORS + 1), magnitudes[::step])))
        if not (np.log(np.maximum(echoes, 1e-300)) @ times[::step] > log(1e-6)).any():
            return False
    return True


def _contour(magnitudes: Floats, times: Ints, sum_: float) -> float:
    """P(S* ≥ sum_) as the integral of E e^{zS*}·e^{−z·sum_}/z along z = s + it, by the trapezoidal rule."""
    spread = sqrt(float(times @ magnitudes**2))
    tilt = max(signed_sum_tilt(magnitudes, times, sum_), 1 / spread)
    narrow = sqrt(float(times @ (magnitudes / np.cosh(np.minimum(tilt * magnitudes, 300.0))) ** 2))
    # The rule's error is what the law has one period further on, damped by e^{−tilt·period}.
    step = 2 * pi / max(20 * narrow, 45 / tilt)
    level = float(times @ (np.logaddexp(tilt * magnitudes, -tilt * magnitudes) - log(2))) - tilt * sum_
    farthest = 9.5 / narrow
    if float(magnitudes[-1]) * hypot(tilt, farthest) < _NEAR:
        terms = _series(magnitudes, times, sum_, tilt + 1j * np.arange(0.0, farthest, step), level)
    else:
        terms = _products(magnitudes, times, sum_, tilt, step)
    return exp(level) * step / pi * (0.5 / tilt + terms)


def _series(magnitudes: Floats, times: Ints, sum_: float, points: NDArray[Any], level: float) -> float:
    """The terms after the first, from power sums: log cosh x = Σ c_k x^{2k}, where t = tanh x has t' = 1 − t²."""
    slopes, logs = [1.0], np.zeros(len(points), dtype=np.complex128)
    largest = float(magnitudes[-1])
    squares, near, powers = (magnitudes / largest) ** 2, (points * largest) ** 2, times * 1.0
    for k in range(_TERMS):
        powers = powers * squares
        logs += slopes[k] / (2 * k + 2) * float(powers.sum()) * near ** (k + 1)
        slopes.append(-sum(one * other for one, other in zip(slopes, slopes[::-1], strict=True)) / (2 * k + 3))
    terms = np.exp(logs - points * sum_ - level) / points
    return float(terms[1:].real.sum())


def _products(magnitudes: Floats, times: Ints, sum_: float, tilt: float, step: float) -> float:
    """The same, from all magnitudes at every point."""
    shrunk = np.exp(-2 * tilt * magnitudes)
    turn, now = np.exp(-2j * step * magnitudes), np.ones(len(magnitudes), dtype=np.complex128)
    total, whole = 0.0, float(times @ magnitudes)
    for index in range(1, 2000):
        now = now * turn
        t = step * index
        logs = np.log((1 + shrunk * now) / (1 + shrunk))
        term = np.exp(times @ logs + 1j * t * (whole - sum_))
        total += float((term / complex(tilt, t)).real)
        if abs(term) < 1e-17:
            break
    return total


def _drawn(magnitudes: Floats, times: Ints, sum_: float, draws: int, rng: np.random.Generator) -> Tail:
    count, rows = 0, max(1, 1_000_000 // len(magnitudes))
    bound = sum_ - _TOLERANCE * float(times @ magnitudes)
    for first in range(0, draws, rows):
        heads = rng.binomial(times, 0.5, size=(min(rows, draws - first), len(times)))
        count += int((np.abs((2 * heads - times) @ magnitudes) >= bound).sum())
    p = (count + 1) / (draws + 1)
    return Tail(p, "Monte Carlo over the signs, (count + 1)/(draws + 1)", sqrt(p * (1 - p) / draws), draws)
