"""Registers the scorer ``triviaqa``."""

from __future__ import annotations

from typing import Any

from exx import hookimpl


@hookimpl
def exx_register_scorers() -> list[type[Any]]:
    """Offer the scorer."""
    from exx_triviaqa_scorer.scorer import TriviaQAScorer

    return [TriviaQAScorer]
