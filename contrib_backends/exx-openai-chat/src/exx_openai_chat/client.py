"""Asks the server: one pooled session for all threads, bounded replies, and every failure told as what it is.

Requests are handed to the session's transport as they are, so that nothing is done behind our back: no redirect is
followed (which would carry the key to wherever it points), no cookie kept, no password read from ~/.netrc.
"""

from __future__ import annotations

import os
import re
import socket
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import orjson
import requests
from attrs import define, field
from requests.adapters import HTTPAdapter

from exx import BackendError, Request, Response, Throttled, Transient, __version__
from exx_openai_chat.refusals import Refusal, error_in, read_refusal
from exx_openai_chat.replies import read_reply

if TYPE_CHECKING:
    from exx_openai_chat.backend import OpenAIChatBackend

_CONNECT_SECONDS = 10.0
_LARGEST = 16 * 2**20
_PIECE = 2**16
_SHORTEST_SECRET = 4
_MODELS_SHOWN = 8
_VARIABLE = re.compile(r"\$\{(\w+)\}")


@contextmanager
def opened(options: OpenAIChatBackend) -> Iterator[ChatConnection]:
    """A connection to ask over; it is made when the first request is.

    Raises:
        BackendError: An environment variable is not set, or what it holds cannot be sent.
    """
    headers, secrets = _headers(options)
    template = requests.Request("POST", options.url, headers=headers).prepare()
    with requests.Session() as session:
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=options.concurrency, max_retries=0)
        for scheme in ("http://", "https://"):
            session.mount(scheme, adapter)
        # What the environment says of proxies and certificates; asked once, since it takes longer than a request.
        settings = session.merge_environment_settings(template.url, {}, True, None, None)
        yield ChatConnection(options, adapter, template, settings, secrets)


def _headers(options: OpenAIChatBackend) -> tuple[dict[str, str], list[str]]:
    """The headers of every request, and what of them must never be shown."""
    headers = {
        "Accept": "application/json",
        "Accept-Encoding": "gzip, deflate",
        "Content-Type": "application/json",
        "User-Agent": f"exx/{__version__}",
    }
    secrets = []
    if options.api_key_env is not None:
        key = _variable(options.api_key_env, "api_key_env")
        headers["Authorization"] = f"Bearer {key}"
        secrets.append(key)
    for name, text in options.headers.items():
        taken = {word: _variable(word, f"headers.{name}") for word in _VARIABLE.findall(text)}
        headers[name] = _VARIABLE.sub(lambda found, taken=taken: taken[found[1]], text)  # type: ignore[misc]
        secrets += taken.values()
    shown = (secret for secret in secrets if len(secret) >= _SHORTEST_SECRET)
    return headers, sorted(shown, key=len, reverse=True)


def _variable(name: str, option: str) -> str:
    value = os.environ.get(name, "").strip()
    where = f"openai_chat: the environment variable {name}, named by {option},"
    if not value:
        raise BackendError(f"{where} is not set", hint=f"export {name}=…, or put it into a file .env here")
    if not value.isascii() or not value.isprintable():
        raise BackendError(f"{where} holds a character that no header can", hint="copy the key once more")
    return value


@define
class ChatConnection:
    """Asks one server, from many threads at once.

    Attributes:
        options: The backend's.
        adapter: Holds the connections.
        template: A request without a body.
        settings: How the transport is used: proxies, certificates.
        secrets: What no message may hold.
    """

    options: OpenAIChatBackend
    adapter: HTTPAdapter
    template: requests.PreparedRequest
    settings: Mapping[str, Any]
    secrets: list[str]
    _met: bool = field(default=False, init=False)
    _taken: frozenset[str] = field(default=frozenset(), init=False)

    def answer(self, request: Request) -> Response:
        """Ask once; see ``exx.Connection`` for what is raised."""
        body = self._body(request)
        status, headers, content = self._post(orjson.dumps(body))
        self._met = True
        if content is None:
            problem = f"the reply is longer than {_LARGEST // 2**20} MB; it was not read to its end"
            return Response(request.key, None, error=problem)
        if status != 200:
            return self._refused(request, body, read_refusal(status, headers, content), headers)
        reply = self._completion(headers, content)
        refusal = error_in(reply, headers)
        if refusal is not None:
            return self._refused(request, body, refusal, headers)
        if not self._taken >= body.keys():
            self._taken |= body.keys()
        return read_reply(request.key, reply)

    def _body(self, request: Request) -> dict[str, Any]:
        options = self.options
        body = {"model": request.model, "messages": request.messages, **request.params}
        if options.seed == "always":
            body.setdefault("seed", zlib.crc32(request.key.encode()) >> 1)
        for name in options.omit:
            body.pop(name, None)
        if "max_tokens" in body:
            body[options.max_tokens_field] = body.pop("max_tokens")
        if options.reasoning_effort is not None:
            body["reasoning_effort"] = options.reasoning_effort
        body.update(options.extra_body)
        return body

    def _post(self, body: bytes) -> tuple[int, Mapping[str, str], bytes | None]:
        """Status, headers and content; None for content that is too long."""
        prepared = self.template.copy()
        prepared.body = body
        prepared.headers["Content-Length"] = str(len(body))
        try:
            return self._exchange(prepared, self.options.timeout)
        except requests.RequestException as cause:
            raise self._lost(cause) from cause

    def _exchange(
        self, prepared: requests.PreparedRequest, timeout: float
    ) -> tuple[int, Mapping[str, str], bytes | None]:
        reply = self.adapter.send(prepared, timeout=(_CONNECT_SECONDS, timeout), **self.settings)
        with closing(reply):
            pieces, size = [], 0
            for piece in reply.iter_content(_PIECE):
                pieces.append(piece)
                size += len(piece)
                if size > _LARGEST:
                    return reply.status_code, reply.headers, None
            return reply.status_code, reply.headers, b"".join(pieces)

    def _lost(self, cause: requests.RequestException) -> BackendError:
        """What to raise when there was no reply, or half of one."""
        reason = self._told(_reason(cause))
        if isinstance(cause, requests.exceptions.SSLError) and not self._met:
            hint = "mend the certificate, or name its authority in the environment variable REQUESTS_CA_BUNDLE"
            return BackendError(f"{self.options.base_url}: no secure connection ({reason})", hint=hint)
        if _not_there(cause) and not self._met:
            hint = "start the server, or mend base_url; everything answered is kept, and exx resume goes on"
            return BackendError(f"no server can be reached at {self.options.base_url}: {reason}", hint=hint)
        return Transient(f"{self.options.base_url}: {reason}")

    def _completion(self, headers: Mapping[str, str], content: bytes) -> Mapping[str, Any]:
        """The body of a reply with status 200."""
        try:
            reply = orjson.loads(content)
        except orjson.JSONDecodeError as cause:
            if content.lstrip()[:1] == b"<" and not self._taken:
                raise self._elsewhere("it answers with a page for people", headers) from cause
            size = headers.get("content-length", "unknown")
            words = f"the reply is not JSON, or not all of it ({len(content)} bytes, announced: {size})"
            raise Transient(f"{self.options.base_url}: {words}") from cause
        if not isinstance(reply, Mapping):
            raise Transient(f"{self.options.base_url}: the reply is JSON, but not an object")
        return reply

    def _refused(
        self, request: Request, body: Mapping[str, Any], refusal: Refusal, headers: Mapping[str, str]
    ) -> Response:
        """Raise what a refusal means, or say that this one request has failed."""
        words = self._told(refusal.words)
        if refusal.slow_down:
            raise Throttled(f"{self.options.base_url}: {words}", retry_after=refusal.retry_after)
        if refusal.passing:
            raise Transient(f"{self.options.base_url}: {words}", retry_after=refusal.retry_after)
        if 300 <= refusal.status < 400 or refusal.status == 405:
            raise self._elsewhere(words, headers)
        if refusal.spent or refusal.status == 412:
            hint = "settle the account with the provider; everything answered is kept, and exx resume goes on"
            raise BackendError(f"{self.options.base_url} refuses to work for this account: {words}", hint=hint)
        if refusal.status in (401, 403):
            raise self._shut_out(words)
        if refusal.status in (404, 410) or (refusal.no_such_model and not self._taken):
            raise self._no_model(request.model, words)
        # A field that has been taken before is not unknown, whatever the words of one refusal may sound like.
        name = refusal.unknown_parameter(body.keys() - self._taken - {"model", "messages"})
        if name is not None:
            raise self._unknown_parameter(name, words)
        return Response(request.key, None, error=words)

    def _elsewhere(self, words: str, headers: Mapping[str, str]) -> BackendError:
        place = headers.get("location")
        hint = "base_url has to be the address up to /chat/completions; for most servers it ends in /v1"
        if place:
            hint = f"it points to {self._told(place.partition('?')[0])}, and redirects are not followed: mend base_url"
        return BackendError(f"{self.options.url} takes no questions: {words}", hint=hint)

    def _shut_out(self, words: str) -> BackendError:
        variable = self.options.api_key_env
        hint = "set api_key_env to the name of the environment variable that holds the key"
        if variable is not None:
            hint = f"see whether {variable} holds the right key, and whether it may use this model; then exx resume"
        return BackendError(f"{self.options.base_url} does not let us in: {words}", hint=hint)

    def _no_model(self, model: str, words: str) -> BackendError:
        known = self._models()
        hint = "mend model_id, or base_url, which for most servers ends in /v1"
        if known:
            more = f" and {len(known) - _MODELS_SHOWN} more" if len(known) > _MODELS_SHOWN else ""
            hint = f"mend model_id; the server has {', '.join(known[:_MODELS_SHOWN])}{more}"
        return BackendError(f"{self.options.base_url} has no model {model!r}: {words}", hint=hint)

    def _models(self) -> list[str]:
        """The models the server says it has; empty if it does not say."""
        prepared = self.template.copy()
        prepared.prepare_method("GET")
        prepared.prepare_url(f"{self.options.base_url.rstrip('/')}/models", None)
        prepared.headers.pop("Content-Type", None)
        try:
            status, _, content = self._exchange(prepared, _CONNECT_SECONDS)
            listed = orjson.loads(content or b"{}") if status == 200 else {}
        except (requests.RequestException, orjson.JSONDecodeError):
            return []
        rows = listed.get("data") if isinstance(listed, Mapping) else listed
        names = (row.get("id") for row in (rows if isinstance(rows, list) else ()) if isinstance(row, Mapping))
        return [self._told(name) for name in names if isinstance(name, str)]

    def _unknown_parameter(self, name: str, words: str) -> BackendError:
        field_of = self.options.max_tokens_field
        if name in self.options.extra_body:
            hint = f"take {name} out of extra_body"
        elif name == "reasoning_effort":
            hint = "leave the option reasoning_effort out"
        elif name == field_of:
            other = "max_tokens" if field_of == "max_completion_tokens" else "max_completion_tokens"
            hint = f"try max_tokens_field: {other}; or leave it to the server with omit: [max_tokens]"
        else:
            hint = f"tell the backend not to send it: omit: [{', '.join(sorted({*self.options.omit, name}))}]"
        return BackendError(f"{self.options.base_url} does not take the parameter {name}: {words}", hint=hint)

    def _told(self, text: str) -> str:
        """A text without the secrets that a server may have put into it."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def _chain(cause: BaseException | None) -> Iterator[BaseException]:
    seen = 0
    while cause is not None and seen < 10:
        yield cause
        cause, seen = cause.__cause__ or cause.__context__, seen + 1


def _not_there(cause: BaseException) -> bool:
    """Nobody took the call: refused, no such host, no way there."""
    if isinstance(cause, requests.exceptions.ConnectTimeout | requests.exceptions.ProxyError):
        return True
    gone = (ConnectionRefusedError, socket.gaierror)
    unreachable = ("No route to host", "Network is unreachable")
    return any(isinstance(link, gone) or getattr(link, "strerror", None) in unreachable for link in _chain(cause))


def _reason(cause: requests.RequestException) -> str:
    """The innermost words: those around it repeat host and path."""
    if isinstance(cause, requests.exceptions.ReadTimeout):
        return "the server took too long to answer"
    *_, last = _chain(cause)
    words = getattr(last, "strerror", None) or str(last) or type(last).__name__
    return " ".join(str(words).split())[:300]
