"""Answer normalisation, one rule per official scorer, exact to the character.

Two answers match when their normalised forms are equal. The official scorers don't agree on that form: the sign in
``AC/DC`` is deleted by one and made a space by another, and one of them takes accents apart. A rule named after a
scorer does what that scorer does, oddities included; which ones is told beside each rule.

A rule is called with one text, or through ``many`` with all of them. ``many`` joins the texts and works on the whole,
since that is some ten times faster; a test holds it to the same result.

Sources:
    SQuAD 2.0, evaluate-v2.0.py (Rajpurkar, Jia & Liang, ACL 2018): ``normalise_squad``.
    TriviaQA, triviaqa_evaluation.py (Joshi et al., ACL 2017): ``normalise_triviaqa``.
    google-research/language, orqa/utils/eval_utils.py (Lee, Chang & Toutanova, ACL 2019), which the Natural
    Questions Open data set names as its evaluation: ``normalise_orqa``.
    DPR, dpr/data/qa_validation.py (Karpukhin et al., EMNLP 2020), copied by FiD and others: ``normalise_dpr``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from itertools import compress
from string import punctuation

from attrs import evolve, frozen

_SEPARATOR = "\0"  # no letter, no space, no mark: for every step below it ends a text as its own end would
_SPACES = dict.fromkeys(map(ord, "\t\n\v\f\r\x1c\x1d\x1e\x1f"), " ")
# \b(a|an|the)\b, turned round so that the search can leap from one a or t to the next.
_ARTICLE = re.compile(r"(?:an?|the)\b(?:(?<=\ba)|(?<=\ban)|(?<=\bthe))")
_CIRCLED_LETTERS = ((0x24B6, 0x24E9), (0x1F130, 0x1F149), (0x1F150, 0x1F169), (0x1F170, 0x1F189))


@frozen(kw_only=True)
class Rule:
    """A way to bring an answer into the form in which answers are compared.

    Attributes:
        name: The official scorer it belongs to.
        fold: What happens to the letters, before anything else.
        marks: Pattern of the punctuation marks that are replaced.
        table: The same for texts of ASCII alone, as a table for ``str.translate``; makes every space a plain one.
        mark_becomes: What each of them is replaced by: nothing or a space.
        drop_articles: Replaces the articles by a space; None leaves them in.
    """

    name: str
    fold: Callable[[str], str]
    marks: re.Pattern[str]
    table: dict[int, str]
    mark_becomes: str
    drop_articles: Callable[[str], str] | None

    def __call__(self, text: str) -> str:
        """Normalise one text."""
        return " ".join(self._words(text).split())

    def many(self, texts: Sequence[str], *, keep_articles: bool = False) -> list[str]:
        """Normalise every text; equal to ``[rule(text) for text in texts]``, and much faster.

        Args:
            texts: In any order, repeated or not.
            keep_articles: Leave them in, which halves the time on long texts; for looking up single words.
        """
        if keep_articles:
            return evolve(self, drop_articles=None).many(texts)
        whole = _SEPARATOR.join(texts)
        if whole.count(_SEPARATOR) != len(texts) - 1:
            return [self(text) for text in texts]
        if whole.isascii():
            return self._many_ascii(whole)
        is_ascii = [text.isascii() for text in texts]
        plain = iter(self._many_ascii(_SEPARATOR.join(compress(texts, is_ascii))))
        other = iter(self._many(_SEPARATOR.join(text for text in texts if not text.isascii())))
        return [next(plain) if ascii_only else next(other) for ascii_only in is_ascii]

    def _words(self, text: str) -> str:
        if text.isascii():
            words = text.lower().translate(self.table)
        else:
            words = self.marks.sub(self.mark_becomes, self.fold(text))
        return words if self.drop_articles is None else self.drop_articles(words)

    def _many(self, whole: str) -> list[str]:
        return [" ".join(part.split()) for part in self._words(whole).split(_SEPARATOR)]

    def _many_ascii(self, whole: str) -> list[str]:
        # The table left no space but " ", so that whole-text replacements can do the work of split and join.
        words = self._words(whole)
        while "  " in words:
            words = words.replace("  ", " ")
        words = words.replace(" " + _SEPARATOR, _SEPARATOR).replace(_SEPARATOR + " ", _SEPARATOR)
        return words.strip(" ").split(_SEPARATOR)


def _drop_articles(text: str) -> str:
    return _ARTICLE.sub(" ", text)


def _drop_articles_dpr(text: str) -> str:
    # DPR uses the module ``regex``, to which combining marks are parts of words and fractions are not.
    def space_or_same(found: re.Match[str]) -> str:
        before, after = text[found.start() - 1 : found.start()], text[found.end() : found.end() + 1]
        return found[0] if _in_word(before) or _in_word(after) else " "

    return _drop_articles(text) if text.isascii() else re.sub(r"an?|the", space_or_same, text)


def _in_word(character: str) -> bool:
    if not character:
        return False
    category = unicodedata.category(character)
    if category[0] in "LM" or category in ("Nd", "Nl", "Pc"):
        return True
    code = ord(character)
    return code in (0x200C, 0x200D) or any(low <= code <= high for low, high in _CIRCLED_LETTERS)


def _rule(
    name: str,
    mark_becomes: str,
    *,
    fold: Callable[[str], str] = str.lower,
    marks: str = f"[{re.escape(punctuation)}]",
    drop_articles: Callable[[str], str] = _drop_articles,
) -> Rule:
    pattern = re.compile(marks)
    return Rule(
        name=name,
        fold=fold,
        marks=pattern,
        table={code: mark_becomes for code in range(128) if pattern.match(chr(code))} | _SPACES,
        mark_becomes=mark_becomes,
        drop_articles=drop_articles,
    )


def _fold_orqa(text: str) -> str:
    return unicodedata.normalize("NFD", text).lower()


def _fold_triviaqa(text: str) -> str:
    return text.replace("_", " ").lower()


def _fold_words(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in apart if not unicodedata.combining(character))


normalise_squad = _rule("squad", "")
"""Lower case; ASCII punctuation deleted; articles dropped. ``The_Beatles`` → ``thebeatles``, ``U.S.A.`` → ``usa``."""

normalise_triviaqa = _rule("triviaqa", " ", fold=_fold_triviaqa, marks=f"[{re.escape(punctuation)}‘’´]")
"""Lower case; ASCII punctuation and ‘ ’ ´ made spaces; articles dropped. ``AC/DC`` → ``ac dc``."""

normalise_orqa = _rule("orqa", "", fold=_fold_orqa)
"""As SQuAD's on the decomposed text (NFD), where a lone ``à`` loses its letter as an article."""

normalise_dpr = _rule("dpr", "", drop_articles=_drop_articles_dpr)
"""As SQuAD's, with combining marks taken for parts of words: ``WİKİPEDİA`` keeps its last letter."""

normalise_words = _rule("words", " ", fold=_fold_words, marks=r"[^\w\0]|_")
"""Words alone, without case and accents: no official rule, but what looking for an answer within a text needs."""

RULES = {
    rule.name: rule for rule in (normalise_squad, normalise_triviaqa, normalise_orqa, normalise_dpr, normalise_words)
}
"""Every rule, by name."""
