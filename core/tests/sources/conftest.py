"""A real HTTP server on this machine that does as it is told, and counts what it is asked."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from attrs import define, field, frozen

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
HUB_SETTINGS = ("HF_ENDPOINT", "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN", "TRANSFORMERS_OFFLINE")


@frozen(kw_only=True)
class Reply:
    """How to answer one request.

    Attributes:
        status: HTTP status.
        body: The whole file.
        sent: How many bytes of it to send before the connection closes; None for all.
        length: Whether to say beforehand how many there are.
        reset: Close with a TCP reset rather than in good order.
        ranges: Whether to honour ``Range``.
        headers: Further headers.
    """

    status: int = 200
    body: bytes = b""
    sent: int | None = None
    length: bool = True
    reset: bool = False
    ranges: bool = False
    headers: dict[str, str] = field(factory=dict)


@define
class Server:
    """The server's address, what it is to say, and what it was asked."""

    url: str
    replies: dict[str, list[Reply]] = field(factory=dict)
    asked: list[tuple[str, str, dict[str, str]]] = field(factory=list)

    def says(self, path: str, *replies: Reply) -> str:
        """Answer requests for a path in this order, the last one for ever; return the whole address."""
        self.replies[path] = list(replies)
        return self.url + path

    def count(self, method: str = "GET") -> int:
        """How many requests of a method came for the paths it was told about (libraries may ask for others)."""
        told = {key.rpartition(" ")[2] for key in self.replies}
        return sum(verb == method and path in told for verb, path, _ in self.asked)


class Handler(BaseHTTPRequestHandler):
    """Plays the replies of ``Server``."""

    protocol_version = "HTTP/1.1"
    told: Server

    def do_GET(self) -> None:
        """Answer with headers and as much of the body as was ordered."""
        reply, start = self._next(), 0
        if reply.ranges and (asked := self.headers.get("Range")):
            start = int(asked.removeprefix("bytes=").rstrip("-"))
        self._head(reply, start)
        self.wfile.write(reply.body[start : reply.sent])
        if reply.reset:
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        if reply.sent is not None or not reply.length:
            self.close_connection = True

    def do_HEAD(self) -> None:
        """Answer with headers alone."""
        self._head(self._next(), 0)

    def _next(self) -> Reply:
        self.told.asked.append((self.command, self.path, dict(self.headers)))
        key = f"{self.command} {self.path}"
        replies = self.told.replies.get(key) or self.told.replies.get(self.path) or [Reply(status=404)]
        return replies.pop(0) if len(replies) > 1 else replies[0]

    def _head(self, reply: Reply, start: int) -> None:
        self.send_response(206 if start else reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(reply.body) - 1}/{len(reply.body)}")
        if reply.length:
            self.send_header("Content-Length", str(len(reply.body) - start))
        else:
            self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that answers 404 until it is told otherwise."""
    handler = type("Told", (Handler,), {})
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    http.daemon_threads = True
    http.handle_error = lambda *_: None  # a reset on purpose is no news
    handler.told = Server(f"http://127.0.0.1:{http.server_port}")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield handler.told
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Caches of the test's own, and nothing of the person's settings; return the folder that holds them."""
    for name in (*PROXIES, *(name.upper() for name in PROXIES), *HUB_SETTINGS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EXX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return tmp_path


@pytest.fixture
def reply() -> type[Reply]:
    """The class of replies, for tests that cannot import this file."""
    return Reply
