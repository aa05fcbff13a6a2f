"""What an answer claims: its text without what it denies, takes back, or names only as one of several possibilities."""

from __future__ import annotations

import re

from exx_answer_match.words import listed

_APOSTROPHE = str.maketrans("’‘", "''")
_CUES = listed(
    """not never neither nor rather instead unlike opposed except apart wait scratch correction mistake either could
    might may perhaps possibly maybe or confused mean meant make incorrect wrong false think thought believe believed
    assume say cannot other sorry oops actually t"""
)
_TAKEN_BACK = re.compile(
    r"^.*\b(?:no,? wait|wait,? no|scratch that|correction|my mistake|let me correct (?:that|myself)"
    r"|i mean(?:t)?|make that|(?:sorry|oops|actually),? (?=it(?:'s| is| was)\b))[,:.!]*",
    re.I | re.S,
)
_MISBELIEF = re.compile(
    r"\b(?:many|some|most|people|i)\b[^.;!?]{0,30}?\b(?:think|thought|believe|believed|assume|say)\b[^.;!?]*?"
    r"(?=,? but (?:it|in fact|actually|the)\b)",
    re.I,
)
_END = r"(?=[,.;:!?)\n–—]|$| (?:but|is|was|are|were|which|who|that)\b| and (?:it|he|she|they|the)\b)"
_DENIED = re.compile(
    r"\b(?:(?:(?<!if )(?<!or )not|(?:is|was|are|were)n't)"
    r"(?! (?:only|just|merely|simply|until|before|sure|certain|even|far|necessarily)\b)"
    r"|rather than|instead of|as opposed to|unlike|except(?: for)?|apart from|other than|neither|nor)\s+"
    r"(?:[^,.;:!?)\n–—]|(?<=\w)\.(?=\w))*?" + _END,
    re.I,
)
_DENIED_SUBJECT = re.compile(
    r"(?:^|(?<=[,;:.!?\n])|(?<=\bbut )|(?<=\band )|(?<=\bthat ))\s*(?:[\w'.&-]+ ){1,6}?"
    r"(?:(?:is|was|are|were|did|does|do|has|had|could|can)(?: ?not\b|n't\b)"
    r"(?P<rest>(?:(?! (?:when|while|because|until|before|after|but|if)\b)[^,.;:!?\n])*)"
    r"|(?:is|was|are|were) (?:wrong|incorrect|false)\b)",
    re.I,
)
_MAYBE = re.compile(
    r"\b(?:(?:could|might|may)(?: well)? (?:be|have been)|either|perhaps|possibly|maybe|one of)\b"
    r"[^.!?\n]*?\bor\b[^.!?\n]*",
    re.I,
)
_OR = re.compile(r", or |, | or ")
_AGREED = re.compile(
    r"\s*(?:the (?:right |correct )?(?:answer|one)|correct|right|true|him|her|it)\b|.*\b(?:it|this|that|them)\s*$", re.I
)
_WORD = re.compile(r"\w{4,}")
_GAP = " … "
_LONGEST = 4_000


def doubtful(words: str) -> bool:
    """Whether one of these normalised words could deny something, take it back or leave it open; ``t`` ends don't."""
    return not _CUES.isdisjoint(words.split())


def claimed(text: str, question: str) -> str:
    """Give what is left of a text when denials, corrected slips and lists of possibilities are taken out of it.

    A denied subject ("Paris is not the capital") is taken out when what is denied of it is what was asked; of "Austen
    was not married when she wrote it" nothing is. What repeats a "not" of the question's own stays as well.
    """
    text, rest = text[:_LONGEST], text[_LONGEST:]  # what hostile texts could take is in the square of this
    text = _TAKEN_BACK.sub("", text.translate(_APOSTROPHE))
    if _lists_candidates(text):
        return ""
    text = _MISBELIEF.sub(_GAP, _MAYBE.sub(_GAP, text))
    question = question.translate(_APOSTROPHE).lower()
    asked = {word[:5] for word in _WORD.findall(question)}

    def unless_beside_the_point(found: re.Match[str]) -> str:
        denied = found["rest"]
        if denied is None:
            return _GAP
        if f"not {' '.join(denied.lower().split()[:1])}" in question:
            return found[0]
        about = _AGREED.match(denied) or any(word[:5] in asked for word in _WORD.findall(denied.lower()))
        return f"{_GAP}not{denied}" if about else found[0]

    def unless_asked(found: re.Match[str]) -> str:
        return found[0] if " ".join(found[0].lower().split()[:2]) in question else _GAP

    return _DENIED.sub(unless_asked, _DENIED_SUBJECT.sub(unless_beside_the_point, text)) + rest


def _lists_candidates(text: str) -> bool:
    """Whether the whole text is "this, that or the other", at least three of them and nothing else."""
    if " or " not in text or len(text) > 200:
        return False
    items = [item.split() for item in _OR.split(text.strip())]
    return len(items) > 2 and all(1 <= len(item) <= 4 for item in items) and " is " not in text
