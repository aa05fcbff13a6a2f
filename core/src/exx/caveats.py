"""What could be wrong with a verdict: everything a careful reader would ask about before believing it.

Each function looks for one weakness and yields a sentence for each place it finds it in, with its numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from exx.answers import ArmCounts
from exx.records import Address
from exx.verdict import VerdictRow
from exx.wording import percent, points, where

if TYPE_CHECKING:
    from exx.results import Block, Results

_FEW_ITEMS = 100
_FEWEST_CHANGES = 6  # 2 · ½⁶ = 0.031 is the first exact two-sided p-value below 0.05
_UNEVEN = 0.01


def caveats(results: Results) -> list[str]:
    """List what could be wrong with the verdict, the weightiest first; empty when nothing stands out."""
    checks = (
        _intention,
        _unknown,
        _arms_unlike,
        _losses,
        _truncation,
        _values_missing,
        _size,
        _groups,
        _many_answers,
        _datasets_disagree,
    )
    return [sentence for check in checks for sentence in check(results)]


def _intention(results: Results) -> Iterator[str]:
    missing = [name for name in results.intended if name not in results.primary]
    if missing and results.config is not None:
        yield (
            f"The experiment was to be judged by {', '.join(missing)}, which was not measured; "
            f"{', '.join(results.primary) or 'nothing'} stands in for it."
        )


def _unknown(results: Results) -> Iterator[str]:
    if not results.has("per_item_scores.csv"):
        unseen = "failed requests, cut-off answers and shared passages could not be looked for"
        yield f"per_item_scores.csv is not at hand: {unseen}."
    elif any(arm.failed is None or arm.truncated is None for arm in results.arms):
        yield "The score file does not say how many requests failed and how many answers were cut off."


def _arms_unlike(results: Results) -> Iterator[str]:
    yield from results.arms_unlike()


def _arms(results: Results) -> list[ArmCounts]:
    return results.arms if results.has("per_item_scores.csv") else []


def _losses(results: Results) -> Iterator[str]:
    """What was lost of the plan; where nobody counted it, what the score file and the statistics tell of it."""
    integrity = results.integrity()
    yield from integrity.losses
    if not integrity.known:
        yield from _failures(results)
        yield from _lost_pairs(results)


def _failures(results: Results) -> Iterator[str]:
    for place, arms in _by_arm(_arms(results)).items():
        failed = {arm: counts["failed"] for arm, counts in arms.items()}
        if any(failed.values()):
            yield (
                f"{_sentence(place)}: {failed.get('control', 0):,} requests failed under the control and "
                f"{failed.get('treatment', 0):,} under the treatment. Their questions are left out, which distorts the "
                "comparison if they failed because of what was asked."
            )


def _truncation(results: Results) -> Iterator[str]:
    for place, shares in _truncated(results).items():
        control, treatment = shares.get("control", 0.0), shares.get("treatment", 0.0)
        if abs(treatment - control) >= _UNEVEN:
            yield (
                f"{_sentence(place)}: {percent(control)} of the answers were cut off at the token limit under the "
                f"control and {percent(treatment)} under the treatment. A difference may come from the limit and not "
                "from the prompt; a higher max_new_tokens would tell."
            )


def _truncated(results: Results) -> dict[Address, dict[str, float]]:
    """Share of the planned answers that was cut off, per place and arm; of the requests where no plan is known."""
    integrity = results.integrity()
    if not integrity.known:
        places = _by_arm(_arms(results))
        return {place: {arm: _share(n, "truncated") for arm, n in arms.items()} for place, arms in places.items()}
    counts: dict[Address, dict[str, dict[str, int]]] = {}
    for arm in integrity.arms:
        own = counts.setdefault(arm.address, {}).setdefault(arm.condition, {"asked": 0, "truncated": 0})
        own["asked"] += arm.planned
        own["truncated"] += arm.truncated
    return {place: {arm: _share(n, "truncated") for arm, n in arms.items()} for place, arms in counts.items()}


def _lost_pairs(results: Results) -> Iterator[str]:
    for block in results.blocks():
        alone = sum((block.content.get("n_unpaired") or {}).values())
        if alone:
            yield (
                f"{_sentence(block.address)}: {alone:,} questions have an answer in one arm only and are left out; "
                f"{block.content.get('n_items', 0):,} pairs remain."
            )


def _values_missing(results: Results) -> Iterator[str]:
    """Pairs that have answers, or should have, and yet no value; what failed or was lost is told elsewhere."""
    explained = {place: sum(arm["failed"] for arm in arms.values()) for place, arms in _by_arm(_arms(results)).items()}
    explained |= {pair.address: pair.lost for pair in results.integrity().pairs}
    for block in results.blocks():
        for name in results.primary:
            missing = block.metrics.get(name, {}).get("n_missing") or 0
            if missing > explained.get(block.address, 0):
                title = results.metric(name).title
                yield f"{_sentence(block.address)}: {title} is missing for {missing:,} paired questions, left out too."


def _size(results: Results) -> Iterator[str]:
    for row in _primary(results.verdict()):
        if 0 < row.n < _FEW_ITEMS:
            yield (
                f"{_sentence(row.address)}: {row.n} questions are few; a single one that changes sides moves the "
                f"difference by {100 / row.n:.1f} points."
            )
    for block in results.blocks():
        for name in results.primary:
            yield from _changes(results, block, name)


def _changes(results: Results, block: Block, name: str) -> Iterator[str]:
    table = block.metrics.get(name, {}).get("mcnemar")
    if not isinstance(table, Mapping) or not isinstance(table.get("b"), int) or not isinstance(table.get("c"), int):
        return
    changed = table["b"] + table["c"]
    if changed < _FEWEST_CHANGES:
        yield (
            f"{_sentence(block.address)}: the arms differ in {results.metric(name).title} on {changed} questions; "
            f"with fewer than {_FEWEST_CHANGES}, no exact test can reach 0.05, whichever way they fall."
        )
    if table.get("n_undecided"):
        yield (
            f"{_sentence(block.address)}: {table['n_undecided']:,} questions were right in exactly half of their "
            f"answers; McNemar's test of {results.metric(name).title} leaves them out."
        )


def _groups(results: Results) -> Iterator[str]:
    rows = [row for row in results.verdict() if row.primary]
    for place, counts in _in_arm(_arms(results), "treatment").items():
        grouped, groups = sum(c.grouped for c in counts), sum(c.groups for c in counts)
        if groups >= grouped:
            continue
        here = [row for row in rows if row.address == place]
        yield (
            f"{_sentence(place)}: {grouped:,} questions come in {groups:,} groups (questions on one passage, say), and "
            f"those of a group tend to go right or wrong together.{''.join(map(_by_groups, here))}"
        )


def _by_groups(row: VerdictRow) -> str:
    if row.design_effect is None:
        return (
            f" The interval and the p-value of {row.title} treat them as independent and may look surer than they are."
        )
    if row.low_items is None:
        return f" The interval of {row.title} allows for that."
    return (
        f" The interval of {row.title} allows for that ({points(row.low)} to {points(row.high)} points); taking all "
        f"questions as independent it would be {points(row.low_items)} to {points(row.high_items)}."
    )


def _many_answers(results: Results) -> Iterator[str]:
    rows = [row for row in _primary(results.verdict()) if row.p_value is not None]
    plain = [row for row in rows if row.q_value is None]
    if len(rows) > 1 and plain:
        yield (
            f"The verdict has {len(rows)} parts, and {len(plain)} p-values are not adjusted for that: the more one "
            "looks, the likelier a chance finding."
        )


def _datasets_disagree(results: Results) -> Iterator[str]:
    for block in results.blocks(subgroups=True):
        for column, parts in block.content.get("subgroups", {}).items():
            for name in results.primary:
                changes = {value: part.get("metrics", {}).get(name, {}) for value, part in parts.items()}
                yield from _opposed(block.address, column, results.metric(name).title, changes)


def _opposed(place: Address, column: str, title: str, parts: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Parts whose intervals lie on different sides of zero: their mean hides what happens in either."""
    ends = {value: entry["ci_95"] for value, entry in parts.items() if entry.get("ci_95")}
    up = [value for value, (low, _) in ends.items() if low is not None and low > 0]
    down = [value for value, (_, high) in ends.items() if high is not None and high < 0]
    if up and down:
        shown = ", ".join(f"{value} {points(parts[value]['delta_mean'])}" for value in (*up, *down))
        yield f"{_sentence(place)}: {title} does not move the same way in every {column} ({shown} points)."


def _primary(rows: Iterable[VerdictRow]) -> list[VerdictRow]:
    return [row for row in rows if row.primary]


def _sentence(place: Address) -> str:
    words = where(place)
    return words[0].upper() + words[1:]


def _in_arm(arms: Iterable[ArmCounts], condition: str) -> dict[Address, list[ArmCounts]]:
    places: dict[Address, list[ArmCounts]] = {}
    for arm in arms:
        if arm.condition == condition:
            places.setdefault(Address(arm.temp, arm.type), []).append(arm)
    return places


def _by_arm(arms: Iterable[ArmCounts]) -> dict[Address, dict[str, dict[str, int]]]:
    """Requests, failures and truncations per place and arm, over all datasets; what is not known counts as none."""
    places: dict[Address, dict[str, dict[str, int]]] = {}
    for arm in arms:
        place = places.setdefault(Address(arm.temp, arm.type), {})
        counts = place.setdefault(arm.condition, {"asked": 0, "failed": 0, "truncated": 0})
        counts["asked"] += arm.asked
        counts["failed"] += arm.failed or 0
        counts["truncated"] += arm.truncated or 0
    return places


def _share(counts: Mapping[str, int], what: str) -> float:
    return counts[what] / counts["asked"] if counts["asked"] else 0.0
