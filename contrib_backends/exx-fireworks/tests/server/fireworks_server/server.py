"""The server itself: listens, lets faults happen, counts, and tells tests what it saw."""

from __future__ import annotations

import io
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from attrs import define, evolve, field

from fireworks_server import jobs, wire
from fireworks_server.clock import VirtualClock
from fireworks_server.plan import BODY_FAULTS, Fault, Plan
from fireworks_server.replies import Refusal, Reply, as_json, passing
from fireworks_server.routes import Asked, handle, kind_of
from fireworks_server.world import Answer, Call, Settings, World, made_up

__all__ = ["FireworksServer", "Settings"]

_UPLOADS = ("dataset.upload", "storage.put")


@define(eq=False)
class FireworksServer:
    """Serves one account, in a thread, from ``with`` to its end.

    Attributes:
        folder: Where it keeps what was uploaded; nothing of it is meant for others.
        plan: What goes wrong; may be replaced while it runs.
        settings: How it behaves.
        answer: What the model says to ``(custom_id, body)``; None makes the row fail.
        clock: Its time.
        watch: Called with each call, before (``done`` False) and after it is handled, but before the reply is sent.
        port: Where it listens; 0: anywhere.
    """

    folder: Path
    plan: Plan = field(factory=Plan)
    settings: Settings = field(factory=Settings)
    answer: Answer = made_up
    clock: VirtualClock = field(factory=VirtualClock)
    watch: Callable[[Call, bool], None] = lambda call, done: None
    port: int = 0
    world: World = field(init=False)
    _http: ThreadingHTTPServer = field(init=False)

    def __enter__(self) -> FireworksServer:
        self.world = World(self.folder, self.settings, self.plan, self.clock, self.answer)
        self._http = _Listener(self)
        Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    @property
    def url(self) -> str:
        """Where it is: scheme, host and port."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def key(self) -> str:
        """The API key."""
        return self.settings.key

    @property
    def account(self) -> str:
        """Slug of the account."""
        return self.settings.account

    @property
    def env(self) -> dict[str, str]:
        """What a client's environment needs."""
        return {
            "FIREWORKS_API_KEY": self.key,
            "FIREWORKS_ACCOUNT_ID": self.account,
            "FIREWORKS_API_BASE": self.url,
        }

    # What tests ask

    @property
    def calls(self) -> list[Call]:
        """Every call so far."""
        return self.world.calls

    @property
    def counts(self) -> Counter[str]:
        """How many calls of each kind there were."""
        return self.world.counts

    @property
    def created(self) -> list[str]:
        """Ids of all jobs ever created, in order."""
        return self.world.created

    @property
    def paid(self) -> Counter[str]:
        """How often each row was answered, and so paid for."""
        return self.world.paid

    @property
    def secrets(self) -> set[str]:
        """Everything that a client must not leave behind: the key, and every signature handed out."""
        return {self.key, *self.world.signatures}

    def change(self, **settings: Any) -> None:
        """Behave differently from here on."""
        self.settings = self.world.settings = evolve(self.world.settings, **settings)

    def go_wrong(self, plan: Plan) -> None:
        """Follow another plan from here on; calls are counted anew."""
        with self.world.lock:
            self.plan = self.world.plan = plan
            self.world.counts.clear()

    def report(self) -> dict[str, Any]:
        """What happened, as JSON: for tests in another process, at ``/-/report``."""
        world = self.world
        return {
            "counts": dict(world.counts),
            "created": world.created,
            "deleted": sorted(world.deleted),
            "jobs": {job.id: job.state for job in world.jobs.values()},
            "datasets": sorted(world.datasets),
            "paid": dict(world.paid),
            "complaints": world.complaints,
            "most_at_once": world.most_at_once,
            "passed": world.clock.passed,
            "signatures": sorted(world.signatures),
        }


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, server: FireworksServer) -> None:
        self.server = server
        super().__init__(("127.0.0.1", server.port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is gone is no error; anything else is told like one."""
        import sys

        if not isinstance(sys.exc_info()[1], ConnectionError | ValueError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    server: Any

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Handle a call, whatever its method."""
        where = urlsplit(self.path)
        owner: FireworksServer = self.server.server
        headers = {name.lower(): value for name, value in self.headers.items()}
        if where.path.startswith("/-/"):
            self._send(self._admin(owner, where.path, dict(parse_qsl(where.query))))
            return
        asked = Asked(self.command, where.path, dict(parse_qsl(where.query)), headers)
        _Exchange(owner, self, asked).go()

    do_POST = do_PUT = do_DELETE = do_PATCH = do_GET  # noqa: N815 - as http.server names them

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The date by the server's clock."""
        return super().date_time_string(self.server.server.clock.now() if timestamp is None else int(timestamp))

    def _admin(self, owner: FireworksServer, path: str, query: dict[str, str]) -> Reply:
        if path == "/-/advance":
            owner.clock.advance(float(query["seconds"]))
        with owner.world.lock:
            return as_json(owner.report())

    def _send(self, reply: Reply, *, length: bool = True) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.kind)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if length:
            self.send_header("Content-Length", str(reply.length))
        self.end_headers()
        wire.copy(reply, self.wfile)
        self.wfile.flush()

    def send(self, reply: Reply, fault: str | None) -> None:
        """Send a reply, or as much of it as a fault leaves."""
        if fault not in BODY_FAULTS:
            self._send(reply)
            return
        self.close_connection = True
        part = wire.part_of(reply, fault)
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.kind)
        if fault in ("reset_body", "cut"):
            self.send_header("Content-Length", str(reply.length))
        elif fault == "cut_chunks":
            self.send_header("Transfer-Encoding", "chunked")
            part = f"{len(part):x}\r\n".encode() + part + b"\r\n" if part else b""
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(part)
        self.wfile.flush()
        if fault == "reset_body":
            time.sleep(0.01)  # or the reset overtakes what was sent
            self.reset()

    def reset(self) -> None:
        """Break the connection off."""
        self.close_connection = True
        self.rfile.close()
        self.wfile = io.BytesIO()
        wire.reset(self.connection)


@define
class _Exchange:
    """One call from its beginning to its reply."""

    owner: FireworksServer
    handler: _Handler
    asked: Asked
    call: Call = field(init=False)

    def go(self) -> None:
        """Handle it."""
        world = self.owner.world
        kind, names, refusal = self._route()
        with world.lock:
            fault = world.plan.fault(kind, world.counts[kind])
            self._note(kind, names, fault)
        self.owner.watch(self.call, False)
        if fault and fault.kind == "reset":
            self.handler.reset()
            return
        self._read_body(kind)
        if fault and fault.kind == "slow":
            time.sleep(fault.seconds)
        if fault and fault.kind == "status":
            reply = passing(fault.status, fault.message, fault.retry_after, self._address)
        else:
            reply = refusal.reply if refusal else self._handle(kind, names)
        self._send(reply, fault)

    @property
    def _address(self) -> str:
        return self.handler.path

    def _route(self) -> tuple[str, dict[str, str], Refusal | None]:
        try:
            return (*kind_of(self.asked.method, self.asked.path), None)
        except Refusal as refusal:
            return "unknown", {}, refusal

    def _note(self, kind: str, names: dict[str, str], fault: Fault | None) -> None:
        world = self.owner.world
        world.counts[kind] += 1
        world.clock.call()
        kept = {name: value for name, value in self.asked.headers.items() if name != "authorization"}
        target = names.get("id", "") or self.asked.query.get("batchInferenceJobId", "")
        self.call = Call(
            len(world.calls),
            kind,
            target,
            world.clock.passed,
            fault=fault.kind if fault else None,
            query=self.asked.query,
            headers=kept,
        )
        world.calls.append(self.call)

    def _update(self, **changes: Any) -> None:
        self.call = evolve(self.call, **changes)
        self.owner.world.calls[self.call.number] = self.call

    def _read_body(self, kind: str) -> None:
        parts = wire.pieces(self.handler.rfile, self.asked.headers)
        if kind not in _UPLOADS:
            body = b"".join(parts)
            self.asked = evolve(self.asked, body=body or None)
            if body.startswith(b"{"):
                self._update(body=json.loads(body))
            return
        self.owner.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.owner.folder, delete=False) as file:
            path = Path(file.name)
        wire.keep(parts, path)
        if kind == "storage.put":
            self.asked = evolve(self.asked, upload=("", "", path))
            return
        found = wire.unpack_form(path, self.asked.headers.get("content-type", ""))
        self.asked = evolve(self.asked, upload=(*found, path) if found else None)

    def _handle(self, kind: str, names: dict[str, str]) -> Reply:
        world = self.owner.world
        with world.lock:
            jobs.advance(world)
            try:
                return handle(world, kind, names, self.asked)
            except Refusal as refusal:
                return refusal.reply

    def _send(self, reply: Reply, fault: Fault | None) -> None:
        kind = fault.kind if fault else None
        if fault and fault.kind == "late":
            reply = passing(fault.status, fault.message, fault.retry_after, self._address)
        self._update(status=0 if kind == "lost" else reply.status)
        self.owner.watch(self.call, True)
        if kind == "lost":
            self.handler.reset()
        else:
            self.handler.send(reply, kind)
