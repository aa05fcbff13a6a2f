"""From the states of a sweep to the entry of a block: a table, the points of change, and a conclusion in words."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from exx_unsupported_sensitivity.read import Floats, Part
from exx_unsupported_sensitivity.sweep import States, sweep

if TYPE_CHECKING:
    from exx import Json

WORDS = {-1: "fewer under treatment", 0: "cannot tell", 1: "more under treatment"}
_DECIMALS = 10
_BY_CHANCE = 0.05


def block(part: Part, grid: int) -> dict[str, Json]:
    """Sweep one part and say what came out.

    Args:
        part: Items with their claims.
        grid: Thresholds in the table.
    """
    n = part.samples.shape[1]
    entry: dict[str, Json] = {
        "temp": part.temp,
        "type": "open",
        "subgroup": None if part.dataset is None else ["dataset", part.dataset],
        "n": n,
        "n_claims": {"control": int((part.arm == 0).sum()), "treatment": int((part.arm == 1).sum())},
    }
    reason = None
    if n < 2:
        reason = "an interval needs two items that both arms answered"
    elif not len(part.support):
        reason = "no answer claimed anything: all of them declined"
    if reason is not None:
        return {**entry, "reason": reason, "curve": [], "changes": [], "artefact": None, "in_words": f"{reason}."}
    states = sweep(part)
    here = _recorded(states, part.recorded)
    artefact, words = _conclusion(states, here)
    return {
        **entry,
        "n_clusters": states.clusters,
        "df": _rounded(states.df),
        "n_degrees": len(states.degrees),
        "reason": None,
        "artefact": artefact,
        "in_words": words,
        "recorded": None if here is None else {**_range(states, here), **_row(states, here)},
        "changes": _changes(states),
        "curve": [
            {"threshold": _rounded(threshold), **_row(states, int(np.searchsorted(states.degrees, threshold)))}
            # Divided, since 60/100 is the same double as a degree of 3/5, and 60 · 0.01 need not be.
            for threshold in (step / (grid - 1) for step in range(grid))
        ],
    }


def _rounded(value: float | None) -> float | None:
    if value is None or np.isnan(value):
        return None
    return round(float(value), _DECIMALS) + 0.0


def _row(states: States, at: int) -> dict[str, Json]:
    row: dict[str, Json] = {
        name: _rounded(getattr(states, name)[at])
        for name in ("control", "treatment", "difference", "low", "high", "p_value")
    }
    if row["low"] is None:
        one = states.clusters < 2
        row["reason"] = "all items share one group" if one else "the difference is the same for every item or group"
    return row


def _range(states: States, at: int) -> dict[str, Json]:
    """The thresholds of a state: above the first, up to and including the second."""
    above = states.degrees[at - 1] if at > 0 else None
    up_to = states.degrees[at] if at < len(states.degrees) else 1.0
    return {"above": _rounded(above), "up_to": _rounded(up_to)}


def _recorded(states: States, unsupported: int) -> int | None:
    """The state that the score file was made at: the one with as many unsupported claims; None if there is none."""
    at = int(np.searchsorted(states.below, unsupported))
    return at if at < len(states.below) and states.below[at] == unsupported else None


def _changes(states: States) -> list[Json]:
    """Where the sign of the difference or the conclusion changes: above which degree, from what, to what."""
    found: list[Json] = []
    signs, directions = states.sign.tolist(), np.sign(states.difference).astype(int).tolist()
    for at, (was, now) in enumerate(pairwise(zip(signs, directions, strict=True)), start=1):
        if states.degrees[at - 1] >= 1.0:
            break  # no threshold lies above 1
        flipped = was[1] * now[1] < 0
        if was[0] != now[0] or flipped:
            change: dict[str, Json] = {
                "above": _rounded(states.degrees[at - 1]),
                "from": WORDS[was[0]],
                "to": WORDS[now[0]],
            }
            found.append({**change, "sign_changes": flipped, **_row(states, at)})
    return found


def _widths(states: States) -> Floats:
    """How much of [0, 1] each state takes up; nothing where no claim or every claim is unsupported."""
    edges = np.concatenate([[0.0], states.degrees, [1.0]])
    widths: Floats = np.diff(edges)
    widths[[0, -1]] = 0.0
    return widths


def _conclusion(states: States, here: int | None) -> tuple[bool | None, str]:
    """Say whether another threshold would have led to another conclusion.

    It would if one threshold in twenty says fewer and one in twenty more, or if what is concluded here is concluded at
    less than half of the thresholds at which the detector tells claims apart. Looked at one by one, some thresholds
    differ from the others by chance alone.
    """
    if here is None:
        return None, "The unsupported_rate of the score file belongs to no threshold on support.csv."
    widths, signs = _widths(states), states.sign
    if not widths.sum() > 0:
        return None, "The detector gives every claim the same support, so no threshold tells claims apart."
    share = {sign: float(widths[signs == sign].sum() / widths.sum()) for sign in WORDS}
    told = int(signs[here])
    both = min(share[-1], share[1]) >= _BY_CHANCE
    artefact = both or share[told] < 0.5
    words = [_at_cutoff(states, here)]
    if len(states.degrees) == 2 and widths.sum() == 1.0:
        words.append("The detector knows no degrees between 0 and 1: no other threshold says anything else.")
        return False, " ".join(words)
    words.append(
        f"So it is at {_percent(share[told])} of the thresholds at which the detector tells claims apart "
        f"({_shown(states.degrees[0])} to {_shown(states.degrees[-1])}); "
        + "; ".join(f"“{WORDS[sign]}” at {_percent(share[sign])}" for sign in WORDS if sign != told)
        + "."
    )
    words.append(_verdict(told, artefact=artefact, both=both))
    return artefact, " ".join(words)


def _at_cutoff(states: States, here: int) -> str:
    first = _shown(states.degrees[here - 1]) if here else "0"
    last = _shown(states.degrees[here]) if here < len(states.degrees) else "1"
    where = f"about {first}" if first == last else f"above {first} and up to {last}"
    interval = ""
    if not np.isnan(states.low[here]):
        interval = f" (95 % CI {_points(states.low[here])} to {_points(states.high[here])})"
    difference = f"the difference is {_points(states.difference[here])} points{interval}"
    return f"At the detector's own threshold, {where}, {difference}: {WORDS[int(states.sign[here])]}."


def _verdict(told: int, *, artefact: bool, both: bool) -> str:
    if both:
        return "Some thresholds say fewer, others say more: the direction is an artefact of the threshold."
    if artefact and told:
        return "Most other thresholds do not show it: the conclusion may be an artefact of the threshold."
    if artefact:
        return "Most other thresholds do show a difference: that none is seen here may be an artefact of the threshold."
    return "The conclusion is not an artefact of the threshold."


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _shown(threshold: float) -> str:
    return f"{threshold:.3g}"


def _points(difference: float) -> str:
    points = round(100 * difference, 1) + 0.0
    return f"{'+' if points > 0 else '−' if points < 0 else ''}{abs(points):.1f}"
