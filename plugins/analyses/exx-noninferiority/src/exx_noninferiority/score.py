"""The score test of a given difference of two paired proportions, and the interval of what it does not reject.

Source: Tango, Statistics in Medicine 17 (1998) 891-908.
"""

from __future__ import annotations

from math import erfc, inf, sqrt
from statistics import NormalDist


def score(b: int, c: int, n: int, difference: float) -> float:
    """Standardised distance of (b − c)/n from a hypothesised difference, with the spread it would have there.

    Args:
        b: Pairs that only the treatment has right.
        c: Pairs that only the control has right.
        n: All pairs, at least 1.
        difference: In [−1, 1].
    """
    linear = -b - c + (2 * n - b + c) * difference
    constant = -c * difference * (1 - difference)
    root = sqrt(max(0.0, linear * linear - 8 * n * constant))
    # The larger root of 2n·q² + linear·q + constant, in the form of the two that does not cancel.
    q = -2 * constant / (root + linear) if linear > 0 else (root - linear) / (4 * n)
    variance = n * (2 * q + difference * (1 - difference))
    surplus = b - c - n * difference
    if variance <= 0:
        return surplus * inf if surplus else 0.0
    return surplus / sqrt(variance)


def upper_tail(z: float) -> float:
    """P(Z ≥ z) of a standard normal Z, to full relative precision however far out."""
    return erfc(z / sqrt(2)) / 2


def interval(b: int, c: int, n: int, level: float) -> tuple[float, float]:
    """All differences that the two-sided score test of this level does not reject."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    low = -1.0 if c == n else _where(b, c, n, z)
    high = 1.0 if b == n else _where(b, c, n, -z)
    return low, high


def _where(b: int, c: int, n: int, target: float) -> float:
    """Where the score, which falls as the difference grows, has a given value."""
    low, high = -1.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if score(b, c, n, middle) > target else (low, middle)
    return (low + high) / 2
