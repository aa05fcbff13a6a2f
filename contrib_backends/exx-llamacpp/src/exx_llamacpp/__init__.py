"""The backend ``llamacpp`` for exx: GGUF models inside this process."""

from __future__ import annotations

from typing import Any

from exx import hookimpl


@hookimpl
def exx_register_backends() -> list[type[Any]]:
    """Offer the backend ``llamacpp``."""
    from exx_llamacpp.backend import LlamaCppBackend

    return [LlamaCppBackend]
