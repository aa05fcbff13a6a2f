"""The entry of a metric: what it could have found, and what it would take."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, sqrt
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from exx_power.mcnemar import McNemar, smallest_difference
from exx_power.replicates import decompose
from exx_power.simulate import simulate
from exx_power.student import required, smallest, upper_sd, whole

if TYPE_CHECKING:
    from exx import Address, Json, PairedBlock, PairedSample

COUNTED = 2_000
_NOT_SINGLE = "McNemar's test is for single answers of 0 or 1"
_IMPOSSIBLE = "a difference above the share of discordant pairs is impossible"


@frozen(kw_only=True)
class Aims:
    """What to plan for: the options of the analysis."""

    targets: tuple[float, ...]
    alpha: float
    power: float
    simulations: int


def block(one: PairedBlock, aims: Aims, generator: Callable[..., np.random.Generator]) -> dict[str, Json]:
    """Plan every metric of a block."""
    address = one.address
    metrics: dict[str, Json] = {}
    for name, sample in one.samples.items():
        rng = generator("power", *_words(address), name) if address.subgroup is None and aims.simulations else None
        metrics[name] = _metric(sample, aims, rng)
    return {
        "temp": address.temp,
        "type": address.type,
        "subgroup": None if address.subgroup is None else list(address.subgroup),
        "metrics": metrics,
    }


def _words(address: Address) -> tuple[str, str]:
    return repr(address.temp), address.type


def _metric(sample: PairedSample, aims: Aims, rng: np.random.Generator | None) -> dict[str, Json]:
    spread = sample.spread
    if spread.se is None or spread.df is None or spread.se_items is None:
        return {"n_items": sample.n, "mde": None, "required": [], "reason": spread.reason}
    sd, effect = spread.se_items * sqrt(sample.n), max(1.0, spread.design_effect or 1.0)
    effective = sample.n / effect
    entry: dict[str, Json] = {
        "n_items": sample.n,
        "sd": sd,
        "sd_upper": upper_sd(sd, sample.n - 1),
        **_clusters(sample),
        "n_effective": effective,
        **_detectable(sd, sample.n, effective, aims),
        "required": [_required(target, sd, sample.n, effect, aims) for target in aims.targets],
        "replicates": decompose(sample),
    }
    single = _single(sample)
    entry["mcnemar"] = _mcnemar(sample, effect, aims) if single else {"reason": _NOT_SINGLE}
    if rng is not None:
        runs = aims.simulations
        entry["simulation"] = simulate(sample, aims.targets, aims.alpha, runs=runs, rng=rng, single=single)
    return entry


def _clusters(sample: PairedSample) -> dict[str, Json]:
    """Design effects: as seen, and as the formula has it that plans with other sizes of groups."""
    if sample.clusters is None:
        return {"design_effect": 1.0}
    spread, sizes = sample.spread, sample.clusters[1]
    usual = float(sizes @ sizes) / float(sizes.sum())  # the mean size times 1 + CV²
    formula = None if spread.icc is None else 1 + (usual - 1) * spread.icc
    return {
        "design_effect": spread.design_effect,
        "icc": spread.icc,
        "n_clusters": spread.n_clusters,
        "usual_cluster_size": usual,
        "design_effect_by_icc": formula,
    }


def _detectable(sd: float, n: int, effective: float, aims: Aims) -> dict[str, Json]:
    if effective < 2:
        return {"mde": None, "mde_upper": None, "reason": "the groups leave fewer than two independent items"}
    found = [smallest(one, effective, aims.alpha, aims.power) for one in (sd, upper_sd(sd, n - 1))]
    return {"mde": found[0], "mde_upper": found[1], "reason": None if found[0] else "no difference is found so often"}


def _required(target: float, sd: float, n: int, effect: float, aims: Aims) -> dict[str, Json]:
    items, upper = (whole(required(target, one, aims.alpha, aims.power), effect) for one in (sd, upper_sd(sd, n - 1)))
    row: dict[str, Json] = {"target": target, "n": items, "n_upper": upper}
    return row if items is not None else {**row, "reason": "more than 1e12 items"}


def _single(sample: PairedSample) -> bool:
    """Every value is one answer of 0 or 1."""
    if not sample.metric.binary:
        return False
    if sample.replicates is not None and any((counts != 1).any() for counts in sample.replicates):
        return False
    return all(bool(np.isin(arm, (0.0, 1.0)).all()) for arm in (sample.control, sample.treatment))


def _mcnemar(sample: PairedSample, effect: float, aims: Aims) -> dict[str, Json]:
    values, counts = sample.unique
    discordant = int(counts[values != 0].sum())
    psi = discordant / sample.n
    effective = int(sample.n / effect)
    found = smallest_difference(psi, effective, aims.alpha, aims.power) if effective else None
    return {
        "n_discordant": discordant,
        "discordance": psi,
        "mde": found,
        "required": [_counted(psi, target, effect, aims) for target in aims.targets],
        "reason": None if found is not None else "too few discordant pairs for any difference to be found so often",
    }


def _counted(psi: float, target: float, effect: float, aims: Aims) -> dict[str, Json]:
    row: dict[str, Json] = {"target": target, "n_connor": None, "n_stable_midp": None, "n_stable_exact": None}
    if target > psi:
        return {**row, "reason": _IMPOSSIBLE}
    test = McNemar((psi + target) / 2, (psi - target) / 2, aims.alpha)
    connor = test.connor_items(aims.power)
    row["n_connor"] = whole(connor, effect)
    if connor > COUNTED:
        return {**row, "reason": f"above {COUNTED:,} independent items Connor's number is that of mid-p to one or two"}
    for name in ("midp", "exact"):
        items = test.items(aims.power, "midp" if name == "midp" else "exact")
        row[f"n_stable_{name}"] = whole(inf if items is None else items, effect)
    return {**row, "reason": None}
