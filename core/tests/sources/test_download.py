"""What an address holds arrives whole and verified, or not at all; asked of a real server."""

from __future__ import annotations

import hashlib
import os
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from exx import DataError, Source, local_digest, obtain
from exx.sources import Retry

BODY = bytes(range(256)) * 4096
DIGEST = hashlib.sha256(BODY).hexdigest()
OTHER = hashlib.sha256(b"another file").hexdigest()


@pytest.fixture
def waits() -> list[float]:
    """Every wait the code asked for, in seconds; none of them is spent."""
    return []


@pytest.fixture
def retry(waits) -> Retry:
    """The default patience with a clock that does not tick."""
    return Retry(sleep=waits.append)


def left(folder: Path) -> list[str]:
    """Names of what the cache holds."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_download_is_kept_and_not_repeated(server, reply, folders) -> None:
    """The second call answers from the cache, under the file's own digest and without a request."""
    source = Source.parse(server.says("/dev.json", reply(body=BODY)))
    assert local_digest(source) is None

    first, second = obtain(source), obtain(source, DIGEST)

    assert first == second
    assert first.path.read_bytes() == BODY
    assert (first.sha256, first.path.name) == (DIGEST, DIGEST)
    assert local_digest(source) == DIGEST
    assert server.count() == 1
    assert len(left(folders / "cache")) == 2  # the file, and the record of its address


def test_a_damaged_copy_is_fetched_again(server, reply, folders) -> None:
    """A cached file is used only while it still is what was recorded."""
    source = Source.parse(server.says("/dev.json", reply(body=BODY)))
    path = obtain(source).path
    path.write_bytes(BODY[:-1])

    assert local_digest(source) is None
    assert obtain(source).path.read_bytes() == BODY
    assert server.count() == 2


@pytest.mark.parametrize("record", [b"", b"[]", b'{"sha256": 7}'])
def test_a_damaged_record_is_fetched_again(server, reply, folders, record: bytes) -> None:
    """A record that says nothing is as good as none."""
    source = Source.parse(server.says("/dev.json", reply(body=BODY)))
    obtain(source)
    next((folders / "cache").rglob("*.json")).write_bytes(record)

    assert obtain(source).sha256 == DIGEST
    assert server.count() == 2


@pytest.mark.parametrize("reset", [False, True])
def test_a_connection_that_breaks_off_is_tried_again(server, reply, folders, retry, waits, reset: bool) -> None:
    """Half a body is thrown away; the next try brings the whole."""
    broken = reply(body=BODY, sent=1000, reset=reset)
    source = Source.parse(server.says("/dev.json", broken, broken, reply(body=BODY)))

    assert obtain(source, retry=retry).path.read_bytes() == BODY
    assert waits == [0.5, 1.0]


def test_a_body_that_is_always_short_leaves_nothing(server, reply, folders, retry, waits) -> None:
    """With Content-Length a short body is an error that says so, after five tries, and no half file stays."""
    source = Source.parse(server.says("/dev.json", reply(body=BODY, sent=1000)))

    with pytest.raises(DataError, match=r"dev\.json: could not be downloaded in 5 tries: .*1,?000.*\n.*give its path"):
        obtain(source, retry=retry)
    assert left(folders / "cache") == []
    assert waits == [0.5, 1.0, 2.0, 4.0]


def test_a_short_body_is_noticed_by_us_too(server, reply, folders, monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries that let a short body pass (urllib3 before version 2 does) do not get it past us."""
    blind = property(lambda _: False, lambda _, value: None)
    monkeypatch.setattr("urllib3.response.HTTPResponse.enforce_content_length", blind, raising=False)
    source = Source.parse(server.says("/dev.json", reply(body=BODY, sent=1000)))

    with pytest.raises(DataError, match=r"in 1 try: the connection broke off after 1,000 of 1,048,576 bytes"):
        obtain(source, retry=Retry(tries=1))
    assert left(folders / "cache") == []


def test_a_short_body_of_unknown_length_is_caught_by_its_digest(server, reply, folders, retry) -> None:
    """Without Content-Length only the digest can tell, and the message says how it may have come about."""
    source = Source.parse(server.says("/dev.json", reply(body=BODY, sent=1000, length=False)))

    with pytest.raises(DataError, match=r"(?s)its sha256 is .*, expected .*1,000 bytes came.*cut short"):
        obtain(source, DIGEST, retry=retry)
    assert left(folders / "cache") == []


def test_a_wrong_digest_leaves_nothing(server, reply, folders, retry) -> None:
    """Another file than the pinned one is refused at once, and not kept."""
    source = Source.parse(server.says("/dev.json", reply(body=BODY)))

    with pytest.raises(DataError, match=f"its sha256 is {DIGEST}, expected {OTHER}"):
        obtain(source, OTHER, retry=retry)
    assert left(folders / "cache") == []
    assert server.count() == 1


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "no such file"), (403, "does not give it"), (401, "a login"), (410, "is gone"), (418, "I'm a Teapot")],
)
def test_a_refusal_is_final(server, reply, folders, retry, status: int, words: str) -> None:
    """What waiting cannot mend is told at once."""
    source = Source.parse(server.says("/dev.json", reply(status=status)))

    with pytest.raises(DataError, match=f"HTTP {status} .*{words}.*\n.*check the address"):
        obtain(source, retry=retry)
    assert server.count() == 1
    assert left(folders / "cache") == []


def test_a_busy_server_is_waited_for_as_long_as_it_says(server, reply, retry, waits) -> None:
    """Retry-After is honoured: a number of seconds, or a date."""
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    busy = [reply(status=429, headers={"Retry-After": after}) for after in ("7", date, "soon")]
    source = Source.parse(server.says("/dev.json", *busy, reply(body=BODY)))

    assert obtain(source, retry=retry).sha256 == DIGEST
    assert waits[0] == 7.0
    assert 20 < waits[1] <= 30
    assert waits[2] == 2.0  # not a time: as if the server had said nothing


def test_a_server_that_stays_busy_is_given_up(server, reply, folders, retry, waits) -> None:
    """429 for ever ends after five tries, with the status and what to do."""
    source = Source.parse(server.says("/dev.json", reply(status=429)))

    with pytest.raises(DataError, match=r"in 5 tries: HTTP 429 Too Many Requests\n.*try again later"):
        obtain(source, retry=retry)
    assert (server.count(), len(waits)) == (5, 4)
    assert left(folders / "cache") == []


def test_a_long_wait_is_left_to_the_person(server, reply, retry, waits) -> None:
    """A server that asks for an hour is neither pestered nor waited for."""
    source = Source.parse(server.says("/dev.json", reply(status=429, headers={"Retry-After": "3600"})))

    with pytest.raises(DataError, match=r"in 1 try: HTTP 429 .*the server asks to wait 3600 s"):
        obtain(source, retry=retry)
    assert waits == []


def test_a_server_error_is_tried_again(server, reply, retry, waits) -> None:
    """A 5xx may pass."""
    source = Source.parse(server.says("/dev.json", reply(status=500), reply(status=503), reply(body=BODY)))

    assert obtain(source, retry=retry).sha256 == DIGEST
    assert waits == [0.5, 1.0]


def test_nobody_listening_is_told_without_the_secret(server, folders, retry) -> None:
    """A connection that cannot be made names the reason, and keeps the query of the address to itself."""
    with pytest.raises(DataError, match=r"in 5 tries: the connection failed: .*refused") as caught:
        obtain(Source.parse("http://127.0.0.1:9/dev.json?token=secret"), retry=retry)
    assert "secret" not in str(caught.value)
    assert left(folders / "cache") == []


def test_redirects_are_followed_but_not_for_ever(server, reply, folders, retry) -> None:
    """An address may point elsewhere; one that points at itself is refused at once."""
    server.says("/new.json", reply(body=BODY))
    moved = Source.parse(server.says("/old.json", reply(status=302, headers={"Location": "/new.json"})))
    circle = Source.parse(server.says("/circle", reply(status=302, headers={"Location": "/circle"})))

    assert obtain(moved, retry=retry).sha256 == DIGEST
    with pytest.raises(DataError, match=r"circle: cannot be downloaded: .*redirects"):
        obtain(circle, retry=retry)


def test_a_failed_handshake_is_final(server, folders, retry, waits) -> None:
    """A server that does not speak TLS will not learn it by being asked again."""
    with pytest.raises(DataError, match=r"dev\.json: no connection: .*SSL"):
        obtain(Source.parse(server.url.replace("http:", "https:") + "/dev.json"), retry=retry)
    assert waits == []


@pytest.mark.parametrize("length", [True, False])
def test_a_file_beyond_the_limit_is_refused(server, reply, folders, retry, length: bool) -> None:
    """The limit holds whether or not the server owns up to the size."""
    source = Source.parse(server.says("/dev.json", reply(body=BODY, length=length)))

    with pytest.raises(DataError, match="larger than 1,000 bytes"):
        obtain(source, max_bytes=1000, retry=retry)
    assert left(folders / "cache") == []


def test_an_interrupt_leaves_nothing(server, reply, folders, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle of a body goes up, and the half file goes away."""
    source = Source.parse(server.says("/dev.json", reply(body=BODY)))

    def interrupt(_: int) -> None:
        assert len(left(folders / "cache")) == 1, "written, but not yet in place"
        raise KeyboardInterrupt

    monkeypatch.setattr("exx.downloads.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        obtain(source)
    assert left(folders / "cache") == []


def test_an_interrupt_while_waiting_leaves_nothing(server, reply, folders) -> None:
    """Ctrl-C between two tries goes up as well."""

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    source = Source.parse(server.says("/dev.json", reply(body=BODY, sent=10)))
    with pytest.raises(KeyboardInterrupt):
        obtain(source, retry=Retry(sleep=interrupt))
    assert left(folders / "cache") == []


def test_what_a_killed_process_left_goes_after_a_day(server, reply, folders) -> None:
    """A process that was killed could not tidy up; one that is still writing is left alone."""
    cache = folders / "cache" / "downloads"
    cache.mkdir(parents=True)
    for name, age in (("dead.part", 100_000), ("alive.part", 10)):
        (cache / name).touch()
        then = datetime.now(UTC).timestamp() - age
        os.utime(cache / name, (then, then))

    obtain(Source.parse(server.says("/dev.json", reply(body=BODY))))

    assert [name for name in left(cache) if name.endswith(".part")] == ["alive.part"]


def test_a_cache_that_cannot_be_written_is_named(server, reply, folders, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the folder, and the variable that moves it."""
    (folders / "occupied").touch()
    monkeypatch.setenv("EXX_CACHE", str(folders / "occupied"))

    with pytest.raises(DataError, match=r"(?s)occupied.*cannot be kept.*EXX_CACHE"):
        obtain(Source.parse(server.says("/dev.json", reply(body=BODY))))


def test_many_at_once_do_not_mix(server, reply, folders) -> None:
    """Eight callers of one address all get the whole file, and one copy stays."""
    source, got = Source.parse(server.says("/dev.json", reply(body=BODY))), []
    threads = [threading.Thread(target=lambda: got.append(obtain(source).path.read_bytes())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert got == [BODY] * 8
    assert len(left(folders / "cache")) == 2
