"""Token F1 with the official scorers' arithmetic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

_SHORT = 400


def best_f1(answer: str, rights: Sequence[str]) -> float:
    """Compare a normalised answer with every normalised right one, and return the largest F1 of their tokens.

    SQuAD's and TriviaQA's scorers compute the same: precision and recall over the multisets of tokens, and 0 without a
    common token. (Where both texts are empty SQuAD's says 1, which is for its caller to say.)

    Args:
        answer: Tokens separated by single spaces, as every ``Rule`` gives them.
        rights: Likewise, one text each.

    Returns:
        In [0, 1], the same double as the official arithmetic.
    """
    tokens = answer.split()
    if not tokens or set(" ".join(rights).split()).isdisjoint(tokens):
        return 0.0
    return max(_f1(tokens, right.split()) for right in rights)


def _f1(answer: list[str], right: list[str]) -> float:
    same = _common(answer, right)
    if same == 0:
        return 0.0
    precision = same / len(answer)
    recall = same / len(right)
    return (2 * precision * recall) / (precision + recall)


def _common(one: list[str], other: list[str]) -> int:
    if len(one) * len(other) > _SHORT:
        return sum((Counter(one) & Counter(other)).values())
    rest = other.copy()  # for a handful of tokens this is several times faster than counting
    count = 0
    for token in one:
        if token in rest:
            rest.remove(token)
            count += 1
    return count
