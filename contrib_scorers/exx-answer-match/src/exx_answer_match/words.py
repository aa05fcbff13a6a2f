"""What a text's words come to when spelling, inflection and ways of writing numbers are put aside.

``tokens`` takes a text apart into words that can be compared one by one: "Twenty-one", "21st" and "XXI" come to the
same word, and so do "metres", "m" after a number, and "meters". ``alike`` says of two words whether they are one word
in two spellings or inflections.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache


def listed(words: str) -> frozenset[str]:
    """Make a set of words that white space separates."""
    return frozenset(words.split())


def _numbered(words: str, first: int = 0, step: int = 1) -> dict[str, int]:
    """Number words that white space separates; those of one number have a bar between them."""
    return {word: first + step * at for at, same in enumerate(words.split()) for word in same.split("|")}


LETTERS = str.maketrans({"ø": "o", "ł": "l", "æ": "ae", "œ": "oe", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})
_SIGNS = {"&": " and ", "%": " percent ", "$": " dollar ", "£": " pound ", "€": " euro ", "°": " degree ", "½": " 1/2 "}
_SIGN = re.compile("[" + "".join(map(re.escape, _SIGNS)) + "]")
_ROMAN = re.compile(r"(?<=[^\W\d_] )(?:II|III|IV|V|VI|VII|VIII|IX|XI|XII|XIII|XIV|XV|XVI|XVII|XVIII|XIX|XX|XXI)\b")
_POSSESSIVE = re.compile(r"(?<=\w)['’`´](?:s\b)?")
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_LETTERS_ALONE = re.compile(r"[^\W_]+")
_TOKEN = re.compile(r"\d+(?:\.\d+)?(?:(?:st|nd|rd|th)\b)?|[^\W\d_]+")

_SMALL = _numbered(
    """zero one|first two|second three|third four|fourth five|fifth six|sixth seven|seventh eight|eighth nine|ninth
    ten|tenth eleven|eleventh twelve|twelfth thirteen|thirteenth fourteen|fourteenth fifteen|fifteenth sixteen|sixteenth
    seventeen|seventeenth eighteen|eighteenth nineteen|nineteenth"""
)
_TENS = _numbered(
    """twenty|twentieth thirty|thirtieth forty|fortieth fifty|fiftieth sixty|sixtieth seventy|seventieth
    eighty|eightieth ninety|ninetieth""",
    first=20,
    step=10,
)
_LARGE = {"hundred": 100, "hundredth": 100, "thousand": 1_000, "thousandth": 1_000, "million": 10**6, "billion": 10**9}
NUMBER_WORDS = frozenset((*_SMALL, *_TENS, *_LARGE, "none", "nil"))
_ROMANS = {"i": 1, "v": 5, "x": 10}

_UNITS = {
    **dict.fromkeys(("hrs", "hr"), "hour"),
    **dict.fromkeys(("mins", "min"), "minute"),
    **dict.fromkeys(("secs", "sec"), "second"),
    **dict.fromkeys(("yrs", "yr"), "year"),
    **dict.fromkeys(("m", "metre", "metres", "meters"), "meter"),
    **dict.fromkeys(("km", "kilometre", "kilometres", "kilometers", "kms"), "kilometer"),
    **dict.fromkeys(("cm", "centimetre", "centimetres", "centimeters"), "centimeter"),
    **dict.fromkeys(("mm", "millimetre", "millimetres", "millimeters"), "millimeter"),
    **dict.fromkeys(("ft", "feet"), "foot"),
    **dict.fromkeys(("in", "inches"), "inch"),
    **dict.fromkeys(("mi", "miles"), "mile"),
    **dict.fromkeys(("lb", "lbs"), "pound"),
    **dict.fromkeys(("oz",), "ounce"),
    **dict.fromkeys(("kg", "kilo", "kilos"), "kilogram"),
    **dict.fromkeys(("g",), "gram"),
    **dict.fromkeys(("pc", "pct"), "percent"),
}
_WORDS = {
    **dict.fromkeys(("saint", "st"), "saint"),
    **dict.fromkeys(("mount", "mt"), "mount"),
    **dict.fromkeys(("doctor", "dr"), "doctor"),
    "nil": "0",
    "none": "0",
    "cent": "percent",
}
MONTHS = listed("january february march april may june july august september october november december")
"""Between a number and its month there is a date, not a count."""
_WORDS |= {month[:3]: month for month in MONTHS if month != "may"} | {"sept": "september"}

_COUNTED = listed("year month week day hour minute second time century decade mile pound dollar")
UNITS = {*_UNITS.values(), *_COUNTED, *(f"{word}s" for word in _COUNTED)}
"""Words that a number counts."""

STOPWORDS = listed(
    """a an the of and or in on at to for from by with as is was were are be been being it its he his she her they their
    this that these those there which who whom whose what when where how into onto upon than then also s t called named
    known do does did has have had not no"""
)
"""Words that carry nothing of what is asked for."""

_SUFFIXES = listed(
    """- n an ian ean ese ish e a i o y ie s es ies er or ers ors ist ists ic ics ical al ial ure ures ion ions ing ings
    ed d ity ism ite ites ian ians ans ns ant ants ent ents ly ment ments ness able ation ations ate ated ating ization
    isation ize ise ized ised us um ae ta tes te ta y ey our or re er le el nce nt ncy"""
) | {""}
_LEAST_STEM = 5
_LONGEST_WORD = 40
_LONGEST_FIGURE = 15  # digits up to which a double is exact


def fold(text: str) -> str:
    """Lower the case and take accents away, also from letters that Unicode does not take apart (ø, ł, æ)."""
    text = text.casefold()
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFKD", text.translate(LETTERS))
    return "".join(character for character in apart if not unicodedata.combining(character))


def tokens(text: str) -> list[str]:
    """Take a text apart into comparable words: letters apart from digits, numbers in figures, units spelt out."""
    text = _ROMAN.sub(lambda found: str(_roman(found[0])), text)
    text = _GROUPED.sub("", _POSSESSIVE.sub("", fold(text)))
    text = _SIGN.sub(lambda found: _SIGNS[found[0]], text)
    raw = _TOKEN.findall(text)
    return _figures(raw)


def letters(text: str) -> list[str]:
    """Take a text apart at everything but letters and figures, and leave a first article out."""
    parts = _LETTERS_ALONE.findall(fold(text))
    return parts[1:] if len(parts) > 1 and parts[0] in ("the", "a", "an") else parts


def _roman(numeral: str) -> int:
    values = [_ROMANS[letter] for letter in numeral.lower()]
    return sum(-v if v < after else v for v, after in zip(values, [*values[1:], 0], strict=True))


def _figures(raw: list[str]) -> list[str]:
    """Put number words into figures and spell units out."""
    made: list[str] = []
    at = 0
    while at < len(raw):
        word = raw[at]
        if word in NUMBER_WORDS and word not in _WORDS:
            value, at = _number(raw, at)
            made.append(value)
            continue
        at += 1
        if word[0].isdigit():
            if word[-1] in "tdh":
                word = word[:-2]
            if at < len(raw) and len(word) < _LONGEST_FIGURE and raw[at] in _LARGE and raw[at] != "hundredth":
                word, at = _plain(float(word) * _LARGE[raw[at]]), at + 1
            made.append(_plain(float(word)) if len(word) < _LONGEST_FIGURE else word)
        elif made and made[-1][0].isdigit() and word in _UNITS:
            made.append(_UNITS[word])
        elif word == "per" and at < len(raw) and raw[at] == "cent":
            made.append("percent")
            at += 1
        else:
            made.append(_WORDS.get(word, word))
    return made


def _plain(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _number(raw: list[str], at: int) -> tuple[str, int]:
    """Read the number that begins at a place: its figures, and where it ends."""
    total = current = 0
    last = 10**12
    while at < len(raw):
        word = raw[at]
        if word in _SMALL and last > 19:
            current += _SMALL[word]
            last = 1
        elif word in _TENS and last > 99:
            current += _TENS[word]
            last = 20
        elif word in _LARGE and (current or total or last == 10**12):
            size = _LARGE[word]
            if size == 100:
                if current > 99:
                    break
                current = max(current, 1) * 100
            else:
                total += max(current, 1) * size
                current = 0
            last = size
        elif word == "and" and last in (100, 1_000) and at + 1 < len(raw) and raw[at + 1] in {*_SMALL, *_TENS}:
            pass
        else:
            break
        at += 1
    return str(total + current), at


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """Take a plural's or a verb's ending away; short words and figures stay as they are."""
    if len(word) < 4 or word[0].isdigit():
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


@lru_cache(maxsize=200_000)
def alike(one: str, other: str) -> bool:
    """Whether two words are one in two spellings or inflections: same stem, kin by their endings, or a slip apart."""
    if one == other:
        return True
    if _flat(one) == _flat(other):
        return True
    if one[:1] != other[:1] or one[0].isdigit() or min(len(one), len(other)) < 3:
        return False
    if stem(one) == stem(other):
        return True
    return kin(one, other) or _slip(one, other)


def _flat(word: str) -> str:
    return word.replace("ae", "e").replace("oe", "e").replace("our", "or")


def kin(one: str, other: str) -> bool:
    """Whether both are made of one stem of five letters or more with usual endings: Colombia and Colombian."""
    length = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        length += 1
    if length < _LEAST_STEM:
        return False
    return one[length:] in _SUFFIXES and other[length:] in _SUFFIXES


def _slip(one: str, other: str) -> bool:
    """One edit apart in six letters or more, two in ten or more."""
    shorter = min(len(one), len(other))
    if shorter > _LONGEST_WORD:
        return False
    allowed = 2 if shorter >= 9 else 1 if shorter >= 6 else 0
    return allowed > 0 and abs(len(one) - len(other)) <= allowed and distance(one, other, allowed) <= allowed


def distance(one: str, other: str, most: int) -> int:
    """Count the letters to change, add, drop or swap with their neighbour; more than ``most`` is told as most + 1."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        earlier, before, row = before, row, [i]
        for j, b in enumerate(other, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and b == one[i - 2]:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return row[-1]
