"""The backend ``fireworks`` for exx: batch inference jobs at Fireworks AI."""

from __future__ import annotations

from typing import Any

from exx import hookimpl


@hookimpl
def exx_register_backends() -> list[type[Any]]:
    """Offer the backend ``fireworks``."""
    from exx_fireworks.backend import FireworksBackend

    return [FireworksBackend]
