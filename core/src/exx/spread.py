"""How uncertain the mean of some deltas is: for independent items, and for items that come in groups.

Items of one group (questions on one passage, say) tend to go right or wrong together, so their deltas are not
independent and the plain standard error is too small. The cluster-robust one adds up each group's residuals first.

Sources:
    Bell & McCaffrey, Survey Methodology 28 (2002) 169-181: CR2, and its degrees of freedom after Satterthwaite.
    Miller, Adding Error Bars to Evals, arXiv 2411.00640 (2024): the same for evaluations, uncorrected.
    Donner & Klar, Design and Analysis of Cluster Randomization Trials (2000): the correlation within groups.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_NOTHING = 1e-20  # a variance that deltas, rounded to 12 decimals, reach by rounding alone


@frozen(kw_only=True)
class Spread:
    """Standard errors of a mean delta. One that is not defined is None; ``reason`` says why ``se`` is.

    Attributes:
        n: Items.
        mean: Mean delta; None without items.
        n_clusters: Groups, counting an item without one as one; None when no two items share a group.
        se: The standard error to use: CR2 with shared groups, s/√n without; None where the deltas do not vary.
        df: Its degrees of freedom: Bell–McCaffrey's with shared groups, n − 1 without.
        se_items: s/√n, as if items were independent.
        se_cr0: Cluster-robust without a correction.
        se_cr1: The same times √(G/(G − 1)); goes with G − 1 degrees of freedom.
        se_cr2: Each group's part over √(1 − its share of the items); unbiased if items are independent after all.
        df_cr2: Bell–McCaffrey's degrees of freedom of CR2.
        se_miller: s/√n with the covariances within groups added.
        design_effect: (se_cr1/se_items)²: how many times as many items it takes for the groups.
        icc: Correlation of two deltas of one group, from the analysis of variance; may be negative.
        reason: Why ``se`` is None.
    """

    n: int
    mean: float | None = None
    n_clusters: int | None = None
    se: float | None = None
    df: float | None = None
    se_items: float | None = None
    se_cr0: float | None = None
    se_cr1: float | None = None
    se_cr2: float | None = None
    df_cr2: float | None = None
    se_miller: float | None = None
    design_effect: float | None = None
    icc: float | None = None
    reason: str | None = None


def spread_of(values: Floats, counts: Ints, clusters: tuple[Floats, Ints] | None) -> Spread:
    """Work out the spread of a mean.

    Args:
        values: Distinct deltas.
        counts: How many items have each.
        clusters: Sum of the deltas and number of items of every group; None when no two items share one.
    """
    n = int(counts.sum())
    if not n:
        return Spread(n=0, reason="there are no complete pairs")
    mean = float(values @ counts) / n
    squares = float(counts @ (values - mean) ** 2)
    groups = len(clusters[0]) if clusters else None
    if n < 2:
        return Spread(n=n, mean=mean, reason="a standard error needs two complete pairs")
    se_items = sqrt(squares / (n - 1) / n)
    if len(values) < 2:
        why = "all deltas are equal, which says nothing about their spread"
        return Spread(n=n, mean=mean, n_clusters=groups, se_items=se_items, reason=why)
    if clusters is None:
        return Spread(n=n, mean=mean, se=se_items, df=n - 1.0, se_items=se_items)
    return _clustered(n, mean, squares, *clusters)


def _clustered(n: int, mean: float, squares: float, sums: Floats, sizes: Ints) -> Spread:
    groups, se_items = len(sums), sqrt(squares / (n - 1) / n)
    if groups < 2:
        why = "a standard error needs two groups; here all items share one"
        return Spread(n=n, mean=mean, n_clusters=groups, se_items=se_items, reason=why)
    residuals = sums - sizes * mean
    between = float(residuals @ residuals)
    if between <= _NOTHING * n * n:
        why = "every group has the same mean delta, which says nothing about the spread between groups"
        return Spread(n=n, mean=mean, n_clusters=groups, se_items=se_items, reason=why)
    cr0 = between / n**2
    cr2 = float(residuals**2 @ (1 / (1 - sizes / n))) / n**2
    miller = squares / (n - 1) / n + (between - squares) / n**2
    se_cr1, df = sqrt(cr0 * groups / (groups - 1)), _degrees(sizes, n)
    return Spread(
        n=n,
        mean=mean,
        n_clusters=groups,
        se=sqrt(cr2),
        df=df,
        se_items=se_items,
        se_cr0=sqrt(cr0),
        se_cr1=se_cr1,
        se_cr2=sqrt(cr2),
        df_cr2=df,
        se_miller=sqrt(miller) if miller > 0 else None,
        design_effect=(se_cr1 / se_items) ** 2,
        icc=_icc(n, squares, residuals, sizes),
    )


def _degrees(sizes: Ints, n: int) -> float:
    """(tr B)²/tr B² for the quadratic form that CR2 is, under independence; B = D − uuᵀ and tr B = 1/n."""
    times = np.bincount(sizes)  # most groups are of a few sizes
    size = np.flatnonzero(times).astype(np.float64)
    times = times[times > 0]
    weights = 1 / (n * np.sqrt(1 - size / n))
    diagonal, u = size * weights**2, size * weights / sqrt(n)
    squared = float(times @ diagonal**2) - 2 * float(times @ (diagonal * u**2)) + float(times @ u**2) ** 2
    return 1 / n**2 / squared


def _icc(n: int, squares: float, residuals: Floats, sizes: Ints) -> float | None:
    """One-way analysis of variance with groups of unequal sizes."""
    groups = len(sizes)
    explained = float(residuals**2 @ (1 / sizes))
    between, within = explained / (groups - 1), max(0.0, squares - explained) / (n - groups)
    usual = (n - float(sizes @ sizes) / n) / (groups - 1)
    total = between + (usual - 1) * within
    return (between - within) / total if total > 0 else None
