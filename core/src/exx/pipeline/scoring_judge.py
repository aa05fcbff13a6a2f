"""Having answers judged: by the scorers, by the detector of unsupported claims, and by the rule of abstention."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import packages_distributions, version
from typing import Any, TypeVar

from attrs import define, field

from exx.errors import ExxError, PluginError, UsageError
from exx.interfaces import Detector, Scorer
from exx.pipeline.scoring_read import CUT, Chunk, Predictions
from exx.records import AnsweredItem, GroundedAnswers, Metric
from exx.text.abstention import Abstention

T = TypeVar("T")
Column = list[float | None]

CORE_METRICS = (
    Metric("abstain_rate", "Abstention rate", higher_is_better=None),
    Metric("false_answer_rate", "False answers", higher_is_better=False),
    Metric("unsupported_rate", "Unsupported answers", higher_is_better=False),
)
"""What is measured whatever scorers there are. Abstaining is good or bad as the question may be; see the other two."""


@define
class Panel:
    """Everybody who judges, and which dataset is whose.

    Attributes:
        scorers: Those that may be asked.
        detector: Judges support by the passage, if anybody does.
        fallback: Name of the scorer for datasets that no scorer names as its own.
        chosen: For each dataset seen so far, its scorers.
    """

    scorers: Sequence[Scorer]
    detector: Detector | None
    fallback: str
    chosen: dict[str, list[Scorer]] = field(factory=dict)

    def of(self, dataset: str) -> list[Scorer]:
        """Choose the scorers of a dataset: its own, or else the fallback, and those that score every dataset.

        Raises:
            UsageError: It has none, or two of them measure one metric.
        """
        if dataset not in self.chosen:
            self.chosen[dataset] = self._choose(dataset)
        return self.chosen[dataset]

    def _choose(self, dataset: str) -> list[Scorer]:
        chosen = [scorer for scorer in self.scorers if scorer.datasets is not None and dataset in scorer.datasets]
        if not chosen:
            chosen = [scorer for scorer in self.scorers if scorer.name == self.fallback]
        chosen += [scorer for scorer in self.scorers if scorer.datasets is None and scorer not in chosen]
        if not chosen:
            raise UsageError(
                f"no scorer for dataset {dataset!r}: none names it, and the fallback {self.fallback!r} is not at hand",
                hint="exx plugins list shows the scorers; exx-squad-v2-scorer is the usual fallback",
            )
        by_metric: dict[str, Scorer] = {}
        for scorer in chosen:
            for metric in scorer.metrics:
                other = by_metric.setdefault(metric.name, scorer)
                if other is not scorer:
                    raise UsageError(
                        f"both {other.name!r} and {scorer.name!r} measure {metric.name!r} on dataset {dataset!r}",
                        hint="name the scorers you want under 'scorers' in the config",
                    )
        return chosen

    def metrics(self) -> list[Metric]:
        """Say what every scorer that was chosen measures: ``em`` and ``f1`` first, then the core's, then the others.

        Raises:
            UsageError: Two scorers disagree on which direction of a metric is the better one.
        """
        found: dict[str, Metric] = {"em": Metric("em", "Exact match"), "f1": Metric("f1", "Token F1", binary=False)}
        found |= {metric.name: metric for metric in CORE_METRICS}
        for scorer in self.scorers:
            if any(scorer in chosen for chosen in self.chosen.values()):
                for metric in scorer.metrics:
                    known = found.setdefault(metric.name, metric)
                    if known.higher_is_better != metric.higher_is_better:
                        raise UsageError(f"scorer {scorer.name!r} has another direction for {metric.name!r} than exx")
        return list(found.values())


@define
class Verdicts:
    """What was said of every row.

    Attributes:
        predictions: The rows.
        abstained: Whether the answer abstains.
        given: The texts as scorers are to see them.
        columns: By metric: a value per row, None where it is not defined.
        support: The detector's degree of support per row, None for what it was not asked about; None without any.
    """

    predictions: Predictions
    abstained: Sequence[bool]
    given: Sequence[str]
    columns: dict[str, Column] = field(factory=dict)
    support: Column | None = None

    @classmethod
    def of(cls, predictions: Predictions, abstention: Abstention) -> Verdicts:
        """Tell abstentions from answers; nothing else is judged yet."""
        texts = predictions.texts
        abstained = abstention.find(texts)
        if not abstention.blanks:
            return cls(predictions, abstained, texts)
        return cls(
            predictions, abstained, ["" if blank else text for text, blank in zip(texts, abstained, strict=True)]
        )

    def column(self, metric: str) -> Column:
        """Give the metric's column, empty at first."""
        if metric not in self.columns:
            self.columns[metric] = [None] * len(self.predictions.texts)
        return self.columns[metric]

    def judge(self, chunk: Chunk, panel: Panel) -> None:
        """Have every answered row of the chunk judged; the others keep None everywhere.

        Raises:
            PluginError: A scorer or detector failed, or returned something else than it has to.
        """
        states = self.predictions.states
        live = [(item, [row for row in rows if states[row] < CUT]) for item, rows in chunk]
        live = [(item, rows) for item, rows in live if rows]
        by_scorer: dict[int, tuple[Scorer, Chunk]] = {}
        for item, rows in live:
            for scorer in panel.of(item.dataset):
                by_scorer.setdefault(id(scorer), (scorer, []))[1].append((item, rows))
        for scorer, its_own in by_scorer.values():
            self._score(scorer, its_own)
        self._abstain(live)
        if panel.detector is not None:
            self._detect(panel.detector, live)

    def _score(self, scorer: Scorer, chunk: Chunk) -> None:
        given = self.given
        batch = [AnsweredItem(item, tuple([given[row] for row in rows])) for item, rows in chunk]
        order = [row for _, rows in chunk for row in rows]
        scores = _ask(scorer, lambda: scorer.score(batch))
        for metric in scorer.metrics:
            values = _checked(scorer, metric.name, scores, len(order))
            column = self.column(metric.name)
            for row, value in zip(order, values, strict=True):
                column[row] = value

    def _abstain(self, live: Chunk) -> None:
        rate, false = self.column("abstain_rate"), self.column("false_answer_rate")
        abstained = self.abstained
        for item, rows in live:
            for row in rows:
                rate[row] = 1.0 if abstained[row] else 0.0
            if item.is_unanswerable:
                for row in rows:
                    false[row] = 0.0 if abstained[row] else 1.0

    def _detect(self, detector: Detector, live: Chunk) -> None:
        column, abstained, texts = self.column("unsupported_rate"), self.abstained, self.predictions.texts
        claims: dict[str, tuple[list[tuple[str, str]], list[int]]] = {}  # by passage, since many questions share one
        for item, rows in live:
            if item.context is None:
                continue
            for row in rows:
                if abstained[row]:
                    column[row] = 0.0
                    continue
                pairs, order = claims.setdefault(item.context, ([], []))
                pairs.append((item.question, texts[row]))
                order.append(row)
        batch = [GroundedAnswers(context, tuple(pairs)) for context, (pairs, _) in claims.items()]
        flat = [row for _, order in claims.values() for row in order]
        if not batch:
            return
        support = _ask(detector, lambda: detector.support(batch))
        if self.support is None:
            self.support = [None] * len(texts)
        degrees, cutoff = self.support, detector.cutoff
        for row, degree in zip(flat, _checked(detector, "support", {"support": support}, len(flat)), strict=True):
            if degree is None:
                raise _blame(detector, "returned None where a degree of support is due")
            degrees[row] = degree
            column[row] = 1.0 if degree < cutoff else 0.0


def _ask(judge: Scorer | Detector, call: Callable[[], T]) -> T:
    try:
        return call()
    except ExxError:
        raise
    except Exception as cause:
        raise _blame(judge, f"failed: {cause!r}") from cause


def _checked(
    judge: Scorer | Detector, name: str, result: Mapping[str, Sequence[float | None]], expected: int
) -> Sequence[float | None]:
    values = result.get(name)
    if values is None or len(values) != expected:
        found = "no values" if values is None else f"{len(values)} values"
        raise _blame(judge, f"returned {found} for {name!r}, expected {expected}")
    for value in set(values):
        if value is not None and not 0.0 <= value <= 1.0:
            raise _blame(judge, f"returned {value!r} for {name!r}, expected a number in [0, 1] or None")
    return values


def _blame(judge: Any, reason: str) -> PluginError:
    package = type(judge).__module__.partition(".")[0]
    names = packages_distributions().get(package, [])
    distribution = f"{names[0]} {version(names[0])}" if names else f"in-process, {package}"
    return PluginError(judge.name, distribution, reason)
