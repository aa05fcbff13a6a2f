"""The two one-sided tests of a sample against a margin, by Student's t or, for single answers, by the score test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from attrs import frozen
from scipy.special import stdtr, stdtrit

from exx_noninferiority.score import interval, score, upper_tail

if TYPE_CHECKING:
    from exx import PairedSample


@frozen
class Method:
    """A way to test a difference and to enclose it.

    Attributes:
        name: In words.
        above: Given a difference, the p-value against "the true difference is at most this".
        below: The same against "it is at least this".
        interval: Given a level, the two-sided interval.
    """

    name: str
    above: Callable[[float], float]
    below: Callable[[float], float]
    interval: Callable[[float], tuple[float, float]]


def judge(sample: PairedSample, margin: float, alpha: float) -> dict[str, Any]:
    """Test a sample against a margin.

    Returns:
        ``p_value``, ``reason``, ``interval`` (of level 1 − 2·alpha), and the details of the finding.
    """
    direction = sample.metric.higher_is_better
    ways = list(_ways(sample))
    method = next(iter(ways), None)
    found = _tests(method, margin, alpha, rises=direction is not False)
    found |= {"margin": margin, "alpha": alpha, "mean_delta": sample.mean_delta, "method": method and method.name}
    found |= {"ci_90": _enclosed(method, 0.90), "ci_95": _enclosed(method, 0.95)}
    found["p_value"] = found["p_non_inferiority"]
    reason = None if method else sample.spread.reason
    if direction is None:
        found |= {"p_non_inferiority": None, "non_inferior": None, "p_value": found["p_tost"]}
        reason = reason or "non_inferior: neither direction of this metric is good by itself"
    beside = {other.name: _tests(other, margin, alpha, rises=direction is not False) for other in ways[1:]}
    return {
        **found,
        **({"beside": beside} if beside else {}),
        "good_direction": {True: "higher", False: "lower", None: None}[direction],
        "interval": tuple(_enclosed(method, 1 - 2 * alpha) or (None, None)),
        "reason": reason,
    }


def _tests(method: Method | None, margin: float, alpha: float, *, rises: bool) -> dict[str, Any]:
    """Both one-sided tests, on the scale where more is better: ``p_lower`` is against a loss of the margin."""
    names = ("p_lower", "p_upper", "p_non_inferiority", "p_tost", "non_inferior", "equivalent")
    if method is None:
        return dict.fromkeys(names)
    sides = method.above(-margin), method.below(margin)
    lower, upper = sides if rises else sides[::-1]
    both = max(lower, upper)
    return dict(zip(names, (lower, upper, lower, both, lower < alpha, both < alpha), strict=True))


def _enclosed(method: Method | None, level: float) -> list[float] | None:
    return None if method is None else [float(end) for end in method.interval(level)]


def _ways(sample: PairedSample) -> Iterator[Method]:
    """Yield the methods that a sample allows, the decisive one first."""
    spread = sample.spread
    if sample.clusters is not None:
        if spread.mean is None or spread.se is None or spread.df is None:
            return  # a test of the items, as if each stood for itself, must not stand in
        yield _by_t("t test, cluster-robust (CR2)", spread.mean, spread.se, spread.df)
    if sample.n and sample.metric.binary and _only_zero_and_one(sample):
        yield _by_score(sample)
    if spread.mean is not None and spread.se is not None and spread.se_items:
        yield _by_t("t test, items", spread.mean, spread.se_items, sample.n - 1)


def _only_zero_and_one(sample: PairedSample) -> bool:
    return all(bool(((arm == 0) | (arm == 1)).all()) for arm in (sample.control, sample.treatment))


def _by_t(name: str, mean: float, se: float, df: float) -> Method:
    def enclosed(level: float) -> tuple[float, float]:
        reach = se * float(stdtrit(df, (1 + level) / 2))
        return mean - reach, mean + reach

    return Method(
        name,
        above=lambda difference: float(stdtr(df, (difference - mean) / se)),
        below=lambda difference: float(stdtr(df, (mean - difference) / se)),
        interval=enclosed,
    )


def _by_score(sample: PairedSample) -> Method:
    values, counts = sample.unique
    times = dict(zip(values.tolist(), counts.tolist(), strict=True))
    b, c, n = times.get(1.0, 0), times.get(-1.0, 0), sample.n
    return Method(
        "score test of paired proportions, items",
        above=lambda difference: upper_tail(score(b, c, n, difference)),
        below=lambda difference: upper_tail(-score(b, c, n, difference)),
        interval=lambda level: interval(b, c, n, level),
    )
