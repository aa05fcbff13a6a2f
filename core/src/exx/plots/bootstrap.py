"""The law of the bootstrap mean: which mean differences other draws of as many items would have given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exx.plots.canvas import INK, TREATMENT, grid, sheet, zero_line
from exx.wording import points

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BINS = 1000
_WIDTH = 9.0  # standard errors on either side that are computed; what is drawn is half of it


def bootstrap_law(
    values: NDArray[np.float64],
    counts: NDArray[np.int64],
    *,
    low: float | None,
    high: float | None,
    title: str,
    standalone: bool = False,
) -> str:
    """Draw the law of the mean of n items drawn with replacement, and the interval.

    It is computed, not sampled: the n-fold convolution of the deltas' law, deltas rounded to a thousandth where they
    lie on no coarser lattice. Items that share a group are drawn one by one here; the interval may be another's.

    Args:
        values: Shape (u,): distinct deltas in [-1, 1].
        counts: Shape (u,): how many items have each.
        low: Lower end of the interval to mark; None for none.
        high: Upper end.
        title: What it is of.
        standalone: For a file of its own.

    Raises:
        ValueError: There are fewer than two items, or all deltas are equal.
    """
    means, heights = _law(values, counts)
    n = int(counts.sum())
    mean = float(values @ counts) / n
    interval = "" if low is None else f" The 95 % interval goes from {points(low)} to {points(high)}."
    law = f"Law of the mean difference of {n:,} items drawn again; it centres on {points(mean)} points."
    with sheet((5.2, 2.8), title=title, description=law + interval, standalone=standalone) as drawn:
        axes = drawn.axes
        axes.fill_between(100 * means, heights, color=INK, alpha=0.15, linewidth=0)
        axes.plot(100 * means, heights, color=INK, linewidth=1.2)
        if low is not None and high is not None:
            inside = (means >= low) & (means <= high)
            axes.fill_between(100 * means[inside], heights[inside], color=TREATMENT, alpha=0.35, linewidth=0)
        axes.axvline(100 * mean, color=TREATMENT, linewidth=1.4)
        zero_line(axes)
        axes.set_ylim(bottom=0)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("mean difference, percentage points; shaded: 95 % interval")
        grid(axes, "x")
    return drawn.svg


def _law(values: NDArray[np.float64], counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means and their heights, up to ``_WIDTH`` / 2 standard errors from the middle, thinned to what can be seen."""
    import numpy as np

    from exx.paired import lattice_of

    n = int(counts.sum())
    step = lattice_of(values) or _BINS
    steps = np.round(values * step).astype(np.int64)
    share = counts / max(n, 1)
    mean = float(steps @ share)
    spread = float(np.sqrt(n * ((steps - mean) ** 2 @ share)))
    if n < 2 or spread == 0:
        raise ValueError("the deltas do not vary")
    # The sum is within a few standard deviations of its mean, so a circle that is wide enough holds all its law.
    size = 1 << int(np.ceil(np.log2(2 * _WIDTH * spread + 2 * (steps.max() - steps.min()) + 4)))
    one = np.bincount(steps % size, weights=share, minlength=size)
    law = np.fft.irfft(np.fft.rfft(one) ** n, size)
    middle = round(n * mean)
    reach = int(min(size // 2 - 1, np.ceil(_WIDTH / 2 * spread)))
    sums = np.arange(middle - reach, middle + reach + 1)
    heights = np.maximum(law[sums % size], 0.0)
    block = max(1, len(sums) // 400)
    kept = len(sums) // block * block
    means = sums[:kept].reshape(-1, block).mean(axis=1) / step / n
    return means, heights[:kept].reshape(-1, block).mean(axis=1)
