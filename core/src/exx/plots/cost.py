"""The cost-effectiveness plane: what the treatment adds to the bill against what it adds to the results."""

from __future__ import annotations

from collections.abc import Sequence

from exx.plots.canvas import INK, TREATMENT, grid, legend, sheet, zero_line
from exx.wording import dollars, points

Place = tuple[float, float]


def cost_plane(resamples: Sequence[Place], estimate: Place, *, title: str, standalone: bool = False) -> str:
    """Draw resampled pairs of cost and effect around the one that was seen.

    Args:
        resamples: Pairs (US dollars per 1,000 items, gain as a share), from resamples: what the treatment costs more
            and by how much it is better, whichever way is good for the metric.
        estimate: The pair that was seen.
        title: What it is of.
        standalone: For a file of its own.

    Raises:
        ValueError: There is no point.
    """
    if not resamples:
        raise ValueError("there is no resample to draw")
    usd, effect = estimate
    better = sum(place[1] > 0 for place in resamples) / len(resamples)
    description = (
        f"Seen: {dollars(abs(usd))} {'more' if usd >= 0 else 'less'} per 1,000 items and {points(effect)} points. The "
        f"treatment is ahead in {100 * better:.0f} % of {len(resamples):,} resamples."
    )
    with sheet((5.2, 3.4), title=title, description=description, standalone=standalone) as drawn:
        axes = drawn.axes
        zero_line(axes)
        zero_line(axes, vertical=False)
        xs, ys = zip(*resamples, strict=True)
        axes.plot([100 * y for y in ys], xs, ".", color=INK, alpha=0.3, markersize=3, markeredgewidth=0)
        axes.plot([], [], ".", color=INK, markersize=5, label="resamples")
        axes.plot([100 * effect], [usd], "o", color=TREATMENT, markersize=7, label="seen")
        axes.set_xlabel("gain of the treatment, percentage points")
        axes.set_ylabel("cost: US dollars more per 1,000 items")
        legend(axes)
        grid(axes, "both")
    return drawn.svg
