"""Forest plot: differences with their intervals, one under the other, beside the line of no difference."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from exx.plots.canvas import INK, TREATMENT, grid, sheet, zero_line
from exx.wording import points

_LONGEST_LABEL = 60


@frozen(kw_only=True)
class Interval:
    """A difference with its interval, as shares.

    Attributes:
        label: What it is of.
        estimate: The difference.
        low: Lower end; None when it is not defined.
        high: Upper end.
        clear: The verdict says more than that it cannot tell: drawn in colour.
    """

    label: str
    estimate: float
    low: float | None
    high: float | None
    clear: bool = False

    @property
    def words(self) -> str:
        """The numbers, in percentage points."""
        if self.low is None or self.high is None:
            return f"{points(self.estimate)} (no interval)"
        return f"{points(self.estimate)} ({points(self.low)} to {points(self.high)})"


def forest(rows: Sequence[Interval], *, title: str, margin: float | None = None, standalone: bool = False) -> str:
    """Draw intervals from top to bottom in the given order.

    Args:
        rows: What to draw.
        title: What they are of.
        margin: Half the width of the band of differences that do not matter; None for no band.
        standalone: For a file of its own.

    Raises:
        ValueError: There is no row.
    """
    if not rows:
        raise ValueError("no difference is defined")
    said = "; ".join(f"{row.label}: {row.words}" for row in rows)
    description = f"Differences, treatment minus control, in percentage points with 95 % intervals. {said}."
    size = (7.2, 0.75 + 0.32 * len(rows))
    with sheet(size, title=title, description=description, standalone=standalone) as drawn:
        axes = drawn.axes
        if margin is not None:
            axes.axvspan(-100 * margin, 100 * margin, color=INK, alpha=0.08, linewidth=0)
        zero_line(axes)
        for place, row in enumerate(rows):
            colour = TREATMENT if row.clear else INK
            if row.low is not None and row.high is not None:
                axes.plot([100 * row.low, 100 * row.high], [place, place], color=colour, linewidth=1.8)
            axes.plot([100 * row.estimate], [place], "o", color=colour, markersize=5)
            axes.annotate(
                row.words, (1.01, place), xycoords=("axes fraction", "data"), va="center", annotation_clip=False
            )
        axes.set_yticks(range(len(rows)), [_short(row.label) for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("treatment − control, percentage points")
        grid(axes, "x")
    return drawn.svg


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}…"
