"""The difference between the arms at every threshold at once, with its standard error.

Between two neighbouring degrees of support nothing changes, so there is one state per distinct degree. From one state
to the next a few claims become unsupported, and every sum that mean and standard error are made of changes by what
these claims add to it: sorted once, all states are cumulative sums.

Sources:
    Bell & McCaffrey, Survey Methodology 28 (2002) 169-181: CR2 and its degrees of freedom; for a mean, which is a
        regression on a constant alone, both have the closed forms below.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen
from scipy.special import stdtr, stdtrit

from exx_unsupported_sensitivity.read import Floats, Ints, Part

LEVEL = 0.95
_ZERO = 1e-12


@frozen(eq=False, kw_only=True)
class States:
    """What every threshold says; the arrays have one entry more than there are distinct degrees of support.

    State k holds for thresholds above ``degrees[k - 1]`` and up to ``degrees[k]``: k of the degrees are below.

    Attributes:
        degrees: Shape (states − 1,): distinct degrees of support, ascending.
        below: Claims that count as unsupported.
        control: Mean rate of unsupported answers under control.
        treatment: The same under treatment.
        difference: Treatment − control.
        low: Lower limit of the difference; NaN where there is no interval.
        high: Upper limit.
        p_value: Of no difference; NaN where there is no interval.
        df: Degrees of freedom; None with fewer than two clusters.
        clusters: How many clusters the items form.
    """

    degrees: Floats
    below: Ints
    control: Floats
    treatment: Floats
    difference: Floats
    low: Floats
    high: Floats
    p_value: Floats
    df: float | None
    clusters: int

    @property
    def sign(self) -> Ints:
        """What is concluded at each state: −1 fewer under treatment, 1 more, 0 cannot tell."""
        with np.errstate(invalid="ignore"):
            return (self.low > 0).astype(np.int64) - (self.high < 0).astype(np.int64)


def sweep(part: Part) -> States:
    """Work out all states of a part with at least one item."""
    n = part.samples.shape[1]
    sizes = np.bincount(part.cluster)
    order = np.lexsort((part.item, part.arm, part.support))
    support, arm, item = part.support[order], part.arm[order], part.item[order]
    degrees, ends = np.unique(support, return_index=True)
    last = np.append(ends[1:], len(support)) - 1 if len(support) else ends
    weight = 1.0 / part.samples[arm, item]
    rates = [_states(np.where(arm == which, weight, 0.0), last) / n for which in (0, 1)]
    step = np.where(arm == 1, weight, -weight)
    mean = np.round(rates[1] - rates[0], 12)
    variance, df = np.full(len(mean), np.nan), None
    if len(sizes) > 1:
        df = _degrees_of_freedom(sizes, n)
        variance = _variance(step, part.cluster[item], sizes, mean, last)
    low, high, p_value = _limits(mean, variance, df)
    return States(
        degrees=degrees,
        below=np.concatenate([[0], last + 1]).astype(np.int64),
        control=rates[0],
        treatment=rates[1],
        difference=mean,
        low=low,
        high=high,
        p_value=p_value,
        df=df,
        clusters=len(sizes),
    )


def _states(steps: Floats, last: Ints) -> Floats:
    """Sums of the steps up to and including each distinct degree, 0 before the first."""
    return np.concatenate([[0.0], np.cumsum(steps)[last]])


def _variance(step: Floats, cluster: Ints, sizes: Ints, mean: Floats, last: Ints) -> Floats:
    """CR2: Σ c (S − m·size)² / n² over clusters, where S is a cluster's sum and c = 1 / (1 − size / n).

    Only Σ c S² and Σ c·size·S change from state to state. A step d on a cluster whose sum is S adds c (2 S d + d²) to
    the first; S is had by adding up each cluster's own steps in their order.
    """
    n = int(sizes.sum())
    factor = 1.0 / (1.0 - sizes / n)
    by_cluster = np.lexsort((np.arange(len(step)), cluster))
    run = np.cumsum(step[by_cluster])
    starts = np.flatnonzero(np.diff(cluster[by_cluster], prepend=-1))
    offsets = np.repeat(run[starts] - step[by_cluster][starts], np.diff(np.append(starts, len(step))))
    before = np.empty(len(step))
    before[by_cluster] = run - offsets - step[by_cluster]
    squares = _states(factor[cluster] * (2 * before * step + step**2), last)
    crossed = _states(factor[cluster] * sizes[cluster] * step, last)
    total = squares - 2 * mean * crossed + mean**2 * float(factor @ sizes**2)
    return np.where(total > _ZERO * n, total, 0.0) / n**2


def _degrees_of_freedom(sizes: Ints, n: int) -> float:
    """Bell & McCaffrey's, for a mean: n − 1 when every item is a cluster of its own."""
    scaled = sizes**2 / (1.0 - sizes / n)
    return float(n**2 / (sizes @ sizes + (scaled.sum() ** 2 - scaled @ scaled) / n**2))


def _limits(mean: Floats, variance: Floats, df: float | None) -> tuple[Floats, Floats, Floats]:
    nothing = np.full(len(mean), np.nan)
    if df is None:
        return nothing, nothing, nothing
    error = np.where(variance > 0, np.sqrt(np.maximum(variance, 0.0)), np.nan)
    reach = float(stdtrit(df, (1 + LEVEL) / 2)) * error
    return mean - reach, mean + reach, 2 * stdtr(df, -np.abs(mean / error))
