"""Registers the dataset ``sample_qa``: a small question set that comes with the package."""

from __future__ import annotations

from typing import Any

from exx import hookimpl


@hookimpl
def exx_register_datasets() -> list[type[Any]]:
    """Offer the dataset."""
    from exx_sample_qa.dataset import SampleQA

    return [SampleQA]
