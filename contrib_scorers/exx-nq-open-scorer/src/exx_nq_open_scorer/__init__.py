"""Registers the scorer ``nq_open``."""

from __future__ import annotations

from typing import Any

from exx import hookimpl


@hookimpl
def exx_register_scorers() -> list[type[Any]]:
    """Offer the scorer."""
    from exx_nq_open_scorer.scorer import NQOpenScorer

    return [NQOpenScorer]
