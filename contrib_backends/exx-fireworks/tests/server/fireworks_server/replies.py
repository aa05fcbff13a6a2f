"""Replies and refusals, in the shapes that the API gives them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, BinaryIO

from attrs import field, frozen

# google.rpc codes by what they are called, with the HTTP status that goes with each.
CODES = {
    "INVALID_ARGUMENT": (3, 400),
    "NOT_FOUND": (5, 404),
    "ALREADY_EXISTS": (6, 409),
    "PERMISSION_DENIED": (7, 403),
    "FAILED_PRECONDITION": (9, 400),
    "INTERNAL": (13, 500),
}


@frozen
class Reply:
    """What is sent back: bytes, or a file that is too large to hold.

    Attributes:
        status: HTTP status.
        body: The bytes.
        kind: Content-Type.
        headers: Further headers.
        file: Path of a file that is the body instead.
    """

    status: int = 200
    body: bytes = b""
    kind: str = "application/json"
    headers: dict[str, str] = field(factory=dict)
    file: Path | None = None

    @property
    def length(self) -> int:
        """Bytes of the body."""
        return self.file.stat().st_size if self.file else len(self.body)

    def open(self) -> BinaryIO:
        """The body to read from."""
        import io

        return self.file.open("rb") if self.file else io.BytesIO(self.body)


class Refusal(Exception):
    """A reply that ends the handling of a call."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.body.decode("utf-8", "replace"))
        self.reply = reply


def as_json(document: Any, status: int = 200, **headers: str) -> Reply:
    """A JSON reply."""
    return Reply(status, json.dumps(document).encode(), headers=headers)


def refuse(code: str, message: str, *, status: int | None = None) -> Refusal:
    """An error of the control plane, as gRPC's gateway writes it."""
    number, usual = CODES[code]
    return Refusal(as_json({"code": number, "message": message, "details": []}, status or usual))


def refuse_loudly(status: int, code: str, message: str) -> Refusal:
    """An error in the other shape, with an object ``error``."""
    about = {"message": message, "param": None, "code": code, "type": "error"}
    return Refusal(as_json({"error": about, "request_id": "req-0"}, status))


def front_end(status: int, words: str) -> Reply:
    """What Google's front end, or a proxy, says in HTML before the API hears of a call."""
    page = f"<!DOCTYPE html><html lang=en><title>Error {status} ({words})!!1</title><p><b>{status}.</b> {words}</html>"
    return Reply(status, page.encode(), "text/html; charset=UTF-8")


def storage_error(status: int, code: str, message: str, details: str = "") -> Refusal:
    """An error of the storage, in XML; like the real one it repeats parts of the address."""
    page = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{message}</Message>"
    return Refusal(Reply(status, f"{page}<Details>{details}</Details></Error>".encode(), "application/xml"))


def passing(status: int, message: str | None, retry_after: str | None, url: str) -> Reply:
    """A failure that passes by itself: each status in the shape in which it is known."""
    headers = {"Retry-After": retry_after} if retry_after is not None else {}
    if url.startswith("/storage/"):
        reply = storage_error(status, "SomethingWentWrong", message or "Please try again.", url).reply
        return Reply(reply.status, reply.body, reply.kind, headers)
    if status == 429:
        told = {"error": "Too Many Requests", "message": message or "rate limit exceeded"}
        return as_json(told, 429, **{"x-ratelimit-over-limit": "yes", **headers})
    if status in (502, 504):
        page = front_end(status, message or "Server Error")
        return Reply(page.status, page.body, page.kind, headers)
    if status == 503:
        told_503 = refuse_loudly(503, "SERVICE_UNAVAILABLE", message or "overloaded, please retry").reply
        return Reply(503, told_503.body, headers=headers)
    return as_json({"code": 13, "message": message or "internal error", "details": []}, status, **headers)
