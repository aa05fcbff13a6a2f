"""The same questions come out of the official JSON and of the hub's rows, and a bad record is told by its place."""

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
from exx_triviaqa.dataset import REPO, REVISION, TriviaQA

# Made up for these tests; the second and the third are one question with two kinds of evidence, as on the hub.
ROWS: list[dict[str, Any]] = [
    {
        "question": " Who wrote the letter? ",
        "question_id": "tc_1",
        "question_source": "http://example.org",
        "answer": {
            "aliases": ["A. L.", " Ada", "A. L."],
            "normalized_aliases": ["l", "ada"],
            "type": "WikipediaEntity",
            "value": "Ada",
        },
    },
    {
        "question": "How many letters?",
        "question_id": "tc_2",
        "question_source": "http://example.org",
        "answer": {
            "aliases": ["7", "", "seven"],
            "normalized_aliases": ["7", "seven"],
            "type": "Numerical",
            "value": "7",
        },
    },
    {
        "question": "How many letters?",
        "question_id": "tc_2",
        "question_source": "http://example.org",
        "answer": {
            "aliases": ["7", "seven"],
            "normalized_aliases": ["7", "seven"],
            "type": "Numerical",
            "value": "about 7",
        },
    },
]
ITEMS = [
    Item("triviaqa", "tc_1", "Who wrote the letter?", ("Ada", "A. L.")),
    Item("triviaqa", "tc_2", "How many letters?", ("7", "seven")),
    Item("triviaqa", "tc_2#2", "How many letters?", ("7", "seven")),
]


def official(rows: list[dict[str, Any]]) -> bytes:
    """The official document of the hub's rows."""
    names = {"aliases": "Aliases", "normalized_aliases": "NormalizedAliases", "type": "Type", "value": "Value"}
    data = [
        {
            "Answer": {names[key]: value for key, value in row["answer"].items()},
            "EntityPages": [],
            "Question": row["question"],
            "QuestionId": row["question_id"],
        }
        for row in rows
    ]
    return json.dumps({"Data": data, "Domain": "Web", "Version": 1.0}).encode()


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
    return list(TriviaQA(source=Source.parse(str(path)), **options).load().items)


def real(name: str) -> Path:
    """A real file, for tests only."""
    folder = os.environ.get("EXX_TEST_DATA")
    if not folder or not (path := Path(folder) / name).is_file():
        pytest.skip(f"EXX_TEST_DATA does not name a folder with {name}")
    return path


def test_every_layout_gives_the_same_items(tmp_path: Path) -> None:
    """White space goes at the ends only, blank aliases go, and a value that is no alias is not an answer."""
    assert items(written(tmp_path / "a.json", official(ROWS))) == ITEMS
    assert items(written(tmp_path / "a.jsonl", lines(ROWS))) == ITEMS
    assert items(written(tmp_path / "b.json", json.dumps(ROWS, indent=1).encode())) == ITEMS
    assert items(write_parquet(tmp_path / "a.parquet", ROWS)) == ITEMS


def test_a_value_without_aliases_and_a_humans_answers_count(tmp_path: Path) -> None:
    """As in the official evaluation, which compares with human answers too."""
    answer = {"Value": "Ada", "Aliases": [], "HumanAnswers": ["Lady Ada"]}
    row = {"Question": "Who?", "QuestionId": "q", "Answer": answer}

    assert items(written(tmp_path / "a.json", json.dumps({"Data": [row]}).encode()))[0].answers == ("Ada", "Lady Ada")


def test_the_types_of_answers_are_counted(tmp_path: Path) -> None:
    """For prepared_manifest.json."""
    loaded = TriviaQA(source=Source.parse(str(written(tmp_path / "a.jsonl", lines(ROWS))))).load()

    assert len(list(loaded.items)) == 3
    assert loaded.log is not None and loaded.log.counts == {"answer types": {"Numerical": 2, "WikipediaEntity": 1}}


def test_real_files_hold_what_was_published() -> None:
    """Unfiltered development set: 11,313 questions (Joshi et al. 2017, table 2). Reading takes away no alias."""
    path = real("triviaqa/unfiltered-dev.nocontext.derived.json")
    found = items(path)
    raw = json.loads(path.read_bytes())["Data"]

    assert len(found) == len({item.id for item in found}) == 11_313
    assert all(set(i.answers) == {a.strip() for a in r["Answer"]["Aliases"]} for i, r in zip(found, raw, strict=True))


def test_real_rows_read_the_same_from_parquet(tmp_path: Path) -> None:
    """7,983 rows in the hub's layout, as JSON Lines, packed, and as Parquet; distinct ids."""
    path = real("triviaqa/rc.wikipedia.nocontext.validation.derived.jsonl")
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]
    kept = [{key: row[key] for key in ("question", "question_id", "answer")} for row in rows]
    found = items(path)

    assert len(found) == len({item.id for item in found}) == 7_983
    assert found == items(write_parquet(tmp_path / "a.parquet", kept))
    assert found == items(written(tmp_path / "a.jsonl.gz", gzip.compress(path.read_bytes(), 1)))


GOOD = {"QuestionId": "q", "Question": "Who?", "Answer": {"Aliases": ["Ada"], "Value": "Ada", "Type": ""}}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"QuestionId": None}, "QuestionId: expected text, found null"),
        ({"Question": " "}, "Question: is empty"),
        ({"Question": "half \ud800"}, "Question: holds half a character (U+D800) at position 6"),
        ({"Answer": "Ada"}, 'Answer: expected an object, found "Ada"'),
        ({"Answer": {"Value": "Ada"}}, "Answer.Aliases: required, but missing; fields found: Value"),
        ({"Answer": {"Aliases": "Ada"}}, 'Answer.Aliases: expected a list, found "Ada"\n  → write ["Ada"]'),
        ({"Answer": {"Aliases": ["Ada", 7]}}, "Answer.Aliases[1]: expected text, found 7"),
        ({"Answer": {"Aliases": [float("nan")]}}, "Answer.Aliases[0]: expected text, found NaN"),
        ({"Answer": {"Aliases": []}}, "Answer.Aliases: there are neither aliases nor a value\n  → the test set has no"),
        ({"QuestionId": "ok"}, "question_id: 'ok' already belongs to another question, 'Fine?'"),
    ],
)
def test_a_bad_record_is_told_by_its_place_or_skipped(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    """File, path of the field, what was expected and found; with ``skip`` it is left out and listed."""
    fine = {**GOOD, "QuestionId": "ok", "Question": "Fine?"}
    path = written(tmp_path / "dev.json", json.dumps({"Data": [fine, {**GOOD, **change}]}).encode())

    with pytest.raises(DataError, match=r"dev\.json: Data\[1\]\.") as caught:
        items(path)
    assert words in str(caught.value)
    loaded = TriviaQA(source=Source.parse(str(path)), on_error="skip").load()
    assert [item.id for item in loaded.items] == ["ok"]
    assert loaded.log is not None and (loaded.log.skipped, loaded.log.first[0].place) == (1, "Data[1]")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", b'{"data": []}', r"Data: required, but missing; fields found: data\n  → .* dataset `jsonl`"),
        ("a.json", b'{"Data": []}', r"a\.json: holds no questions"),
        ("a.jsonl", b'{"prompt": "Who?"}', r"a\.jsonl, line 1: Answer: required, but missing; fields found: prompt"),
        ("a.json", b'{"Data": [{"Question": }]}', r"line 1, column 24: not valid JSON"),
    ],
)
def test_another_layout_is_told(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    """With what was found, and where such questions belong."""
    with pytest.raises(DataError, match=words):
        items(written(tmp_path / name, content))


def test_missing_columns_are_told(tmp_path: Path) -> None:
    """Parquet of another dataset."""
    with pytest.raises(DataError, match="has no column 'question_id'; columns found: id, question"):
        items(write_parquet(tmp_path / "a.parquet", [{"id": "1", "question": "Who?"}]))


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache of the test's own, and no network; return the folder of the default revision in it."""
    for name in ("HF_HUB_CACHE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "hub" / "datasets--mandarjoshi--trivia_qa" / "snapshots" / REVISION


def test_without_a_source_the_hubs_file_is_meant(hub_cache: Path) -> None:
    """Its absence is an error that names repository, revision and file, and the way out."""
    assert TriviaQA().digest() is None
    with pytest.raises(DataError, match=rf"(?s)hf://datasets/{REPO}@{REVISION}/rc.nocontext/validation-.*source: "):
        TriviaQA().load()
    with pytest.raises(DataError, match=r"@main/rc\.nocontext/train-00000-of-00001\.parquet: not in the cache"):
        TriviaQA(split="train", revision="main").load()


def test_the_hubs_file_is_held_to_its_digest(hub_cache: Path) -> None:
    """At the default revision only the known file will do; one's own digest overrides it."""
    path = write_parquet(hub_cache / "rc.nocontext" / "validation-00000-of-00001.parquet", ROWS)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()

    with pytest.raises(DataError, match=f"its sha256 is {digest}, expected 48a5005c0eb4"):
        TriviaQA().load()
    loaded = TriviaQA(sha256=digest).load()
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
        dataset = TriviaQA(source=Source.parse(f"http://127.0.0.1:{server.server_port}/dev.jsonl.gz"))
        assert dataset.digest() is None
        assert list(dataset.load().items) == ITEMS
        server.shutdown()

    assert dataset.digest() == hashlib.sha256((served / "dev.jsonl.gz").read_bytes()).hexdigest()
    assert list(dataset.load().items) == ITEMS


@pytest.mark.parametrize("options", [{"sha256": "abc"}, {"split": "test"}, {"revision": ""}, {"on_error": "ignore"}])
def test_unusable_options_are_refused(options: dict[str, Any]) -> None:
    """Options are checked when they are read."""
    with pytest.raises(ValueError, match=next(iter(options))):
        TriviaQA(**options)


def test_the_plugin_offers_the_dataset() -> None:
    """The hook hands out the class under the name that configs use."""
    import exx_triviaqa

    assert [cls.name for cls in exx_triviaqa.exx_register_datasets()] == ["triviaqa"]


def test_keeps_the_contract(tmp_path: Path) -> None:
    """What exx asks of every dataset: see exx.testing."""
    check_dataset(TriviaQA(source=Source.parse(str(written(tmp_path / "dev.jsonl", lines(ROWS))))))
