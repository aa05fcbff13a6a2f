"""What every prompt set keeps."""

from __future__ import annotations

from typing import Any

from attrs import asdict

from exx.records import PromptTexts
from exx.testing.contract import require, subject_of


def check_prompt_set(prompt_set: Any) -> None:
    """Check that all four texts are there, that the two system prompts differ, and that they are the same each time.

    Args:
        prompt_set: The prompt set, or its class if all its options have defaults.

    Raises:
        AssertionError: A contract is broken.
    """
    subject = subject_of("prompt_set", prompt_set)
    texts = subject.texts()
    require(isinstance(texts, PromptTexts), subject, f"texts() is {type(texts).__name__}, not exx.PromptTexts")
    for name, text in asdict(texts).items():
        require(isinstance(text, str) and text.strip(), subject, f"{name} is no text, or empty")
        require("\ufffd" not in text and "\x00" not in text, subject, f"{name} was not read as UTF-8")
    require(texts.control != texts.treatment, subject, "control and treatment are the same text")
    require(texts == subject.texts(), subject, "the texts are others the second time")
