"""Registers the dataset ``nq_open``: Natural Questions Open."""

from __future__ import annotations

from typing import Any

from exx import hookimpl


@hookimpl
def exx_register_datasets() -> list[type[Any]]:
    """Offer the dataset."""
    from exx_nq_open.dataset import NQOpen

    return [NQOpen]
