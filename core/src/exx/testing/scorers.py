"""What every scorer keeps."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import isclose
from numbers import Real
from typing import Any

from exx.records import AnsweredItem, Metric
from exx.testing.builders import edge_items
from exx.testing.contract import require, subject_of

_COLUMN = re.compile(r"[a-z][a-z0-9_]*")
_TEXTS = (
    "",
    "William Shakespeare",
    "It was written by Shakespeare, I think.",
    "the",
    "loire",
    "forty-two",
    "…",
    "  \n ",
    "Zoë’s café ☕ \u202e\x1b[31m",
    "word " * 3000,
)

Scores = Mapping[str, Sequence[float | None]]


def check_scorer(scorer: Any, batch: Sequence[AnsweredItem] = ()) -> None:
    """Check what a scorer says of odd items and answers.

    It measures what it says it measures, gives one value in [0, 1] or None for each answer, in their order, 0 or 1 for
    a binary metric; an answer's score does not depend on what else is in the batch, on the order, or on the day.

    Args:
        scorer: The scorer, or its class if all its options have defaults.
        batch: Further items with answers to try.

    Raises:
        AssertionError: A contract is broken.
    """
    subject = subject_of("scorer", scorer)
    _check_metrics(subject)
    dataset = (subject.datasets or ("made_up",))[0]
    every = [*(AnsweredItem(item, (*_TEXTS, *item.answers)) for item in edge_items(dataset)), *batch]
    every.append(AnsweredItem(every[0].item, ()))
    scores = _score(subject, every)
    require(_same(scores, _score(subject, every)), subject, "the same answers get other scores the second time")
    _check_alone(subject, every, scores)
    turned = [AnsweredItem(one.item, one.texts[::-1]) for one in reversed(every)]
    backwards = {name: list(reversed(values)) for name, values in _score(subject, turned).items()}
    require(_same(scores, backwards), subject, "an answer's score depends on the order of the batch")
    _score(subject, [])


def _check_metrics(subject: Any) -> None:
    metrics = subject.metrics
    require(isinstance(metrics, tuple) and metrics, subject, "metrics is no tuple, or empty")
    require(all(isinstance(metric, Metric) for metric in metrics), subject, "metrics holds what is no exx.Metric")
    names = [metric.name for metric in metrics]
    require(len(set(names)) == len(names), subject, f"it measures something twice: {', '.join(names)}")
    for metric in metrics:
        require(_COLUMN.fullmatch(metric.name), subject, f"metric {metric.name!r} is not of a-z, 0-9 and _")
        require(metric.title.strip(), subject, f"metric {metric.name!r} has no title")
    datasets = subject.datasets
    require(
        datasets is None or (isinstance(datasets, tuple) and datasets), subject, "datasets is neither names nor None"
    )


def _score(subject: Any, batch: Sequence[AnsweredItem]) -> Scores:
    found: Scores = subject.score(batch)
    wanted = [metric.name for metric in subject.metrics]
    require(sorted(found) == sorted(wanted), subject, f"score() has {sorted(found)}, and metrics has {sorted(wanted)}")
    count = sum(len(one.texts) for one in batch)
    for metric in subject.metrics:
        values = found[metric.name]
        require(len(values) == count, subject, f"{metric.name}: {len(values)} values for {count} answers")
        for value in values:
            _check_value(subject, metric, value)
    return found


def _check_value(subject: Any, metric: Metric, value: Any) -> None:
    if value is None:
        return
    require(isinstance(value, Real), subject, f"{metric.name}: {value!r} is no number")
    require(0 <= value <= 1, subject, f"{metric.name}: {value!r} is not in [0, 1]")  # NaN is not either
    require(not metric.binary or value in (0, 1), subject, f"{metric.name}: {value!r}, though the metric is binary")


def _check_alone(subject: Any, batch: Sequence[AnsweredItem], scores: Scores) -> None:
    singly = [_score(subject, [AnsweredItem(one.item, (text,))]) for one in batch for text in one.texts]
    alone = {name: [single[name][0] for single in singly] for name in scores}
    require(_same(scores, alone), subject, "an answer's score depends on what else is in the batch")


def _same(one: Scores, other: Scores) -> bool:
    return all(
        a is b or (a is not None and b is not None and isclose(a, b, rel_tol=1e-9, abs_tol=1e-9))
        for name in one
        for a, b in zip(one[name], other[name], strict=True)
    )
