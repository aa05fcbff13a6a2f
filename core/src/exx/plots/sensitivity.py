"""The difference in unsupported claims at every threshold of the detector: is the conclusion the threshold's doing?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exx.plots.canvas import INK, TREATMENT, grid, legend, sheet, zero_line


def sensitivity(block: Mapping[str, Any], *, title: str, standalone: bool = False) -> str:
    """Draw the difference and its interval over the thresholds, and the threshold that was used.

    Args:
        block: An entry of ``blocks`` in unsupported_sensitivity.json.
        title: What it is of.
        standalone: For a file of its own.

    Raises:
        ValueError: There is no curve.
    """
    curve = block.get("curve") or []
    if not curve:
        raise ValueError(str(block.get("reason") or "there is no curve"))
    places = [at["threshold"] for at in curve]
    with sheet((5.2, 3.0), title=title, description=str(block.get("in_words", "")), standalone=standalone) as drawn:
        axes = drawn.axes
        zero_line(axes, vertical=False)
        known = [at for at in curve if at["low"] is not None and at["high"] is not None]
        lows, highs = ([100 * at[end] for at in known] for end in ("low", "high"))
        axes.fill_between([at["threshold"] for at in known], lows, highs, color=TREATMENT, alpha=0.25, linewidth=0)
        axes.plot(places, [100 * at["difference"] for at in curve], color=TREATMENT, linewidth=1.6, label="difference")
        used = block.get("recorded") or {}
        if used.get("up_to") is not None:
            axes.axvline(used["up_to"], color=INK, linestyle="--", linewidth=1, label="threshold used, at most")
        axes.set_xlim(0, 1)
        axes.set_xlabel("threshold: support below it counts as unsupported")
        axes.set_ylabel("treatment − control, points")
        legend(axes)
        grid(axes, "y")
    return drawn.svg
