"""Simulated trials of the same size, drawn from this one, whose true difference is known.

Deltas are shifted to the target rather than tested as they are, so that the power at a planned difference comes out and
not that at the one that happened to be seen. Equal items, and equal groups, are drawn by their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from exx_power.mcnemar import rejected

if TYPE_CHECKING:
    from exx import Json, PairedSample

Floats = NDArray[np.float64]

_DRAWS = 400_000
_FEWEST = 200


def simulate(
    sample: PairedSample, targets: Sequence[float], alpha: float, *, runs: int, rng: np.random.Generator, single: bool
) -> dict[str, Json]:
    """Estimate the power at each target, with the sample's own number of items.

    Args:
        sample: With a standard error.
        targets: Differences.
        alpha: Level.
        runs: Simulated trials; fewer, at least 200, where there are many different items or groups.
        rng: What is drawn with.
        single: Every item has one answer of 0 or 1 per arm.
    """
    if single and sample.clusters is None:
        return _pairs(sample, targets, alpha, runs, rng)
    units, times = _units(sample)
    runs = min(runs, max(_FEWEST, _DRAWS // len(times)))
    number = int(times.sum())
    drawn = rng.multinomial(number, times / number, size=runs) @ units
    mean, error = _means(drawn, number)
    centre = sample.mean_delta or 0.0
    critical = float(stdtrit(number - 1, 1 - alpha / 2)) * error
    found = [float(np.mean(np.abs(mean - centre + target) > critical)) for target in targets]
    unit = "item" if sample.clusters is None else "group"
    return _entry("paired t" if unit == "item" else "cluster-robust t (CR1)", unit, runs, targets, found)


def _pairs(
    sample: PairedSample, targets: Sequence[float], alpha: float, runs: int, rng: np.random.Generator
) -> dict[str, Json]:
    values, counts = sample.unique
    psi = float(counts[values != 0].sum()) / sample.n
    found: list[float | None] = []
    for target in targets:
        if target > psi:
            found.append(None)
            continue
        gains, losses = (psi + target) / 2, (psi - target) / 2
        drawn = rng.multinomial(sample.n, [gains, losses, max(0.0, 1 - psi)], size=runs)
        found.append(float(np.mean(rejected(drawn[:, 0], drawn[:, 1], alpha))))
    return _entry("McNemar mid-p", "item", runs, targets, found)


def _units(sample: PairedSample) -> tuple[Floats, NDArray[np.int64]]:
    """Shape (kinds, 5): s (sum), m (size), s², s·m, m² of distinct items or groups; and how many there are of each."""
    if sample.clusters is None:
        values, times = sample.unique
        pairs = np.column_stack([values, np.ones(len(values))])
    else:
        pairs, times = np.unique(np.column_stack(sample.clusters), axis=0, return_counts=True)
    sums, sizes = pairs[:, 0], pairs[:, 1]
    return np.column_stack([sums, sizes, sums**2, sums * sizes, sizes**2]), times


def _means(drawn: Floats, number: int) -> tuple[Floats, Floats]:
    """Mean and its standard error in every simulated trial."""
    s, m, ss, sm, mm = drawn.T
    mean = s / m
    squares = np.maximum(ss - 2 * mean * sm + mean**2 * mm, 0.0)
    return mean, np.sqrt(squares * number / (number - 1)) / m


def _entry(test: str, unit: str, runs: int, targets: Sequence[float], found: Sequence[float | None]) -> dict[str, Json]:
    rows: list[Json] = []
    for target, power in zip(targets, found, strict=True):
        row: dict[str, Json] = {"target": target, "power": power}
        if power is None:
            row["reason"] = "a difference above the share of discordant pairs is impossible"
        else:
            row["se"] = sqrt(power * (1 - power) / runs)
        rows.append(row)
    return {"test": test, "unit": unit, "runs": runs, "targets": rows, "reason": None}
