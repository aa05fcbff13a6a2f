"""What suffices of a right answer: its spellings, its parts that can be left out, and which of its words say something.

The right answers of data sets are written for people: "(North Atlantic) gannet", "Hokey Cokey or Cokey Cokey", "Robert
Kennedy, who was Attorney General then", "France, Germany and Belgium".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from attrs import frozen

from exx_answer_match.words import MONTHS, STOPWORDS, alike, letters, stem, tokens

_ASIDE = re.compile(r"\s*[(\[](?:[^()\[\]\d]*|[^()\[\]\d]*\d{3,4}[^()\[\]]*)[)\]]\s*")
_EXPLAINED = re.compile(r",? (?:who|which|whose|where|when|because|about|so that)\b|;")
_PLACED = re.compile(r" (?:by|in|at|from|near) |, |,? (?:L\.?A|U\.?S\.?A?|U\.?K)\.?$")
_CHOICE = re.compile(r" or | OR |;| / ")
_AND = re.compile(r"\s*,\s*(?:and |& )?|\s+(?:and|&)\s+")
_SEVERAL = re.compile(
    r"(?:\b(?:two|three|four|five|six|seven|eight|nine|ten|both)|(?<![-–\d.] )(?<![-–\d.,/'’])\b[2-9]) [a-z]"
    r"|\b(?:names of|parents|what are the)\b",
    re.I,
)
_ANY = re.compile(r"\b(?:name (?:one|any|either|a)|either|any|one) of\b|\bname (?:one|any|either)\b", re.I)
_DATE = re.compile(r"\b(?:when|date|day|birthday)\b", re.I)
_WHO = re.compile(
    r"\bwho(?:se|m)?\b|\b(?:name|act(?:or|ress)|singer|author|writer|poet|painter|artist|composer|president|minister|king"
    r"|queen|politician|player|director|scientist|inventor|philosopher|explorer|novelist|dramatist|playwright|chef"
    r"|comedian|golfer|jockey|driver|boxer|footballer|monarch|emperor|designer|architect|presenter|musician)\b",
    re.I,
)


@frozen
class Asked:
    """What a question says already.

    Attributes:
        text: Its words in their order.
        words: Each of them once.
        stems: Their stems.
        who: It asks for a person, as far as its words tell.
        several: It asks for more than one thing, all of which are wanted.
        date: It asks for a day.
        choice: It may offer its answers itself: "… Belgium or Switzerland?"
    """

    text: tuple[str, ...]
    words: tuple[str, ...]
    stems: frozenset[str]
    who: bool
    several: bool
    date: bool
    choice: bool

    @classmethod
    def of(cls, question: str) -> Asked:
        """Read a question."""
        text = tuple(tokens(question))
        words = tuple(dict.fromkeys(text))
        several = bool(_SEVERAL.search(question)) and not _ANY.search(question)
        stems = frozenset(map(stem, words))
        return cls(
            text, words, stems, bool(_WHO.search(question)), several, bool(_DATE.search(question)), " or " in question
        )

    def says(self, word: str) -> bool:
        """Whether a word, or one that is alike, stands in the question."""
        if stem(word) in self.stems:
            return True
        return len(word) >= 6 and any(alike(word, other) for other in self.words if other[0] == word[0])


@frozen
class Right:
    """A right answer, or as much of it as suffices.

    Attributes:
        words: Its words.
        run: They all as one run of letters and figures, nothing left out but an article before them.
        core: Those that say something the question does not say.
        firm: Those of the core that are figures or months; none of them may be missing.
        parts: For one that lists several things: the core of each. An answer has to name them all.
        counts: It is a number below a hundred, and no date is asked for.
        name: Two to four capitalised words, as people's names are.
    """

    words: tuple[str, ...]
    run: str
    core: tuple[str, ...]
    firm: tuple[str, ...]
    parts: tuple[tuple[str, ...], ...]
    counts: bool
    name: bool


def read(answer: str, asked: Asked) -> list[Right]:
    """Read a right answer: as it stands, and what else suffices; nothing if it has no word at all."""
    found: dict[tuple[str, ...], Right] = {}
    for text, listed in _variants(answer, asked):
        words = tuple(tokens(text))
        if words and words not in found:
            found[words] = _right(text, words, listed, asked)
    return list(found.values())


def _right(text: str, words: tuple[str, ...], listed: list[str], asked: Asked) -> Right:
    core = _core(words, asked)
    capitals = [part[:1].isupper() for part in text.split()]
    return Right(
        words,
        "".join(letters(text)),
        core,
        tuple(word for word in core if word[0].isdigit() or word in MONTHS),
        tuple(part for part in (_core(tokens(item), asked) for item in listed) if part),
        len(words) == 1 and words[0].isdigit() and len(words[0]) < 3 and not asked.date,
        2 <= len(capitals) <= 4 and capitals[0] and capitals[-1] and not any(word[0].isdigit() for word in words),
    )


def _core(words: Sequence[str], asked: Asked) -> tuple[str, ...]:
    return tuple(word for word in dict.fromkeys(words) if word not in STOPWORDS and not asked.says(word))


def _variants(answer: str, asked: Asked) -> Iterator[tuple[str, list[str]]]:
    """Yield the answer without its asides and each of its sufficient parts; with the things it lists, if it does."""
    bare = " ".join(_ASIDE.sub(" ", answer).split()) if "(" in answer or "[" in answer else answer
    text = bare if any(character.isalnum() for character in bare) else answer
    if len(text) < len(answer) and not text[-1].isalnum():
        text = text.rstrip(" -,;:")
    choices = [part for part in _CHOICE.split(text) if part.strip()]
    if len(choices) > 1:
        yield text, []
        yield from ((part, []) for part in choices)
        return
    listed = [part for part in _AND.split(text) if part]
    if len(listed) > 1 and asked.several and len(tokens(text)) > 1:
        yield text, listed
        return
    yield text, []
    if len(listed) > 2:
        return
    said = _EXPLAINED.split(text)[0]
    if said != text and said:
        yield said, []
    place = _PLACED.split(text)[0]
    if place != text and len(place.split()) > 1:
        yield place, []
