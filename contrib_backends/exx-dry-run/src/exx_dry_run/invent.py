"""Wrong answers: words that no passage holds, and spans of a passage that are not the answer."""

from __future__ import annotations

from exx import Item

_CONSONANTS = "bdfgklmnprtvz"
_VOWELS = "aeiou"
_SYLLABLES = len(_CONSONANTS) * len(_VOWELS)
_LONGEST_SPAN = 3
_TRIES = 8


def invented(number: int) -> str:
    """Two made-up words such as ``Qorvuzek Dalorit``; the letter q followed by no u keeps them out of any passage."""
    words = []
    for _ in range(2):
        syllables = []
        for _ in range(3):
            number, rest = divmod(number * 31 + 17, _SYLLABLES)
            syllables.append(_CONSONANTS[rest // len(_VOWELS)] + _VOWELS[rest % len(_VOWELS)])
        words.append("Q" + "".join(syllables) + "q")
    return " ".join(words)


def span_of(item: Item, number: int) -> str | None:
    """One to three neighbouring words of the item's passage that neither hold a right answer nor are part of one.

    None without a passage, or when a few tries find no such span.
    """
    words = item.context.split() if item.context else []
    if not words:
        return None
    for turn in range(_TRIES):
        length = 1 + (number + turn) % _LONGEST_SPAN
        start = (number // _LONGEST_SPAN + turn * 7) % len(words)
        span = " ".join(words[start : start + length]).strip(".,;:!?\"'()")
        if span and not _touches(span, item.answers):
            return span
    return None


def _touches(span: str, answers: tuple[str, ...]) -> bool:
    low = span.lower()
    return any(answer.lower() in low or low in answer.lower() for answer in answers)
