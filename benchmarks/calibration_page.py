"""Tables, page and plot of benchmarks/calibration.py."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from math import sqrt
from pathlib import Path

from attrs import define, field

PAGE = Path(__file__).resolve().parents[1] / "docs/explanation/calibration.md"
BEGIN, END = "<!-- begin: benchmarks/calibration.py -->", "<!-- end: benchmarks/calibration.py -->"
TEST, INTERVAL = "test", "interval"
LEVELS = {TEST: 0.05, INTERVAL: 0.95}
ENOUGH, FROM_N = 0.935, 50

Row = tuple[str, str]

# Why an interval covers less than it should: by a part of its name, and the kind of sample, "" for every kind.
WHY: dict[tuple[str, str], str] = {
    ("items*", "groups"): "Items of a group are taken for independent, which they are not; shown for comparison only.",
    (
        "bootstrap, BCa",
        "groups",
    ): "Ten and forty groups are few: resampled groups spread by √((G − 1)/G) too little, and "
    "the limits are right only to first order. The interval of the verdict is the cluster-robust one.",
    ("bootstrap, percentile", "groups"): "As for BCa.",
    ("bootstrap, studentised", "groups"): "Forty groups hardly determine the skewness that these limits correct "
    "for; the t interval, which does not, covers.",
    (
        "bootstrap, studentised",
        "single",
    ): "About ten items differ between the arms: few distinct resamples, some of them without any spread.",
    ("random effects: normal", "datasets"): "τ² is estimated from five datasets, and the normal quantile takes it for "
    "known. This is why the guarded Hartung–Knapp interval is the default.",
    ("prediction", "datasets"): "The interval takes the τ² estimated from five datasets for the true one, and is too "
    "short as often as that is too small.",
    ("AURC", "answers"): "Percentiles of a curved statistic of few questions: right to first order only.",
}


@define
class Tally:
    """What was counted for one kind of sample at one size: by test or interval, the outcomes."""

    kind: str
    n: int
    outcomes: dict[tuple[str, str], list[bool | None]] = field(factory=dict)

    def test(self, name: str, outcome: bool | None) -> None:
        """Whether a test rejected; None if it gave no p-value."""
        self.outcomes.setdefault((TEST, name), []).append(outcome)

    def interval(self, name: str, outcome: bool | None) -> None:
        """Whether an interval covered; None if there was none."""
        self.outcomes.setdefault((INTERVAL, name), []).append(outcome)


@define
class Rate:
    """A share, and of how many; the share of samples that gave no answer."""

    share: float
    of: int
    missing: float

    def error(self, level: float) -> float:
        """Monte-Carlo standard error of the share, were it what it should be."""
        return sqrt(level * (1 - level) / max(self.of, 1))


def rates(tallies: Iterable[Tally], what: str) -> dict[Row, dict[int, Rate]]:
    """By name and kind, then by n."""
    found: dict[Row, dict[int, Rate]] = {}
    for tally in tallies:
        for (sort, name), outcomes in tally.outcomes.items():
            if sort == what:
                told = [outcome for outcome in outcomes if outcome is not None]
                rate = Rate(sum(told) / max(len(told), 1), len(told), 1 - len(told) / len(outcomes))
                found.setdefault((name, tally.kind), {})[tally.n] = rate
    return {row: dict(sorted(by_n.items())) for row, by_n in sorted(found.items())}


def table(found: Mapping[Row, Mapping[int, Rate]], sizes: Sequence[int], what: str) -> str:
    """A Markdown table in percent; bold is worse than it should be by more than chance."""
    head = [what.capitalize(), "samples", *(f"n = {n:,}" for n in sizes)]
    lines = [head, ["---", "---", *["---:"] * len(sizes)]]
    lines += [[name, kind, *(_cell(by_n.get(n), what) for n in sizes)] for (name, kind), by_n in found.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(rate: Rate | None, what: str) -> str:
    if rate is None or not rate.of:
        return "–"
    off = LEVELS[what] - rate.share if what == INTERVAL else rate.share - LEVELS[what]
    text = f"{100 * rate.share:.1f}"
    text = f"**{text}**" if off > 2.6 * rate.error(LEVELS[what]) else text
    return f"{text} ({100 * rate.missing:.0f} % none)" if rate.missing >= 0.005 else text


def short(found: Mapping[Row, Mapping[int, Rate]]) -> list[str]:
    """One line for every interval that covers less than 93.5 % at n of at least 50, with the reason."""
    lines = []
    for (name, kind), by_n in found.items():
        low = [f"{100 * rate.share:.1f} % at n = {n:,}" for n, rate in by_n.items() if _too_low(n, rate)]
        if low:
            lines.append(f"- **{name}**, {kind}: {', '.join(low)}. {_why(name, kind)}")
    return lines


def _too_low(n: int, rate: Rate) -> bool:
    return n >= FROM_N and rate.of > 0 and rate.share < ENOUGH


def _why(name: str, kind: str) -> str:
    for (part, of), why in WHY.items():
        if part in name and of in kind:
            return why
    return "Not explained."


def publish(tallies: Sequence[Tally], times: int, *, show: bool) -> None:
    """Put tables and findings into the page, between its two marks, and draw the plot."""
    sizes = sorted({tally.n for tally in tallies})
    tests, intervals = rates(tallies, TEST), rates(tallies, INTERVAL)
    written = "\n\n".join(
        [
            "### Rejections of a true null at 5 %",
            table(tests, sizes, TEST),
            "### Coverage of 95 % intervals",
            table(intervals, sizes, INTERVAL),
            f"### Intervals below {100 * ENOUGH:g} % at n ≥ {FROM_N}",
            "\n".join(short(intervals)) or "None.",
            f"{times:,} samples each, on Python {platform.python_version()}.",
        ]
    )
    if show:
        print(written)
        return
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{written}\n\n{END}{after}", encoding="utf-8")
    plot(tests, intervals, sizes)


def plot(
    tests: Mapping[Row, Mapping[int, Rate]], intervals: Mapping[Row, Mapping[int, Rate]], sizes: Sequence[int]
) -> None:
    """Every rate as a dot, n by colour, beside the page."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "exx", "font.size": 8, "svg.fonttype": "none"})
    from matplotlib import pyplot as plt

    height = 0.17 * (len(tests) + len(intervals)) + 1.6
    ratios = [len(tests) + 1, len(intervals) + 1]
    figure, axes = plt.subplots(2, 1, figsize=(8, height), height_ratios=ratios, layout="constrained")
    for axis, found, what in zip(axes, (tests, intervals), (TEST, INTERVAL), strict=True):
        level, times = LEVELS[what], max((r.of for by_n in found.values() for r in by_n.values()), default=1)
        error = 1.96 * sqrt(level * (1 - level) / times)
        axis.axvspan(100 * (level - error), 100 * (level + error), color="0.9", zorder=0)
        axis.axvline(100 * level, color="0.5", linewidth=0.8, zorder=1)
        for number, n in enumerate(sizes):
            dots = [(100 * by_n[n].share, at) for at, by_n in enumerate(found.values()) if n in by_n and by_n[n].of]
            axis.plot(*zip(*dots, strict=True), "o", markersize=3.5, color=f"C{number}", label=f"n = {n:,}")
        axis.set_yticks(range(len(found)), [f"{name}, {kind}" for name, kind in found])
        axis.invert_yaxis()
        axis.grid(axis="y", color="0.93")
        axis.set_xlabel("rejections of a true null, %" if what == TEST else "coverage, %")
    axes[0].legend(loc="upper right", fontsize=7)
    figure.savefig(PAGE.with_suffix(".svg"), metadata={"Date": None, "Creator": None})
