"""The same questions come out of JSON and Parquet, as many as were published, and a bad record is told by its place."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exx import DataError, Item, Source
from exx.testing import check_dataset
from exx_squad_v2.dataset import REVISION, SquadV2

# Made up for these tests; three questions on two passages.
PASSAGE = "Ada wrote the letter in May. Bob read it in June."
DOCUMENT = {
    "version": "v2.0",
    "data": [
        {
            "title": "Letters",
            "paragraphs": [
                {
                    "context": f" {PASSAGE}\n",
                    "qas": [
                        {
                            "id": "q1",
                            "question": "  When was it written,  and by whom?",
                            "is_impossible": False,
                            "answers": [
                                {"text": "in May", "answer_start": 21},
                                {"text": "May ", "answer_start": 24},
                                {"text": "in May", "answer_start": 21},
                            ],
                        },
                        {
                            "id": "q2",
                            "question": "When was it lost?",
                            "is_impossible": True,
                            "answers": [],
                            "plausible_answers": [{"text": "in June", "answer_start": 41}],
                        },
                    ],
                }
            ],
        },
        {
            "title": "Numbers",
            "paragraphs": [
                {
                    "context": "Seven is odd.",
                    "qas": [
                        {
                            "id": "q3",
                            "question": "What is odd?",
                            "is_impossible": False,
                            "answers": [{"text": "Seven", "answer_start": 0}],
                        }
                    ],
                }
            ],
        },
    ],
}


def group(passage: str) -> str:
    """What the README promises: made of the passage's text."""
    return hashlib.sha256(passage.encode()).hexdigest()[:16]


ITEMS = [
    Item(
        "squad_v2",
        "q1",
        "When was it written,  and by whom?",
        ("in May", "May"),
        context=PASSAGE,
        group=group(PASSAGE),
    ),
    Item("squad_v2", "q2", "When was it lost?", (), context=PASSAGE, is_unanswerable=True, group=group(PASSAGE)),
    Item("squad_v2", "q3", "What is odd?", ("Seven",), context="Seven is odd.", group=group("Seven is odd.")),
]


def hub_rows(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows that the hub makes of the official layout."""
    return [
        {
            "id": question["id"],
            "title": article["title"],
            "context": paragraph["context"],
            "question": question["question"],
            "answers": {key: [answer[key] for answer in question["answers"]] for key in ("text", "answer_start")},
        }
        for article in document["data"]
        for paragraph in article["paragraphs"]
        for question in paragraph["qas"]
    ]


def write_json(path: Path, document: Any) -> Path:
    """A file in the official layout."""
    path.write_text(json.dumps(document))
    return path


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A file in the hub's layout, in several row groups."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=2)
    return path


def items(path: Path, **options: Any) -> list[Item]:
    """All items of a file."""
    return list(SquadV2(source=Source.parse(str(path)), **options).load().items)


def test_json_and_parquet_give_the_same_items(tmp_path: Path) -> None:
    """White space goes at the ends only, answers are distinct and in order, and the layout of the file is no matter."""
    assert items(write_json(tmp_path / "dev.json", DOCUMENT)) == ITEMS
    assert items(write_parquet(tmp_path / "dev.PARQUET", hub_rows(DOCUMENT))) == ITEMS


def test_a_byte_order_mark_is_no_matter(tmp_path: Path) -> None:
    """Windows editors write one."""
    path = tmp_path / "dev.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(DOCUMENT).encode())

    assert items(path) == ITEMS


@pytest.fixture(scope="module")
def official() -> Path:
    """The official development file."""
    folder = os.environ.get("EXX_TEST_DATA")
    if not folder or not (path := Path(folder) / "squad2" / "dev-v2.0.json").is_file():
        pytest.skip("EXX_TEST_DATA does not name a folder with squad2/dev-v2.0.json")
    return path


def test_the_official_file_holds_what_was_published(official: Path) -> None:
    """Rajpurkar et al. 2018, table 2: 11,873 development questions, 5,945 unanswerable; 1,204 passages in the file."""
    found = items(official, sha256="80a5225e94905956a6446d296ca1093975c4d3b3260f1d6c8f68bc2ab77182d8")

    assert len(found) == 11_873
    assert sum(item.is_unanswerable for item in found) == 5_945
    assert len({item.group for item in found}) == 1_204
    assert len({item.id for item in found}) == 11_873
    assert all(bool(item.answers) != item.is_unanswerable for item in found)
    assert (found[0].id, found[0].answers) == ("56ddde6b9a695914005b9628", ("France",))


def test_the_official_file_reads_the_same_from_parquet(official: Path, tmp_path: Path) -> None:
    """The hub's layout of the official file gives the same items in the same order."""
    rows = hub_rows(json.loads(official.read_bytes()))

    assert items(write_parquet(tmp_path / "dev.parquet", rows)) == items(official)


Change = Callable[[dict[str, Any]], Any]
Q = "data[0].paragraphs[0].qas[1]"


def first_paragraph(document: dict[str, Any]) -> dict[str, Any]:
    """The first paragraph of a document."""
    return document["data"][0]["paragraphs"][0]


def second_question(document: dict[str, Any]) -> dict[str, Any]:
    """The second question of a document: q2, unanswerable."""
    return first_paragraph(document)["qas"][1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.pop("data"), "data: required, but missing; fields found: version\n  → for questions in a layout"),
        (lambda d: d.update(data={}), "data: expected a list, found {}"),
        (lambda d: d.update(data=[]), "holds no questions"),
        (lambda d: d["data"].append("x"), 'data[2]: expected an object, found "x"'),
        (lambda d: first_paragraph(d).pop("context"), "data[0].paragraphs[0].context: required, but missing"),
        (lambda d: first_paragraph(d).update(context=" "), "data[0].paragraphs[0].context: is empty"),
        (lambda d: second_question(d).pop("id"), f"{Q}.id: required, but missing; fields found: question"),
        (lambda d: second_question(d).update(id=7), f"{Q}.id: expected text, found 7"),
        (
            lambda d: second_question(d).update(id="q1"),
            f"{Q}.id: 'q1' was already used at data[0].paragraphs[0].qas[0]",
        ),
        (lambda d: second_question(d).update(question=None), f"{Q}.question: expected text, found null"),
        (lambda d: second_question(d).pop("is_impossible"), f"{Q}.is_impossible: required, but missing"),
        (
            lambda d: second_question(d).update(is_impossible="yes"),
            f'{Q}.is_impossible: expected true or false, found "y',
        ),
        (
            lambda d: second_question(d).update(is_impossible=False),
            f"{Q}.is_impossible: is false, but there are no ans",
        ),
        (
            lambda d: second_question(d)["answers"].append({"text": "x"}),
            f"{Q}.is_impossible: is true, but there are ans",
        ),
        (lambda d: second_question(d)["answers"].append("x"), f'{Q}.answers[0]: expected an object, found "x"'),
        (lambda d: second_question(d)["answers"].append({}), f"{Q}.answers[0].text: required, but missing"),
        (lambda d: second_question(d)["answers"].append({"text": ""}), f"{Q}.answers[0].text: is empty"),
    ],
)
def test_a_bad_record_is_told_by_its_place(tmp_path: Path, change: Change, words: str) -> None:
    """The message names the file, the path of the field, what was expected and what was found."""
    document = copy.deepcopy(DOCUMENT)
    change(document)

    with pytest.raises(DataError, match=r"dev\.json: ") as caught:
        items(write_json(tmp_path / "dev.json", document))
    assert words in str(caught.value)


def test_bad_records_are_skipped_and_counted(tmp_path: Path) -> None:
    """A question alone, or every question of a passage that is null; what is left is unchanged."""
    document = copy.deepcopy(DOCUMENT)
    second_question(document).pop("id")
    path = write_json(tmp_path / "dev.json", document)
    loaded = SquadV2(source=Source.parse(str(path)), on_error="skip").load()
    assert list(loaded.items) == [ITEMS[0], ITEMS[2]]
    assert loaded.log is not None
    assert [(row.place, row.field) for row in loaded.log.first] == [(Q, "id")]

    first_paragraph(document)["context"] = None
    loaded = SquadV2(source=Source.parse(str(write_json(path, document))), on_error="skip").load()
    assert list(loaded.items) == ITEMS[2:]
    assert loaded.log is not None and loaded.log.skipped == 2


def test_the_hubs_rows_may_be_lines(tmp_path: Path) -> None:
    """JSON Lines of the same rows give the same items; a passage that is null is told by line and field."""
    rows = hub_rows(DOCUMENT)
    path = tmp_path / "dev.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert items(path) == ITEMS

    rows[1]["context"] = None
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(DataError, match=r"dev\.jsonl, line 2: context: expected text, found null"):
        items(path)


def test_a_file_of_version_1_is_recognised(tmp_path: Path) -> None:
    """SQuAD 1.1 has the same layout without the flag."""
    document = copy.deepcopy(DOCUMENT)
    del first_paragraph(document)["qas"][0]["is_impossible"]

    with pytest.raises(DataError, match=r"1\.1 lacks it: use a file of version 2\.0"):
        items(write_json(tmp_path / "dev.json", document))


def test_what_is_not_json_is_told_by_line(tmp_path: Path) -> None:
    """A truncated or foreign file is refused with line and column."""
    path = tmp_path / "dev.json"
    path.write_text('{"data":\n [}')

    with pytest.raises(DataError, match=r"dev\.json: line 2, column 3: not valid JSON: "):
        items(path)


def test_what_is_not_parquet_is_told(tmp_path: Path) -> None:
    """Another file under that name, or half of one, is refused."""
    path = write_parquet(tmp_path / "dev.parquet", hub_rows(DOCUMENT))
    path.write_bytes(path.read_bytes()[:-40])

    with pytest.raises(DataError, match=r"dev\.parquet: not a whole Parquet file: "):
        items(path)


def test_missing_columns_and_nulls_are_told(tmp_path: Path) -> None:
    """A Parquet file of another dataset, or with holes, is refused by column or row."""
    rows = hub_rows(DOCUMENT)
    other = [{"id": row["id"], "passage": row["context"]} for row in rows]
    with pytest.raises(DataError, match="has no column 'context'; columns found: id, passage"):
        items(write_parquet(tmp_path / "a.parquet", other))

    rows[2]["question"] = None
    with pytest.raises(DataError, match=r"b\.parquet: row 2\.question: expected text, found null"):
        items(write_parquet(tmp_path / "b.parquet", rows))


def test_where_items_came_from_is_known(tmp_path: Path) -> None:
    """Digest and provenance are those of the file, and another file than the pinned one is refused."""
    path = write_json(tmp_path / "dev.json", DOCUMENT)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    dataset = SquadV2(source=Source.parse(str(path)))
    provenance = dataset.load().provenance

    assert dataset.digest() == provenance.sha256 == digest
    assert (provenance.source, provenance.licence) == (str(path), "CC BY-SA 4.0")
    with pytest.raises(DataError, match=f"its sha256 is {digest}, expected 000"):
        items(path, sha256="0" * 64)


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache of the test's own, and no network; return the folder of the default revision in it."""
    for name in ("HF_HUB_CACHE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "hub" / "datasets--rajpurkar--squad_v2" / "snapshots" / REVISION


def test_without_a_source_the_hubs_file_is_meant(hub_cache: Path) -> None:
    """Its absence is an error that names repository, revision and file, and the way out."""
    assert SquadV2().digest() is None
    with pytest.raises(
        DataError, match=rf"(?s)hf://datasets/rajpurkar/squad_v2@{REVISION}/squad_v2/validation-.*source: "
    ):
        SquadV2().load()


def test_the_hubs_file_is_held_to_its_digest(hub_cache: Path) -> None:
    """At the default revision only the known file will do; one's own digest overrides it."""
    path = write_parquet(hub_cache / "squad_v2" / "validation-00000-of-00001.parquet", hub_rows(DOCUMENT))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()

    with pytest.raises(DataError, match=f"its sha256 is {digest}, expected 0560174ab095"):
        SquadV2().load()
    loaded = SquadV2(sha256=digest).load()
    assert list(loaded.items) == ITEMS
    assert (loaded.provenance.revision, loaded.provenance.sha256) == (REVISION, digest)


def test_the_splits_are_files_of_their_own(hub_cache: Path) -> None:
    """``split`` and ``revision`` choose the hub's file."""
    with pytest.raises(DataError, match=r"@main/squad_v2/train-00000-of-00001\.parquet: not in the cache"):
        SquadV2(split="train", revision="main").load()


@pytest.mark.parametrize("options", [{"sha256": "abc"}, {"split": "test"}, {"revision": ""}])
def test_unusable_options_are_refused(options: dict[str, Any]) -> None:
    """Options are checked when they are read."""
    with pytest.raises(ValueError, match=next(iter(options))):
        SquadV2(**options)


def test_the_plugin_offers_the_dataset() -> None:
    """The hook hands out the class under the name that configs use."""
    import exx_squad_v2

    assert [cls.name for cls in exx_squad_v2.exx_register_datasets()] == ["squad_v2"]


def test_keeps_the_contract(tmp_path: Path) -> None:
    """What exx asks of every dataset: see exx.testing."""
    check_dataset(SquadV2(source=Source.parse(str(write_json(tmp_path / "dev.json", DOCUMENT)))))
