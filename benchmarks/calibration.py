"""Do the tests reject a true null in 5 % of cases, and do the 95 % intervals cover the truth in 95 %?

Samples are drawn from laws whose truth is known, and given to the installed analyses as a run would give them. What is
counted goes into docs/explanation/calibration.md, with a plot beside it. Takes some minutes:

    .venv/bin/python benchmarks/calibration.py
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from typing import Any

import numpy as np
from attrs import define, field
from calibration_page import Tally, publish

from exx import Address, Finding, Metric, PairedBlock, PairedSample
from exx.testing import load_plugins

SIZES = (20, 50, 200, 2000)
HERE = Address(temp=0.0, type="open")
PER_GROUP, SHARE_COPIED = 5, 0.3**0.5  # copies of a common draw in this share of the items: a correlation of 0.3
DATASETS, BETWEEN = 5, 0.03  # of the meta-analysis: how many, and the standard deviation of their true effects

Floats = np.ndarray[Any, np.dtype[np.float64]]
Pair = tuple[Floats, Floats]


# --- laws ------------------------------------------------------------------------------------------------------------


def binary(rng: np.random.Generator, n: int, *, effect: bool) -> Pair:
    """Single answers: the arms differ on a fifth of the items, with an effect 3 : 1, so that the mean is 0.1."""
    gain = 0.15 if effect else 0.1
    b, c, _ = rng.multinomial(n, [gain, 0.2 - gain, 0.8])
    right = (n - b - c) // 2
    control, treatment = np.zeros(n), np.zeros(n)
    control[b : b + c + right] = 1
    treatment[:b] = 1
    treatment[b + c : b + c + right] = 1
    return control, treatment


def fifths(rng: np.random.Generator, n: int, *, effect: bool) -> Pair:
    """Means of five answers, items from never to always right; with an effect a tenth of what is wrong gets right."""
    p = rng.random(n)
    return rng.binomial(5, p, n) / 5, rng.binomial(5, p + 0.1 * (1 - p) * effect, n) / 5


def continuous(rng: np.random.Generator, n: int, *, effect: bool) -> Pair:
    """Like F1: seven tenths of the items do not change at all; with an effect the others tend to rise."""
    control = rng.beta(0.5, 0.5, n)
    anew = rng.beta(2.0 if effect else 0.5, 0.5, n)
    return control, np.where(rng.random(n) < 0.3, anew, control)


def clustered(rng: np.random.Generator, n: int, *, effect: bool) -> Pair:
    """The binary law in groups of five whose deltas have a correlation of 0.3."""
    gain = 0.15 if effect else 0.1
    groups = n // PER_GROUP
    own = rng.choice([1, -1, 0], p=[gain, 0.2 - gain, 0.8], size=(groups, PER_GROUP))
    common = rng.choice([1, -1, 0], p=[gain, 0.2 - gain, 0.8], size=(groups, 1))
    deltas = np.where(rng.random((groups, PER_GROUP)) < SHARE_COPIED, common, own).ravel()
    return (deltas < 0) * 1.0, (deltas > 0) * 1.0


LAWS: dict[str, Callable[..., Pair]] = {
    "single answers": binary,
    "means of 5": fifths,
    "continuous": continuous,
    "groups of 5": clustered,
}


@cache
def truth(kind: str) -> dict[str, float]:
    """What the intervals should cover under the effect: by hand, or from four million items."""
    if LAWS[kind] in (binary, clustered):
        return {"mean": 0.1, "cliff": 0.1, "d_z": 0.1 / (0.2 - 0.01) ** 0.5, "odds": 3.0}
    control, treatment = LAWS[kind](np.random.default_rng(99), 4_000_000, effect=True)
    deltas = treatment - control
    mean = 0.05 if LAWS[kind] is fifths else 0.3 * (0.8 - 0.5)
    return {"mean": mean, "cliff": float(np.sign(np.round(deltas, 9)).mean()), "d_z": mean / float(deltas.std())}


# --- samples and analyses --------------------------------------------------------------------------------------------


def draw(kind: str, n: int, rng: np.random.Generator, *, effect: bool) -> PairedBlock:
    """One sample of a law, as the only metric of a block."""
    control, treatment = LAWS[kind](rng, n, effect=effect)
    groups = np.arange(n) // PER_GROUP if LAWS[kind] is clustered else None
    return block_of(control, treatment, groups, binary=LAWS[kind] in (binary, clustered))


def block_of(
    control: Floats, treatment: Floats, groups: Any = None, *, binary: bool = True, address: Address = HERE
) -> PairedBlock:
    """A block with one metric, ``em``."""
    metric = Metric("em", "Exact match", binary=binary)
    sample = PairedSample(address=address, metric=metric, control=control, treatment=treatment, groups=groups)
    return PairedBlock(address=address, samples={"em": sample}, n_items=sample.n, n_unpaired={})


@define
class Desk:
    """The installed analyses, each made once with its options; asks them, and remembers small binary samples."""

    made: dict[Any, Any] = field(factory=dict)
    seen: dict[Any, Finding] = field(factory=dict)
    registry: Any = field(factory=load_plugins)

    def ask(self, name: str, block: PairedBlock, **options: Any) -> Finding:
        """The finding of an analysis on the block's metric."""
        which = (name, repr(options))
        if which not in self.made:
            self.made[which] = self.registry.find("analysis", name).cls(**options)
        (sample,) = block.samples.values()
        values, counts = sample.unique
        known = (which, values.tobytes(), counts.tobytes(), sample.metric.binary)
        if sample.groups is None and known in self.seen:
            return self.seen[known]
        one = self.made[which]
        (found,) = one.analyze(block if one.level == "block" else sample, np.random.default_rng(1))
        if sample.groups is None and len(values) <= 3:
            self.seen[known] = found
        return found


def covers(interval: Any, true: float) -> bool | None:
    """Whether an interval holds the truth; None without an interval."""
    if not interval or interval[0] is None:
        return None
    low, high = (float(end) for end in interval)
    return low - 1e-12 <= true <= high + 1e-12


def rejects(p_value: float | None, level: float = 0.05) -> bool | None:
    """Whether a p-value is small; None without one."""
    return None if p_value is None else p_value <= level


# --- what is counted -------------------------------------------------------------------------------------------------


def under_the_null(desk: Desk, block: PairedBlock, kind: str, tally: Tally) -> None:
    """Every test, and the interval of the pseudo-median, which is 0 here."""
    grouped = LAWS[kind] is clustered
    mean, flips = desk.ask("cluster_robust", block), desk.ask("permutation", block)
    ranks = desk.ask("wilcoxon", block)
    tally.test("cluster-robust t (CR2)" if grouped else "t", rejects(mean.p_value))
    tally.test("sign flips", rejects(flips.p_value))
    if not grouped:
        tally.test("Wilcoxon", rejects(ranks.p_value))
        tally.interval("Hodges–Lehmann", covers((ranks.low, ranks.high), 0.0))
    if LAWS[kind] is binary:
        square = desk.ask("mcnemar", block).details
        tally.test("McNemar, mid-p", rejects(square["p_mid"]))
        tally.test("McNemar, exact", rejects(square["p_exact"]))
    if grouped:
        square = desk.ask("mcnemar", block).details
        tally.test("cluster-robust t (CR1)", rejects(mean.details.get("cr1_p")))
        tally.test("Wilcoxon", rejects(ranks.details["cluster"]["p_value"]))
        tally.test("McNemar, mid-p", rejects(square["cluster"]["p_mid"]))
        tally.test("McNemar, exact", rejects(square["cluster"]["p_exact"]))
        tally.test("sign flips, items*", rejects(flips.details["items"]["p_value"]))


def under_the_effect(desk: Desk, block: PairedBlock, kind: str, tally: Tally) -> None:
    """Every interval, and the one-sided tests at the margin that is the true difference."""
    grouped, true = LAWS[kind] is clustered, truth(kind)
    mean, boot = desk.ask("cluster_robust", block), desk.ask("paired_bootstrap", block)
    tally.interval(
        "mean: cluster-robust t (CR2)" if grouped else "mean: t", covers((mean.low, mean.high), true["mean"])
    )
    for method in ("percentile", "bca"):
        tally.interval(f"mean: bootstrap, {TITLES[method]}", covers(boot.details.get(method), true["mean"]))
    if tally.n <= 200:
        turned = desk.ask("paired_bootstrap", block, method="studentised", bootstrap_samples=1000)
        tally.interval("mean: bootstrap, studentised", covers((turned.low, turned.high), true["mean"]))
    at_margin = desk.ask("noninferiority", block, tost_margins={"em": true["mean"]})
    tally.test("non-inferiority at the margin", rejects(at_margin.details["p_upper"]))
    if grouped:
        tally.interval("mean: cluster-robust t (CR1)", covers(mean.details.get("cr1_interval"), true["mean"]))
        tally.interval("mean: t, items*", covers(mean.details.get("items", {}).get("interval"), true["mean"]))
        return
    sizes = desk.ask("effect_sizes", block)
    tally.interval("d_z", covers((sizes.low, sizes.high), true["d_z"]))
    tally.interval("g_z", covers(sizes.details.get("g_z_ci_95"), true["d_z"]))
    if LAWS[kind] is binary:
        square = desk.ask("mcnemar", block).details
        tally.interval("difference: Tango", covers(square["tango_ci_95"], true["mean"]))
        tally.interval("difference: Newcombe", covers(square["newcombe_ci_95"], true["mean"]))
        tally.interval("odds ratio: exact", covers(square["or_ci_95"], true["odds"]))
        tally.interval("odds ratio: mid-p", covers(square["or_ci_95_mid_p"], true["odds"]))


TITLES = {"percentile": "percentile", "bca": "BCa"}


def over_datasets(desk: Desk, n: int, rng: np.random.Generator, tally: Tally) -> None:
    """Five datasets of n single answers each, whose true effects differ around 0.1."""
    effects = rng.normal(0.1, BETWEEN, DATASETS)
    parts, arms = {}, []
    for number, effect in enumerate(effects):
        gain = min(max(0.1 + effect / 2, 0.0), 0.2)
        deltas = rng.choice([1.0, -1.0, 0.0], p=[gain, 0.2 - gain, 0.8], size=n)
        arms.append(((deltas < 0) * 1.0, (deltas > 0) * 1.0))
        where = Address(temp=0.0, type="open", subgroup=("dataset", str(number)))
        parts[str(number)] = block_of(*arms[-1], address=where)
    whole = block_of(*(np.concatenate(arm) for arm in zip(*arms, strict=True)))
    whole.subgroups = {"dataset": parts}
    found = desk.ask("meta_analysis", whole, method="reml")
    random, spread = found.details["random"] or {}, found.details["heterogeneity"] or {}
    tally.interval("random effects: Hartung–Knapp, guarded", covers((found.low, found.high), 0.1))
    tally.interval("random effects: Hartung–Knapp", covers(random.get("unguarded", {}).get("ci_95"), 0.1))
    tally.interval("random effects: normal", covers(random.get("normal", {}).get("ci_95"), 0.1))
    tally.interval("τ²: Q-profile", covers(spread.get("tau2_ci_95"), BETWEEN**2))
    tally.interval("prediction of a sixth dataset", covers(random.get("prediction_95"), rng.normal(0.1, BETWEEN)))


def over_thresholds(desk: Desk, n: int, rng: np.random.Generator, tally: Tally) -> None:
    """Five answers to each question, abstained from or right with a chance of the question's own; both arms alike."""
    confidence, right = rng.beta(2, 1, n), rng.random(n)
    answered = rng.binomial(5, confidence, (2, n))
    score = rng.binomial(answered, right) / 5
    samples = {
        name: PairedSample(address=HERE, metric=Metric(name, name), control=c, treatment=t, items=np.arange(n))
        for name, (c, t) in {"em": score, "abstain_rate": 1 - answered / 5}.items()
    }
    block = PairedBlock(address=HERE, samples=samples, n_items=n, n_unpaired={})
    made = desk.registry.find("analysis", "selective_risk").cls(bootstrap_samples=1000)
    (found,) = made.analyze(block, np.random.default_rng(1))
    tally.interval("difference of AURC", covers((found.low, found.high), 0.0))
    tally.interval("difference of E-AURC", covers(found.details["e_aurc"]["ci_95"], 0.0))


# --- running ---------------------------------------------------------------------------------------------------------


def cell(job: tuple[str, int, int]) -> Tally:
    """Draw one law at one size many times."""
    kind, n, times = job
    rng, desk, tally = np.random.default_rng([n, *kind.encode()]), Desk(), Tally(kind, n)
    for _ in range(times):
        if kind in LAWS:
            under_the_null(desk, draw(kind, n, rng, effect=False), kind, tally)
            under_the_effect(desk, draw(kind, n, rng, effect=True), kind, tally)
        elif kind == META:
            over_datasets(desk, n, rng, tally)
        else:
            over_thresholds(desk, n, rng, tally)
    return tally


META, RISK = "5 datasets of n", "5 answers each"


def main() -> None:
    """Count everything, in two processes, and write page and plot."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--times", type=int, default=2000, help="samples per law and size")
    parser.add_argument("--show", action="store_true", help="print the tables instead of writing the page")
    options = parser.parse_args()
    began = time.perf_counter()
    jobs = [(kind, n, options.times) for n in reversed(SIZES) for kind in (*LAWS, META, RISK)]
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = "1"  # a process has a core; it is started anew, so that numpy sees this
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        tallies = list(pool.map(cell, jobs))
    publish(tallies, options.times, show=options.show)
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
