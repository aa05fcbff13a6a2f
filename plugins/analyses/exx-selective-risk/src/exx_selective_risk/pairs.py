"""Joining a block's metrics question by question: confidence and loss of every answerable one in both arms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

if TYPE_CHECKING:
    from exx import PairedBlock, PairedSample

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ABSTAINED, FALSE_ANSWER = "abstain_rate", "false_answer_rate"


class NotComparable(Exception):
    """The block lacks what a risk-coverage curve needs; the message says what."""


@frozen(eq=False)
class Pairs:
    """Answerable questions, the control in the first row and the treatment in the second.

    Attributes:
        metric: What the loss is 1 minus of.
        confidence: Shape (2, n): share of the answers that did not abstain.
        loss: Shape (2, n): in [0, 1].
        groups: Shape (n,): which group each question is in, from 0; None if no two share one.
        unanswerable: What the arms did with the questions that have no answer; None where there are none.
    """

    metric: str
    confidence: Floats
    loss: Floats
    groups: Ints | None
    unanswerable: dict[str, Any] | None

    @property
    def n(self) -> int:
        """Questions."""
        return int(self.loss.shape[1])


def join(block: PairedBlock, metric: str) -> Pairs:
    """Put score and abstentions of a block's answerable questions side by side.

    Raises:
        NotComparable: A metric is missing, or there is no answerable question with both in both arms.
    """
    for name in (metric, ABSTAINED):
        if name not in block.samples:
            raise NotComparable(f"there is no metric {name!r}")
    score, abstained = block.samples[metric], block.samples[ABSTAINED]
    at_score, at_abstained = _common(score, abstained)
    without = block.samples.get(FALSE_ANSWER)
    has_none = _among(abstained, without)[at_abstained]
    chosen, asked = at_score[~has_none], at_abstained[~has_none]
    if not len(chosen):
        raise NotComparable(f"no answerable question has {metric} and {ABSTAINED} in both arms")
    loss = 1 - np.stack([score.control, score.treatment])[:, chosen]
    if loss.min() < -1e-9 or loss.max() > 1 + 1e-9:
        raise NotComparable(f"{metric} has values outside 0 to 1, so 1 − it is no loss")
    return Pairs(
        metric,
        np.round(1 - np.stack([abstained.control, abstained.treatment])[:, asked], 12),
        np.round(loss, 12) + 0.0,
        _groups(score, chosen),
        _unanswerable(abstained, at_abstained[has_none], without),
    )


def _common(one: PairedSample, other: PairedSample) -> tuple[Ints, Ints]:
    """Where the items that two samples share are in each of them."""
    if one.items is None or other.items is None:
        if one.n != other.n:
            raise NotComparable(f"which items {one.metric.name} and {other.metric.name} share is not known")
        return np.arange(one.n), np.arange(one.n)
    _, first, second = np.intersect1d(one.items, other.items, assume_unique=True, return_indices=True)
    return first, second


def _among(sample: PairedSample, part: PairedSample | None) -> NDArray[np.bool_]:
    if part is None or sample.items is None or part.items is None:
        return np.zeros(sample.n, dtype=bool)
    return np.isin(sample.items, part.items)


def _groups(sample: PairedSample, chosen: Ints) -> Ints | None:
    if sample.clusters is None:
        return None
    index, _ = sample.cluster_index
    _, kept = np.unique(index[chosen], return_inverse=True)
    return kept.astype(np.int64) if kept.max() + 1 < len(kept) else None


def _unanswerable(abstained: PairedSample, where: Ints, false: PairedSample | None) -> dict[str, Any] | None:
    if false is None or not false.n:
        return None
    arms = {"control": (false.control, abstained.control), "treatment": (false.treatment, abstained.treatment)}
    return {
        "n": false.n,
        "false_answer_rate": {**{arm: _mean(each) for arm, (each, _) in arms.items()}, "delta": false.mean_delta},
        "abstention_recall": {arm: _mean(each[where]) for arm, (_, each) in arms.items()},
    }


def _mean(values: Floats) -> float | None:
    return float(np.sort(values).sum() / len(values)) if len(values) else None
