"""Requests into rows of a dataset, and rows of an output into responses.

A row that the service cannot read fails the whole job, and its message names the wrong line: so each is checked here,
before anything is sent.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from exx import BackendError, JobRow, Request, Response, Usage

_ROLES = frozenset({"system", "user", "assistant", "tool"})
_RANGES = {"temperature": (0.0, 2.0), "top_p": (0.0, 1.0), "top_k": (0, 100), "max_tokens": (1, 2**31 - 1)}
_MOST_STOPS = 4
_LONGEST_ERROR = 2000
# What a request leaves out takes the value of the model's generation_config.json: so nothing is left out.
_NEUTRAL: dict[str, Any] = {
    "min_p": 0.0,
    "typical_p": 1.0,
    "frequency_penalty": 0.0,
    "presence_penalty": 0.0,
    "repetition_penalty": 1.0,
    "n": 1,
}
_log = logging.getLogger(__name__)


def write_rows(requests: Iterable[Request], path: Path) -> int:
    """Write the rows of a dataset, each checked.

    Returns:
        How many they are.

    Raises:
        BackendError: The service would not take one of them, and with it the whole job.
    """
    seen: set[str] = set()
    with path.open("wb") as file:
        for request in requests:
            if request.custom_id in seen:
                raise _unfit(request, "occurs twice")
            seen.add(request.custom_id)
            file.write(orjson.dumps(row_of(request), option=orjson.OPT_APPEND_NEWLINE))
    return len(seen)


def row_of(request: Request) -> dict[str, Any]:
    """The row of a request: every value that decides the answer is in it.

    Raises:
        BackendError: The service would not take it.
    """
    if not request.custom_id:
        raise _unfit(request, "has no custom_id")
    _check_messages(request)
    params = dict(request.params)
    missing = [name for name in _RANGES if params.get(name) is None]
    unknown = sorted(params.keys() - _RANGES.keys() - {"stop", "seed"})
    if missing or unknown:
        raise _unfit(request, f"lacks {', '.join(missing)}" if missing else f"has {', '.join(unknown)}")
    for name, (low, high) in _RANGES.items():
        if isinstance(params[name], bool) or not isinstance(params[name], int | float):
            raise _unfit(request, f"has {name} {params[name]!r}, which is no number")
        if not low <= params[name] <= high:
            raise _unfit(request, f"has {name} {params[name]}; Fireworks takes {low} to {high}")
    if len(params.get("stop") or ()) > _MOST_STOPS:
        raise _unfit(request, f"has {len(params['stop'])} stop words; Fireworks takes {_MOST_STOPS}")
    given = {name: value for name, value in params.items() if value is not None and (name != "stop" or value)}
    return {"custom_id": request.custom_id, "body": {"messages": list(request.messages), **given, **_NEUTRAL}}


def _check_messages(request: Request) -> None:
    if not request.messages:
        raise _unfit(request, "has no messages")
    for message in request.messages:
        if set(message) != {"role", "content"} or message["role"] not in _ROLES:
            known = ", ".join(sorted(_ROLES))
            raise _unfit(request, f"has a message that is not a role ({known}) with content")
        try:
            message["content"].encode()
        except (AttributeError, UnicodeEncodeError) as cause:
            raise _unfit(request, "has a message whose content is not text") from cause


def _unfit(request: Request, why: str) -> BackendError:
    hint = "one such row would fail its whole job, so nothing was sent; change the config or the dataset"
    return BackendError(f"request {request.custom_id!r} {why}", hint=hint)


def read_rows(path: Path) -> Iterator[JobRow]:
    """Read an output file, successes or errors. Lines that are no rows are counted and logged; they are left out."""
    strange = 0
    with path.open("rb") as file:
        for line in file:
            if not line.strip():
                continue
            row = job_row(line)
            if row is None:
                strange += 1
            else:
                yield row
    if strange:
        _log.warning("%d lines of %s are not rows of an output; their requests count as unanswered", strange, path.name)


def job_row(line: bytes) -> JobRow | None:
    """A line of an output file; None if it is none."""
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(row, dict):
        return None
    custom_id = row.get("custom_id") or row.get("customId") or row.get("request_id")
    if not isinstance(custom_id, str):
        return None
    response = row.get("response")
    said = response.get("body", response) if isinstance(response, dict) else row.get("body")
    error = row.get("error") or (said.get("error") if isinstance(said, dict) else None)
    if error or not isinstance(said, dict):
        return JobRow(custom_id, Response("", None, error=error_words(error)))
    return JobRow(custom_id, _answer(said))


def error_words(error: object) -> str:
    """What an error row says, whichever shape it has."""
    if isinstance(error, Mapping):
        inner = error.get("error")
        if isinstance(inner, Mapping):
            return error_words(inner)
        said = [str(error[name]) for name in ("code", "message") if error.get(name)]
        words = ": ".join(said) or orjson.dumps(dict(error)).decode()
    else:
        words = str(error or "")
    return (words or "the service gave no reason").strip()[:_LONGEST_ERROR]


def _answer(said: Mapping[str, Any]) -> Response:
    """The response of a chat completion."""
    choices = said.get("choices")
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else None
    message = first.get("message") if first else None
    if first is None or not isinstance(message, dict):
        return Response("", None, error="the row has a response without an answer in it")
    content = message.get("content")
    created = said.get("created")
    return Response(
        "",
        content if isinstance(content, str) else "",
        finish_reason=_text(first.get("finish_reason")),
        usage=_usage(said.get("usage")),
        request_id=_text(said.get("id")),
        model=_text(said.get("model")),
        answered_at=float(created) if isinstance(created, int | float) and created > 0 else None,
    )


def _usage(said: object) -> Usage:
    if not isinstance(said, Mapping):
        return Usage()
    return Usage(
        _number(said.get("prompt_tokens")),
        _number(said.get("completion_tokens")),
        _detail(said.get("prompt_tokens_details"), "cached_tokens"),
        _detail(said.get("completion_tokens_details"), "reasoning_tokens"),
    )


def _detail(said: object, name: str) -> int:
    return _number(said.get(name)) if isinstance(said, Mapping) else 0


def _number(said: object) -> int:
    return int(said) if isinstance(said, int | float) else 0


def _text(said: object) -> str | None:
    return str(said) if said is not None else None
