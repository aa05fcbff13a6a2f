"""Starts llama.cpp in this process and asks it, so that an answer depends on the request and on nothing else.

llama.cpp computes a token's numbers in the same way wherever the token stands in a batch, provided that flash attention
is off (with it on, 8 of 40 greedy answers depended on the order of the questions) and that the batch holds at least two
tokens. The one case of a single token left to read is a prompt that was just asked; ``_forget_the_end`` sees to it.

Sources:
    llama.cpp, tools/server/README.md: the fields of a request, and the defaults that apply to omitted ones.
    GCC, libgomp manual, section on environment variables: OMP_WAIT_POLICY.
"""

from __future__ import annotations

import os
import secrets
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, field

from exx import BackendError, Request, Response, Usage

if TYPE_CHECKING:
    from exx_llamacpp.backend import LlamaCppBackend

_SMALL = 250_000_000
_FORGOTTEN_CHARACTERS = 8
_NEUTRAL = {
    # Whatever is left out takes a default of llama.cpp's or of the GGUF file's own: 0.05 for min_p, for instance.
    "samplers": ["top_k", "top_p", "temperature"],
    "min_p": 0.0,
    "typical_p": 1.0,
    "top_n_sigma": -1.0,
    "dynatemp_range": 0.0,
    "mirostat": 0,
    "repeat_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "dry_multiplier": 0.0,
    "xtc_probability": 0.0,
}
_PARAMS = frozenset({"temperature", "top_p", "top_k", "max_tokens", "stop", "seed"})


def version() -> str:
    """The installed version of xllamacpp, which names a build of llama.cpp.

    Raises:
        BackendError: It is not installed.
    """
    try:
        return metadata.version("xllamacpp")
    except metadata.PackageNotFoundError as cause:
        raise _unavailable("it is not installed") from cause


@contextmanager
def opened(options: LlamaCppBackend, model: str, weights: Path) -> Iterator[LlamaCppConnection]:
    """Load the weights for as long as the context lasts.

    Raises:
        BackendError: xllamacpp cannot be imported here, or it refuses the file.
    """
    engine = _import_engine()
    try:
        server = engine.Server(_settings(engine, options, weights))
    except RuntimeError as cause:
        raise BackendError(
            f"{weights}: llama.cpp cannot load this file ({cause})",
            hint="the file may be damaged or of an architecture this xllamacpp does not know, or memory may be short: "
            f"try pip install --upgrade xllamacpp, or fewer than {options.context_tokens} context_tokens",
        ) from cause
    # A server that is freed before its loop has begun waits for it for ever; one that has answered has begun it.
    server.handle_completions({"prompt": "1", "max_tokens": 1})
    connection = LlamaCppConnection(server, model, options)
    try:
        yield connection
    finally:
        connection.close()


def _import_engine() -> Any:
    # Threads that spin while they wait for each other are 3 to 15 times slower when another process wants the cores.
    # libgomp reads the variable once, when it is loaded with xllamacpp.
    before = os.environ.get("OMP_WAIT_POLICY")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        import xllamacpp
    except ImportError as cause:
        raise _unavailable(str(cause)) from cause
    finally:
        if before is None:
            del os.environ["OMP_WAIT_POLICY"]
    return xllamacpp


def _unavailable(reason: str) -> BackendError:
    return BackendError(
        f"llamacpp needs xllamacpp, which cannot be used here: {reason}",
        hint="pip install xllamacpp; on Linux it also needs libgomp (apt install libgomp1). "
        "Where there is no wheel for the platform, use --dry-run (backend: dry_run) or a backend that asks a server",
    )


def _settings(engine: Any, options: LlamaCppBackend, weights: Path) -> Any:
    params = engine.CommonParams()
    params.model.path = str(weights)
    params.n_parallel = options.slots
    params.n_ctx = options.context_tokens * options.slots
    params.flash_attn_type = engine.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.cache_prompt = options.prompt_cache
    params.cache_ram_mib = 0  # a second cache, of whole prompts, that nobody asks for again
    params.warmup = False
    params.verbosity = 0
    threads = options.threads or (1 if weights.stat().st_size < _SMALL else -1)  # -1: one per physical core
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    # The engine always listens on a port of 127.0.0.1, which we don't use: a key nobody knows keeps others out.
    params.api_keys = [secrets.token_hex(32)]
    return params


@define
class LlamaCppConnection:
    """Asks a model that is loaded. Once closed, the weights are freed."""

    _server: Any
    _model: str
    _options: LlamaCppBackend
    _last: Sequence[Mapping[str, str]] | None = field(default=None, init=False)

    def answer(self, request: Request) -> Response:
        """Ask the model; a prompt that does not fit or is malformed gives a response with an error.

        Raises:
            BackendError: A decoding parameter is unknown here: leaving it out would change every answer.
        """
        body = {"messages": list(request.messages), **self._sampling(request)}
        if self._options.prompt_cache and self._options.slots == 1 and request.messages == self._last:
            self._forget_the_end(request.messages)
        self._last = None
        try:
            reply = self._server.handle_chat_completions(body)
        except (RuntimeError, ValueError) as cause:
            return Response(request.key, None, model=self._model, error=f"llama.cpp: {cause}")
        if "error" in reply:
            return Response(request.key, None, model=self._model, error=_reason(reply["error"]))
        self._last = request.messages
        return self._response(request, reply)

    def close(self) -> None:
        """Let go of the weights."""
        self._server = None

    def _sampling(self, request: Request) -> dict[str, Any]:
        params = request.params
        if unknown := sorted(params.keys() - _PARAMS):
            raise BackendError(
                f"llamacpp: unknown decoding parameter {unknown[0]!r}; known: {', '.join(sorted(_PARAMS))}"
            )
        temperature = float(params.get("temperature", 0.0))
        seed = params.get("seed")
        return {
            **_NEUTRAL,
            "temperature": temperature,
            "top_k": params.get("top_k", 0) if temperature > 0 else 1,
            "top_p": params.get("top_p", 1.0),
            "max_tokens": params.get("max_tokens", -1),
            "stop": list(params.get("stop") or ()),
            # Without one, llama.cpp would draw a seed of its own each time.
            "seed": zlib.crc32(request.key.encode()) >> 1 if seed is None else seed,
            "cache_prompt": self._options.prompt_cache,
        }

    def _forget_the_end(self, messages: Sequence[Mapping[str, str]]) -> None:
        # Replicates ask the same prompt again. All but its last token would come from the cache, and a token that is
        # read alone is rounded differently (2 of 8 repeated prompts, one with another answer). So the end is
        # overwritten first, which takes some 60 ms instead of reading the whole prompt.
        last = messages[-1]
        shorter = {**last, "content": last["content"][:-_FORGOTTEN_CHARACTERS]}
        self._server.handle_chat_completions({"messages": [*messages[:-1], shorter], "max_tokens": 1, "temperature": 0})

    def _response(self, request: Request, reply: Mapping[str, Any]) -> Response:
        choice, usage = reply["choices"][0], reply["usage"]
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
        return Response(
            key=request.key,
            text=choice["message"].get("content") or "",
            finish_reason=choice["finish_reason"],
            usage=Usage(usage["prompt_tokens"], usage["completion_tokens"], cached),
            request_id=f"llamacpp-{request.key[:16]}",  # llama.cpp's own are random, and nobody can look them up
            model=self._model,
        )


def _reason(error: Any) -> str:
    if not isinstance(error, Mapping):
        return f"llama.cpp: {error}"
    advice = " (raise context_tokens)" if error.get("type") == "exceed_context_size_error" else ""
    return f"llama.cpp: {error.get('message', error)}{advice}"
