"""Request parts read back from disk, each row with the key under which its response is stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from exx.errors import DataError
from exx.experiment import Experiment
from exx.pipeline.context import TrialContext
from exx.records import Item, Json, Request, RequestId, request_key

CHUNK = 500


def read_requests(
    path: Path, identity: Mapping[str, Json], model: str, items: Mapping[str, Item] | None
) -> Iterator[Request]:
    """Read a part.

    Args:
        path: JSONL with ``custom_id`` and ``body``.
        identity: What the backend says of itself.
        model: The model to ask.
        items: Given for backends that simulate: their answers depend on the item, so the key has to as well.

    Raises:
        DataError: A line is not a request, with file and line.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                yield _request(path, number, line, identity, model, items)
    except OSError as cause:
        raise DataError(
            path, f"cannot be read: {cause.strerror or cause}", hint="exx resume builds it again"
        ) from cause


def _request(
    path: Path, number: int, line: bytes, identity: Mapping[str, Json], model: str, items: Mapping[str, Item] | None
) -> Request:
    try:
        row = orjson.loads(line)
        custom_id, body = row["custom_id"], row["body"]
        asked = RequestId.decode(custom_id)
        messages = body.pop("messages")
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as cause:
        raise DataError(path, f"is not a request ({cause!r})", line=number) from cause
    if items is not None:
        item = items[asked.item_key]
        identity = {
            **identity,
            "item": [custom_id, item.question, item.context, list(item.answers), item.is_unanswerable],
        }
    key = request_key(identity, model, messages, body, asked.sample_index)
    return Request(custom_id, key, model, messages, body)


def chunks(requests: Iterator[Request], size: int = CHUNK) -> Iterator[Sequence[Request]]:
    """Cut a stream of requests into lists."""
    while chunk := list(islice(requests, size)):
        yield chunk


def items_if_simulated(experiment: Experiment, items: Mapping[str, Item]) -> Mapping[str, Item] | None:
    """The items, for a backend whose answers are made from them."""
    return items if experiment.simulated else None


def identity_of(ctx: TrialContext) -> Mapping[str, Json]:
    """What the backend says determines its answers beyond the request."""
    identity: Mapping[str, Json] = ctx.experiment.backend.call("identity", ctx.trial.model)
    return identity


def read_parts(ctx: TrialContext) -> list[Path]:
    """The parts that were built, in the order in which they are asked."""
    parts: Any = ctx.details("build").get("parts", ())
    return [ctx.batch_inputs / str(part["file"]) for part in parts]
