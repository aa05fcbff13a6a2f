"""The backend ``openai_chat`` for exx: models behind a server that speaks OpenAI's chat completions."""

from __future__ import annotations

from typing import Any

from exx import hookimpl


@hookimpl
def exx_register_backends() -> list[type[Any]]:
    """Offer the backend ``openai_chat``."""
    from exx_openai_chat.backend import OpenAIChatBackend

    return [OpenAIChatBackend]
