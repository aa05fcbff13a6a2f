"""The response store: one SQLite database, from a request's key to its response.

A response is stored once, under the hash of everything that determines it. From this follow resume, reuse of the
control arm, and protection from paying twice. A failure never takes the place of an answer. Writes are durable when
``add`` returns: the database is in WAL mode with full synchronisation, so a killed process or a power cut loses at most
the batch under way.

SQLite notices when its own structure is damaged, not when a byte of an answer is: so each row has a seal, and one whose
seal does not fit counts as not there.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import orjson
from attrs import astuple, evolve, frozen

from exx.errors import RunError
from exx.fault import point
from exx.records import Response, Usage

CacheMode = Literal["reuse", "refresh", "off"]
_LOOKUP = 500
_PATIENCE = 60.0
_SEAL = 8
_FIRST, _LATER = 8, (None, None, 0)  # what every row has; and what stands for what a row of an older store lacks
_OLDEST, _AHEAD = 946_684_800.0, 300.0  # a service's clock is believed from the year 2000 to five minutes from now
_SCHEMA = """
CREATE TABLE IF NOT EXISTS {table} (
    key BLOB PRIMARY KEY,
    buyer TEXT NOT NULL,
    failed INTEGER NOT NULL,
    response BLOB NOT NULL
) WITHOUT ROWID
"""
# In ``responses`` is the best there is to each key; in ``failures`` what failed while somebody else's answer was there,
# for the run that wanted one of its own.
_TABLES = ("responses", "failures")
# What failed attempts took all the same, since the answer that comes later takes the failure's place.
_ATTEMPTS = """
CREATE TABLE IF NOT EXISTS attempts (
    key BLOB NOT NULL,
    name BLOB NOT NULL,
    buyer TEXT NOT NULL,
    usage BLOB NOT NULL,
    PRIMARY KEY (key, name)
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
            self._db = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
            self._db.text_factory = bytes  # what a damaged row holds need not be text
            _use_log(self._db)
            self._db.execute("PRAGMA synchronous=FULL")
            for table in _TABLES:
                self._db.execute(_SCHEMA.format(table=table))
            self._db.execute(_ATTEMPTS)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def __enter__(self) -> ResponseStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, keys: Sequence[str]) -> dict[str, Stored]:
        """Look up responses, failed ones included; keys that are not there are left out.

        With ``refresh``, what failed for this run comes before what others were answered.
        """
        found: dict[str, Stored] = {}
        others: list[str] = []
        for key, buyer, _, body in self._select(keys):
            found[key.hex()] = Stored(_decode(key.hex(), body), buyer.decode())
            if self.mode == "refresh" and not self._own(buyer):
                others.append(key.hex())
        for key, buyer, _, body in self._select(others, "failures"):
            if self._own(buyer):
                found[key.hex()] = Stored(_decode(key.hex(), body), buyer.decode())
        return found

    def missing(self, keys: Sequence[str]) -> list[str]:
        """The keys that still have to be asked, in their order: without a response, or with only a failure.

        With ``refresh``, an answer counts only if this run bought it.
        """
        there = {
            key.hex()
            for key, buyer, failed, _ in self._select(keys)
            if not failed and (self.mode != "refresh" or self._own(buyer))
        }
        return [key for key in dict.fromkeys(keys) if key not in there]

    def _own(self, buyer: bytes) -> bool:
        return buyer.startswith((self.buyer.partition("/")[0] + "/").encode())

    def add(self, responses: Iterable[Response]) -> None:
        """Store a batch in one durable transaction; of two answers to a key the later one stays, before any failure."""
        batch = list(responses)
        now = time.time()
        rows = [_row(response, self.buyer, now) for response in batch]
        with self._told():
            try:
                self._db.execute("BEGIN IMMEDIATE")
                self._write(batch, rows)
                point("responses written")
                self._db.execute("COMMIT")
                point("responses stored")
            except BaseException:
                if self._db.in_transaction:  # a full disk has ended it already
                    self._db.execute("ROLLBACK")
                raise

    def _write(self, batch: Sequence[Response], rows: Sequence[tuple[bytes, str, bool, bytes]]) -> None:
        failed = [response.key for response in batch if response.error is not None]
        answered = {key: buyer for key, buyer, broken, _ in self._select(failed) if not broken}
        answered |= {key: self.buyer.encode() for key, _, broken, _ in rows if not broken}
        best = [row for row in rows if not row[2] or row[0] not in answered]
        self._db.executemany("INSERT OR REPLACE INTO responses VALUES (?, ?, ?, ?)", best)
        metered = [
            _attempt(response, self.buyer) for response in batch if response.error and response.usage.total_tokens
        ]
        self._db.executemany("INSERT OR IGNORE INTO attempts VALUES (?, ?, ?, ?)", metered)  # read twice, counted once
        if self.mode == "refresh":
            own = [(key,) for key, _, broken, _ in rows if not broken]
            self._db.executemany("DELETE FROM failures WHERE key = ?", own)
            beside = [row for row in rows if row[2] and row[0] in answered and not self._own(answered[row[0]])]
            self._db.executemany("INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?)", beside)

    def attempts(self) -> Iterator[tuple[str, Usage]]:
        """Key and tokens of every failed attempt of this buyer whose tokens are known, final failures among them."""
        with self._told():
            for key, usage in self._db.execute("SELECT key, usage FROM attempts WHERE buyer = ?", [self.buyer]):
                yield key.hex(), Usage(*orjson.loads(usage))

    def bought(self) -> dict[str, Usage]:
        """Tokens that this buyer's run has paid for, by trial: of answers, and of failed attempts."""
        run = self.buyer.partition("/")[0] + "/"
        sums: dict[str, list[int]] = {}
        with self._told():
            # "0" is what follows "/": the names that begin with the run's.
            for key, buyer, failed, sealed in self._db.execute(
                "SELECT * FROM responses WHERE failed = 0 AND buyer >= ? AND buyer < ?", [run, run[:-1] + "0"]
            ):
                row = _unsealed(key, buyer, failed, sealed)
                if row is not None:
                    _count(sums, buyer, _decode(row[0].hex(), row[3]).usage)
            for buyer, usage in self._db.execute(
                "SELECT buyer, usage FROM attempts WHERE buyer >= ? AND buyer < ?", [run, run[:-1] + "0"]
            ):
                _count(sums, buyer, Usage(*orjson.loads(usage)))
        return {trial: Usage(*counts) for trial, counts in sums.items()}

    def _select(self, keys: Sequence[str], table: str = "responses") -> Iterator[tuple[bytes, bytes, int, bytes]]:
        """Key, buyer, whether it failed, and the response: of the rows that are there and whole."""
        with self._told():
            for start in range(0, len(keys), _LOOKUP):
                chunk = [bytes.fromhex(key) for key in keys[start : start + _LOOKUP]]
                marks = ",".join("?" * len(chunk))
                found = self._db.execute(
                    f"SELECT key, buyer, failed, response FROM {table} WHERE key IN ({marks})", chunk
                )
                yield from (whole for row in found if (whole := _unsealed(*row)))

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, UnicodeDecodeError) as cause:
            hint = "what was stored before is safe; check the disk's room and permissions, then exx resume"
            # SQLite's message may quote damaged names, which Python then cannot read.
            damage = ("malformed", "not a database", "file format", "can't decode")
            if any(words in str(cause) for words in damage):
                hint = f"the file is damaged: move {self.path} away and resume; its answers will be asked again"
            raise RunError(f"response store {self.path}: {cause}", hint=hint) from cause


def _unsealed(key: bytes, buyer: Any, failed: Any, sealed: Any) -> tuple[bytes, bytes, int, bytes] | None:
    """A row without its seal; None if the seal is not that of the row, which then counts as not being there."""
    if not (isinstance(buyer, bytes) and isinstance(sealed, bytes) and failed in (0, 1)):
        return None
    body = sealed[_SEAL:]
    return (key, buyer, failed, body) if sealed[:_SEAL] == _seal(key, buyer, failed, body) else None


def _count(sums: dict[str, list[int]], buyer: bytes, usage: Usage) -> None:
    """Add tokens to those of a buyer's trial."""
    kept = sums.setdefault(buyer.decode().partition("/")[2], [0] * len(astuple(usage)))
    kept[:] = map(sum, zip(kept, astuple(usage), strict=True))


def _attempt(response: Response, buyer: str) -> tuple[bytes, bytes, str, bytes]:
    """A failed attempt's row: its name is the server's, or what it said."""
    said = orjson.dumps([_encodable(response.request_id), _encodable(response.error), *astuple(response.usage)])
    name = blake2b(said, digest_size=_SEAL).digest()
    return bytes.fromhex(response.key), name, buyer, orjson.dumps(astuple(response.usage))


def _use_log(database: sqlite3.Connection) -> None:
    """Switch to WAL mode. SQLite does not wait while another process does the same, so this does."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            database.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as cause:
            if cause.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def _row(response: Response, buyer: str, now: float) -> tuple[bytes, str, bool, bytes]:
    told = response.answered_at
    if told is None or not _OLDEST < told < now + _AHEAD:
        response = evolve(response, answered_at=now)
    key, failed, body = bytes.fromhex(response.key), response.error is not None, _encode(response)
    return key, buyer, failed, _seal(key, buyer.encode(), failed, body) + body


def _seal(key: bytes, buyer: bytes, failed: int, body: bytes) -> bytes:
    return blake2b(b"%b%d%b\0%b" % (key, failed, buyer, body), digest_size=_SEAL).digest()


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
            response.precision,
            response.answered_at,
            usage.reasoning_tokens,
        ]
    )


def _encodable(text: str | None) -> str | None:
    """Put the replacement character for half a surrogate pair, which models do send and no file can hold."""
    if text is None or text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _decode(key: str, blob: bytes) -> Response:
    # Rows of older stores end early: they do not say when and how precisely a model answered, or how long it thought.
    whole: list[Any] = orjson.loads(blob)
    whole += _LATER[len(whole) - _FIRST :]
    text, finish, prompt, completion, cached, request_id, model, error, precision, answered_at, reasoning = whole
    usage = Usage(prompt, completion, cached, reasoning)
    return Response(key, text, finish, usage, request_id, model, error, precision, answered_at)
