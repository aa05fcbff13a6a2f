"""The 2 × 2 table of a paired comparison: how many items both arms had right, one alone, or neither."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exx.plots.canvas import CONTROL, INK, TREATMENT, sheet

_CELLS = {
    "both": ((0, 0), INK, "both right"),
    "c": ((0, 1), CONTROL, "control alone right"),
    "b": ((1, 0), TREATMENT, "treatment alone right"),
    "neither": ((1, 1), INK, "neither right"),
}


def discordance(table: Mapping[str, Any], *, title: str, standalone: bool = False) -> str:
    """Draw the four cells, shaded by their share; the two that carry the evidence in the arms' colours.

    Args:
        table: With ``both``, ``b`` (the treatment alone right), ``c`` (the control alone right) and ``neither``.
        title: What it is of.
        standalone: For a file of its own.

    Raises:
        ValueError: A count is missing, or all are zero.
    """
    counts = {name: table.get(name) for name in _CELLS}
    if not all(isinstance(count, int) for count in counts.values()) or not any(counts.values()):
        raise ValueError(str(table.get("reason") or "there is no table"))
    total = sum(count or 0 for count in counts.values())
    said = ", ".join(f"{words} on {counts[name]:,}" for name, (_, _, words) in _CELLS.items())
    with sheet((3.6, 3.0), title=title, description=f"Of {total:,} items: {said}.", standalone=standalone) as drawn:
        axes = drawn.axes
        for name, ((row, column), colour, words) in _CELLS.items():
            count = counts[name] or 0
            shade = 0.08 + 0.5 * count / total
            axes.fill_between([column, column + 0.97], row, row + 0.96, color=colour, alpha=shade, linewidth=0)
            middle = (column + 0.485, row + 0.48)
            axes.annotate(f"{count:,}", (middle[0], middle[1] - 0.08), ha="center", va="center", fontsize=14)
            axes.annotate(words, (middle[0], middle[1] + 0.22), ha="center", va="center", fontsize=7)
        axes.set_xticks([0.485, 1.485], ["right", "wrong"])
        axes.set_yticks([0.48, 1.48], ["right", "wrong"])
        axes.set_xlabel("treatment")
        axes.set_ylabel("control")
        axes.set_xlim(0, 2)
        axes.set_ylim(2, 0)
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
    return drawn.svg
