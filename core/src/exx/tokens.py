"""Counts tokens without a network, with the model's own vocabulary where it is one of those at hand.

The vocabularies are those that the package ``quicktok-v1`` carries. It is imported when something is counted; without
it, four characters count as a token, which is near the truth for English.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import version

from attrs import frozen

_PACKAGE = "quicktok-v1"
_CHARACTERS = 4
_MESSAGE_TOKENS = 8  # what a chat template puts around a message, at least: role and marks
_ANY = "o200k_base"
# Which models were trained on which vocabulary: OpenAI's tiktoken (model.py), and the model cards of gpt-oss, Llama 3
# and Qwen3. Of a family only the members are named that have this vocabulary and not a later one.
_OWN = (
    (r"gpt-oss", "o200k_harmony"),
    (r"gpt-(4o|4\.1|4\.5|5)|(^|/)o[134](-|$)", "o200k_base"),
    (r"gpt-(4|3\.5)", "cl100k_base"),
    (r"llama-?v?3(p\d|\.\d)?(-|$)", "llama3"),
    (r"qwen-?3-", "qwen3"),
)


@frozen
class Tokenizer:
    """A way to count tokens.

    Attributes:
        name: What it is called: package, version and vocabulary.
        own: The vocabulary is the model's own. Even then a count is of the text alone: what the model's chat template
            puts around it comes on top.
        count: Tokens of a text.
    """

    name: str
    own: bool
    count: Callable[[str], int]

    def words(self) -> str:
        """What the counts are worth, in a sentence."""
        if self.own:
            return f"tokens are counted by {self.name}, the model's own vocabulary; its chat template is guessed"
        return f"tokens are an estimate by {self.name}, which is not the model's own vocabulary"


def tokenizer_for(model: str) -> Tokenizer:
    """The best there is for a model."""
    encoding = next((name for pattern, name in _OWN if re.search(pattern, model, re.IGNORECASE)), None)
    return _opened(encoding or _ANY, own=encoding is not None)


@lru_cache(maxsize=8)
def _opened(encoding: str, *, own: bool) -> Tokenizer:
    try:
        import quicktok
    except ImportError:
        name = f"characters / {_CHARACTERS} (pip install {_PACKAGE} counts better)"
        return Tokenizer(name, own=False, count=by_characters)
    count = quicktok.get_encoding(encoding).count

    def counted(text: str) -> int:
        # Half a surrogate pair, which no vocabulary has, is sent as the replacement character.
        return int(
            count(text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
        )

    return Tokenizer(f"{_PACKAGE} {version(_PACKAGE)}, {encoding}", own, counted)


def by_characters(text: str) -> int:
    """Four characters a token, begun ones as whole ones."""
    return -(-len(text) // _CHARACTERS)


def message_tokens(tokenizer: Tokenizer, text: str) -> int:
    """Tokens of a message, with the least that a chat template puts around it."""
    return tokenizer.count(text) + _MESSAGE_TOKENS
