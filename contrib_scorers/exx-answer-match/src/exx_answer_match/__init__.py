"""Registers the scorer ``answer_match``."""

from __future__ import annotations

from typing import Any

from exx import hookimpl


@hookimpl
def exx_register_scorers() -> list[type[Any]]:
    """Offer the scorer."""
    from exx_answer_match.scorer import AnswerMatch

    return [AnswerMatch]
