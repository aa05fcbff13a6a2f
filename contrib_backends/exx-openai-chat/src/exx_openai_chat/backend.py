"""The backend ``openai_chat``: a model behind a server that speaks OpenAI's chat completions, over HTTP.

One class for every such server. In what they differ is options here, and tolerance where replies are read: nothing asks
which server it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from attrs import Attribute, field, frozen
from attrs.validators import deep_iterable, ge, gt, in_, optional

from exx import Connection, Item, Json, Prerequisite

PARAMS = ("temperature", "top_p", "top_k", "max_tokens", "stop", "seed")
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_OWN = ("model", "messages", "stream", "n")
_SECRET_HEADERS = re.compile(r"auth(?!or)|api[-_]?key|token|secret|cookie|password", re.IGNORECASE)


def _is_address(_: Any, attribute: Attribute[str], value: str) -> None:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"'{attribute.name}' must begin with http:// or https:// and name a host: {value}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(f"'{attribute.name}' must hold no user, password or query: secrets go into api_key_env")
    if parts.path.rstrip("/").endswith("/chat/completions"):
        raise ValueError(f"'{attribute.name}' must end before /chat/completions, which is added to it: {value}")


def _without_secrets(_: Any, attribute: Attribute[Mapping[str, str]], value: Mapping[str, str]) -> None:
    for name, text in value.items():
        if _SECRET_HEADERS.search(name) and "${" not in text:
            raise ValueError(
                f"'{attribute.name}.{name}' must take its value from the environment, as ${{NAME}}: a config is "
                "copied into every run's folder"
            )


def _not_ours(_: Any, attribute: Attribute[Mapping[str, Json]], value: Mapping[str, Json]) -> None:
    for name in value:
        if name in _OWN or name in PARAMS:
            raise ValueError(f"'{attribute.name}' must not hold {name}, which the experiment itself decides")


@frozen(kw_only=True)
class OpenAIChatBackend:
    """Asks a server that speaks OpenAI's chat completions, one request per question.

    Attributes:
        base_url: Where the server is, up to what comes before ``/chat/completions``; for most servers it ends in /v1.
        api_key_env: Name of the environment variable that holds the key. None: no key is sent.
        headers: More headers, by name. ``${NAME}`` in a value stands for an environment variable. No part of what a
            stored answer is filed under.
        extra_body: More fields of every request, such as ``{min_p: 0}``.
        reasoning_effort: Sent under this name; None: it is not sent.
        concurrency: Most requests under way at once, at least 1.
        requests_per_minute: Most requests in any minute, above 0; None: no limit.
        tokens_per_minute: Most tokens of prompts and answers in any minute, above 0; None: no limit.
        timeout: Seconds without a byte from the server after which a request is tried again, above 0.
        seed: ``sampled`` sends a seed where the experiment has one, at temperatures above 0; ``always`` sends one made
            from the request elsewhere, too.
        omit: Decoding parameters that are not sent, for servers that refuse them; of ``temperature``, ``top_p``,
            ``top_k``, ``max_tokens``, ``stop`` and ``seed``.
        max_tokens_field: What the longest answer is called: ``max_tokens`` or ``max_completion_tokens``.
    """

    name: ClassVar[str] = "openai_chat"

    base_url: str = field(validator=_is_address)
    api_key_env: str | None = None
    headers: Mapping[str, str] = field(factory=dict, validator=_without_secrets)
    extra_body: Mapping[str, Any] = field(factory=dict, validator=_not_ours)
    reasoning_effort: str | None = None
    concurrency: int = field(default=8, validator=ge(1))
    requests_per_minute: float | None = field(default=None, validator=optional(gt(0.0)))
    tokens_per_minute: float | None = field(default=None, validator=optional(gt(0.0)))
    timeout: float = field(default=600.0, validator=gt(0.0))
    seed: Literal["sampled", "always"] = "sampled"
    omit: tuple[str, ...] = field(default=(), validator=deep_iterable(in_(PARAMS)))
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"

    @property
    def url(self) -> str:
        """Where requests go."""
        return f"{self.base_url.rstrip('/')}/chat/completions"

    def default_model(self) -> str | None:
        """None: which models a server has, it alone knows."""
        return None

    def prerequisites(self) -> list[Prerequisite]:
        """The server, and the environment variables that a request takes its key and headers from."""
        names = [self.api_key_env] if self.api_key_env else []
        names += [name for text in self.headers.values() for name in _VARIABLE.findall(text)]
        needs = [Prerequisite("credential", name, f"set {name} in the environment or .env") for name in names]
        return [*needs, Prerequisite("host", self.base_url, "start the server, or look at base_url")]

    def identity(self, model: str) -> Mapping[str, Json]:
        """The server's address, and every option that changes what is sent in a request's body.

        What the server runs under the model's name, it alone knows: an answer is taken to be that of the same model
        as long as address and name are the same.
        """
        del model
        return {
            "name": self.name,
            "base_url": self.base_url.rstrip("/"),
            "extra_body": dict(self.extra_body),
            "reasoning_effort": self.reasoning_effort,
            "seed": self.seed,
            "omit": sorted(self.omit),
            "max_tokens_field": self.max_tokens_field,
        }

    def connect(self, model: str, items: Mapping[str, Item]) -> AbstractContextManager[Connection]:
        """Get ready to ask, without asking anything yet; leaving the context closes every connection.

        Raises:
            BackendError: An environment variable is not set, or what it holds cannot be sent.
        """
        del model, items
        from exx_openai_chat.client import opened

        return opened(self)
