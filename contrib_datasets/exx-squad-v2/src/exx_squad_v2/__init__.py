"""Registers the dataset ``squad_v2``: SQuAD 2.0."""

from __future__ import annotations

from typing import Any

from exx import hookimpl


@hookimpl
def exx_register_datasets() -> list[type[Any]]:
    """Offer the dataset."""
    from exx_squad_v2.dataset import SquadV2

    return [SquadV2]
