"""What every adjustment of p-values keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import evolve

from exx.records import Address, Finding

WHOLE = Address(temp=0.0, type="closed")


def check_adjustment(adjustment: Any) -> None:
    """Check that q-values are never below p, monotone in it within a family, and given to nothing that has no p.

    Raises:
        AssertionError: A contract is broken.
    """
    _require(list(adjustment.adjust([], ["em"])) == [], adjustment, "an empty list does not stay empty")
    for seed in range(4):
        before = _made(seed)
        after = list(adjustment.adjust(before, ["em"]))
        again = list(adjustment.adjust(before, ["em"]))
        _require(after == again, adjustment, "the same findings get other q-values")
        _check(adjustment, before, after)
        order = np.random.default_rng(seed).permutation(len(before)).tolist()
        shuffled = list(adjustment.adjust([before[index] for index in order], ["em"]))
        _require([after[index] for index in order] == shuffled, adjustment, "the order of the findings matters")


def _check(adjustment: Any, before: Sequence[Finding], after: Sequence[Finding]) -> None:
    plain = [evolve(one, q_value=None, family=None, reason=None) for one in after]
    given = [evolve(one, q_value=None, family=None, reason=None) for one in before]
    _require(plain == given, adjustment, "it changes more than q-value, family and reason, or the order")
    families: dict[str | None, list[Finding]] = {}
    for one in after:
        if one.q_value is None:
            continue
        _require(one.p_value is not None, adjustment, "a finding without p has a q-value")
        _require((one.p_value or 0) <= one.q_value <= 1, adjustment, f"q = {one.q_value} is not in [p, 1]")
        _require(one.family is not None, adjustment, "a finding with a q-value has no family")
        families.setdefault(one.family, []).append(one)
    for name, members in families.items():
        q_values = [one.q_value or 0.0 for one in sorted(members, key=lambda one: one.p_value or 0.0)]
        _require(q_values == sorted(q_values), adjustment, f"q is not monotone in p in family {name!r}")
        hypotheses = [(one.address, one.metric) for one in members]
        _require(len(set(hypotheses)) == len(hypotheses), adjustment, f"family {name!r} has a hypothesis twice")


def _made(seed: int) -> list[Finding]:
    rng = np.random.default_rng(seed)
    found = []
    for part in (None, ("dataset", "a"), ("dataset", "b")):
        for metric in ("em", "f1", "abstain_rate"):
            for rank, analysis in enumerate(("one_test", "other_test", "no_test")):
                p = None if rng.random() < 0.1 else float(rng.random() ** 3)
                places = {"p_value": 10 * (rank + 1)} if analysis != "no_test" else {}
                n = 40 if part is None else 20
                address = Address(WHOLE.temp, WHOLE.type, part)
                found.append(
                    Finding(analysis=analysis, metric=metric, address=address, n=n, p_value=p, default_for=places)
                )
    return found


def _require(kept: bool, adjustment: Any, complaint: str) -> None:
    if not kept:
        raise AssertionError(f"{adjustment.name}: {complaint}")
