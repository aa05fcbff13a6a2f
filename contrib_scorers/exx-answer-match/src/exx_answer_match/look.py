"""The quick look that settles most answers: equal, plainly there, or without anything in common. The rest is judged."""

from __future__ import annotations

import re
from collections.abc import Sequence

from exx import Item, normalise_triviaqa, normalise_words
from exx_answer_match.claims import doubtful
from exx_answer_match.judge import Judge
from exx_answer_match.words import LETTERS, NUMBER_WORDS, letters, listed

_COMMON = listed("and for from with that thi wa were are hi her it not but who what which ha had")
_VERDICTS = listed("y no true false correct incorrect")
_SINGLE = frozenset("bcdefghijklmnopqrstuvwxyz")
_INITIALS = re.compile(r"(?<!\w)\w(?: \w)+(?!\w)")
_ABBREVIATION = 10


class Look:
    """One item's right answers, normalised, with what is worked out about them when it is first needed."""

    def __init__(self, item: Item, rights: Sequence[str], *, judges: bool) -> None:
        self._item = item
        self._rights = rights
        self._judges = judges
        self._judge: Judge | None = None
        self._whole = ""
        self._words: set[str] = set()
        self._abbreviations: Sequence[str] = ()

    def finds(self, text: str, words: str) -> bool:
        """Whether an answer matches.

        Args:
            text: The answer; not empty.
            words: The same, normalised as the right answers are.
        """
        rights = self._rights
        if words in rights:
            return bool(words) or self._same_signs(text)
        padded = f" {words} "
        # Most aliases are not even a part of the text, and need no padding to be passed over.
        there = next((right for right in rights if right in words and f" {right} " in padded and right), "")
        if not self._judges:
            return bool(there)
        if there and not there[0].isdigit() and not doubtful(words) and self._plainly(there, padded):
            return True
        related = self._related(words)
        if not related and not there:
            return False
        if self._judge is None:
            self._judge = Judge(self._item.question)
        return self._judge.accepts(text, related or self._item.answers, doubtful=doubtful(words))

    def _same_signs(self, text: str) -> bool:
        """Whether an answer without a word, such as 🍐, is a right one."""
        return any(_signs(text) == _signs(answer) != "" for answer in self._item.answers) or text in self._item.answers

    def _plainly(self, right: str, padded: str) -> bool:
        """Whether the question does not say these words itself, and they are no part of a name with "New" in it."""
        question = self._item.question
        if f" new {right} " in padded:
            return False
        return right not in question.casefold() or f" {right} " not in f" {normalise_words(question)} "

    def _related(self, words: str) -> Sequence[str]:
        """Find the right answers that have a word which could be one of the answer's, however spelt or inflected.

        Words that are alike have their first letters in common, or their last ones.
        """
        if not self._whole:
            self._prepare()
        whole = self._whole
        words = _plain(words + " ")
        tokens = set(words.split()) - _COMMON
        letters_alone = words.replace(" ", "").isalpha()
        if letters_alone:
            parts = [part for token in tokens if (part := " " + token[:4]) in whole and len(token) > 2]
        else:
            parts = [part for token in tokens if (part := _beginning(token)) in whole]
        parts += [end for token in tokens if len(token) > 5 and (end := token[-4:] + " ") in whole]
        if self._numbers(tokens, letters_alone) or not (
            _VERDICTS.isdisjoint(tokens) or _VERDICTS.isdisjoint(self._words)
        ):
            return self._item.answers
        if self._abbreviations and not tokens.isdisjoint(self._abbreviations):
            return self._item.answers
        if not tokens.isdisjoint(_SINGLE):
            initials = [" " + found.replace(" ", "") for found in _INITIALS.findall(words)]
            parts += [run for run in initials if run in whole]
        if not parts:
            return ()
        return [
            answer
            for answer, right in zip(self._item.answers, self._rights, strict=True)
            if any(part in _plain(f" {right} ") for part in parts)
        ]

    def _prepare(self) -> None:
        self._whole = _plain(f" {' '.join(self._rights)} ")
        self._words = set(self._whole.split())
        short = [answer for answer in self._item.answers if len(answer) < _ABBREVIATION and not answer.isalnum()]
        self._abbreviations = ["".join(letters(answer)) for answer in short if " " not in answer] if short else short

    def _numbers(self, tokens: set[str], letters_alone: bool) -> bool:
        """Whether there are numbers on both sides, one of them in words."""
        if not NUMBER_WORDS.isdisjoint(tokens):
            return any(word[0].isdigit() or word in NUMBER_WORDS for word in self._words)
        if letters_alone:
            return False
        return any(token[0].isdigit() for token in tokens) and not NUMBER_WORDS.isdisjoint(self._words)


def _signs(text: str) -> str:
    return normalise_triviaqa(text).replace(" ", "")


def _plain(words: str) -> str:
    """Take plurals' endings off, in the quickest way there is, and write e for ae; a space has to end the words."""
    words = words if words.isascii() else words.translate(LETTERS)
    return words.replace("es ", " ").replace("s ", " ").replace("ae", "e").replace("oe", "e")


def _beginning(token: str) -> str:
    """Give what a token and those alike begin with, after a space: four letters, or a number's first figure."""
    if not token.isalpha():
        if token[0].isdigit():
            return f" {token[0]}"
        stem = token.rstrip("0123456789")
        # "Trovatore1" ends in the mark of a footnote.
        return f" {stem[:4]}" if len(stem) > 3 and len(stem) + 3 > len(token) else f" {token} "
    if len(token) < 3:
        return f" {token} "
    return f" {token[:4]}"
