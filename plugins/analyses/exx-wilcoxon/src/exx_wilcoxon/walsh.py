"""Order statistics of the Walsh averages (d_i + d_j)/2, i ≤ j, without listing them: the Hodges–Lehmann estimate.

Sources:
    Hodges & Lehmann, Annals of Mathematical Statistics 34 (1963) 598-611: their median, and its interval.
    Johnson & Mizoguchi, SIAM Journal on Computing 7 (1978) 147-153: selection by counting sums below a bound.
"""

from __future__ import annotations

from functools import partial
from math import erfc, exp, floor, pi, sqrt

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_Z = 1.959963984540054
_TAIL = 0.025
_LARGEST_EXACT = 200


@frozen
class PseudoMedian:
    """Estimate, its distribution-free interval, and the confidence the interval has without ties (more with them)."""

    estimate: float
    low: float
    high: float
    achieved: float


def pseudo_median(values: Floats, counts: Ints) -> PseudoMedian:
    """Median of the Walsh averages of n ≥ 1 deltas, zeros included.

    Args:
        values: Distinct deltas, ascending.
        counts: How many items have each.
    """
    n = int(counts.sum())
    number = n * (n + 1) // 2
    middle = (_smallest(values, counts, (number + 1) // 2) + _smallest(values, counts, number // 2 + 1)) / 2
    index, achieved = _index(n)
    low, high = _smallest(values, counts, index), _smallest(values, counts, number + 1 - index)
    return PseudoMedian(middle, low, high, achieved)


def _smallest(values: Floats, counts: Ints, rank: int) -> float:
    """The rank-th smallest Walsh average, from 1."""
    low, high = 2 * float(values[0]) - 1e-9, 2 * float(values[-1])
    while high - low > 1e-10:
        middle = (low + high) / 2
        low, high = (low, middle) if _number_below(values, counts, middle) >= rank else (middle, high)
    # The sum asked for is the smallest one above ``low``, or as near to it as makes no difference.
    partner = np.searchsorted(values, low - values, side="right")
    within = partner < len(values)
    return round(float((values[within] + values[partner[within]]).min()) / 2, 12) + 0.0


def _number_below(values: Floats, counts: Ints, bound: float) -> int:
    """How many pairs i ≤ j have d_i + d_j ≤ bound."""
    running = np.concatenate([[0], np.cumsum(counts)])
    ordered = int(counts @ running[np.searchsorted(values, bound - values, side="right")])
    same = int(counts[2 * values <= bound].sum())
    return (ordered + same) // 2


def _index(n: int) -> tuple[int, float]:
    """Rank of the lower limit, from the law of the rank sum without ties, and the confidence it has.

    The law is exact for small n. Beyond, Edgeworth's series with the fourth cumulant gives it to about 1e-6.
    """
    if n > _LARGEST_EXACT:
        level = partial(_edgeworth, n)
        index = floor(n * (n + 1) / 4 - _Z * sqrt(n * (n + 1) * (2 * n + 1) / 24))
        while level(index) >= _TAIL:
            index -= 1
        while level(index) < _TAIL:
            index += 1
        return index, 1 - 2 * level(index - 1)
    law = np.ones(1)
    for rank in range(1, n + 1):
        law = (np.pad(law, (0, rank)) + np.pad(law, (rank, 0))) / 2
    below = np.cumsum(law)
    index = max(1, int(np.searchsorted(below, _TAIL - 1e-15)))
    return index, max(0.0, 1 - 2 * float(below[index - 1]))


def _edgeworth(n: int, index: int) -> float:
    """P(T ≤ index) for T = Σ r·B_r, r = 1 … n, with fair B_r: from its variance and its fourth cumulant."""
    variance = n * (n + 1) * (2 * n + 1) / 24
    fourth = -n * (n + 1) * (2 * n + 1) * (3 * n * n + 3 * n - 1) / 240
    x = (index + 0.5 - n * (n + 1) / 4) / sqrt(variance)
    density = exp(-x * x / 2) / sqrt(2 * pi)
    return erfc(-x / sqrt(2)) / 2 - density * fourth / variance**2 / 24 * (x**3 - 3 * x)
