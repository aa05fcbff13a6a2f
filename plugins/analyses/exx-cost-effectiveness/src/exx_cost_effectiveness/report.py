"""From tokens and scores of a block to its entry: differences with intervals, ratio, plane, and a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen
from scipy.special import stdtrit

from exx import Address, Metric, PairedSample
from exx_cost_effectiveness.ratio import fieller, interval, resample, units_of
from exx_cost_effectiveness.read import TOKENS, Floats, Ints, Part

if TYPE_CHECKING:
    from exx import Json, Price

_NO_PRICE = "no price"
_NO_GAIN = "nothing was gained"
_COST = Metric("cost", "US dollars per 1,000 items", higher_is_better=False, binary=False)


@frozen(kw_only=True)
class Task:
    """What is the same for every block: price, options, randomness, and which way is better."""

    price: Price | None
    resamples: int
    points: int
    generator: Callable[..., np.random.Generator]
    less_is_better: frozenset[str]


def block(part: Part, task: Task) -> dict[str, Json]:
    """Compare one block."""
    cost = None if task.price is None else dollars(part.tokens, task.price)
    tokens: dict[str, Json] = {name: _difference(part.tokens[:, :, at], part.groups) for at, name in enumerate(TOKENS)}
    money = {"reason": _NO_PRICE} if cost is None else _difference(cost, part.groups)
    return {
        "temp": part.temp,
        "type": part.type,
        "subgroup": None,
        "n_items": part.tokens.shape[1],
        "n_left_out": part.left_out,
        "n_unmetered": part.unmetered,
        "tokens_per_item": tokens,
        "usd_per_1000_items": money,
        "metrics": {name: _metric(name, values, cost, part, task) for name, values in part.scores.items()},
    }


def dollars(tokens: Floats, price: Price) -> Floats:
    """US dollars per 1,000 items; the last axis of tokens is prompt (cached ones included), completion, cached."""
    prompt, completion, cached = tokens[..., 0], tokens[..., 1], tokens[..., 2]
    reused = price.input_per_million if price.cached_per_million is None else price.cached_per_million
    paid = (prompt - cached) * price.input_per_million + cached * reused + completion * price.output_per_million
    cost: Floats = 1000 * price.factor * paid / 1e6
    return cost


def _difference(values: Floats, groups: Ints) -> dict[str, Json]:
    """Means of both arms and their difference with its t interval."""
    number = values.shape[1]
    if not number:
        return {"control": None, "treatment": None, "difference": None, "ci_95": None, "reason": "there are no items"}
    sample = PairedSample(
        address=Address(temp=0.0, type="open"),
        metric=_COST,
        control=values[0],
        treatment=values[1],
        groups=groups if (groups >= 0).any() else None,
    )
    spread = sample.spread
    ci_95 = None
    if spread.se is not None and spread.df is not None and spread.mean is not None:
        reach = float(stdtrit(spread.df, 0.975)) * spread.se
        ci_95 = [spread.mean - reach, spread.mean + reach]
    means = [float(np.sort(arm).mean()) for arm in values]
    head: dict[str, Json] = {"control": means[0], "treatment": means[1], "difference": spread.mean}
    return {**head, "ci_95": ci_95, "reason": spread.reason}


def _metric(name: str, values: Floats, cost: Floats | None, part: Part, task: Task) -> dict[str, Json]:
    known = ~np.isnan(values).any(axis=0)
    n = int(known.sum())
    entry: dict[str, Any] = {
        "n_items": n,
        "less_is_better": name in task.less_is_better,
        "effect": None,
        "usd_per_1000_items": None,
        "usd_per_1000_items_per_point": None,
        "ci_95": None,
        "fieller_ci_95": None,
        "quadrants": None,
        "plane": None,
    }
    if not n:
        return {**entry, "reason": "no item has a value and tokens under both arms", "in_words": "Nothing to compare."}
    sign = -1.0 if name in task.less_is_better else 1.0
    effect = np.round(sign * (values[1] - values[0])[known], 12)
    entry["effect"] = float(np.sort(effect).sum()) / n
    if cost is None:
        return {**entry, "reason": _NO_PRICE, "in_words": "Without a price nothing can be said of money."}
    units = units_of((cost[1] - cost[0])[known], effect, part.groups[known])
    mean = float(units.times @ units.cost) / n
    entry |= {"effect": float(units.times @ units.effect) / n, "usd_per_1000_items": mean}
    where = ("cost_effectiveness", repr(part.temp), part.type, name)
    means = resample(units, task.resamples, task.generator(*where))
    entry["n_resampled"] = units.number
    entry["quadrants"] = _quadrants(means)
    shown = np.round(means[: task.points], 12)
    entry["plane"] = {"points": shown.tolist(), "estimate": [mean, entry["effect"]]}
    if len(units.times) < 2:
        alike = "there is one item or group, or no two of them differ: nothing is known of the uncertainty"
        return {**entry, **_ratio(mean, entry["effect"], alike, alike)}
    return {**entry, **_ratio(mean, entry["effect"], interval(means), fieller(units))}


def _quadrants(means: Floats) -> dict[str, Json]:
    """Shares of the resamples; together they are 1."""
    dearer, better = means[:, 0] > 0, means[:, 1] > 0
    return {
        "better_and_dearer": float(np.mean(better & dearer)),
        "better_and_not_dearer": float(np.mean(better & ~dearer)),
        "not_better_and_dearer": float(np.mean(~better & dearer)),
        "not_better_and_not_dearer": float(np.mean(~better & ~dearer)),
    }


def _ratio(
    cost: float, effect: float, found: tuple[float, float] | str, limits: tuple[float, float] | str
) -> dict[str, Json]:
    if not effect > 0:
        return {"reason": _NO_GAIN, "in_words": _words(cost, effect)}
    reason = found if isinstance(found, str) else limits if isinstance(limits, str) else None
    return {
        "usd_per_1000_items_per_point": cost / (100 * effect),
        "ci_95": None if isinstance(found, str) else [bound / 100 for bound in found],
        "fieller_ci_95": None if isinstance(limits, str) else [bound / 100 for bound in limits],
        "reason": reason,
        "in_words": _words(cost, effect),
    }


def _words(cost: float, effect: float) -> str:
    money = "costs the same" if cost == 0 else f"costs {abs(cost):.3g} dollars {'more' if cost > 0 else 'less'}"
    result = "no different" if effect == 0 else f"{abs(100 * effect):.2g} points {'better' if effect > 0 else 'worse'}"
    told = f"Per 1,000 items the treatment {money}, and it is {result}"
    if cost > 0 and effect > 0:
        return f"{told}: {cost / (100 * effect):.3g} dollars a point."
    return f"{told}."
