"""Small score tables in memory, paired as the engine pairs a score file: what tests give to analyses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from exx.paired import PairedBlock, Study
from exx.pipeline.statistics_pair import pair
from exx.pipeline.statistics_read import KNOWN, Scores
from exx.records import Json, Metric

Floats = NDArray[np.float64]

_METRICS = {**KNOWN, "em": Metric("em", "Exact match"), "f1": Metric("f1", "Token F1", binary=False)}


@frozen(eq=False, kw_only=True)
class ScoreTable:
    """Scores of some items under both arms, all closed-book at temperature 0.

    Attributes:
        label: What is special about it; named when a check fails.
        columns: By metric: shape (n, 2), control and treatment; NaN where a value is missing.
        datasets: Shape (n,): name of each item's dataset; by default one dataset.
        groups: Shape (n,): number of the group each item is in, −1 for none; None if no item has one.
        present: Shape (n, 2): whether the arm has a row for the item at all.
    """

    label: str
    columns: Mapping[str, Floats]
    datasets: Sequence[str] = ()
    groups: Sequence[int] | None = None
    present: NDArray[np.bool_] | None = None
    metrics: Mapping[str, Metric] = field(factory=lambda: dict(_METRICS))

    @property
    def n(self) -> int:
        """Items, paired or not."""
        return len(next(iter(self.columns.values())))

    def swapped(self) -> ScoreTable:
        """The same table with control and treatment exchanged."""
        present = None if self.present is None else self.present[:, ::-1]
        columns = {name: np.ascontiguousarray(values[:, ::-1]) for name, values in self.columns.items()}
        return evolve(self, columns=columns, present=present)

    def permuted(self, order: Sequence[int]) -> ScoreTable:
        """The same items in another order."""
        return self._taken(np.asarray(order, dtype=np.int64))

    def identical(self) -> ScoreTable:
        """The same table with the treatment's scores replaced by the control's."""
        columns = {name: np.repeat(values[:, :1], 2, axis=1) for name, values in self.columns.items()}
        return evolve(self, columns=columns, present=None)

    def extended(self, value: float) -> ScoreTable:
        """The same items and one more, alone in its group, on which both arms have this value of every metric."""
        longer = self._taken(np.arange(self.n + 1) % max(self.n, 1)) if self.n else self
        columns = {name: values.copy() for name, values in longer.columns.items()}
        for values in columns.values():
            values[-1] = value
        present = None if longer.present is None else np.concatenate([longer.present[:-1], [[True, True]]])
        groups = None if longer.groups is None else [*list(longer.groups)[:-1], -1]
        return evolve(longer, columns=columns, present=present, groups=groups)

    def _taken(self, order: NDArray[np.int64]) -> ScoreTable:
        return evolve(
            self,
            columns={name: values[order] for name, values in self.columns.items()},
            datasets=[self.datasets[index] for index in order.tolist()] if self.datasets else (),
            groups=None if self.groups is None else [self.groups[index] for index in order.tolist()],
            present=None if self.present is None else self.present[order],
        )

    def blocks(self) -> list[PairedBlock]:
        """Pair the items as the engine does: the whole block, then one per dataset; none without items."""
        found = []
        for block in pair(self._scores()) if self.n else []:
            found.append(block)
            found += [part for parts in block.subgroups.values() for part in parts.values()]
        return found

    def study(self, *, seed: int = 1, stats: Mapping[str, Json] | None = None, folder: Path | None = None) -> Study:
        """Make a study of the blocks."""
        return Study(blocks=self.blocks(), seed=seed, stats=dict(stats or {}), folder=folder)

    def _scores(self) -> Scores:
        present = np.ones((self.n, 2), dtype=bool) if self.present is None else self.present
        item, arm = np.nonzero(present)
        names = self.datasets or ["a"] * self.n
        datasets = sorted(set(names))
        groups = None if self.groups is None else np.array(self.groups, dtype=np.int64)[item]
        return Scores(
            path=Path(f"{self.label}.csv"),
            item=item.astype(np.int64),
            condition=arm.astype(np.int64),
            type=np.ones(len(item), dtype=np.int64),
            temp=np.zeros(len(item), dtype=np.int64),
            temps=[0.0],
            dataset_of=np.array([datasets.index(name) for name in names], dtype=np.int64),
            datasets=datasets,
            group=groups,
            columns={name: values[item, arm] for name, values in self.columns.items()},
            metrics={name: self.metrics.get(name) or Metric(name, name, binary=False) for name in self.columns},
        )


def table(label: str, control: Sequence[float], treatment: Sequence[float], **more: object) -> ScoreTable:
    """Make a table of one binary metric, ``em``, and of another, ``f1``, that is half as large everywhere."""
    values = np.column_stack([np.asarray(control, dtype=float), np.asarray(treatment, dtype=float)]).reshape(-1, 2)
    return ScoreTable(label=label, columns={"em": values, "f1": values / 2}, **more)  # type: ignore[arg-type]


def edge_tables() -> list[ScoreTable]:
    """Tables that analyses stumble over: nothing, one item, two, all ties, arms without partners, missing values …"""
    nan = float("nan")
    one_arm = np.array([[True, False], [True, True], [True, True], [False, True]])
    return [
        table("no items", [], []),
        table("one item", [0], [1]),
        table("two items", [0, 1], [1, 1]),
        table("two items that differ", [0, 1], [1, 0]),
        table("all ties", [0, 1, 1, 0, 1], [0, 1, 1, 0, 1]),
        table("constant scores", [1] * 6, [1] * 6),
        table("constant difference", [0] * 6, [1] * 6),
        table("constant difference in groups", [0] * 6, [1] * 6, groups=[0, 0, 1, 1, 2, 2]),
        table("one unpaired arm", [0, 0, 1, nan], [nan, 1, 1, 0], present=one_arm),
        table("nothing paired", [0, nan], [nan, 1], present=np.array([[True, False], [False, True]])),
        table("missing values", [0, nan, 0, 1, nan, 1], [1, 1, nan, 0, nan, 1]),
        table("one group", [0, 0, 1, 0], [1, 0, 1, 1], groups=[3, 3, 3, 3]),
        table("groups that agree", [0, 1, 0, 1], [1, 1, 1, 1], groups=[0, 0, 1, 1]),
    ]


def lopsided_tables() -> list[ScoreTable]:
    """Tables on which the treatment is ahead: binary, replicated, continuous, in groups and in datasets."""
    rng = np.random.default_rng(20)
    n = 48
    base = rng.random(n)
    binary = np.column_stack([base < 0.4, base < 0.75]).astype(float)
    binary[:5] = [1.0, 0.0]
    fifths = np.clip(np.round(np.column_stack([base * 4, base * 4 + rng.random(n) * 1.5])) / 5, 0, 1)
    smooth = np.clip(np.column_stack([base * 0.8, base * 0.8 + rng.normal(0.08, 0.15, n)]), 0, 1)
    abstains = np.column_stack([rng.random(n) < 0.3, rng.random(n) < 0.15]).astype(float)
    columns = {"em": binary, "f1": smooth, "abstain_rate": abstains}
    datasets = [("a", "b")[index % 3 == 0] for index in range(n)]
    uneven = [-1 if index % 11 == 0 else int(index**0.7) for index in range(n)]
    return [
        ScoreTable(label="lopsided", columns=columns),
        ScoreTable(label="lopsided in groups", columns=columns, groups=uneven),
        ScoreTable(label="lopsided in groups of one size", columns=columns, groups=[index // 3 for index in range(n)]),
        ScoreTable(label="replicated, two datasets", columns={"em": fifths, "f1": smooth}, datasets=datasets),
        ScoreTable(label="few continuous values", columns={"f1": smooth[:9]}),
    ]


def odd_table() -> ScoreTable:
    """A table with values outside [0, 1], which no score file may hold."""
    return table("values outside [0, 1]", [1.7, 0, 1, 0], [-0.3, 1, 1, 1])
