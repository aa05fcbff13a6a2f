"""Resamples themselves: all of them, weighted, where they are few enough to list; else drawn ones.

What is resampled are rows of numbers (a delta, its square …), of which only the totals over a resample matter. A
resample is how often each distinct row is in it, so n rows of u kinds have C(n + u − 1, u − 1) resamples, not n^n.
"""

from __future__ import annotations

from math import lgamma, log

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST = 60_000  # resamples that are listed rather than drawn
_CHUNK = 400_000  # rows drawn at once: as many as fit into a processor's cache
_FEW_KINDS = 20


@frozen(eq=False)
class Resamples:
    """Shape (N, k): totals of each resample; shape (N,): how probable each is; and how they were got at."""

    totals: Floats
    weights: Floats
    title: str


def number_of_resamples(n: int, kinds: int) -> int:
    """How many different resamples there are: C(n + kinds − 1, kinds − 1), or a number above MOST if there are more."""
    number = 1
    for k in range(1, kinds):
        number = number * (n + k) // k
        if number > MOST:
            break
    return number


def resamples(rows: Floats, times: Ints, draws: int, rng: np.random.Generator) -> Resamples:
    """List or draw resamples of as many rows as there are.

    Args:
        rows: Shape (u, k): the distinct rows.
        times: Shape (u,): how often each is there.
        draws: How many to draw, if they are too many to list.
        rng: Used only then.
    """
    n, kinds = int(times.sum()), len(rows)
    if number_of_resamples(n, kinds) <= MOST:
        totals, weights = _all(rows, times)
        return Resamples(totals, weights, f"exact (all {len(weights):,} resamples listed)")
    if kinds * _FEW_KINDS < n:
        totals = np.concatenate(
            [rng.multinomial(n, times / n, size=size) @ rows for size in _sizes(draws, kinds)], axis=0
        )
        return Resamples(totals, np.ones(draws), f"{draws} drawn resamples, as counts of {kinds} kinds")
    return Resamples(_drawn(np.repeat(rows, times, axis=0), draws, rng), np.ones(draws), f"{draws} drawn resamples")


def _sizes(draws: int, width: int) -> list[int]:
    step = max(1, _CHUNK // width)
    return [min(step, draws - first) for first in range(0, draws, step)]


def _drawn(table: Floats, draws: int, rng: np.random.Generator) -> Floats:
    n, columns = len(table), np.ascontiguousarray(table.T)
    width = np.uint16 if n <= 1 << 16 else np.int64
    parts = []
    for size in _sizes(draws, n):
        picked = rng.integers(0, n, size=(size, n), dtype=width)
        parts.append(np.stack([column.take(picked).sum(axis=1) for column in columns], axis=1))
    return np.concatenate(parts, axis=0)


def _all(rows: Floats, times: Ints) -> tuple[Floats, Floats]:
    """Every way to fill n places with u kinds, and its multinomial probability."""
    n = int(times.sum())
    logs_of = np.array([lgamma(k + 1) for k in range(n + 1)])
    left, totals, logs = np.array([n]), np.zeros((1, rows.shape[1])), np.array([logs_of[n]])
    for row, share in zip(rows[:-1], (times / n).tolist(), strict=False):
        ways = left + 1
        taken = np.arange(int(ways.sum())) - np.repeat(np.cumsum(ways) - ways, ways)
        left = np.repeat(left, ways) - taken
        totals = np.repeat(totals, ways, axis=0) + taken[:, None] * row
        logs = np.repeat(logs, ways) + taken * log(share) - logs_of[taken]
    logs += left * log(float(times[-1]) / n) - logs_of[left]
    return totals + left[:, None] * rows[-1], np.exp(logs)
