"""Cutting a passage into overlapping windows that fit into a model.

Sources:
    Laban, Schnabel, Bennett & Hearst, TACL 10 (2022) 163-177 (SummaC): models for inference were trained on premises of
        a sentence or two, and judge a text better in such portions than as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence


def pieces(text: str, count: Callable[[str], int], budget: int) -> list[str]:
    """Cut a text into halves, at a space near the middle, until each has at most ``budget`` tokens.

    Args:
        text: A sentence.
        count: Says how many tokens a text has.
        budget: Most tokens of a piece, at least 1; a single character is never cut.
    """
    if len(text) <= 1 or count(text) <= budget:
        return [text]
    middle = len(text) // 2
    left, right = text.rfind(" ", 1, middle), text.find(" ", middle, len(text) - 1)
    spaces = [at for at in (left, right) if at > 0]
    cut = min(spaces, key=lambda at: abs(at - middle)) if spaces else middle
    halves = (text[:cut].strip(), text[cut:].strip())
    return [piece for half in halves if half for piece in pieces(half, count, budget)]


def windows(lengths: Sequence[int], most: int, budget: int) -> list[tuple[int, int]]:
    """Choose runs of sentences to be judged together.

    Every sentence is in a window, and two neighbours share one wherever both fit into it (``most`` of 2 or more).

    Args:
        lengths: Tokens of each sentence.
        most: Most sentences of a window.
        budget: Most tokens of a window; a sentence longer than that is a window of its own.

    Returns:
        First and one past the last sentence of each window; none lies within another.
    """
    found: list[tuple[int, int]] = []
    start, count = 0, len(lengths)
    while start < count and (not found or found[-1][1] < count):
        stop, total = start + 1, lengths[start]
        while stop < count and stop - start < most and total + lengths[stop] <= budget:
            total += lengths[stop]
            stop += 1
        if not found or stop > found[-1][1]:
            found.append((start, stop))
        start = max(start + 1, stop - most // 2) if stop - start > 1 else start + 1
    return found
