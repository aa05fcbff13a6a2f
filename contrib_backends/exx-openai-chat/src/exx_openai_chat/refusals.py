"""Says what a server's refusal means: try again, slow down, this request alone is wrong, or all of them are.

Servers agree on the status codes and on little else, so an error's words are looked for in every place that is known.

Sources:
    RFC 9110, sections 10.2.3 (Retry-After) and 15 (status codes).
    OpenAI, API reference, "Error codes"; FastAPI, "Handling errors", for ``detail``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import orjson
from attrs import frozen

_LONGEST = 600
_TAGS = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_NOT_KNOWN = re.compile(
    r"unrecogni[sz]ed|unknown (?:name|parameter|argument|field|key)|unsupported (?:parameter|value|field)|"
    r"not supported|is unsupported|does not support|not permitted|not allowed|extra_forbidden|additional properties|"
    r"unexpected (?:keyword|field|parameter|property|argument)|invalid (?:parameter|field|argument)|cannot find field",
    re.IGNORECASE,
)
_NO_SUCH_MODEL = re.compile(
    r"model\b.{0,120}\b(?:not found|not exist|unknown|not available)|(?:no such|unknown|invalid|not a valid) model\b",
    re.IGNORECASE | re.DOTALL,
)
_PARAMETER_CODES = ("unknown_parameter", "unsupported_parameter", "unsupported_value")
_SPENT = ("insufficient_quota", "billing_hard_limit_reached", "insufficient_balance", "credit_depleted")


@frozen
class Refusal:
    """A reply that is not an answer.

    Attributes:
        status: The HTTP status.
        message: What the server says, on one line.
        code: Its word for the kind of error, in lower case; empty if it has none.
        param: The field it complains of; empty if it does not say.
        retry_after: Seconds it asks to wait; None if it does not.
    """

    status: int
    message: str
    code: str = ""
    param: str = ""
    retry_after: float | None = None

    @property
    def words(self) -> str:
        """Status and message."""
        return f"HTTP {self.status}: {self.message}" if self.message else f"HTTP {self.status}"

    @property
    def slow_down(self) -> bool:
        """The server wants fewer requests."""
        return self.status in (429, 503, 529) and not self.spent

    @property
    def passing(self) -> bool:
        """The same request may well be answered later."""
        return self.status in (408, 409, 425) or self.status >= 500

    @property
    def spent(self) -> bool:
        """The account can pay for no more."""
        return self.status == 402 or any(word in self.code for word in _SPENT)

    @property
    def no_such_model(self) -> bool:
        """The server does not have the model."""
        return self.code == "model_not_found" or bool(_NO_SUCH_MODEL.search(self.message))

    def unknown_parameter(self, sent: Collection[str]) -> str | None:
        """The field of the request that the server does not take; None if it complains of something else.

        Args:
            sent: The fields that were sent, but for those every server knows.
        """
        said = bool(_NOT_KNOWN.search(self.message)) or self.code in _PARAMETER_CODES
        if not said or "context_length" in self.code:
            return None
        if self.param in sent:
            return self.param
        places = {name: _named(name).search(self.message) for name in sent}
        named = {name: found.start() for name, found in places.items() if found}
        return min(named, key=named.__getitem__, default=None)


def _named(name: str) -> re.Pattern[str]:
    """Where a message speaks of a field, and not merely uses the word, as it might with ``stop``."""
    word = rf"(?<![\w-]){re.escape(name)}(?![\w-])"
    if "_" in name:
        return re.compile(word)
    return re.compile(
        rf"""['"`]{word}['"`]|\b(?:parameter|argument|field|property|supplied|body)s?[\s:>.-]+{word}""", re.IGNORECASE
    )


def read_refusal(status: int, headers: Mapping[str, str], content: bytes) -> Refusal:
    """Read what came with a status that is not 200."""
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return Refusal(status, _plain(content), retry_after=read_wait(headers))
    message, code, param = _described(body)
    return Refusal(status, _one_line(message), code.lower(), param, read_wait(headers))


def error_in(reply: Mapping[str, Any], headers: Mapping[str, str]) -> Refusal | None:
    """The error that a reply with status 200 holds in place of an answer, as gateways do it; None if there is none."""
    if reply.get("choices") or not reply.get("error"):
        return None
    message, code, param = _described(reply)
    status = int(code) if re.fullmatch(r"[45]\d\d", code) else 400
    return Refusal(status, _one_line(message), code.lower(), param, read_wait(headers))


def _described(body: Any) -> tuple[str, str, str]:
    """Message, code and parameter, from every shape there is."""
    if isinstance(body, list) and body:
        body = body[0]
    if not isinstance(body, Mapping):
        return _as_text(body), "", ""
    error = body.get("error")
    inner: Mapping[str, Any] = error if isinstance(error, Mapping) else body
    message = next((inner[name] for name in ("message", "detail", "title") if inner.get(name)), None)
    if isinstance(error, str):
        message = f"{error}: {message}" if message and message != error else error
    code = next((str(inner[name]) for name in ("code", "type", "status") if inner.get(name)), "")
    return _as_text(message or body), code, str(inner.get("param") or "")


def _as_text(message: Any) -> str:
    return message if isinstance(message, str) else orjson.dumps(message).decode()


def _plain(content: bytes) -> str:
    """The words of a page that some proxy made."""
    return _one_line(_TAGS.sub(" ", content[:20_000].decode("utf-8", "replace")))


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def read_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from ``Retry-After`` (seconds or a date) or ``retry-after-ms``; None if there is neither."""
    milliseconds, said = headers.get("retry-after-ms"), headers.get("retry-after")
    seconds = _number(milliseconds)
    if seconds is not None:
        return seconds / 1000
    seconds = _number(said)
    if seconds is not None or said is None:
        return seconds
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _number(text: str | None) -> float | None:
    return float(text) if text and re.fullmatch(r"\s*\d{1,9}(\.\d*)?\s*", text) else None
