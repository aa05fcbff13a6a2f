"""Conditional logistic regression with a stratum per item: the odds ratio of one and the same item under two prompts.

Given how many of an item's answers are right, how many of those came under treatment follows Fisher's noncentral
hypergeometric law with the odds ratio as its only parameter. With one answer per arm the estimate is b/c.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen
from scipy.special import gammaln

from exx_mixed_effects.clusters import Answers, Floats

_STEPS = 100
_CLOSE = 1e-13


@frozen(kw_only=True)
class Conditional:
    """A log odds ratio with its standard errors, or why there is none.

    Attributes:
        log_or: Estimate; infinite where every item that tells the arms apart speaks for the same one.
        se: From the information, items independent of each other.
        se_groups: Robust to correlation within the clusters; None where items are the clusters.
        n_items: Items that tell the arms apart: neither all nor none of their answers are right.
        reason: Why something is missing.
    """

    log_or: float | None = None
    se: float | None = None
    se_groups: float | None = None
    n_items: int = 0
    reason: str | None = None


def conditional(answers: Answers) -> Conditional:
    """Maximise the conditional likelihood."""
    counts, right = answers.counts, answers.right
    total = right.sum(axis=1)
    informative = (total > 0) & (total < counts.sum(axis=1))
    if not informative.any():
        return Conditional(reason="no item has right and wrong answers, so none tells the arms apart")
    rows = np.column_stack([counts, total])[informative].astype(np.int64)
    kinds, of_item = np.unique(rows, axis=0, return_inverse=True)
    times = np.bincount(of_item.ravel()).astype(np.float64)
    seen = right[informative, 1]
    n_items, most = len(seen), np.minimum(kinds[:, 1], kinds[:, 2])
    least = np.maximum(0, kinds[:, 2] - kinds[:, 0])
    if seen.sum() in (times @ most, times @ least):
        sign = 1 if seen.sum() == times @ most else -1
        why = "separation: every item that tells the arms apart speaks for the same arm"
        return Conditional(log_or=sign * float("inf"), n_items=n_items, reason=why)
    laws = [_law(*kind) for kind in kinds.tolist()]
    log_or = 0.0
    for _ in range(_STEPS):
        means, variances = _moments(laws, log_or)
        change = float(seen.sum() - times @ means) / float(times @ variances)
        log_or += float(np.clip(change, -2, 2))
        if abs(change) < _CLOSE * max(1.0, abs(log_or)):
            break
    else:
        return Conditional(n_items=n_items, reason=f"the likelihood was not maximised in {_STEPS} steps")
    means, variances = _moments(laws, log_or)
    information = float(times @ variances)
    grouped = None
    if answers.number < len(answers.index):
        residuals = np.zeros(len(answers.index))
        residuals[informative] = seen - means[of_item.ravel()]
        sums = np.sort(np.bincount(answers.index, weights=residuals, minlength=answers.number))
        grouped = float(np.sqrt(sums @ sums)) / information
    return Conditional(log_or=log_or, se=information**-0.5, se_groups=grouped, n_items=n_items)


def _law(control: int, treatment: int, right: int) -> tuple[Floats, Floats]:
    """How many of the right answers may be the treatment's, and the logarithms of in how many ways."""
    values = np.arange(max(0, right - control), min(treatment, right) + 1, dtype=np.float64)
    ways = _choose(treatment, values) + _choose(control, right - values)
    return values, ways


def _choose(n: int, k: Floats) -> Floats:
    logarithm: Floats = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return logarithm


def _moments(laws: list[tuple[Floats, Floats]], log_or: float) -> tuple[Floats, Floats]:
    means, variances = np.empty(len(laws)), np.empty(len(laws))
    for at, (values, ways) in enumerate(laws):
        weights = ways + log_or * values
        shares = np.exp(weights - weights.max())
        shares /= shares.sum()
        means[at] = shares @ values
        variances[at] = shares @ (values - means[at]) ** 2
    return means, variances
