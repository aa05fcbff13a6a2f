"""Reads a chat completion, whichever server it is from: what is missing, null or in another place is no surprise.

Sources:
    OpenAI, API reference, "The chat completion object": the shape that all of them follow.
    llama.cpp, tools/server/README.md, and vLLM, "OpenAI-compatible server": ``timings``, ``reasoning_content``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exx import Response, Usage

# Where servers say how much of the prompt came from their cache; the first place that holds a number counts.
_CACHED = (
    ("usage", "prompt_tokens_details", "cached_tokens"),
    ("usage", "cached_tokens"),
    ("usage", "prompt_cache_hit_tokens"),
    ("timings", "cache_n"),
)
_NO_ANSWER = {
    "tool_calls": "the model called a tool instead of answering",
    "function_call": "the model called a tool instead of answering",
    "content_filter": "the server withheld the answer (finish_reason content_filter)",
    "error": "the server broke off while it answered (finish_reason error)",
}


def read_reply(key: str, reply: Mapping[str, Any]) -> Response:
    """Make a response of a completion; one that holds no answer is a failed request.

    An answer that was cut off before it began, as a model's that is still reasoning, is an empty text with the
    finish reason ``length``. What a model reasons is no part of its answer. A refusal in words is an answer.
    """
    choice = _first(reply.get("choices"))
    finish = choice.get("finish_reason")
    finish = finish if isinstance(finish, str) else None
    text = _text(choice)
    problem = _problem(choice, finish) if not text else None
    request_id, model = reply.get("id"), reply.get("model")
    return Response(
        key=key,
        text=None if problem else text,
        finish_reason=finish,
        usage=read_usage(reply),
        request_id=request_id if isinstance(request_id, str) else None,
        model=model if isinstance(model, str) and model else None,
        error=problem,
    )


def _first(choices: Any) -> Mapping[str, Any]:
    found = choices[0] if isinstance(choices, list) and choices else None
    return found if isinstance(found, Mapping) else {}


def _message(choice: Mapping[str, Any]) -> Mapping[str, Any]:
    message = choice.get("message")
    return message if isinstance(message, Mapping) else {}


def _text(choice: Mapping[str, Any]) -> str:
    message = _message(choice)
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(map(_part, content))
    if isinstance(content, str) and content:
        return content
    refusal = message.get("refusal")
    return refusal if isinstance(refusal, str) else ""


def _part(part: Any) -> str:
    """The text of one part of a content that is a list; parts that are not answers (``thinking``) have none."""
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping) or part.get("type", "text") not in ("text", "output_text", "refusal"):
        return ""
    text = part.get("text", part.get("refusal"))
    return text if isinstance(text, str) else ""


def _problem(choice: Mapping[str, Any], finish: str | None) -> str | None:
    """Why a choice without text is not an answer; None if it is an empty one, or one that was cut off."""
    if not _message(choice):
        return "the server's reply holds no message"
    if _message(choice).get("tool_calls"):
        finish = "tool_calls"
    return _NO_ANSWER.get(finish or "")


def read_usage(reply: Mapping[str, Any]) -> Usage:
    """Tokens as far as they are told; what is not counts as none."""
    prompt, completion = (_count(_at(reply, ("usage", name))) for name in ("prompt_tokens", "completion_tokens"))
    told = (_at(reply, place) for place in _CACHED)
    cached = next((value for value in told if _is_count(value)), 0)
    reasoning = _count(_at(reply, ("usage", "completion_tokens_details", "reasoning_tokens")))
    return Usage(prompt, completion, min(_count(cached), prompt), min(reasoning, completion))


def _at(content: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        content = content.get(name) if isinstance(content, Mapping) else None
    return content


def _is_count(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**53


def _count(value: Any) -> int:
    return int(value) if _is_count(value) else 0
