"""Calls the Fireworks control plane: one connection pool, every failure told as what it means, and without secrets."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, TypeVar

import orjson
import requests
from attrs import define, field
from requests.auth import AuthBase

from exx import BackendError, Transient, __version__
from exx_fireworks.problems import problem, words_of
from exx_fireworks.secret import Key, quiet_log

_CONNECT = 10.0
_PAGE = "200"
_MOST_PAGES = 10_000
_LONGEST_SAID = 4000
_TRIES = 3
_LONGEST_WISH = 2.0

T = TypeVar("T")


class _Bearer(AuthBase):
    """Signs a call with the key, which is then nowhere but in the request itself."""

    def __init__(self, key: Key) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key.value}"
        return request


class _Nobody(AuthBase):
    """Signs nothing, and keeps requests from looking into ~/.netrc."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


@define
class Api:
    """The service, for one account. Leaving its ``with`` block closes the connections.

    Attributes:
        origin: Address without a path.
        key: The API key.
        account: The account's slug.
        timeout: Seconds without a byte after which a call has failed.
        pause: Seconds before a call that failed in passing is repeated; doubles. The core repeats, with longer pauses,
            what has failed a few times here.
    """

    origin: str
    key: Key
    account: str
    timeout: float
    pause: float = 0.5
    session: requests.Session = field(factory=requests.Session, repr=False)
    _open: ExitStack = field(factory=ExitStack, repr=False)

    def __enter__(self) -> Api:
        self.session.headers["User-Agent"] = f"exx/{__version__}"
        self._open.enter_context(quiet_log())
        self._open.enter_context(self.session)
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._open.close()

    def path(self, what: str) -> str:
        """The path of something of the account's, such as ``datasets/x``."""
        return f"/v1/{self.name(what)}"

    def name(self, what: str) -> str:
        """The whole name of something of the account's: ``accounts/<slug>/datasets/x``."""
        return f"accounts/{self.account}/{what}"

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """Get; never with a body, which the service's front end answers with 400."""
        return self.again(lambda: self._json("GET", path, params=query or None))

    def post(self, path: str, body: Mapping[str, Any], **query: str) -> dict[str, Any]:
        """Post JSON, once."""
        headers = {"Content-Type": "application/json"}
        return self._json("POST", path, params=query or None, data=orjson.dumps(body), headers=headers)

    def send(self, path: str, body: Any, headers: Mapping[str, str]) -> dict[str, Any]:
        """Post something that is read while it is sent, once."""
        return self._json("POST", path, data=body, headers=dict(headers))

    def delete(self, path: str) -> None:
        """Delete."""
        self.again(lambda: self._json("DELETE", path))

    def again(self, call: Callable[[], T]) -> T:
        """Do something, and do it again when it fails in passing: a few times, with short pauses between."""
        for tries in range(_TRIES - 1):
            try:
                return call()
            except Transient as cause:
                wish = cause.retry_after or 0.0
                if wish > _LONGEST_WISH:
                    raise
                time.sleep(max(wish, self.pause * 2.0**tries * random.uniform(0.5, 1.0)))
        return call()

    def pages(self, path: str, key: str, **query: str) -> Iterator[dict[str, Any]]:
        """Everything in a list, page after page."""
        token = ""
        for _ in range(_MOST_PAGES):
            more = {"pageToken": token} if token else {}
            page = self.get(path, **query, pageSize=_PAGE, **more)
            yield from page.get(key) or ()
            before, token = token, str(page.get("nextPageToken") or "")
            if not token or token == before:
                return

    def _json(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        with self.call(method, f"{self.origin}{path}", f"{method} {path}", auth=_Bearer(self.key), **more) as reply:
            body = self.body_of(reply, f"{method} {path}")
            if not 200 <= reply.status_code < 300:
                said = self.key.hide(words_of(body[:_LONGEST_SAID]))
                raise problem(f"{method} {path}", reply.status_code, reply.headers, said)
        try:
            found = orjson.loads(body or b"{}")
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            raise Transient(f"Fireworks, {method} {path}: the reply is not a JSON object; it may have been cut short")
        return found

    def body_of(self, reply: requests.Response, call: str) -> bytes:
        """The whole body of a reply.

        Raises:
            Transient: It broke off.
        """
        try:
            return reply.content
        except requests.RequestException as cause:
            failed = self.lost(call, cause)
        raise failed

    def call(self, method: str, url: str, called: str, **more: Any) -> requests.Response:
        """Call an address; without ``auth`` as nobody.

        Args:
            method: HTTP method.
            url: The address; it may be a secret itself.
            called: What to name the call in an error.
            **more: For ``requests``.

        Raises:
            Transient: There was no reply.
        """
        more.setdefault("auth", _Nobody())
        try:
            return self.session.request(
                method, url, timeout=(_CONNECT, self.timeout), stream=True, allow_redirects=False, **more
            )
        except requests.RequestException as cause:
            failed = self.lost(called, cause)
        # Outside the handler: what requests raises has the address in it, and a traceback would show it.
        raise failed

    def lost(self, called: str, cause: Exception) -> BackendError:
        """What to raise for a call without a (whole) reply."""
        kinds = {
            requests.ConnectTimeout: "no connection in time",
            requests.Timeout: f"no byte for {self.timeout:g} seconds",
            requests.exceptions.SSLError: "no secure connection",
            requests.ConnectionError: "the connection failed",
            requests.exceptions.ChunkedEncodingError: "the reply broke off",
        }
        words = next((told for kind, told in kinds.items() if isinstance(cause, kind)), "the call failed")
        if isinstance(cause, requests.exceptions.InvalidURL | requests.exceptions.MissingSchema):
            return BackendError(f"Fireworks, {called}: not an address", hint="check FIREWORKS_API_BASE and api_base")
        return Transient(f"Fireworks, {called}: {words} ({type(cause).__name__})")
