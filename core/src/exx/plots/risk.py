"""Risk-coverage curves: how often each arm is wrong when it answers only what it is surest of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exx.plots.canvas import CONTROL, TREATMENT, grid, legend, sheet
from exx.wording import percent

_ARMS = {"control": (CONTROL, "o"), "treatment": (TREATMENT, "s")}


def risk_coverage(block: Mapping[str, Any], *, title: str, standalone: bool = False) -> str:
    """Draw the curves of both arms, and a point for every level of confidence where there are few.

    Args:
        block: ``selective_risk`` of a block of significance.json.
        title: What it is of.
        standalone: For a file of its own.

    Raises:
        ValueError: Neither arm has a curve.
    """
    curves = {arm: block.get("curve", {}).get(arm) or [] for arm in _ARMS}
    if not any(curves.values()):
        raise ValueError(str(block.get("reason") or "there is no curve"))
    with sheet((5.2, 3.6), title=title, description=_words(block, curves), standalone=standalone) as drawn:
        axes = drawn.axes
        for arm, (colour, mark) in _ARMS.items():
            places = [(100 * at["coverage"], 100 * at["risk"]) for at in curves[arm] if at["risk"] is not None]
            few = mark if len(places) <= 12 else ""
            axes.plot(*zip(*places, strict=True), color=colour, marker=few, markersize=5, linewidth=1.6, label=arm)
        axes.set_xlim(0, 102)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("coverage: questions answered, %")
        axes.set_ylabel("risk: wrong among these, %")
        legend(axes)
        grid(axes, "both")
    return drawn.svg


def _words(block: Mapping[str, Any], curves: Mapping[str, list[Mapping[str, Any]]]) -> str:
    said = []
    for arm, curve in curves.items():
        if curve:
            first, last = curve[0], curve[-1]
            ends = (
                f"{percent(first['risk'])} wrong at a coverage of {percent(first['coverage'])}, "
                f"{percent(last['risk'])} at {percent(last['coverage'])}"
            )
            said.append(f"{arm}: {ends}")
    aurc = block.get("aurc") or {}
    areas = [f"{arm} {aurc[arm]:.3f}" for arm in _ARMS if aurc.get(arm) is not None]
    more = f" Area under the curve: {', '.join(areas)}." if areas else ""
    return f"Share of wrong answers against the share of questions answered. {'; '.join(said)}.{more}"
