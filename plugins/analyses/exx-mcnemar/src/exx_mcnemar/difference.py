"""Intervals for the difference of two paired proportions, (b − c)/n.

Sources:
    Tango, Statistics in Medicine 17 (1998) 891-908: the score interval.
    Newcombe, Statistics in Medicine 17 (1998) 2635-2650: method 10, with the corrected correlation.
"""

from __future__ import annotations

from math import sqrt

Z = 1.959963984540054  # two-sided 95 %


def tango(b: int, c: int, n: int, z: float = Z) -> tuple[float, float]:
    """Invert the score test; n ≥ 1, and b = c = 0 is no special case."""
    high = 1.0 if b == n else _solve(b, c, n, -z)
    low = -1.0 if c == n else _solve(b, c, n, z)
    return low, high


def _solve(b: int, c: int, n: int, target: float) -> float:
    low, high = -1.0, 1.0
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if _score(b, c, n, middle) > target else (low, middle)
        if high - low < 1e-16:
            break
    return middle


def _score(b: int, c: int, n: int, delta: float) -> float:
    """Tango's score statistic, decreasing in delta."""
    linear = -b - c + (2 * n - b + c) * delta
    constant = -c * delta * (1 - delta)
    q = (sqrt(max(0.0, linear * linear - 8 * n * constant)) - linear) / (4 * n)
    variance = n * (2 * q + delta * (1 - delta))
    surplus = b - c - n * delta
    if variance <= 0:
        return surplus * float("inf") if surplus else 0.0
    return surplus / sqrt(variance)


def newcombe(both: int, b: int, c: int, neither: int, z: float = Z) -> tuple[float, float]:
    """Combine Wilson's intervals of the two proportions, given how they are correlated."""
    n = both + b + c + neither
    first, second = (both + b) / n, (both + c) / n
    (low1, high1), (low2, high2) = _wilson(first, n, z), _wilson(second, n, z)
    phi = _phi(both, b, c, neither)
    difference = first - second

    def reach(one: float, other: float) -> float:
        return sqrt(max(0.0, one * one - 2 * phi * one * other + other * other))

    return difference - reach(first - low1, high2 - second), difference + reach(high1 - first, second - low2)


def _wilson(share: float, n: int, z: float) -> tuple[float, float]:
    centre = share + z * z / (2 * n)
    reach = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return (centre - reach) / scale, (centre + reach) / scale


def _phi(both: int, b: int, c: int, neither: int) -> float:
    margins = float(both + b) * (c + neither) * (both + c) * (b + neither)
    if margins == 0:
        return 0.0
    surplus = float(both) * neither - float(b) * c
    if surplus > 0:
        surplus = max(surplus - (both + b + c + neither) / 2, 0.0)
    return surplus / sqrt(margins)
