"""What the tests of exx-openai-chat share: a server that does as it is told, and a request."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent / "support"))

from chat_server import ChatServer, Reply, chat_server, question

from exx import Response
from exx_openai_chat.backend import OpenAIChatBackend


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine's proxies are, 127.0.0.1 is not behind them."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


@pytest.fixture
def server() -> Iterator[ChatServer]:
    """A server that answers."""
    with chat_server() as running:
        yield running


@pytest.fixture
def ask(server: ChatServer) -> Callable[..., Response]:
    """Ask the server one question over a new connection; its replies, the backend's options and parameters given."""

    def asking(*plan: Reply, params: dict[str, Any] | None = None, times: int = 1, **options: Any) -> Response:
        server.plan += plan
        backend = OpenAIChatBackend(**{"base_url": server.url, "timeout": 5.0, **options})
        with backend.connect("m", {}) as connection:
            for _ in range(times):
                response = connection.answer(question(**(params or {})))
        return response

    return asking
