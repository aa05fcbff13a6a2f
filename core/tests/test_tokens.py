"""Tokens are counted offline, with the model's own vocabulary where there is one, and what was used is said."""

from __future__ import annotations

import sys

import pytest

from exx import tokens
from exx.tokens import by_characters, message_tokens, tokenizer_for


@pytest.mark.parametrize(
    ("model", "vocabulary", "own"),
    [
        ("accounts/fireworks/models/gpt-oss-120b", "o200k_harmony", True),
        ("gpt-4o-mini", "o200k_base", True),
        ("o3-mini", "o200k_base", True),
        ("gpt-4-turbo", "cl100k_base", True),
        ("accounts/fireworks/models/llama-v3p3-70b-instruct", "llama3", True),
        ("meta-llama/Llama-4-Scout", "o200k_base", False),
        ("Qwen/Qwen3-8B", "qwen3", True),
        ("Qwen/Qwen3.5-9B", "o200k_base", False),
        ("SmolLM2-135M-Instruct", "o200k_base", False),
        ("foo1", "o200k_base", False),
    ],
)
def test_each_model_has_its_own_vocabulary_or_an_estimate(model: str, vocabulary: str, own: bool) -> None:
    """By the vendors' documents; and the words say which of the two it is."""
    pytest.importorskip("quicktok")
    found = tokenizer_for(model)

    assert found.name.endswith(f", {vocabulary}")
    assert found.own is own
    assert ("estimate" in found.words()) is not own


def test_counts_are_those_of_the_vocabulary() -> None:
    """``hello world`` is ``[24912, 2375]`` in o200k_base, as bpe-openai 0.1.4 has it too; odd text is no obstacle."""
    pytest.importorskip("quicktok")
    count = tokenizer_for("gpt-4o").count

    assert count("hello world") == 2
    assert count("") == 0
    assert count("\ud800") == count("\ufffd")
    assert count("<|endoftext|>") > 1  # text is text, whatever it looks like


def test_without_the_package_four_characters_are_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the name says what would count better."""
    monkeypatch.setitem(sys.modules, "quicktok", None)
    tokens._opened.cache_clear()
    found = tokenizer_for("gpt-4o")
    tokens._opened.cache_clear()

    assert [found.count(text) for text in ("", "a", "four", "fives")] == [0, 1, 1, 2]
    assert found.count == by_characters
    assert (found.own, "pip install quicktok-v1" in found.name) == (False, True)
    assert message_tokens(found, "four") == 1 + 8
