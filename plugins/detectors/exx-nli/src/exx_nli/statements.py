"""Turning an answer into statements that a passage can entail, with the help of its question.

A bare noun states nothing, so it cannot be entailed. The rules are few and for English; where none fits, the statement
says what was asked and what was answered.

Sources:
    Demszky, Guu & Liang, arXiv:1809.02922 (2018): question and answer as one declarative sentence.
    Chen, Choi & Durrett, Findings of EMNLP (2021) 3841-3854: the same, to have answers verified by entailment.
"""

from __future__ import annotations

import re

MOST_WORDS = 8
"""An answer's sentence of more words than this states something without its question."""

_ABBREVIATIONS = (
    "mr mrs ms dr prof st jr sr vs etc no fig inc ltd co gen col capt sen rep gov cf ca approx e.g i.e u.s u.k d.c"
)
_ABBREVIATED = frozenset(_ABBREVIATIONS.split())
_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[\w$£€])|(?<=[。！？])|\s*\n\s*")
_AUXILIARIES = (
    "is are was were be been am do does did has have had can could will would shall should may might must"
    " isn't aren't wasn't weren't doesn't don't didn't hasn't haven't hadn't can't won't"
)
_AUXILIARY = frozenset(_AUXILIARIES.split())
_DETERMINER = r"(?:the|a|an|his|her|its|their|one|another|responsible|known|called|in charge)\b"
_SUBJECT = (
    re.compile(rf"^(?:who|what) (?P<rest>(?:is|are|was|were) {_DETERMINER}.+)$", re.IGNORECASE),
    re.compile(rf"^who (?P<rest>(?!(?:{'|'.join(sorted(_AUXILIARY))})\b)[a-z]+ .+)$", re.IGNORECASE),
)


def sentences(text: str) -> list[str]:
    """Split a text into its sentences, none of them empty: at marks that end one, and at line breaks."""
    parts: list[str] = []
    start = 0
    for gap in _END.finditer(text):
        if not _goes_on(text[start : gap.start()]) or "\n" in gap[0]:
            parts.append(text[start : gap.end()])
            start = gap.end()
    parts.append(text[start:])
    return [stripped for part in parts if (stripped := part.strip())]


def _goes_on(before: str) -> bool:
    """Say whether a full stop ends an abbreviation or an initial, and no sentence."""
    if not before.endswith("."):
        return False
    word = before[:-1].rpartition(" ")[2].lstrip("(\"'“‘")
    return word.lower() in _ABBREVIATED or (len(word) == 1 and word.isupper() and word != "I")


def statements(question: str, answer: str) -> list[str]:
    """Say what an answer claims: a statement for each of its sentences that holds a word; none for an empty answer."""
    said = [sentence for sentence in sentences(answer) if re.search(r"\w", sentence)]
    return [statement(question, sentence) if is_fragment(sentence) else sentence for sentence in said]


def is_fragment(sentence: str) -> bool:
    """Say whether a sentence states nothing by itself: it is short, and has no verb that is easily told."""
    words = sentence.lower().replace("’", "'").split()
    if len(words) > MOST_WORDS:
        return False
    return not _AUXILIARY.intersection(word.strip('.,;:!?"“”()') for word in words[1:])


def statement(question: str, answer: str) -> str:
    """Put a short answer and its question into one sentence.

    >>> statement("Who wrote Hamlet?", "Shakespeare.")
    'Shakespeare wrote Hamlet.'
    >>> statement("When was it written?", "around 1600")
    'The answer to the question “When was it written?” is: around 1600.'
    """
    asked, said = " ".join(question.split()), answer.strip().rstrip(".").strip()
    if not re.search(r"\w", asked):
        return f"{said}."
    for pattern in _SUBJECT:
        found = pattern.match(asked.rstrip("?").strip())
        if found and "?" not in found["rest"]:
            return f"{said} {found['rest']}."
    return f"The answer to the question “{asked}” is: {said}."
