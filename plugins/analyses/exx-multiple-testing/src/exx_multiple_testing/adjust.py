"""Adjusting a family of p-values, in the three classical ways.

Sources:
    Benjamini & Hochberg, Journal of the Royal Statistical Society B 57 (1995) 289-300: ``bh``.
    Benjamini & Yekutieli, Annals of Statistics 29 (2001) 1165-1188: ``by``, under any dependence.
    Holm, Scandinavian Journal of Statistics 6 (1979) 65-70: ``holm``, the chance of a single false rejection.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate


def adjust(p_values: Sequence[float], method: str) -> list[float]:
    """Adjust p-values; the order of the result is that of the input, an empty family gives an empty list.

    Args:
        p_values: Each in [0, 1].
        method: ``bh``, ``by`` or ``holm``.
    """
    m = len(p_values)
    order = sorted(range(m), key=p_values.__getitem__)
    ascending = [p_values[index] for index in order]
    if method == "holm":
        adjusted = list(accumulate(((m - rank) * p for rank, p in enumerate(ascending)), max))
    else:
        scale = m * (sum(1 / k for k in range(1, m + 1)) if method == "by" else 1)
        falling = [scale * p / rank for rank, p in zip(range(m, 0, -1), reversed(ascending), strict=True)]
        adjusted = list(accumulate(falling, min))[::-1]  # the running minimum starts at the largest p-value
    found = [0.0] * m
    for index, value in zip(order, adjusted, strict=True):
        found[index] = max(p_values[index], min(1.0, value))  # m·p/m may be a last digit smaller than p
    return found
