"""Registers the dataset ``jsonl``: a person's own questions, one JSON object a line."""

from __future__ import annotations

from typing import Any

from exx import hookimpl


@hookimpl
def exx_register_datasets() -> list[type[Any]]:
    """Offer the dataset."""
    from exx_jsonl.dataset import Jsonl

    return [Jsonl]
