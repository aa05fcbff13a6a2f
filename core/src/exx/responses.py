"""The response store: one SQLite database, from a request's key to its response.

A response is stored once, under the hash of everything that determines it. From this follow resume, reuse of the
control arm, and protection from paying twice. Writes are durable when ``add`` returns: the database is in WAL mode
with full synchronisation, so a killed process or a power cut loses at most the batch under way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import orjson
from attrs import frozen

from exx.errors import RunError
from exx.fault import point
from exx.records import Response, Usage

CacheMode = Literal["reuse", "refresh", "off"]
_LOOKUP = 500
_SCHEMA = """
CREATE TABLE IF NOT EXISTS responses (
    key BLOB PRIMARY KEY,
    buyer TEXT NOT NULL,
    failed INTEGER NOT NULL,
    response BLOB NOT NULL
) WITHOUT ROWID
"""


@frozen
class Stored:
    """A response as the store holds it, with who asked for it: ``run/trial``."""

    response: Response
    buyer: str


class ResponseStore:
    """Responses by key.

    Args:
        path: Database file; made when missing.
        buyer: ``run/trial`` on whose account responses are added.
        mode: ``reuse`` takes any earlier answer; ``refresh`` only those this buyer's run asked for itself.
    """

    def __init__(self, path: Path, buyer: str, mode: CacheMode = "reuse") -> None:
        self.path = path
        self.buyer = buyer
        self.mode = mode
        with self._told():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=60.0, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute(_SCHEMA)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def __enter__(self) -> ResponseStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, keys: Sequence[str]) -> dict[str, Stored]:
        """Look up responses, failed ones included; keys that are not there are left out."""
        found: dict[str, Stored] = {}
        for row in self._select("key, buyer, response", keys):
            found[row[0].hex()] = Stored(_decode(row[0].hex(), row[2]), row[1])
        return found

    def missing(self, keys: Sequence[str]) -> list[str]:
        """The keys that still have to be asked, in their order: without a response, or with only a failure.

        With ``refresh``, an answer counts only if this run bought it.
        """
        run = self.buyer.partition("/")[0] + "/"
        there = {
            row[0].hex()
            for row in self._select("key, buyer, failed", keys)
            if not row[2] and (self.mode != "refresh" or row[1].startswith(run))
        }
        return [key for key in dict.fromkeys(keys) if key not in there]

    def add(self, responses: Iterable[Response]) -> None:
        """Store a batch in one durable transaction; a later answer to the same key replaces the earlier one."""
        rows = [(bytes.fromhex(r.key), self.buyer, r.error is not None, _encode(r)) for r in responses]
        with self._told():
            try:
                self._db.execute("BEGIN IMMEDIATE")
                self._db.executemany("INSERT OR REPLACE INTO responses VALUES (?, ?, ?, ?)", rows)
                point("responses written")
                self._db.execute("COMMIT")
                point("responses stored")
            except BaseException:
                if self._db.in_transaction:  # a full disk has ended it already
                    self._db.execute("ROLLBACK")
                raise

    def _select(self, columns: str, keys: Sequence[str]) -> Iterator[tuple[bytes, str, bytes]]:
        with self._told():
            for start in range(0, len(keys), _LOOKUP):
                chunk = [bytes.fromhex(key) for key in keys[start : start + _LOOKUP]]
                marks = ",".join("?" * len(chunk))
                yield from self._db.execute(f"SELECT {columns} FROM responses WHERE key IN ({marks})", chunk)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as cause:
            hint = "what was stored before is safe; check the disk's room and permissions, then exx resume"
            if any(words in str(cause) for words in ("malformed", "not a database")):
                hint = f"the file is damaged: move {self.path} away and resume; its answers will be asked again"
            raise RunError(f"response store {self.path}: {cause}", hint=hint) from cause


def _encode(response: Response) -> bytes:
    usage = response.usage
    return orjson.dumps(
        [
            _encodable(response.text),
            response.finish_reason,
            usage.prompt_tokens,
            usage.completion_tokens,
            usage.cached_tokens,
            response.request_id,
            response.model,
            _encodable(response.error),
        ]
    )


def _encodable(text: str | None) -> str | None:
    """Put the replacement character for half a surrogate pair, which models do send and no file can hold."""
    if text is None or text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _decode(key: str, blob: bytes) -> Response:
    text, finish, prompt, completion, cached, request_id, model, error = orjson.loads(blob)
    return Response(key, text, finish, Usage(prompt, completion, cached), request_id, model, error)
