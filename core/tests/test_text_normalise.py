"""Every rule gives what its official scorer gives, and many texts at once what each alone gives."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exx import normalise_dpr, normalise_orqa, normalise_squad, normalise_triviaqa, normalise_words
from exx.text.normalise import RULES

# Made by running the official code of each scorer (Python 3.11.7): SQuAD, TriviaQA, DPR, ORQA.
OFFICIAL = [
    ("rock-and-roll", "rockandroll", "rock and roll", "rockandroll", "rockandroll"),
    ("U.S.A.", "usa", "u s", "usa", "usa"),
    ("1,000", "1000", "1 000", "1000", "1000"),
    ("AC/DC", "acdc", "ac dc", "acdc", "acdc"),
    ("Hawai'i", "hawaii", "hawai i", "hawaii", "hawaii"),
    ("don’t", "don’t", "don t", "don’t", "don’t"),
    ("‘Allo ‘Allo!", "‘allo ‘allo", "allo allo", "‘allo ‘allo", "‘allo ‘allo"),
    ("`quoted`", "quoted", "quoted", "quoted", "quoted"),
    ("d´Artagnan", "d´artagnan", "d artagnan", "d´artagnan", "d´artagnan"),
    ("“Jaws”", "“jaws”", "“jaws”", "“jaws”", "“jaws”"),
    ("snake_case", "snakecase", "snake case", "snakecase", "snakecase"),
    ("The_Beatles", "thebeatles", "beatles", "thebeatles", "thebeatles"),
    ("A-ha", "aha", "ha", "aha", "aha"),
    ("the-end", "theend", "end", "theend", "theend"),
    ("vitamin A", "vitamin", "vitamin", "vitamin", "vitamin"),
    ("The The", "", "", "", ""),
    ("A+", "", "", "", ""),
    ("+-*/", "", "", "", ""),
    ("’", "’", "", "’", "’"),
    ("café", "café", "café", "café", "cafe\u0301"),
    ("à la carte", "à la carte", "à la carte", "à la carte", "\u0300 la carte"),
    ("Åland Islands", "åland islands", "åland islands", "åland islands", "\u030aland islands"),
    (
        "WİKİPEDİA",
        "wi\u0307ki\u0307pedi\u0307",
        "wi\u0307ki\u0307pedi\u0307",
        "wi\u0307ki\u0307pedi\u0307a",
        "wi\u0307ki\u0307pedi\u0307",
    ),
    ("Heß", "heß", "heß", "heß", "heß"),
    ("10\u00a0km", "10 km", "10 km", "10 km", "10 km"),
    ("€5", "€5", "€5", "€5", "€5"),
    ("$5", "5", "5", "5", "5"),
    ("한국", "한국", "한국", "한국", "\u1112\u1161\u11ab\u1100\u116e\u11a8"),
]

tricky = st.text(
    st.one_of(
        st.sampled_from(
            "aAnNtThHeE \t\n\r\v\x1c\x85\u00a0\u2028\u200b_-'’‘´`.,“”ΣσςİıßÅàé\u0301\u0307한각ᄒ²½ⓐ\u200d\0"
        ),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=12,
)


@pytest.mark.parametrize("case", OFFICIAL, ids=lambda case: repr(case[0]))
def test_every_rule_equals_its_official_scorer(case):
    """Strings on which the official scorers differ from each other."""
    text, squad, triviaqa, dpr, orqa = case

    assert normalise_squad(text) == squad
    assert normalise_triviaqa(text) == triviaqa
    assert normalise_dpr(text) == dpr
    assert normalise_orqa(text) == orqa


@given(tricky)
@example("the an a")
@example("a\u0301 an\u0301 the\u0301")
@example("ΑΣ Σ a’Σ")
def test_squad_by_its_steps(text):
    """The rule as the four steps that evaluate-v2.0.py takes, one after the other."""
    steps = "".join(character for character in text.lower() if character not in set(string.punctuation))
    steps = re.sub(r"\b(a|an|the)\b", " ", steps)

    assert normalise_squad(text) == " ".join(steps.split())


@given(tricky)
@example("ΑΣ’ _Σ_ Σ_")
def test_triviaqa_by_its_steps(text):
    """The rule as the steps that triviaqa_evaluation.py takes."""
    marks = set(string.punctuation + "‘’´`")
    steps = "".join(" " if character in marks else character for character in text.replace("_", " ").lower())
    steps = re.sub(r"\b(a|an|the)\b", " ", steps)

    assert normalise_triviaqa(text) == " ".join(steps.split()).strip()


@pytest.mark.parametrize("name", RULES)
@given(texts=st.lists(tricky, max_size=8))
@example(texts=[])
@example(texts=[""])
@example(texts=["", "", "the"])
@example(texts=["a", "\u0301b"])
@example(texts=["ΑΣ", "Σ"])
@example(texts=["ᄒ", "ᅡ", "ᆫ"])
@example(texts=[" the\n", "\tan", "a "])
@example(texts=["x\0y", "the"])
@example(texts=["the", "é", "an"])
def test_many_at_once_equal_one_by_one(name, texts):
    """No text is changed by its neighbours, whatever they begin or end with."""
    rule = RULES[name]

    assert rule.many(texts) == [rule(text) for text in texts]


@pytest.mark.parametrize("name", RULES)
@given(text=tricky)
def test_tokens_are_separated_by_single_spaces(name, text):
    """What token F1 and the search for whole words rely on."""
    words = RULES[name](text)

    assert words == " ".join(words.split())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Beyoncé Knowles-Carter", "beyonce knowles carter"),
        ("the Straße, an end", "strasse end"),
        ("ﬁve “Ｔｏｋｙｏ”", "five tokyo"),
        ("snake_case", "snake case"),
        ("\x01…", ""),
    ],
)
def test_words_alone(text, words):
    """Case, accents, compatibility forms, punctuation and articles don't count when words are looked for."""
    assert normalise_words(text) == words


@given(st.lists(tricky, max_size=4))
def test_articles_can_be_kept(texts):
    """Keeping them adds the articles and nothing else, so that a word is found or not as before."""
    kept = normalise_words.many(texts, keep_articles=True)

    for with_articles, without in zip(kept, normalise_words.many(texts), strict=True):
        assert [word for word in with_articles.split() if word not in ("a", "an", "the")] == without.split()
