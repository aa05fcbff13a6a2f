"""The same questions come out of the official file and of the hub's rows, and a bad record is told by its line."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exx import DataError, Item, Source
from exx.testing import check_dataset
from exx_nq_open.dataset import REPO, REVISION, NQOpen

# Made up for these tests; the third asks what the first asks.
ROWS: list[dict[str, Any]] = [
    {"question": " who wrote  the letter ", "answer": ["Ada ", "A. L.", "Ada"]},
    {"question": "how many letters", "answer": ["7"]},
    {"question": "who wrote  the letter", "answer": ["Lovelace"]},
]


def name_of(question: str) -> str:
    """What the README promises: made of the question's text."""
    return hashlib.sha256(question.encode()).hexdigest()[:16]


FIRST = name_of("who wrote  the letter")
ITEMS = [
    Item("nq_open", FIRST, "who wrote  the letter", ("Ada", "A. L.")),
    Item("nq_open", name_of("how many letters"), "how many letters", ("7",)),
    Item("nq_open", f"{FIRST}#2", "who wrote  the letter", ("Lovelace",)),
]


def lines(rows: list[dict[str, Any]]) -> bytes:
    """JSON Lines of these rows."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A file in the hub's layout, in several row groups."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=2)
    return path


def written(path: Path, content: bytes) -> Path:
    """A file of this content."""
    path.write_bytes(content)
    return path


def items(path: Path, **options: Any) -> list[Item]:
    """All items of a file."""
    return list(NQOpen(source=Source.parse(str(path)), **options).load().items)


def real(name: str) -> Path:
    """A real file, for tests only."""
    folder = os.environ.get("EXX_TEST_DATA")
    if not folder or not (path := Path(folder) / name).is_file():
        pytest.skip(f"EXX_TEST_DATA does not name a folder with {name}")
    return path


def test_every_layout_gives_the_same_items(tmp_path: Path) -> None:
    """White space goes at the ends only, answers are distinct and in order, and a repeated question is kept apart."""
    assert items(written(tmp_path / "a.jsonl", lines(ROWS))) == ITEMS
    assert items(written(tmp_path / "a.json", json.dumps(ROWS, indent=1).encode())) == ITEMS
    assert items(write_parquet(tmp_path / "a.parquet", ROWS)) == ITEMS


def test_the_official_file_holds_what_was_published(tmp_path: Path) -> None:
    """3,610 development questions, all different (README of the official repository); the same from Parquet."""
    path = real("nq_open/NQ-open.dev.jsonl")
    found = items(path, sha256="f15567f38099f3615f5b8a685c0aef449c11ad90d3da3735e8d1b98115b40616")
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]

    assert len(found) == len({item.id for item in found}) == 3_610
    assert found[0].answers == ("14 December 1972 UTC", "December 1972")
    assert found == items(write_parquet(tmp_path / "a.parquet", rows))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"answer": ["x"]}', "question: required, but missing; fields found: answer"),
        ('{"question": null, "answer": ["x"]}', "question: expected text, found null"),
        ('{"question": "a", "answer": "x"}', 'answer: expected a list, found "x"\n  → write ["x"]'),
        ('{"question": "a", "answer": []}', "answer: is an empty list"),
        ('{"question": "a", "answer": ["x", null]}', "answer[1]: expected text, found null"),
        ('{"question": "a", "answer": ["x", " "]}', "answer[1]: is empty"),
        ('["a", ["x"]]', 'expected an object, found ["a",["x"]]'),
        ("question,answer", "not valid JSON, at column 1"),
    ],
)
def test_a_bad_record_is_told_by_its_line_or_skipped(tmp_path: Path, line: str, words: str) -> None:
    """File, line, field, what was expected and found; with ``skip`` it is left out and listed."""
    path = written(tmp_path / "dev.jsonl", b'{"question": "fine", "answer": ["y"]}\n\n' + line.encode())

    with pytest.raises(DataError, match=r"dev\.jsonl, line 3: ") as caught:
        items(path)
    assert words in str(caught.value)
    loaded = NQOpen(source=Source.parse(str(path)), on_error="skip").load()
    assert [item.question for item in loaded.items] == ["fine"]
    assert loaded.log is not None and (loaded.log.skipped, loaded.log.first[0].place) == (1, "line 3")


def test_a_file_of_nothing_usable_is_told(tmp_path: Path) -> None:
    """Skipping everything is no dataset."""
    path = written(tmp_path / "a.jsonl", b'{"question": "a"}\n{"question": "b"}\n')

    with pytest.raises(DataError, match="holds no usable question; 2 rows were skipped, the first at line 1: answer: "):
        items(path, on_error="skip")


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache of the test's own, and no network; return the folder of the default revision in it."""
    for name in ("HF_HUB_CACHE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "hub" / "datasets--google-research-datasets--nq_open" / "snapshots" / REVISION


def test_without_a_source_the_hubs_file_is_meant(hub_cache: Path) -> None:
    """Its absence is an error that names repository, revision and file, and the way out."""
    assert NQOpen().digest() is None
    with pytest.raises(DataError, match=rf"(?s)hf://datasets/{REPO}@{REVISION}/nq_open/validation-.*source: "):
        NQOpen().load()
    with pytest.raises(DataError, match=r"@main/nq_open/train-00000-of-00001\.parquet: not in the cache"):
        NQOpen(split="train", revision="main").load()


def test_the_hubs_file_is_held_to_its_digest(hub_cache: Path) -> None:
    """At the default revision only the known file will do; one's own digest overrides it."""
    path = write_parquet(hub_cache / "nq_open" / "validation-00000-of-00001.parquet", ROWS)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()

    with pytest.raises(DataError, match=f"its sha256 is {digest}, expected b074bed0bccb"):
        NQOpen().load()
    loaded = NQOpen(sha256=digest).load()
    assert list(loaded.items) == ITEMS
    assert (loaded.provenance.revision, loaded.provenance.sha256) == (REVISION, digest)


def test_an_address_is_fetched_once_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a server on this machine; afterwards the cached copy is read, packed as it is."""
    monkeypatch.setenv("EXX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    served = tmp_path / "served"
    served.mkdir()
    (served / "dev.jsonl.gz").write_bytes(gzip.compress(lines(ROWS)))

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(served))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        dataset = NQOpen(source=Source.parse(f"http://127.0.0.1:{server.server_port}/dev.jsonl.gz"))
        assert dataset.digest() is None
        assert list(dataset.load().items) == ITEMS
        server.shutdown()

    assert dataset.digest() == hashlib.sha256((served / "dev.jsonl.gz").read_bytes()).hexdigest()
    assert list(dataset.load().items) == ITEMS


@pytest.mark.parametrize("options", [{"sha256": "abc"}, {"split": "test"}, {"revision": ""}, {"on_error": "ignore"}])
def test_unusable_options_are_refused(options: dict[str, Any]) -> None:
    """Options are checked when they are read."""
    with pytest.raises(ValueError, match=next(iter(options))):
        NQOpen(**options)


def test_the_plugin_offers_the_dataset() -> None:
    """The hook hands out the class under the name that configs use."""
    import exx_nq_open

    assert [cls.name for cls in exx_nq_open.exx_register_datasets()] == ["nq_open"]


def test_keeps_the_contract(tmp_path: Path) -> None:
    """What exx asks of every dataset: see exx.testing."""
    check_dataset(NQOpen(source=Source.parse(str(written(tmp_path / "dev.jsonl", lines(ROWS))))))
