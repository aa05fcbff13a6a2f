"""A server for tests, over real HTTP: it gives the replies it is told to and remembers what it was sent."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from attrs import define, field, frozen

from exx import Request

PARAMS = {"temperature": 0.0, "top_p": 1.0, "top_k": 50, "max_tokens": 24}
MESSAGE = {"role": "assistant", "content": "Paris."}


def completion(message: Any = MESSAGE, finish: Any = "stop", **more: Any) -> dict[str, Any]:
    """A chat completion, as OpenAI's reference shows it."""
    return {
        "id": "chatcmpl-7",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": "m-2026-01",
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 3, "total_tokens": 23},
        **more,
    }


def question(number: int = 0, **params: Any) -> Request:
    """A request as the core makes it."""
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is the capital?"}]
    return Request(f"set|{number}|control|0.0|0|closed", f"{number:064x}", "m", messages, {**PARAMS, **params})


@frozen
class Reply:
    """What the server does with one request.

    Attributes:
        body: Sent as it is, or as JSON.
        status: The HTTP status.
        headers: More headers.
        fault: ``reset``: the connection is reset instead of a reply, ``hang up``: closed, ``half``: after half of the
            body, ``half, unannounced``: likewise, and no length was announced, ``half, chunked``: likewise, in chunks.
        wait: Seconds before the reply.
    """

    body: Any = field(factory=completion)
    status: int = 200
    headers: dict[str, str] = field(factory=dict)
    fault: Literal["", "reset", "hang up", "half", "half, unannounced", "half, chunked"] = ""
    wait: float = 0.0

    @property
    def content(self) -> bytes:
        """The body as it is sent."""
        if isinstance(self.body, bytes):
            return self.body
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


@define
class Asked:
    """A request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@define
class ChatServer:
    """The server.

    Attributes:
        plan: Replies to the next requests; afterwards it is the last one's, or an ordinary answer.
        models: What ``GET /v1/models`` lists; None: it knows no such path.
        asked: Every request so far.
        connections: How many connections there were.
    """

    plan: list[Reply] = field(factory=list)
    models: list[str] | None = None
    asked: list[Asked] = field(factory=list)
    connections: int = 0
    port: int = 0
    _last: Reply = field(factory=Reply)
    _lock: threading.Lock = field(factory=threading.Lock)

    @property
    def url(self) -> str:
        """Its address, as an option of the backend."""
        return f"http://127.0.0.1:{self.port}/v1"

    def next_reply(self, asked: Asked) -> Reply:
        """Note a request and say how to reply."""
        with self._lock:
            self.asked.append(asked)
            if asked.method == "GET":
                listed = {"object": "list", "data": [{"id": name} for name in self.models or ()]}
                return Reply({}, 404) if self.models is None else Reply(listed)
            if self.plan:
                self._last = self.plan.pop(0)
            return self._last


@contextmanager
def chat_server() -> Iterator[ChatServer]:
    """Run a server for as long as the context lasts."""
    told = ChatServer()

    class Handler(_Handler):
        server_told = told

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server_told: ChatServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        self.server_told.connections += 1

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, body: dict[str, Any]) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server_told.next_reply(Asked(self.command, self.path, headers, body))
        time.sleep(reply.wait)
        if reply.fault in ("reset", "hang up"):
            self._break_off(reset=reply.fault == "reset")
            return
        content = reply.content
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        if reply.fault == "half, chunked":
            self.send_header("Transfer-Encoding", "chunked")
        elif reply.fault != "half, unannounced":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        half = content[: len(content) // 2] if reply.fault else content
        self.wfile.write(b"%x\r\n%b\r\n" % (len(half), half) if reply.fault == "half, chunked" else half)
        self.wfile.flush()
        if reply.fault:
            self._break_off(reset=False)

    def _break_off(self, *, reset: bool) -> None:
        self.close_connection = True
        if reset:  # closing without lingering sends RST
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            self.connection.shutdown(socket.SHUT_WR)
