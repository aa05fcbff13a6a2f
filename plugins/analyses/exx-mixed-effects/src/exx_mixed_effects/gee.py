"""GEE for two arms: the estimating equations, solved on sums per cluster.

With no covariate but the arm, a cluster enters only by its numbers of answers and of right answers, so that the inverse
of its working correlation, (I − ρJ)/(1 − α) with ρ = α/(1 + (m − 1)α), never has to be formed. Where all clusters hold
equally many answers the solution is that of independence, whatever α. Written by hand since statsmodels' GEE, with
which it agrees to rounding (``ddof_scale=0``), visits cluster by cluster: seconds where this takes milliseconds.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen

from exx_mixed_effects.clusters import Clusters, Floats

_STEPS = 100
_CLOSE = 1e-12
_CONTRAST = np.array([-1.0, 1.0])


@frozen(kw_only=True)
class Fit:
    """A fitted log odds ratio, treatment against control.

    Attributes:
        log_or: The estimate; None where the equations were not solved.
        correlation: Estimated correlation of two answers of a cluster; None where no cluster has two.
        se_robust: Sandwich standard error; 0 where clusters do not differ.
        se_bias_reduced: The same after Mancl and DeRouen; None where one cluster determines the fit.
        how: How it was solved.
        reason: Why there is no estimate.
    """

    log_or: float | None = None
    correlation: float | None = None
    se_robust: float | None = None
    se_bias_reduced: float | None = None
    how: str = ""
    reason: str | None = None


def fit(clusters: Clusters, *, independent: bool = False) -> Fit:
    """Solve the estimating equations.

    Args:
        clusters: At least one, with both right and wrong answers under either arm.
        independent: Take answers of a cluster as uncorrelated while estimating; the standard error does not.
    """
    rates = clusters.times @ clusters.sums / (clusters.times @ clusters.sizes)
    logits: Floats = np.log(rates / (1 - rates))
    correlation = _correlation(clusters, logits)
    if independent or clusters.alike or correlation is None:
        return _finished(clusters, logits, 0.0, correlation, "closed form")
    for step in range(1, _STEPS + 1):
        if not _possible(clusters, correlation):
            return Fit(correlation=correlation, reason=f"the estimated correlation, {correlation:.3g}, is impossible")
        scores, weights = _parts(clusters, logits, correlation)
        change: Floats = np.linalg.solve(np.einsum("k,kij->ij", clusters.times, weights), clusters.times @ scores)
        logits = logits + change
        if not np.abs(logits).max() < 30:
            return Fit(reason=f"the estimating equations ran off after {step} steps")
        before, correlation = correlation, _correlation(clusters, logits) or 0.0
        if np.abs(change).max() < _CLOSE and abs(correlation - before) < _CLOSE:
            return _finished(clusters, logits, correlation, correlation, f"Fisher scoring, {step} steps")
    return Fit(reason=f"the estimating equations did not converge in {_STEPS} steps")


def _possible(clusters: Clusters, correlation: float) -> bool:
    largest = float(clusters.sizes.sum(axis=1).max())
    return correlation < 1 - 1e-9 and 1 + (largest - 1) * correlation > 1e-9


def _residuals(clusters: Clusters, logits: Floats) -> tuple[Floats, Floats]:
    """Sums of the Pearson residuals per kind and arm; and the standard deviation of one answer per arm."""
    rates = 1 / (1 + np.exp(-logits))
    deviations = np.sqrt(rates * (1 - rates))
    return (clusters.sums - clusters.sizes * rates) / deviations, deviations


def _correlation(clusters: Clusters, logits: Floats) -> float | None:
    """Moment estimate: the mean product of two residuals of a cluster over their mean square, as in geepack."""
    rates = 1 / (1 + np.exp(-logits))
    sums, deviations = _residuals(clusters, logits)
    squares = (clusters.squares - 2 * rates * clusters.sums + clusters.sizes * rates**2) / deviations**2
    sizes, own = clusters.sizes.sum(axis=1), squares.sum(axis=1)
    answers, pairs = float(clusters.times @ sizes), float(clusters.times @ (sizes * (sizes - 1))) / 2
    if not pairs:
        return None
    scale = float(clusters.times @ own) / answers
    products = float(clusters.times @ (sums.sum(axis=1) ** 2 - own)) / 2
    return products / scale / pairs


def _parts(clusters: Clusters, logits: Floats, correlation: float) -> tuple[Floats, Floats]:
    """Each kind's score, shape (kinds, 2), and its part of the information, shape (kinds, 2, 2)."""
    sums, deviations = _residuals(clusters, logits)
    sizes = clusters.sizes
    shrink = correlation / (1 + (sizes.sum(axis=1) - 1) * correlation)
    scores = deviations * (sums - (shrink * sums.sum(axis=1))[:, None] * sizes)
    weights = sizes[:, :, None] * np.eye(2) - shrink[:, None, None] * sizes[:, :, None] * sizes[:, None, :]
    return scores / (1 - correlation), weights * np.outer(deviations, deviations) / (1 - correlation)


def _finished(clusters: Clusters, logits: Floats, working: float, correlation: float | None, how: str) -> Fit:
    scores, weights = _parts(clusters, logits, working)
    bread = np.linalg.inv(np.einsum("k,kij->ij", clusters.times, weights))
    influence = scores @ bread @ _CONTRAST
    left = np.eye(2) - weights @ bread
    reduced = None
    if clusters.number > 2 and (np.abs(np.linalg.det(left)) > 1e-9).all():
        corrected = np.linalg.solve(left, scores[:, :, None])[:, :, 0] @ bread @ _CONTRAST
        reduced = float(np.sqrt(clusters.times @ corrected**2))
    return Fit(
        log_or=float(logits @ _CONTRAST),
        correlation=correlation,
        se_robust=float(np.sqrt(clusters.times @ influence**2)),
        se_bias_reduced=reduced,
        how=how,
    )
