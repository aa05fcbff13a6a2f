"""Judging the answers to one question by their words, where looking for a whole alias does not settle it."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from attrs import define, field, frozen

from exx_answer_match.claims import claimed
from exx_answer_match.names import same_person
from exx_answer_match.rights import Asked, Right, read
from exx_answer_match.words import MONTHS, UNITS, alike, letters, listed, tokens

_SENTENCE = re.compile(
    r"(?<=[a-z\d)\"'”’])(?<!\bvs)(?<!\bSt)(?<!\bMr)(?<!\bDr)(?<!\bJr)(?<!\bSr)(?<!\bNo)(?<!(?<!\d)\d)(?<!Mrs)"
    r"[.!?]+[\"'”’)]*\d*\s+(?=[\"'“‘(]?[A-Z0-9])"
)
_HEAD = 2
_ECHO = 4
_LONGEST = 400
_ABBREVIATION = 5
_SUBJECT = listed("is was are were has had did does")
_NEGATIVE = listed("not no never neither nor or either")
_TRUE, _FALSE = frozenset(("true", "yes", "correct")), frozenset(("false", "no", "incorrect"))


@frozen
class Answer:
    """An answer's words, as far as it claims them.

    Attributes:
        words: All of them.
        head: Those of its first two sentences: what is not said word for word has to be said there.
        runs: Its runs of letters and figures, near its beginning.
    """

    words: Sequence[str]
    head: Sequence[str]
    runs: Sequence[str]

    @classmethod
    def of(cls, text: str) -> Answer:
        """Take a text apart."""
        sentences = [words for words in map(tokens, _SENTENCE.split(text)) if words]
        head = [word for words in sentences[:_HEAD] for word in words]
        return cls([word for words in sentences for word in words], head[:_LONGEST], letters(text[:_LONGEST]))


@define
class Judge:
    """One question, with its right answers as far as they were read.

    Attributes:
        question: The question.
    """

    question: str
    _asked: Asked = field(init=False)
    _read: dict[str, list[Right]] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        """Read the question."""
        self._asked = Asked.of(self.question)

    def accepts(self, text: str, answers: Sequence[str], *, doubtful: bool) -> bool:
        """Whether an answer claims one of the right ones.

        Args:
            text: The answer.
            answers: The right answers, or those of them that have anything in common with it.
            doubtful: It may deny something or leave it open.
        """
        rights = self._rights(answers)
        text = text.replace("\xa0", " ")
        whole = tuple(tokens(text))
        if any(right.words == whole for right in rights):
            return True
        if doubtful and all(_NEGATIVE.isdisjoint(right.words) for right in rights):
            text = claimed(text, self.question)
        answer = Answer.of(text)
        return any(_claims(answer, right, self._asked) for right in rights)

    def _rights(self, answers: Sequence[str]) -> list[Right]:
        for answer in answers:
            if answer not in self._read:
                self._read[answer] = read(answer, self._asked)
        return list({right.words: right for answer in answers for right in self._read[answer]}.values())


def _claims(answer: Answer, right: Right, asked: Asked) -> bool:
    if right.parts:
        return all(_near(part, answer.words) for part in right.parts)
    if len(right.words) == 1 and answer.head and _agrees(right.words[0], answer.head[0]):
        return True
    if not right.core and not asked.choice:
        # The question says these words itself: they count only where the answer does not just repeat it.
        return _stands(right.words, _without_echo(answer.words, asked.text), _SUBJECT)
    if right.counts and _only_dates(right.words[0], answer.words):
        return False
    if _stands(right.words, answer.words) or _runs(right, answer.runs):
        return True
    head = answer.head
    if not right.core or any(word not in head for word in right.firm):
        return False
    if right.firm and len(right.core) == 2 and right.core[1] in UNITS and _bare_number(right.firm[0], head):
        return True
    return any(len(word) > 2 or word[0].isdigit() for word in right.core) and _covered(right, head, asked)


def _covered(right: Right, head: Sequence[str], asked: Asked) -> bool:
    """Whether enough of the right answer's words are there: all, or 70 % of four or more, or a name cut short."""
    core = right.core
    if "new" not in right.words:
        head = [word for at, word in enumerate(head) if at == 0 or head[at - 1] != "new"]
    held = [any(alike(word, other) for other in head) for word in core]
    count = sum(held)
    if count == len(core) and (not right.name or _near(core, head)):
        return True
    if len(core) >= 4 and count >= 0.7 * len(core):
        return True
    if len(core) == 3 and held[1] and held[2] and len(core[1]) > 1 and _near(core[1:], head):
        return True
    return right.name and held[-1] and same_person(core, head, asked)


def _without_echo(words: Sequence[str], question: Sequence[str]) -> list[str]:
    """Leave out what the answer repeats of the question: every run of four words that stands there, too."""
    runs = {tuple(question[at : at + _ECHO]) for at in range(len(question) - _ECHO + 1)}
    kept = [True] * len(words)
    for at in range(len(words) - _ECHO + 1):
        if tuple(words[at : at + _ECHO]) in runs:
            kept[at : at + _ECHO] = [False] * _ECHO
    return [word for word, keep in zip(words, kept, strict=True) if keep]


def _near(core: Sequence[str], words: Sequence[str]) -> bool:
    """Whether all these words stand close to each other, in any order."""
    reach = 2 * len(core) + 3
    for at, word in enumerate(words):
        if alike(core[0], word):
            around = words[max(0, at - reach) : at + reach + 1]
            if all(any(alike(other, near) for near in around) for other in core[1:]):
                return True
    return False


def _stands(words: Sequence[str], text: Sequence[str], unless: Collection[str] = ()) -> bool:
    """Whether these words stand in the text one after the other, but not before one of ``unless``."""
    n, first, whole = len(words), words[0], list(words)
    for at in range(len(text) - n + 1):
        if text[at] == first and list(text[at : at + n]) == whole:
            new = at > 0 and text[at - 1] == "new"  # New York is not York
            if not new and (at + n == len(text) or text[at + n] not in unless):
                return True
    return False


def _runs(right: Right, runs: Sequence[str]) -> bool:
    """Whether runs stand there that, put together, are the right answer put together: "sea shells" and "seashells".

    What is shorter than six letters is taken for an abbreviation: "AC/DC" and "ACDC", "UK" and "U.K.".
    """
    whole = right.run
    for at, run in enumerate(runs):
        if whole.startswith(run):
            end = at + 1
            while len(run) < len(whole) and end < len(runs):
                run += runs[end]  # noqa: PLW2901 — the run grows until it is long enough
                end += 1
            pieces = end - at
            if run == whole and (pieces > 1 or len(right.words) > 1):
                return len(whole) > _ABBREVIATION or pieces in (1, len(whole))
    return False


def _agrees(right: str, first: str) -> bool:
    return (right in _TRUE and first in _TRUE) or (right in _FALSE and first in _FALSE)


def _only_dates(number: str, words: Sequence[str]) -> bool:
    """Whether the number stands beside a month wherever it does: it is a day then, and no count."""
    return all(not MONTHS.isdisjoint(words[max(0, at - 1) : at + 2]) for at, word in enumerate(words) if word == number)


def _bare_number(number: str, words: Sequence[str]) -> bool:
    """Whether the number stands there without a unit."""
    return any(word == number and (at + 1 == len(words) or words[at + 1] not in UNITS) for at, word in enumerate(words))
