"""A file of a hub repository, asked of a server that speaks the hub's protocol."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from exx import DataError, HubFile, Obtained, local_digest, obtain, obtain_from_hub

pytest.importorskip("huggingface_hub")

BODY = bytes(range(256)) * 400
DIGEST = hashlib.sha256(BODY).hexdigest()
OTHER = hashlib.sha256(b"another file").hexdigest()
COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILE = HubFile("owner/set", "squad_v2/validation.parquet", COMMIT)
PATH = f"/datasets/owner/set/resolve/{COMMIT}/squad_v2/validation.parquet"


@pytest.fixture(autouse=True)
def hub(server, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Point the library at the server and let no wait be spent; return the waits."""
    waits: list[float] = []
    monkeypatch.setenv("HF_ENDPOINT", server.url + "/")
    monkeypatch.setattr("time.sleep", waits.append)
    return waits


def headers(etag: str = DIGEST, **more: str) -> dict[str, str]:
    """What the hub says of a file it stores."""
    return {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT, **more}


def left(folder: Path) -> list[str]:
    """Names of what the hub's cache holds, without its own bookkeeping."""
    ignored = (".lock", "CACHEDIR.TAG")
    return sorted(p.name for p in folder.rglob("*") if p.is_file() and not p.name.endswith(ignored))


def test_a_file_is_fetched_verified_and_not_fetched_again(server, reply) -> None:
    """The second call makes no request; its digest is known without the network."""
    server.says(PATH, reply(body=BODY, headers=headers()))
    assert local_digest(FILE) is None

    first, second = obtain(FILE), obtain(FILE, DIGEST)

    assert first == second
    assert first.path.read_bytes() == BODY
    assert (first.sha256, first.revision) == (DIGEST, COMMIT)
    assert local_digest(FILE) == DIGEST
    assert (server.count("HEAD"), server.count("GET")) == (1, 1)


def test_a_branch_is_resolved_to_its_commit(server, reply) -> None:
    """What is reported is the commit, whatever name was asked for."""
    server.says(PATH.replace(COMMIT, "main"), reply(body=BODY, headers=headers()))
    branch = HubFile(FILE.repo, FILE.filename, "main")

    assert obtain(branch).revision == COMMIT
    assert local_digest(branch) == DIGEST


def test_the_pinned_digest_is_insisted_on(server, reply, folders) -> None:
    """Another file than the pinned one is refused and removed, so that the next call may do better."""
    server.says(PATH, reply(body=BODY, headers=headers()))

    with pytest.raises(DataError, match=f"(?s)its sha256 is {DIGEST}, expected {OTHER}.*bad copy was removed"):
        obtain(FILE, OTHER)
    assert left(folders / "hf") == []


def test_without_a_pinned_digest_the_hubs_own_counts(server, reply, folders) -> None:
    """The hub names a large file by its sha256, and that is what it must hash to."""
    server.says(PATH, reply(body=BODY, headers=headers(OTHER)))

    with pytest.raises(DataError, match=f"its sha256 is {DIGEST}, expected {OTHER}"):
        obtain(FILE)
    assert left(folders / "hf") == []
    server.says(PATH, reply(body=BODY, headers=headers()))
    assert obtain(FILE).sha256 == DIGEST


def test_a_small_file_has_no_digest_to_insist_on(server, reply) -> None:
    """Small files are named by a git hash, which says nothing about their sha256."""
    server.says(PATH, reply(body=BODY, headers=headers("d" * 40)))

    assert obtain(FILE).sha256 == DIGEST


def test_a_damaged_copy_is_removed(server, reply, folders) -> None:
    """A cached file that changed on the disk is refused; the next call fetches it anew."""
    server.says(PATH, reply(body=BODY, headers=headers()))
    obtain(FILE).path.write_bytes(b"damaged")

    with pytest.raises(DataError, match=r"its sha256 is .*\n.*removed; try again"):
        obtain(FILE)
    assert obtain(FILE).path.read_bytes() == BODY


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("RepoNotFound", "there is no dataset owner/set, or it is private"),
        ("RevisionNotFound", f"there is no revision {COMMIT}"),
        ("EntryNotFound", "there is no file squad_v2/validation.parquet at this revision"),
        ("GatedRepo", "owner/set is gated"),
    ],
)
def test_what_does_not_exist_is_told_by_name(server, reply, folders, code: str, words: str) -> None:
    """The hub says which part of the name is wrong, and so do we, with what to do."""
    status = 403 if code == "GatedRepo" else 404
    server.says(PATH, reply(status=status, headers={"X-Error-Code": code}))

    with pytest.raises(DataError, match=f"hf://datasets/owner/set@{COMMIT}/squad_v2/validation.parquet: {words}\n"):
        obtain(FILE)
    assert left(folders / "hf") == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_stays_busy_is_told_by_its_status(server, reply, folders, status: int) -> None:
    """After the library's own tries the status and the way out are told."""
    server.says(PATH, reply(status=status))

    with pytest.raises(DataError, match=rf"could not be downloaded: HTTP {status}.*\n.*source: PATH"):
        obtain(FILE)
    assert server.count("HEAD") > 1
    assert left(folders / "hf") == []


def test_a_busy_server_is_waited_for(server, reply, hub: list[float]) -> None:
    """Retry-After is honoured, by the library."""
    busy = reply(status=429, headers={"Retry-After": "7"})
    server.says(f"HEAD {PATH}", busy, busy, reply(body=BODY, headers=headers()))
    server.says(f"GET {PATH}", busy, reply(body=BODY, headers=headers()))

    assert obtain(FILE).sha256 == DIGEST
    assert [wait for wait in hub if wait >= 7]


def test_a_connection_that_breaks_off_is_resumed(server, reply) -> None:
    """Half a body is completed, not kept."""
    server.says(f"HEAD {PATH}", reply(body=BODY, headers=headers()))
    short = reply(body=BODY, sent=1000, headers=headers(), ranges=True)
    server.says(f"GET {PATH}", short, reply(body=BODY, headers=headers(), ranges=True))

    assert obtain(FILE).path.read_bytes() == BODY
    assert server.count("GET") == 2


@pytest.mark.parametrize("length", [True, False])
def test_a_body_that_stays_short_leaves_nothing(server, reply, folders, length: bool) -> None:
    """The size the hub announced is held to, and no half file stays."""
    server.says(f"HEAD {PATH}", reply(body=BODY, headers=headers()))
    short = reply(body=BODY, sent=1000, headers=headers(), length=length, ranges=True)
    server.says(f"GET {PATH}", short)

    with pytest.raises(DataError, match="could not be downloaded: "):
        obtain(FILE)
    assert left(folders / "hf") == []


def test_nobody_listening_is_told_with_the_way_out(monkeypatch: pytest.MonkeyPatch, folders) -> None:
    """Without a network the message says to give a path."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")

    with pytest.raises(DataError, match=r"could not be downloaded: .*refused\n.*source: PATH"):
        obtain(FILE)


def test_offline_means_no_request(server, reply, monkeypatch: pytest.MonkeyPatch) -> None:
    """HF_HUB_OFFLINE is read at the call: without a cached copy it is an error, with one it is no hindrance."""
    server.says(PATH, reply(body=BODY, headers=headers()))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DataError, match="not in the cache, and HF_HUB_OFFLINE is set"):
        obtain(FILE)
    assert server.asked == []

    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    path = obtain(FILE).path
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert obtain(FILE).path == path

    with pytest.raises(DataError, match="left alone because HF_HUB_OFFLINE is set"):
        obtain(FILE, OTHER)
    assert path.read_bytes() == BODY


@pytest.mark.parametrize("variable", ["HF_HOME", "HF_HUB_CACHE"])
def test_the_cache_moves_with_its_variable(server, reply, folders, monkeypatch, variable: str) -> None:
    """HF_HOME and HF_HUB_CACHE are read at the call too."""
    server.says(PATH, reply(body=BODY, headers=headers()))
    monkeypatch.setenv(variable, str(folders / "elsewhere"))

    assert obtain(FILE).path.is_relative_to(folders / "elsewhere")
    assert local_digest(FILE) == DIGEST


def test_a_cache_without_links_will_do(server, folders, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where links are not to be had the entry is a plain file; a commit that is here is not asked about again."""
    monkeypatch.delenv("HF_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folders / "xdg"))
    path = folders / "xdg/huggingface/hub/datasets--owner--set/snapshots" / COMMIT / FILE.filename
    path.parent.mkdir(parents=True)
    path.write_bytes(BODY)

    assert obtain(FILE) == Obtained(path, DIGEST, COMMIT)
    with pytest.raises(DataError, match="bad copy was removed"):
        obtain(FILE, OTHER)
    assert not path.exists()
    assert server.asked == []


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without huggingface_hub the message says what to install."""
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)

    with pytest.raises(DataError, match=r"huggingface_hub is not installed\n.*pip install huggingface_hub"):
        obtain_from_hub(FILE.repo, FILE.filename, COMMIT)


def test_an_interrupt_leaves_nothing(server, reply, folders, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle of a body goes up, and no half file stays."""
    server.says(f"HEAD {PATH}", reply(body=BODY, headers=headers()))
    server.says(f"GET {PATH}", reply(body=BODY, sent=1000, headers=headers()))

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        obtain(FILE)
    assert left(folders / "hf") == []
