"""Both arms' curves, areas and operating points, and the intervals of their differences.

Source: Hesterberg, The American Statistician 69 (2015) 371-386: intervals wide enough for few units.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
from attrs import frozen

from exx_selective_risk import curve
from exx_selective_risk.pairs import Floats, Pairs
from exx_selective_risk.tables import Tables, tabulate

_ARMS = ("control", "treatment")
_LEVEL = 0.95
_UNDEFINED = 0.05  # share of resamples without a value up to which an interval is given
_NEARLY = 1e-9


@frozen(eq=False)
class Comparison:
    """What is found.

    Attributes:
        aurc: ``control``, ``treatment``, ``delta``, ``ci_95``.
        details: Everything, ``aurc`` included.
        reason: Why something is None; or None.
    """

    aurc: dict[str, Any]
    details: dict[str, Any]
    reason: str | None


@frozen(eq=False)
class _Sampled:
    """The observed table with its resamples: each statistic is asked of both."""

    tables: Tables
    observed: Floats
    resampled: Floats

    def difference(self, statistic: Callable[[Floats], Floats]) -> dict[str, Any]:
        """A statistic of both arms, their difference, and its interval.

        Args:
            statistic: From tables of shape (width, 2, R) to values of shape (2, R); NaN where it is not defined.
        """
        arms = [_plain(value) for value in statistic(self.observed)[:, 0]]
        delta = None if arms[0] is None or arms[1] is None else arms[1] - arms[0]
        ends = None
        if delta is not None and self.resampled.size:
            values = statistic(self.resampled)
            ends = self._percentiles(values[1] - values[0], delta)
        return {**dict(zip(_ARMS, arms, strict=True)), "delta": delta, "ci_95": ends}

    def _percentiles(self, drawn: Floats, delta: float) -> list[float] | None:
        ranked = np.sort(drawn[~np.isnan(drawn)])
        if len(ranked) < (1 - _UNDEFINED) * len(drawn) or ranked[-1] - ranked[0] < _NEARLY:
            return None
        tail = _tail(self.tables.units)
        places = np.array([tail, 1 - tail]) * (len(ranked) - 1)
        low, high = np.interp(places, np.arange(len(ranked)), ranked).tolist()
        if self.tables.symmetric:
            low, high = (low - high) / 2, (high - low) / 2
        return [min(low, delta), max(high, delta)]


def compare(pairs: Pairs, thresholds: Sequence[float], draws: int, most: int, rng: np.random.Generator) -> Comparison:
    """Compare the arms' curves.

    Args:
        pairs: Confidence and loss of each question.
        thresholds: Operating points.
        draws: Resamples, at most.
        most: Points of a curve to write, at most.
        rng: Source of the resamples.
    """
    tables = tabulate(pairs)
    observed = tables.observed()
    sampled = _Sampled(tables, observed, tables.resampled(draws, rng) if tables.units > 1 else observed[..., :0])
    largest = [tables.split(arms)[0].sum(axis=0).max(initial=0) for arms in (observed, sampled.resampled)]
    sums = curve.harmonic(int(max(largest)))
    counts, losses, _ = tables.split(observed[..., 0])
    levels = {arm: int((counts[:, row] > 0).sum()) for row, arm in enumerate(_ARMS)}
    aurc = sampled.difference(partial(_aurc, tables, sums))
    details = {
        "loss": f"1 − {pairs.metric} on answerable questions; an abstention there counts as wrong",
        "confidence": "share of a question's answers that did not abstain",
        "n_levels": levels,
        "thresholds": list(thresholds),
        "points": _operating(sampled, thresholds),
        "aurc": aurc,
        "e_aurc": _excess_difference(sampled, pairs, sums),
        "responses": {arm: _responses(pairs, row) for row, arm in enumerate(_ARMS)},
        "curve": {arm: _curve(tables.levels, counts[:, row], losses[:, row], most) for row, arm in enumerate(_ARMS)},
        "resampled": "questions" if pairs.groups is None else "groups of questions",
        "n_units": tables.units,
        "n_resamples": sampled.resampled.shape[2],
    }
    return Comparison(aurc, details, _reason(aurc, levels, tables.units))


def _tail(units: int) -> float:
    """Share of the resamples beyond each end: 2.5 %, less for few units, by as much as t is wider than the normal.

    Resamples of n units spread by √((n − 1)/n) too little, and by as much as if their spread were known (Hesterberg).
    """
    z, df = NormalDist().inv_cdf((1 + _LEVEL) / 2), units - 1
    t = z + (z**3 + z) / (4 * df) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * df**2)  # Student's, for all but tiny df
    return NormalDist().cdf(-t * sqrt(units / df))


def _aurc(tables: Tables, sums: Floats, arms: Floats) -> Floats:
    counts, losses, _ = tables.split(arms)
    return curve.area(counts, losses, sums)


def _excess(tables: Tables, sums: Floats, arms: Floats) -> Floats:
    by_loss = tables.split(arms)[2]
    return _aurc(tables, sums, arms) - curve.area(by_loss, by_loss * tables.values[:, None, None], sums)


def _excess_difference(sampled: _Sampled, pairs: Pairs, sums: Floats) -> dict[str, Any]:
    if sampled.tables.best_order:
        return sampled.difference(partial(_excess, sampled.tables, sums))
    best = [curve.area(np.ones_like(each), each, sums) for each in np.sort(pairs.loss, axis=1)]
    arms = [float(value) for value in _aurc(sampled.tables, sums, sampled.observed)[:, 0] - best]
    why = "the losses have too many distinct values to resample their best order"
    return {**dict(zip(_ARMS, arms, strict=True)), "delta": arms[1] - arms[0], "ci_95": None, "reason": why}


def _operating(sampled: _Sampled, thresholds: Sequence[float]) -> dict[str, Any]:
    """By arm, coverage and risk at each threshold; the differences, also of the risks at equal coverage."""
    found: dict[str, list[dict[str, Any]]] = {"control": [], "treatment": [], "delta": []}
    seen: dict[int, dict[str, Any]] = {}  # thresholds between the same two levels ask the same
    for threshold in thresholds:
        kept = int((sampled.tables.levels >= threshold - _NEARLY).sum())
        if kept not in seen:
            seen[kept] = {name: sampled.difference(partial(of, sampled.tables, kept)) for name, of in _POINTS.items()}
        for arm in _ARMS:
            here = {name: seen[kept][name][arm] for name in ("coverage", "risk")}
            found[arm].append({"threshold": threshold, **here})
        told = {name: {key: value[key] for key in ("delta", "ci_95")} for name, value in seen[kept].items()}
        found["delta"].append({"threshold": threshold, **told})
    return found


def _coverage(tables: Tables, kept: int, arms: Floats) -> Floats:
    counts, _, _ = tables.split(arms)
    share: Floats = counts[:kept].sum(axis=0) / counts.sum(axis=0)
    return share


def _risk(tables: Tables, kept: int, arms: Floats) -> Floats:
    counts, losses, _ = tables.split(arms)
    with np.errstate(invalid="ignore"):
        risk: Floats = losses[:kept].sum(axis=0) / counts[:kept].sum(axis=0)
    return risk


def _matched(tables: Tables, kept: int, arms: Floats) -> Floats:
    """Risks when both arms answer as many questions as the one that answers fewer at the threshold."""
    counts, losses, _ = tables.split(arms)
    fewer = counts[:kept].sum(axis=0).min(axis=0, keepdims=True)
    return curve.risk_at(counts, losses, np.broadcast_to(fewer, counts.shape[1:]))


_POINTS = {"coverage": _coverage, "risk": _risk, "risk_at_equal_coverage": _matched}


def _responses(pairs: Pairs, row: int) -> dict[str, Any]:
    """Of all answers, the share that did not abstain; of those, the share of wrong ones."""
    coverage = float(np.sort(pairs.confidence[row]).mean())
    right = float(np.sort(1 - pairs.loss[row]).mean())
    risk = 1 - right / coverage if coverage > 0 else None
    if risk is not None and not -_NEARLY <= risk <= 1:
        risk = None  # some abstention was scored as right
    return {"coverage": coverage, "risk": risk if risk is None else max(0.0, risk)}


def _curve(levels: Floats, counts: Floats, losses: Floats, most: int) -> list[dict[str, float]]:
    """One point for each confidence that the arm has, thinned out evenly where there are very many."""
    coverage, risk = curve.points(counts, losses)
    there = np.flatnonzero(counts > 0)
    if len(there) > most:
        there = there[np.unique(np.linspace(0, len(there) - 1, most).round().astype(np.int64))]
    names = ("confidence", "coverage", "risk")
    return [
        dict(zip(names, point, strict=True)) for point in np.stack([levels, coverage, risk], axis=1)[there].tolist()
    ]


def _reason(aurc: dict[str, Any], levels: dict[str, int], units: int) -> str | None:
    said = []
    if aurc["ci_95"] is None:
        said.append(
            "ci_95: one question cannot be resampled" if units < 2 else "ci_95: every resample has the same difference"
        )
    if max(levels.values()) < 3:
        said.append(
            "fewer than three levels of confidence: the areas only mix the operating points with full coverage, so "
            "read the points instead"
        )
    return "; ".join(said) or None


def _plain(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)
