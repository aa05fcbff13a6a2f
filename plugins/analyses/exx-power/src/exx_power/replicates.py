"""What asking every item more often would change: how much of a delta's variance is the chance of single answers."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from exx import Json, PairedSample

TIMES = (1, 2, 5, 10, 20)
_ONE = "every item was answered once under either arm, so chance within an item cannot be told from its difference"


def decompose(sample: PairedSample) -> dict[str, Json]:
    """Split the variance of the mean delta into the items' part and that of the answers to one item.

    Args:
        sample: With a standard error.

    Returns:
        ``within_control`` and ``within_treatment`` (variance of single answers to an item), ``noise`` (their part of a
        delta's variance), ``between`` (the rest, not below 0), ``se_by_answers`` and ``se_floor``: the standard error
        of the mean delta with so many, and with endlessly many, answers to each item.
    """
    se = sample.spread.se
    if sample.replicates is None or sample.spreads is None or se is None:
        return {"reason": "the score file does not say how many answers each mean is over" if _unsaid(sample) else _ONE}
    within = [_within(*arm) for arm in zip(sample.replicates, sample.spreads, strict=True)]
    control, treatment = within
    if control is None or treatment is None:
        return {"reason": _ONE}
    noise = sum(
        variance * _mean(1 / counts) for variance, counts in zip((control, treatment), sample.replicates, strict=True)
    )
    left = se**2 - noise / sample.n
    floor = max(0.0, left)
    return {
        "answers": {
            name: _mean(counts) for name, counts in zip(("control", "treatment"), sample.replicates, strict=True)
        },
        "within_control": control,
        "within_treatment": treatment,
        "noise": noise,
        "between": floor * sample.n,
        "between_unclipped": left * sample.n,
        "se_by_answers": {str(k): sqrt(floor + (control + treatment) / k / sample.n) for k in TIMES},
        "se_if_doubled": sqrt(floor + noise / 2 / sample.n),
        "se_floor": sqrt(floor),
        "reason": None,
    }


def _unsaid(sample: PairedSample) -> bool:
    return sample.replicates is None or (
        sample.spreads is None and any((counts > 1).any() for counts in sample.replicates)
    )


def _within(counts: NDArray[np.int64], spreads: NDArray[np.float64]) -> float | None:
    """Mean over items with several answers of the variance of these."""
    told = (counts > 1) & np.isfinite(spreads)
    return _mean(spreads[told] ** 2) if told.any() else None


def _mean(values: NDArray[np.float64] | NDArray[np.int64]) -> float:
    return float(np.sort(values).mean())  # sorted, so that the order of the items does not show
