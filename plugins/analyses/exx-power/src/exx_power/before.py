"""A plan before the first run: from a guess of how many answers change, or of how far scores spread."""

from __future__ import annotations

from math import inf, sqrt
from typing import Any

from attrs import frozen

from exx_power.mcnemar import McNemar, Test, smallest_difference
from exx_power.student import power, required, smallest, whole

_COUNTED = 1_000_000  # discordant pairs up to which the tests' own laws are summed; beyond, Connor's formula is as good


@frozen(kw_only=True)
class Guess:
    """What is guessed, wanted and given.

    Attributes:
        items: Items there are; None where only the number to plan for is asked.
        discordance: Share of items that one arm alone has right; None with ``sd``.
        sd: Standard deviation of the deltas; None with ``discordance``.
        target: True difference to be found; None where only the smallest detectable one is asked.
        alpha: Level of the two-sided test.
        wanted: Power.
        effect: Design effect, at least 1.
    """

    items: int | None
    discordance: float | None
    sd: float | None
    target: float | None
    alpha: float
    wanted: float
    effect: float


def plan(guess: Guess) -> dict[str, Any]:
    """Power with the items there are, smallest detectable difference, and items to plan for, test by test.

    With groups every test counts items divided by the design effect. Above a million discordant pairs McNemar's power
    is given by Connor's formula alone.
    """
    rows = _of_pairs(guess, guess.discordance) if guess.discordance is not None else []
    rows.append(_of_means(guess))
    given = {name: getattr(guess, name) for name in ("items", "discordance", "sd", "target", "alpha")}
    return {
        **given,
        "wanted_power": guess.wanted,
        "design_effect": guess.effect,
        "n_effective": None if guess.items is None else guess.items / guess.effect,
        "tests": rows,
    }


def _row(test: str, *, power: float | None, mde: float | None, n: int | None) -> dict[str, Any]:
    return {"test": test, "power": power, "mde": mde, "n": n}


def _of_pairs(guess: Guess, psi: float) -> list[dict[str, Any]]:
    effective = None if guess.items is None else int(guess.items / guess.effect)
    if effective is not None and effective * psi > _COUNTED:
        effective = None
    mde = smallest_difference(psi, effective, guess.alpha, guess.wanted) if effective else None
    test = None
    if guess.target is not None:
        test = McNemar((psi + guess.target) / 2, (psi - guess.target) / 2, guess.alpha)
    rows = []
    kinds: tuple[tuple[Test, str], ...] = (("midp", "McNemar, mid-p"), ("exact", "McNemar, exact"))
    for kind, name in kinds:
        reached = test.power(effective, kind) if test and effective else None
        stable = test.items(guess.wanted, kind) if test else None
        n = None if stable is None else whole(stable, guess.effect)
        rows.append(_row(name, power=reached, mde=mde if kind == "midp" else None, n=n))
    reached = test.connor(guess.items / guess.effect) if test and guess.items else None
    n = whole(test.connor_items(guess.wanted), guess.effect) if test else None
    rows.append(_row("McNemar, Connor's formula", power=reached, mde=None, n=n))
    return rows


def _of_means(guess: Guess) -> dict[str, Any]:
    target, psi = guess.target, guess.discordance
    # Deltas of −1, 0 and 1 have this standard deviation; without a target it is at its largest.
    sd = guess.sd if psi is None else sqrt(psi - (target or 0.0) ** 2)
    effective = 0.0 if guess.items is None else guess.items / guess.effect
    if not sd:
        return _row("paired t", power=None, mde=None, n=None)
    enough = effective >= 2
    return _row(
        "paired t",
        power=power(target, sd, effective, guess.alpha) if enough and target is not None else None,
        mde=smallest(sd, effective, guess.alpha, guess.wanted) if enough else None,
        n=whole(inf if target is None else required(target, sd, guess.alpha, guess.wanted), guess.effect),
    )
