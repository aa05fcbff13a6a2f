"""The backend ``dry_run`` for exx: answers without a model."""

from __future__ import annotations

from typing import Any

from exx import hookimpl


@hookimpl
def exx_register_backends() -> list[type[Any]]:
    """Offer the backend ``dry_run``."""
    from exx_dry_run.backend import DryRunBackend

    return [DryRunBackend]
