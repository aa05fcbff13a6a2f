"""Exact tail of a sum of whole numbers with random signs: what sign-flip and signed-rank tests come down to.

The law is a convolution of stretched binomials. It is computed from one Fourier transform of the law *tilted* so that
its mean is the observed sum: around its own mean a transform is accurate, so the tail comes out with full relative
accuracy however small it is, which a transform of the untilted law (absolute error 1e-16) would not give.

Sources:
    Pagano & Tritchler, Journal of the American Statistical Association 78 (1983) 435-440: exact laws by transforms.
    Keich, Journal of Computational Biology 12 (2005) 416-430: tilting first, for the far tail.
    Bernstein's inequality: how far from the mean the sum can be with a probability that matters.
"""

from __future__ import annotations

from math import exp, gcd, log, pi, sqrt

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LARGEST_WORK = 6_000_000
_BEYOND = log(2e18)  # what has a smaller probability than 1e-18 under the tilted law is left out


def signed_sum_tail(steps: Ints, times: Ints, sum_: int, *, largest_work: int = LARGEST_WORK) -> float | None:
    """P(Σ ±steps ≥ sum_) for fair independent signs, to a relative accuracy of some 1e-12.

    Args:
        steps: Distinct positive integers.
        times: How many terms have each.
        sum_: A value that the sum can take, above 0.
        largest_work: Points of the lattice times distinct steps; about 30 ms a million.

    Returns:
        The probability, 0 only where it is below the smallest float; None where it would take more work than allowed.
    """
    unit = gcd(*steps.tolist())
    steps, sum_ = steps // unit, sum_ // unit
    total = int(times @ steps)
    if sum_ == total:
        return exp(-log(2) * int(times.sum()))
    if min(2 * _BEYOND / 3 * int(steps.max()), total) * len(steps) > largest_work:
        return None
    # X = (Σ steps + S)/2 = Σ steps·Bin(times, ½) is an integer; tilted by e^{tilt·X} each share becomes ``likely``.
    tilt = 2 * signed_sum_tilt(steps.astype(np.float64), times, float(sum_))
    likely = 1 / (1 + np.exp(-tilt * steps))
    mean, variance = float(times @ (steps * likely)), float(times @ (steps**2.0 * likely * (1 - likely)))
    third = _BEYOND * float(steps.max()) / 3
    reach = int(third + sqrt(third * third + 2 * _BEYOND * variance)) + 1
    size = 1 << (min(2 * reach, total) + 1).bit_length()  # the transform may wrap beyond its reach
    if size * len(steps) > largest_work:
        return None
    first = (total + sum_) // 2
    last = min(total, max(first, int(mean)) + reach)
    law = np.fft.irfft(_transform(steps, times, likely, size), size)
    beyond = np.arange(last - first + 1)[:size]
    tail = float(np.exp(-tilt * beyond) @ np.maximum(law[(first + beyond) % size], 0.0))
    return tail * exp(float(times @ log_cosh(tilt * steps / 2)) - tilt * sum_ / 2)


def signed_sum_tilt(magnitudes: Floats, times: Ints, sum_: float) -> float:
    """Find the s ≥ 0 for which Σ times·a·tanh(s·a) is the sum, or nearly: any is right, a near one is accurate."""
    tilt = 0.0
    # The left side is concave in s ≥ 0, so Newton's steps go up to the root and never beyond it.
    for _ in range(50):
        pull = np.tanh(tilt * magnitudes)
        slope = float(times @ (magnitudes**2 * (1 - pull**2)))
        missing = sum_ - float(times @ (magnitudes * pull))
        if slope <= 0 or missing < 1e-6 * sqrt(slope):
            break
        tilt += missing / slope
    return tilt


def log_cosh(x: Floats) -> Floats:
    """log cosh x without overflow."""
    size = np.abs(x)
    grown: Floats = size + np.log1p(np.exp(-2 * size)) - log(2)
    return grown


def _transform(steps: Ints, times: Ints, likely: Floats, size: int) -> NDArray[np.complex128]:
    product = np.ones(size // 2 + 1, dtype=np.complex128)
    turns = np.arange(size // 2 + 1)
    for step, number, share in zip(steps.tolist(), times.tolist(), likely.tolist(), strict=True):
        angle = (2 * pi / size) * (turns * step % size)
        product *= (1 - share + share * np.exp(-1j * angle)) ** number
    return product
