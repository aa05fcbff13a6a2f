"""Telling an abstention ("The passage does not say.") from an answer ("The Unknown Soldier"), one rule for everybody.

The default rule reads whole sentences, not markers anywhere: an answer is an abstention when every sentence of it
declines to answer, or is about the passage or the speaker and follows one that declined. A hedged answer ("I'm not
sure, but Paris") names something that can be right or wrong, so it is an answer. What the rule gets wrong is measured
in the tests, on labelled answers.

The rule ``none`` is the reading of the official scorers: only the empty answer abstains.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from attrs import field, frozen

from exx.text.phrases import ABOUT, BARE, DECLINES, FIRST_WORDS, LEAD_IN, TRAILING, TURNS

_LONGEST = 1_000
_WRAPPING = " \t\n\r\"'“”«»*_`<>()[]{}#"
_BULLETS = _WRAPPING + "-–—•"
_ENDING = _WRAPPING + ".!?…,;:-"
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"')\]*]*\s+|\n+|;\s+|\s+[–—]\s+")
_NUMBERING = re.compile(r"\d{0,2}")
_LABEL = re.compile(r"(?:(?:the )?(?:final |short )?answer|response|a)\s*:\s*")


def gentle(text: str) -> str:
    """Casefold, make apostrophes straight and white space single: all that the rules smooth over."""
    return " ".join(text.casefold().replace("’", "'").replace("‘", "'").replace("`", "'").split())


@frozen
class Abstention:
    """Which answers count as declining to answer.

    Attributes:
        rule: ``default``, ``none`` (only the empty answer) or ``markers``.
        markers: For the rule ``markers``: an answer abstains when it is one of these, or begins with one that a
            punctuation mark ends: with the marker "unknown", "Unknown, I fear" abstains and "Unknown Pleasures" does
            not. Case, the kind of apostrophe, white space and outer punctuation do not matter.
    """

    rule: Literal["default", "none", "markers"] = "default"
    markers: tuple[str, ...] = field(default=(), converter=tuple)

    @classmethod
    def of(cls, config: str | Mapping[str, Sequence[str]]) -> Abstention:
        """Read the value of the config's key ``abstention``.

        Raises:
            ValueError: It is neither ``default`` nor ``none`` nor ``{markers: [one or more texts]}``.
        """
        if config in ("default", "none"):
            return cls(config)  # type: ignore[arg-type]
        if isinstance(config, Mapping) and set(config) == {"markers"}:
            markers = config["markers"]
            if (
                isinstance(markers, (list, tuple))
                and markers
                and all(isinstance(m, str) and m.strip() for m in markers)
            ):
                return cls("markers", markers)
        raise ValueError(f"expected 'default', 'none' or {{markers: [text, …]}}, found {config!r}")

    @property
    def blanks(self) -> bool:
        """Whether scorers are given the empty text in place of an abstention; under ``none`` they see every text."""
        return self.rule != "none"

    def find(self, texts: Sequence[str]) -> list[bool]:
        """Say of every answer whether it abstains. The empty answer always does."""
        if self.rule == "none":
            return [not text or text.isspace() for text in texts]
        known: dict[str, bool] = dict.fromkeys(texts, False)
        if self.rule == "default":
            abstaining: Iterable[str] = filter(_declines, known)
        else:
            markers = [_bare(gentle(marker)) for marker in self.markers]
            abstaining = [text for text in known if _is_marker(text, markers)]
        known.update(dict.fromkeys(abstaining, True))
        return [known[text] for text in texts]


def _is_marker(text: str, markers: Sequence[str]) -> bool:
    said = _bare(gentle(text))
    return not text.strip() or any(
        said.startswith(marker) and not said[len(marker) :].lstrip()[:1].isalnum() for marker in markers
    )


def _declines(text: str) -> bool:
    text = text.strip()
    words = text.lstrip(_BULLETS).split(None, 1)
    if not words:
        return not text
    # Nearly every real answer leaves here: declining begins with few words, or has a "not" in it.
    if len(text) > _LONGEST or not (
        words[0].strip(_ENDING).casefold().replace("’", "'") in FIRST_WORDS
        or "not" in text
        or "n't" in text
        or "n’t" in text
        or " unknown" in text
        or " unclear" in text
    ):
        return False
    parts = _SENTENCE_END.split(text.lstrip(_BULLETS).strip(_WRAPPING))
    sentences = [sentence for sentence in (part.strip(_ENDING) for part in parts) if sentence]
    spoken = [_LABEL.sub("", gentle(sentence), count=1).strip(_ENDING) for sentence in sentences]
    declined = False
    for sentence, original in zip(spoken, sentences, strict=True):
        if _NUMBERING.fullmatch(sentence):
            continue
        if _declining(sentence, original):
            declined = True
        elif not (ABOUT.match(sentence) and not TURNS.search(sentence)):
            return False
    return declined


def _declining(sentence: str, original: str) -> bool:
    lead = LEAD_IN.match(sentence)
    said = sentence[lead.end() :].strip(_ENDING) if lead else sentence
    said = TRAILING.sub("", said)
    if said in BARE or sentence in BARE:
        return True
    if _is_title(original):
        return False
    found = DECLINES.match(said)
    if not found:
        return False
    turn = TURNS.search(said, found.end())
    # "…, but the passage does not say" declines twice; "…, but the album came out in 1979" answers.
    rest = "" if turn is None else said[turn.end() :].strip(_ENDING)
    return turn is None or ABOUT.match(rest) is not None or _declining(rest, "")


def _is_title(sentence: str) -> bool:
    """Every longer word capitalised, as in "I Don't Know How to Love Him": a name, not a remark."""
    long_words = [word for word in re.findall(r"[^\W\d_]+", sentence) if len(word) > 3]
    return len(long_words) > 1 and all(word[0].isupper() for word in long_words) and not sentence.isupper()


def _bare(sentence: str) -> str:
    return sentence.strip(_ENDING)
