"""Registers the scorer ``squad_v2``."""

from __future__ import annotations

from typing import Any

from exx import hookimpl


@hookimpl
def exx_register_scorers() -> list[type[Any]]:
    """Offer the scorer."""
    from exx_squad_v2_scorer.scorer import SquadV2Scorer

    return [SquadV2Scorer]
