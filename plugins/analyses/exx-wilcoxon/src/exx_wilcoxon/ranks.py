"""Signed ranks and their exact law with ties and zeros, or its normal approximation where that is too large.

Sources:
    Wilcoxon, Biometrics Bulletin 1 (1945) 80-83: the test.
    Pratt, Journal of the American Statistical Association 54 (1959) 655-667: zeros are ranked, then left out.
    Rosner, Glynn & Lee, Biometrics 62 (2006) 185-192: whole clusters change their signs.
    Pagano & Tritchler, Journal of the American Statistical Association 78 (1983) 435-440: exact laws by transforms.
"""

from __future__ import annotations

from math import erfc, sqrt
from sys import float_info
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from exx import signed_sum_tail

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
        signed: For every distinct delta that was given, its doubled rank with the delta's sign; 0 for no difference.
    """

    doubled: Ints
    times: Ints
    plus: int
    minus: int
    signed: Ints

    @classmethod
    def of(cls, values: Floats, counts: Ints, zeros: str) -> SignedRanks:
        """Rank distinct deltas with their counts; ``zeros`` is ``pratt`` or ``wilcox``."""
        if zeros == "wilcox":
            counts = np.where(values != 0, counts, 0)
        sizes, index = np.unique(np.round(np.abs(values), 12), return_inverse=True)
        times = np.bincount(index, weights=counts, minlength=len(sizes)).astype(np.int64)
        doubled = 2 * np.cumsum(times) - times + 1
        plus = int(doubled[index] @ (counts * (values > 0)))
        minus = int(doubled[index] @ (counts * (values < 0)))
        kept = sizes > 0
        return cls(doubled[kept], times[kept], plus, minus, doubled[index] * np.sign(values).astype(np.int64))

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
        tail = signed_sum_tail(self.doubled, self.times, abs(self.plus - self.minus), largest_work=_LARGEST_WORK)
        return None if tail is None else min(1.0, max(_SMALLEST, 2 * tail))


def of_groups(signed: Ints, index: Ints, groups: int) -> dict[str, Any]:
    """Two-sided p-value when the signs of whole groups are flipped together, exactly or by the normal law.

    Args:
        signed: Shape (n,): the items' doubled ranks with their signs.
        index: Shape (n,): each item's group, from 0.
        groups: How many groups there are.
    """
    sums = np.rint(np.bincount(index, weights=signed, minlength=groups)).astype(np.int64)
    steps, times = np.unique(np.abs(sums[sums != 0]), return_counts=True)
    sum_, spread = abs(int(sums.sum())), sqrt(float(times @ steps.astype(np.float64) ** 2))
    found: dict[str, Any] = {"n_clusters": groups, "z": int(sums.sum()) / spread if spread else 0.0}
    if not sum_:
        return found | {"p_value": 1.0, "method": "exact (whole groups change their signs)"}
    tail = signed_sum_tail(steps, times, sum_, largest_work=_LARGEST_WORK)
    p = erfc(sum_ / spread / sqrt(2)) if tail is None else 2 * tail
    method = f"{'normal' if tail is None else 'exact'} (whole groups change their signs)"
    return found | {"p_value": min(1.0, max(_SMALLEST, p)), "method": method}
