"""Registers the dataset ``triviaqa``: TriviaQA without its evidence."""

from __future__ import annotations

from typing import Any

from exx import hookimpl


@hookimpl
def exx_register_datasets() -> list[type[Any]]:
    """Offer the dataset."""
    from exx_triviaqa.dataset import TriviaQA

    return [TriviaQA]
