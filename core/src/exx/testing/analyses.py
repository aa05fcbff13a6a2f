"""What every analysis keeps, ours or a third party's: ``check_analysis`` tries it on tables that analyses stumble over.

    from exx.testing.analyses import check_analysis

    def test_contracts():
        check_analysis(MyAnalysis)

The contracts:

- every finding lies at the address that was asked about, holds no NaN, and says why whatever is None is None;
- p and q lie in [0, 1], and low ≤ estimate ≤ high;
- the same seed gives the same bytes, in whatever order the calls come;
- permuting the items changes nothing;
- swapping the arms mirrors estimate and interval and leaves the p-value of "no difference" as it is;
- identical arms have no effect, and p = 1;
- an item on which both arms agree changes neither McNemar's p-values nor its odds ratio;
- no items, one or two, all ties, an arm without partners, missing values and constant scores are answered; values
  outside [0, 1] are answered or refused with a reason.

An analysis whose estimate is no difference (a ratio, say) says ``mirrors: ClassVar[bool] = False``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import inf, isclose, isnan
from typing import Any

import numpy as np
import orjson
from attrs import asdict

from exx.errors import ExxError
from exx.paired import PairedBlock, generator
from exx.pipeline.statistics import place
from exx.pipeline.statistics_plain import jsonable
from exx.records import Address, Finding
from exx.testing.adjustments import check_adjustment
from exx.testing.studies import check_study
from exx.testing.tables import ScoreTable, edge_tables, lopsided_tables, odd_table

SEED = 11
_CLOSE = 1e-9


def check_analysis(analysis: Any, tables: Iterable[ScoreTable] = ()) -> None:
    """Check the contracts of an analysis of any level on built-in tables, and on more where given.

    Args:
        analysis: The analysis, or its class if all its options have defaults.
        tables: Further tables to try.

    Raises:
        AssertionError: A contract is broken; says which, and on what.
    """
    subject = analysis() if isinstance(analysis, type) else analysis
    every = [*edge_tables(), *lopsided_tables(), *tables]
    if subject.level == "study":
        check_study(subject, every)
    elif subject.level == "adjustment":
        check_adjustment(subject)
    else:
        for one in every:
            check_table(subject, one)
        _check_odd(subject)


def check_table(analysis: Any, table: ScoreTable) -> None:
    """Check the contracts of a metric or block analysis on one table.

    Raises:
        AssertionError: A contract is broken.
    """
    found = findings(analysis, table)
    _check_plain(analysis, table, found)
    again = findings(analysis, table, backwards=True)
    _require(as_bytes(found) == as_bytes(again), analysis, table, "other calls in between change the result")
    order = np.random.default_rng(5).permutation(table.n).tolist()
    shuffled = findings(analysis, table.permuted(order))
    _require(as_bytes(found) == as_bytes(shuffled), analysis, table, "the order of the items changes the result")
    _check_mirror(analysis, table, found, findings(analysis, table.swapped()))
    _check_identical(analysis, table)
    if table.n:
        for value in (0.0, 1.0):
            _check_agreeing(analysis, table, found, findings(analysis, table.extended(value)))


def findings(analysis: Any, table: ScoreTable, *, backwards: bool = False) -> list[Finding]:
    """Ask an analysis about every block of a table as the engine does, first to last or last to first."""
    calls = [(block, *call) for block in table.blocks() for call in _calls(analysis, block)]
    answers: dict[int, list[Finding]] = {}
    for number in sorted(range(len(calls)), reverse=backwards):
        block, subject, name = calls[number]
        rng = generator(SEED, place(block.address), name, analysis.name)
        answers[number] = list(analysis.analyze(subject, rng))
    return [finding for number in range(len(calls)) for finding in answers[number]]


def as_bytes(found: Sequence[Finding]) -> bytes:
    """The findings as JSON: equal bytes are equal results."""
    return orjson.dumps([jsonable(asdict(finding), finding.analysis) for finding in found])


def _calls(analysis: Any, block: PairedBlock) -> list[tuple[Any, str]]:
    if analysis.level == "metric":
        return [(sample, name) for name, sample in block.samples.items()]
    return [(block, "")]


def _key(finding: Finding) -> tuple[Any, ...]:
    return finding.address, finding.analysis, finding.metric


def _require(kept: bool, analysis: Any, table: ScoreTable, complaint: str, finding: Finding | None = None) -> None:
    where = "" if finding is None else f" (metric {finding.metric!r} at {place(finding.address)}: {finding})"
    if not kept:
        raise AssertionError(f"{analysis.name} on {table.label!r}: {complaint}{where}")


def _check_plain(analysis: Any, table: ScoreTable, found: Sequence[Finding]) -> None:
    addresses = {block.address for block in table.blocks()}
    for one in found:
        for kept, complaint in _plain(one, addresses):
            _require(kept, analysis, table, complaint, one)


def _plain(one: Finding, addresses: set[Address]) -> Iterator[tuple[bool, str]]:
    yield isinstance(one, Finding), "it yields something that is no Finding"
    yield one.address in addresses, "the address is none that was asked about"
    numbers = [one.estimate, one.low, one.high, one.level, one.p_value, one.q_value]
    yield all(value is None or not isnan(value) for value in numbers), "there is a NaN"
    for name in ("details", "summary"):
        try:
            jsonable(getattr(one, name), name)
        except (TypeError, ValueError) as cause:
            yield False, f"{cause}"
    yield one.p_value is None or 0 <= one.p_value <= 1, "p is not in [0, 1]"
    yield one.estimate is not None or bool(one.reason), "there is no estimate, and no reason"
    yield (one.low is None) == (one.high is None), "the interval has one end only"
    yield _ordered(one), "low ≤ estimate ≤ high does not hold"
    offered = {"interval": one.low, "p_value": one.p_value}
    missing = any(offered[name] is None for name in one.default_for if name in offered)
    yield not missing or bool(one.reason), "what it offers as its metric's default is None without a reason"


def _ordered(one: Finding) -> bool:
    ends = [value for value in (one.low, one.estimate, one.high) if value is not None]
    return all(left <= right + _CLOSE for left, right in pairwise(ends))


def _check_mirror(analysis: Any, table: ScoreTable, found: Sequence[Finding], other: Sequence[Finding]) -> None:
    mirrored = {_key(one): one for one in other}
    _require({_key(one) for one in found} == set(mirrored), analysis, table, "swapped arms have other findings")
    for one in found:
        twin = mirrored[_key(one)]
        if getattr(analysis, "mirrors", True):
            here = (one.estimate, one.low, one.high)
            there = tuple(None if v is None else -v for v in (twin.estimate, twin.high, twin.low))
            complaint = f"swapping the arms does not mirror {here}; it gives {(twin.estimate, twin.low, twin.high)}"
            _require(all(map(_same, here, there)), analysis, table, complaint, one)
        if "p_value" in one.default_for:
            complaint = f"swapping the arms changes p from {one.p_value} to {twin.p_value}"
            _require(_same(one.p_value, twin.p_value), analysis, table, complaint, one)


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return one == other or (abs(one) < inf and isclose(one, other, rel_tol=1e-7, abs_tol=_CLOSE))


def _check_identical(analysis: Any, table: ScoreTable) -> None:
    for one in findings(analysis, table.identical()):
        if getattr(analysis, "mirrors", True):
            _require(one.estimate is None or abs(one.estimate) <= _CLOSE, analysis, table, "identical arms differ", one)
        if "p_value" in one.default_for and one.n:
            _require(one.p_value == 1, analysis, table, "identical arms do not have p = 1", one)


def _check_agreeing(analysis: Any, table: ScoreTable, found: Sequence[Finding], more: Sequence[Finding]) -> None:
    longer = {_key(one): one for one in more}
    for one in found:
        if not {"b", "c", "odds_ratio"} <= set(one.details) or one.address.subgroup is not None:
            continue
        twin = longer[_key(one)]
        before, after = (_discordant(finding) for finding in (one, twin))
        complaint = f"an item on which both arms agree changes {before} to {after}"
        _require(one.n == 0 or before == after, analysis, table, complaint, one)


def _discordant(finding: Finding) -> Mapping[str, Any]:
    names = ("b", "c", "p_exact", "p_mid", "odds_ratio", "or_ci_95")
    return {"p_value": finding.p_value, **{name: finding.details.get(name) for name in names}}


def _check_odd(analysis: Any) -> None:
    table = odd_table()
    try:
        _check_plain(analysis, table, findings(analysis, table))
    except (ExxError, ValueError) as refusal:
        _require(bool(str(refusal)), analysis, table, "it refuses values outside [0, 1] without a reason")
