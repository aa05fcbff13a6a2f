"""From a sample to its entry: which model, estimates with intervals and p-values, and reasons for what is missing."""

from __future__ import annotations

from math import exp, inf, log
from sys import float_info
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from exx_mixed_effects.clusters import Answers, answers_of, clusters_of
from exx_mixed_effects.conditional import conditional
from exx_mixed_effects.gee import Fit, fit

if TYPE_CHECKING:
    from exx import Json, PairedBlock, PairedSample

_NO_SPREAD = "the difference is the same for every cluster, which says nothing about its uncertainty"
_ALL_ALIKE = "constant outcome: the answers of both arms are all right, or all wrong"
_SEPARATED = "separation: the answers of one arm are all right, or all wrong, so the odds ratio is 0 or infinite"
_NOTHING = 1e-9


def block(one: PairedBlock, few_clusters: int) -> dict[str, Json]:
    """Fit the models of a block, metric by metric."""
    address = one.address
    return {
        "temp": address.temp,
        "type": address.type,
        "subgroup": None if address.subgroup is None else list(address.subgroup),
        "models": {name: _model(sample, few_clusters) for name, sample in one.samples.items()},
    }


def _model(sample: PairedSample, few_clusters: int) -> dict[str, Json]:
    shared = sample.clusters is not None
    entry: dict[str, Json] = {
        "model": "logistic" if sample.metric.binary else "linear",
        "n_items": sample.n,
        "cluster": "group" if shared else "item",
        "n_clusters": sample.cluster_index[1] if shared else sample.n,
    }
    if not sample.n:
        return {**entry, "reason": "there are no complete pairs"}
    if not sample.metric.binary:
        return {**entry, "reason": None, "linear": _linear(sample)}
    values = np.concatenate([sample.control, sample.treatment])
    if values.min() < 0 or values.max() > 1:
        return {**entry, "reason": "values outside [0, 1] are no shares of right answers"}
    answers = answers_of(sample)
    return {
        **entry,
        "unit": "answer" if answers.single else "item mean",
        "n_answers": {"control": int(answers.counts[:, 0].sum()), "treatment": int(answers.counts[:, 1].sum())},
        "reason": None,
        "marginal": _marginal(answers, few_clusters, independent=False),
        "means": _marginal(_one_each(answers), few_clusters, independent=True),
        "conditional": _conditional(answers),
    }


def _one_each(answers: Answers) -> Answers:
    """Every item's mean as one answer, so that items weigh the same however often they were asked."""
    if bool((answers.counts == 1).all()):
        return answers
    shares = answers.right / answers.counts
    ones = np.ones_like(answers.counts)
    return Answers(single=False, counts=ones, right=shares, index=answers.index, number=answers.number)


def _marginal(answers: Answers, few_clusters: int, *, independent: bool) -> dict[str, Json]:
    rates = answers.right.sum(axis=0) / answers.counts.sum(axis=0)
    if (constant := _constant(*rates.tolist())) is not None:
        return constant
    clusters = clusters_of(answers)
    fitted = fit(clusters, independent=independent)
    beside: dict[str, Json] = {
        "se_robust": fitted.se_robust,
        "se_bias_reduced": fitted.se_bias_reduced,
        "how": fitted.how or None,
    }
    if not independent:
        beside["correlation"] = fitted.correlation
    if fitted.log_or is None:
        return {**_odds(None, reason=fitted.reason), **beside}
    few = clusters.number < few_clusters
    error = fitted.se_bias_reduced if few else fitted.se_robust
    if (why := _no_error(fitted, error, clusters.number)) is not None:
        return {**_odds(fitted.log_or, reason=why), **beside}
    return {**_odds(fitted.log_or, error, df=clusters.number - 1 if few else None), **beside}


def _no_error(fitted: Fit, error: float | None, clusters: int) -> str | None:
    if clusters < 2:
        return "a standard error needs two clusters; here there is one"
    if fitted.se_robust is None or fitted.se_robust < _NOTHING:
        return _NO_SPREAD
    if error is None:
        return "one cluster determines the fit, so the bias-reduced standard error is not defined"
    return None


def _constant(control: float, treatment: float) -> dict[str, Json] | None:
    """What to say where an arm's answers are all right or all wrong."""
    edges = (0.0, 1.0)
    if control not in edges and treatment not in edges:
        return None
    if control == treatment:
        return _odds(None, reason=_ALL_ALIKE)
    return _odds(inf if treatment > control else -inf, reason=_SEPARATED)


def _conditional(answers: Answers) -> dict[str, Json]:
    if not answers.single:
        return _odds(None, reason="single answers are needed: the score file does not say how many each mean is over")
    found = conditional(answers)
    if found.log_or is None or found.se is None:
        return {**_odds(found.log_or, reason=found.reason), "n_informative": found.n_items}
    beside: dict[str, Json] = {"se_items": found.se, "se_groups": found.se_groups, "n_informative": found.n_items}
    error = found.se if found.se_groups is None else found.se_groups
    if error < _NOTHING:
        return {**_odds(found.log_or, reason=_NO_SPREAD), **beside}
    return {**_odds(found.log_or, error), **beside}


def _odds(
    log_or: float | None, error: float | None = None, *, df: float | None = None, reason: str | None = None
) -> dict[str, Json]:
    """An odds ratio with interval and p-value: Wald's on the scale of logarithms; ``df`` asks for Student's t."""
    entry: dict[str, Any] = {"log_odds_ratio": log_or, "odds_ratio": _exp(log_or)}
    entry |= {"ci_95": None, "se": error, "df": df, "p_value": None, "reason": reason}
    if log_or is not None and error:
        reach = float(ndtri(0.975) if df is None else stdtrit(df, 0.975)) * error
        tail = ndtr(-abs(log_or) / error) if df is None else stdtr(df, -abs(log_or) / error)
        entry["ci_95"] = [_exp(log_or - reach), _exp(log_or + reach)]
        entry["p_value"] = _p(float(tail))
    return entry


def _p(tail: float) -> float:
    return min(1.0, max(float_info.min, 2 * tail))


def _exp(value: float | None) -> float | None:
    if value is None:
        return None
    return exp(value) if value < log(float_info.max) else inf


def _linear(sample: PairedSample) -> dict[str, Json]:
    spread = sample.spread
    entry: dict[str, Any] = {
        "difference": spread.mean,
        "ci_95": None,
        "p_value": None,
        "se": spread.se,
        "df": spread.df,
        "se_cr0": spread.se_cr0,
        "se_cr1": spread.se_cr1,
        "se_items": spread.se_items,
        "correlation": _item_correlation(sample),
        "reason": spread.reason,
    }
    if sample.clusters is None and spread.se is not None:
        entry["se_cr0"], entry["se_cr1"] = spread.se * (1 - 1 / spread.n) ** 0.5, spread.se  # every item a cluster
    if spread.mean is not None and spread.se is not None and spread.df is not None:
        reach = float(stdtrit(spread.df, 0.975)) * spread.se
        entry["ci_95"] = [spread.mean - reach, spread.mean + reach]
        entry["p_value"] = _p(float(stdtr(spread.df, -abs(spread.mean) / spread.se)))
    return entry


def _item_correlation(sample: PairedSample) -> float | None:
    """Of an item's two scores, from the analysis of variance of a random intercept per item; None without variance."""
    if sample.n < 2:
        return None
    middles = np.sort((sample.control + sample.treatment) / 2)
    values, counts = sample.unique
    residual = float(counts @ (values - counts @ values / sample.n) ** 2) / (sample.n - 1) / 2
    between = float(middles.var(ddof=1)) - residual / 2
    total = between + residual
    return between / total if total > _NOTHING**2 else None
