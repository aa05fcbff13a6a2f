"""What every detector keeps."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

from exx.records import GroundedAnswers
from exx.testing.builders import make_grounded
from exx.testing.contract import require, subject_of

_CLOSE = 1e-4  # networks compute batches of another size in another order
_PASSAGE = "The mill by the Loire was built in 1742 by Anne Dubois, and ground barley until the flood of 1856."
_TRUE = ("Anne Dubois", "The mill by the Loire was built in 1742 by Anne Dubois", "barley", "in 1742")
_MADE_UP = ("Napoleon", "a submarine made of cheese", "Kilimanjaro in 1999", "seventeen violins")


def check_detector(detector: Any, batch: Sequence[GroundedAnswers] = ()) -> None:
    """Check what a detector says of claims that are true to their passage, made up, empty or odd.

    One degree in [0, 1] for each claim, in their order, the same whatever else is in the batch; what stands in the
    passage is supported no less, on average, than what has nothing to do with it.

    Args:
        detector: The detector, or its class if all its options have defaults.
        batch: Further passages with claims to try.

    Raises:
        AssertionError: A contract is broken.
    """
    subject = subject_of("detector", detector)
    require(_is_share(subject.cutoff), subject, "the cutoff is not in [0, 1]")
    odd = make_grounded("Zoë’s « café » ☕ \u202e\x1b[31m", "…", "the", "Zoë’s café", "  \n ", "word " * 300)
    long = make_grounded(_PASSAGE * 60, *_TRUE[:2], *_MADE_UP[:2])
    every = [make_grounded(_PASSAGE, *_TRUE, *_MADE_UP), make_grounded("Empty."), odd, long, *batch]
    found = _support(subject, every)
    require(_same(found, _support(subject, every)), subject, "the same claims get another support the second time")
    alone = [degree for one in every for claim in one.claims for degree in _support(subject, [_only(one, claim)])]
    require(_same(found, alone), subject, "a claim's support depends on what else is in the batch")
    _support(subject, [])
    held, invented = found[: len(_TRUE)], found[len(_TRUE) : len(_TRUE) + len(_MADE_UP)]
    words = f"claims from the passage get {sum(held) / len(held):.2f}, others {sum(invented) / len(invented):.2f}"
    require(sum(held) >= sum(invented), subject, f"support does not tell true from made up: {words}")


def _only(one: GroundedAnswers, claim: tuple[str, str]) -> GroundedAnswers:
    return GroundedAnswers(one.context, (claim,))


def _support(subject: Any, batch: Sequence[GroundedAnswers]) -> list[float]:
    found = list(subject.support(batch))
    count = sum(len(one.claims) for one in batch)
    require(len(found) == count, subject, f"{len(found)} degrees for {count} claims")
    for degree in found:
        require(_is_share(degree), subject, f"the support {degree!r} is not in [0, 1]")
    return found


def _is_share(value: Any) -> bool:
    return isinstance(value, Real) and 0 <= float(value) <= 1  # NaN is not either


def _same(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(abs(a - b) <= _CLOSE for a, b in zip(one, other, strict=True))
