"""Phase parse: raw result rows into predictions.csv, one row per request, also for failed ones."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, TextIO

import orjson
from attrs import frozen

from exx import __version__
from exx.errors import DataError
from exx.pipeline.context import FilePhase, Outcome, Scope, TrialContext
from exx.pipeline.requests import read_parts
from exx.records import RequestId
from exx.state.files import atomic_path

COLUMNS = (
    "custom_id",
    "dataset",
    "item_id",
    "condition",
    "temp",
    "sample_index",
    "type",
    "request_id",
    "finish_reason",
    "response_text",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "error",
    "cached_tokens",
    "model",
    "reasoning_tokens",
)
_ERROR, _TEXT = COLUMNS.index("error"), COLUMNS.index("response_text")
_WHOLE = ("sample_index", "prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens", "reasoning_tokens")
_SMALLEST_BLOCK, _LARGEST_BLOCK = 2**20, 2**26
Row = list[Any]


class Parse(FilePhase):
    """Make a table of the raw results."""

    name: ClassVar[str] = "parse"
    scope: ClassVar[Scope] = "trial"

    def inputs(self, ctx: TrialContext) -> dict[str, str]:
        """The raw results, and the requests they have to answer."""
        return {"results": ctx.digest_of("poll"), "requests": ctx.digest_of("build"), "exx-core": __version__}

    def run(self, ctx: TrialContext) -> Outcome:
        """Parse, and insist on exactly one row per request that was built."""
        path = ctx.results / "predictions.csv"
        count = parse_results(ctx.results / "results_combined.jsonl", path, expected=set(_custom_ids(ctx)))
        parquet = write_parquet(path)
        return Outcome(artifacts=[path, parquet], summary=f"{count} rows", details={"rows": count})


def _custom_ids(ctx: TrialContext) -> Iterator[str]:
    for path in read_parts(ctx):
        with path.open("rb") as file:
            for line in file:
                yield orjson.loads(line)["custom_id"]


def parse_results(results: Path, out: Path, expected: set[str] | None = None) -> int:
    """Turn raw result rows into predictions.csv.

    A request that failed and was answered later counts as answered. Two different answers to one request are refused.

    Args:
        results: JSONL as received, in any order.
        out: The table to write.
        expected: Custom ids that must be there, all of them and no others.

    Returns:
        Rows written.

    Raises:
        DataError: A line is not a result, answers contradict each other, or requests and results differ; with which.
    """
    rows: dict[str, Row] = {}
    for number, row in _read(results):
        kept = rows.get(row[0])
        if kept is None or (kept[_ERROR] and not row[_ERROR]):
            rows[row[0]] = row
        elif not row[_ERROR] and kept[_TEXT] != row[_TEXT]:
            raise DataError(results, f"a second, different answer to {row[0]}", line=number)
    if not rows:
        raise DataError(results, "holds no result rows")
    if expected is not None:
        _compare(results, set(rows), expected)
    with atomic_path(out) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        _write(file, rows.values())
    return len(rows)


@frozen
class _Lines:
    """Ends rows with a bare newline, while the csv module, told of both characters, quotes fields that hold either."""

    file: TextIO

    def write(self, row: str) -> None:
        self.file.write(row.removesuffix("\r\n") + "\n")


def _write(file: TextIO, rows: Iterable[Row]) -> None:
    writer = csv.writer(_Lines(file), lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)


def _read(path: Path) -> Iterator[tuple[int, Row]]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.isspace():
                    yield number, _row(path, number, line)
    except OSError as cause:
        raise DataError(path, f"cannot be read: {cause.strerror or cause}") from cause


def _row(path: Path, number: int, line: bytes) -> Row:
    try:
        record = orjson.loads(line)
        custom_id = record["custom_id"]
        asked = RequestId.decode(custom_id)
        answer = _answer(record)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError, IndexError) as cause:
        raise DataError(path, f"is not a result row ({cause!r})", line=number) from cause
    return [custom_id, *asked[:3], repr(asked.temp), asked.sample_index, asked.type, *answer]


def _answer(record: Mapping[str, Any]) -> list[Any]:
    """The columns from ``request_id`` on, whichever of the known shapes the row has."""
    error = error_text(record)
    body = _body(record)
    if error:
        return [body.get("id") or "", "", "", 0, 0, 0, error, 0, body.get("model") or "", 0]
    choice = body["choices"][0]
    usage = body.get("usage") or {}
    details, thought = (usage.get(f"{side}_tokens_details") or {} for side in ("prompt", "completion"))
    prompt, completion = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
    return [
        body.get("id") or "",
        choice.get("finish_reason") or "",
        _content(choice),
        prompt,
        completion,
        usage.get("total_tokens") or prompt + completion,
        "",
        details.get("cached_tokens") or 0,
        body.get("model") or "",
        thought.get("reasoning_tokens") or 0,
    ]


def _content(choice: Mapping[str, Any]) -> str:
    content = (choice.get("message") or {}).get("content", choice.get("text"))
    if isinstance(content, list):
        content = "".join(part.get("text") or "" for part in content if isinstance(part, dict))
    return (content or "").replace("\x00", "\ufffd")


def error_text(record: Mapping[str, Any]) -> str:
    """Why a row has no answer, whatever shape the error has; empty for a row with one."""
    response = record.get("response") or {}
    body = _body(record)
    error = record.get("error") or response.get("error") or body.get("error")
    if error:
        return str(error.get("message") or error) if isinstance(error, dict) else str(error)
    status = response.get("status_code")
    if isinstance(status, int) and status >= 400:
        return f"HTTP status {status}"
    return "" if body.get("choices") else "no answer in the result row"


def _body(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer's own object: batch services wrap it in ``body``; a failing server may put a page of text there."""
    response: Mapping[str, Any] = record.get("response") or {}
    body: Any = response.get("body") or response
    return body if isinstance(body, dict) else {}


def _compare(results: Path, got: set[str], expected: set[str]) -> None:
    if got == expected:
        return
    missing, extra = sorted(expected - got), sorted(got - expected)
    parts = [
        f"{len(ids)} {one if len(ids) == 1 else more}: {', '.join(ids[:5])}{' …' if len(ids) > 5 else ''}"
        for ids, one, more in (
            (missing, "request has no result", "requests have no result"),
            (extra, "result was never asked for", "results were never asked for"),
        )
        if ids
    ]
    raise DataError(results, "; ".join(parts), hint="exx resume collects them again")


def write_parquet(csv_path: Path) -> Path:
    """Write the same table beside a predictions file as Parquet; text stays text, whatever it looks like."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv
    from pyarrow import parquet

    path = csv_path.with_suffix(".parquet")
    whole, numbers = dict.fromkeys(_WHOLE, pa.int64()), {"temp": pa.float64()}
    types = {**dict.fromkeys(COLUMNS, pa.string()), **whole, **numbers}
    # A row has to fit into a block, and an answer may be long.
    read = arrow_csv.ReadOptions(block_size=min(max(csv_path.stat().st_size, _SMALLEST_BLOCK), _LARGEST_BLOCK))
    options = arrow_csv.ParseOptions(newlines_in_values=True)
    convert = arrow_csv.ConvertOptions(strings_can_be_null=False, column_types=types)
    table = arrow_csv.read_csv(csv_path, read_options=read, parse_options=options, convert_options=convert)
    with atomic_path(path) as temporary:
        parquet.write_table(table, temporary)
    return path
