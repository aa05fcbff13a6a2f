"""Rows become items as the README says, and a row that cannot is told by line, with what to do."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exx import DataError, Item, Source
from exx.testing import check_dataset
from exx_jsonl.dataset import Jsonl

TEXTS = st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda text: text == text.strip())


def dataset(path: Path, content: bytes | str | list[dict], **options) -> Jsonl:
    """A dataset over a file with this content."""
    if isinstance(content, list):
        content = "".join(json.dumps(row) + "\n" for row in content)
    file = path / "items.jsonl"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return Jsonl(source=Source.parse(str(file)), **options)


def items(path: Path, content: bytes | str | list[dict], **options) -> list[Item]:
    """The items of a file with this content."""
    return list(dataset(path, content, **options).load().items)


def test_a_full_row_becomes_an_item_unchanged(tmp_path: Path) -> None:
    """Every field arrives where it belongs; a carriage return before the line feed is no part of the row."""
    row = (
        b'{"id": "q1", "question": " Who? ", "answers": ["Ada ", "A. L.", "Ada"], "context": "By Ada.", '
        b'"is_unanswerable": false, "group": "letters", "dataset": "mine", "note": "ignored"}\r\n'
    )

    assert items(tmp_path, row) == [
        Item("mine", "q1", "Who?", ("Ada", "A. L."), context="By Ada.", is_unanswerable=False, group="letters")
    ]


def test_a_small_row_is_a_closed_book_question(tmp_path: Path) -> None:
    """A question and one answer are enough; null is as good as leaving a field out, but for the passage."""
    row = {"question": "Capital of France?", "answer": "Paris", "id": None, "group": None}
    (item,) = items(tmp_path, [row])

    assert (item.dataset, item.type, item.answers, item.group) == ("jsonl", "closed", ("Paris",), None)


def test_an_unanswerable_row_has_no_answers(tmp_path: Path) -> None:
    """The flag makes the item one whose right answer is to abstain."""
    (item,) = items(tmp_path, [{"question": "When?", "context": "By Ada.", "is_unanswerable": True, "answers": []}])

    assert (item.is_unanswerable, item.answers, item.type) == (True, (), "open")


def test_a_missing_id_is_the_texts_own(tmp_path: Path) -> None:
    """Ids made of the text stay when rows move, and differ between passages."""
    rows = [{"question": "Who?", "answer": "x"}, {"question": "Who?", "answer": "x", "context": "By Ada."}]
    there, back = items(tmp_path, rows), items(tmp_path, rows[::-1])

    assert [item.id for item in there] == [item.id for item in back[::-1]]
    assert there[0].id != there[1].id
    assert there[0].id == hashlib.sha256(b'["Who?",null]').hexdigest()[:16]


def test_questions_on_one_passage_form_a_group(tmp_path: Path) -> None:
    """What shares a passage shares a group; the file's own group comes first."""
    one, two, three, four = items(
        tmp_path,
        [
            {"question": "a", "answer": "x", "context": "P"},
            {"question": "b", "answer": "x", "context": "P"},
            {"question": "c", "answer": "x", "context": "Q"},
            {"question": "d", "answer": "x", "context": "P", "group": 7},
        ],
    )

    assert one.group == two.group != three.group
    assert four.group == "7"


def test_whole_numbers_serve_as_ids(tmp_path: Path) -> None:
    """7 and "7" are one id."""
    assert [item.id for item in items(tmp_path, [{"id": 7, "question": "a", "answer": "x"}])] == ["7"]


def test_the_option_decides_what_the_dataset_is_called(tmp_path: Path) -> None:
    """Option, then row, then ``jsonl``."""
    rows = [{"question": "a", "answer": "x", "dataset": "mine"}, {"question": "b", "answer": "x"}]

    assert [item.dataset for item in items(tmp_path, rows)] == ["mine", "jsonl"]
    assert [item.dataset for item in items(tmp_path, rows, dataset="ours")] == ["ours", "ours"]


def test_ids_are_unique_in_a_dataset_not_in_a_file(tmp_path: Path) -> None:
    """Rows of two datasets may use the same id, as prepared files do; under one name they may not."""
    rows = [{"id": "1", "question": "a", "answer": "x", "dataset": name} for name in ("m", "n")]

    assert [item.key for item in items(tmp_path, rows)] == ["m|1", "n|1"]
    with pytest.raises(DataError, match=r'line 2: the id "1" was already used on line 1'):
        items(tmp_path, rows, dataset="ours")


def test_marks_and_blank_lines_are_no_rows(tmp_path: Path) -> None:
    """A byte order mark and blank lines are skipped, and lines keep their numbers."""
    content = b'\xef\xbb\xbf\n  \r\n{"question": "a", "answer": "x"}\n\n[]'

    with pytest.raises(DataError, match=r"items\.jsonl, line 5: expected an object such as .*, found \[\]"):
        items(tmp_path, content)


def test_only_a_line_feed_ends_a_line(tmp_path: Path) -> None:
    """The other separators of Unicode may stand in a text."""
    question = "a\u2028b\u2029c\x85d"

    row = json.dumps({"question": question, "answer": "x"}, ensure_ascii=False)
    assert [item.question for item in items(tmp_path, row)] == [question]


@given(question=TEXTS, answers=st.lists(TEXTS, min_size=1, max_size=4), context=st.none() | TEXTS)
def test_texts_survive_whatever_they_hold(tmp_path_factory, question: str, answers: list[str], context) -> None:
    """Any text without white space around it arrives as it is, escaped or not, and answers keep their order."""
    row = {"question": question, "answers": answers} | ({"context": context} if context else {})
    for escaped in (True, False):
        text = json.dumps(row, ensure_ascii=escaped)
        (item,) = items(tmp_path_factory.mktemp("t"), text)
        assert (item.question, item.context) == (question, context)
        assert list(item.answers) == list(dict.fromkeys(answers))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ('{"answers": ["x"], "prompt": "a"}', '"question" is required, but missing; fields found: "answers", "prompt"'),
        ('{"Question": "a", "answers": ["x"]}', 'unknown field "Question", did you mean "question"?'),
        ('{"question": "a", "answers": ["x"], "contexts": "p"}', 'unknown field "contexts", did you mean "context"?'),
        ('{"question": null, "answer": "x"}', '"question" must be a text, found null'),
        ('{"question": 7, "answer": "x"}', '"question" must be a text, found 7'),
        ('{"question": " ", "answer": "x"}', '"question" is empty'),
        ('{"question": "a"}', 'no right answer is given\n  → give "answers"'),
        ('{"question": "a", "answers": []}', '"answers" is empty\n  → give "answers"'),
        (
            '{"question": "a", "answers": "Paris"}',
            '"answers" must be a list of texts, found "Paris"\n  → write "answers": ["Paris"]',
        ),
        ('{"question": "a", "answers": {"text": ["x"]}}', '"answers" must be a list of texts, found {"text":["x"]}'),
        ('{"question": "a", "answers": [1972]}', '"answers" must hold text, found 1972\n  → put it in quotes: "1972"'),
        ('{"question": "a", "answers": ["x", ""]}', '"answers" holds an empty text'),
        ('{"question": "a", "answer": ["x"]}', '"answer" must be one text, found ["x"]\n  → a list goes under'),
        ('{"question": "a", "answer": "x", "answers": ["x"]}', 'has both "answer" and "answers"'),
        (
            '{"question": "a", "answer": "x", "context": " "}',
            '"context" is empty\n  → leave it out if',
        ),
        ('{"question": "a", "answer": "x", "context": ["p"]}', '"context" must be a text, found ["p"]'),
        ('{"question": "a", "answer": "x", "id": 1.5}', '"id" must be a text, found 1.5'),
        ('{"question": "a", "answer": "x", "id": true}', '"id" must be a text, found true'),
        ('{"question": "a", "answer": "x", "is_unanswerable": 1}', '"is_unanswerable" must be true or false, found 1'),
        (
            '{"question": "a", "answer": "x", "context": "p", "is_unanswerable": true}',
            '"is_unanswerable" is true, but "answer" holds "x"',
        ),
        ('{"question": "a", "is_unanswerable": true}', '"is_unanswerable" is true, but there is no "context"'),
        ('"text"', 'expected an object such as {"question": "…", "answers": ["…"]}, found "text"'),
        ("question,answer", "not valid JSON, at column 1: "),
        ('{"question": "a", "answer": "x"} {}', "not valid JSON, at column 34: "),
        ("[", "this looks like one JSON array: name the file .json; otherwise each line must be one whole object"),
        ("{", "this looks like an object spread over several lines; each line must be one whole object"),
        (f'{{"question": "a", "answers": "{"x" * 100}"}}', f'found "{"x" * 58}…'),
    ],
)
def test_a_row_that_cannot_be_used_is_told_by_line(tmp_path: Path, row: str, words: str) -> None:
    """The message names file and line, what was expected, what was found, and what to do."""
    good = '{"question": "good", "answer": "x"}\n\n'

    with pytest.raises(DataError, match=r"items\.jsonl, line 3: ") as caught:
        items(tmp_path, good + row)
    assert words in str(caught.value)
    assert caught.value.line == 3


def test_rows_before_the_bad_one_are_handed_out(tmp_path: Path) -> None:
    """Reading goes row by row."""
    loaded = iter(dataset(tmp_path, '{"question": "good", "answer": "x"}\n{').load().items)

    assert next(loaded).question == "good"
    with pytest.raises(DataError, match="line 2"):
        next(loaded)


def test_a_repeated_id_is_told_with_both_lines(tmp_path: Path) -> None:
    """The second row is named, and where the first one is."""
    rows = [{"id": name, "question": name, "answer": "x"} for name in ("a", "b", "c")]
    rows.append({"id": "b", "question": "other", "answer": "x"})

    with pytest.raises(DataError, match='line 4: the id "b" was already used on line 2'):
        items(tmp_path, rows)


def test_a_repeated_question_without_ids_is_kept_apart(tmp_path: Path) -> None:
    """It may be meant, as when the answers differ; ``exx prepare`` counts it."""
    rows = [{"question": "a", "answer": answer, "context": "p"} for answer in "xyz"]
    one, two, three = items(tmp_path, rows)

    assert (two.id, three.id) == (f"{one.id}#2", f"{one.id}#3")
    assert [item.answers for item in (one, two, three)] == [("x",), ("y",), ("z",)]


def test_a_record_without_an_id_among_others_is_told(tmp_path: Path) -> None:
    """All rows have ids, or none: a hole is a mistake; so is every one where the config maps the column."""
    rows = [{"id": "1", "question": "a", "answer": "x"}, {"question": "b", "answer": "x"}]

    with pytest.raises(DataError, match='line 2: "id" is missing, but other rows have one\n  → give every row an id'):
        items(tmp_path, rows)
    with pytest.raises(DataError, match='line 1: "qid" is missing'):
        items(tmp_path, [{"qid": None, "question": "a", "answer": "x"}], columns={"id": "qid"})


def test_the_first_record_may_be_the_one_without_an_id(tmp_path: Path) -> None:
    """Its name is not made up because of where it stands; a file none of whose early rows has one has none at all."""
    bare, named = {"question": "b", "answer": "x"}, {"id": "1", "question": "a", "answer": "x"}

    with pytest.raises(DataError, match='line 1: "id" is missing, but other rows have one'):
        items(tmp_path, [bare, named])
    assert [item.id for item in items(tmp_path, [bare, named], on_error="skip")] == ["1"]
    with pytest.raises(DataError, match='line 2: "id" is missing'):
        table(tmp_path, "id,question,answer\n,b,x\n2,a,x\n")
    many = [{**bare, "question": f"q{number}"} for number in range(150)]
    with pytest.raises(DataError, match='line 151: "id" is given, but the rows before have none'):
        items(tmp_path, [*many, named])


def test_a_passage_that_is_null_is_refused_or_taken_as_none(tmp_path: Path) -> None:
    """A lost passage would quietly make a closed-book question of an open-book one."""
    rows = [{"question": "a", "answer": "x", "context": None}]

    with pytest.raises(DataError, match='line 1: "context" must be a text, found null\n  → a question without a'):
        items(tmp_path, rows)
    assert items(tmp_path, rows, null_context="closed_book")[0].type == "closed"


def test_bytes_that_are_not_utf8_are_told_by_place(tmp_path: Path) -> None:
    """Latin-1 is refused with line and byte; UTF-16 by name."""
    good = '{"question": "good", "answer": "x"}\n'

    with pytest.raises(
        DataError, match=r"line 2: question: byte 18 of the line \(0xe9\) is not UTF-8\n.*save the file as"
    ):
        items(tmp_path, good.encode() + '{"question": "caf\xe9"}'.encode("latin-1"))
    with pytest.raises(DataError, match="the file is UTF-16"):
        items(tmp_path, good.encode("utf-16"))


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_a_file_without_rows_is_an_error(tmp_path: Path, content: bytes) -> None:
    """No questions is not a small dataset."""
    with pytest.raises(DataError, match=r"items\.jsonl: holds no questions"):
        items(tmp_path, content)


def test_where_items_came_from_is_known(tmp_path: Path) -> None:
    """Digest and provenance are those of the file, and another file than the pinned one is refused."""
    content = '{"question": "a", "answer": "x"}\n'
    digest = hashlib.sha256(content.encode()).hexdigest()
    loaded = dataset(tmp_path, content).load()

    assert dataset(tmp_path, content).digest() == loaded.provenance.sha256 == digest
    assert loaded.provenance.source == str(tmp_path / "items.jsonl")
    with pytest.raises(DataError, match=f"its sha256 is {digest}, expected 000"):
        dataset(tmp_path, content, sha256="0" * 64).load()


def test_a_file_that_is_not_there_has_no_digest(tmp_path: Path) -> None:
    """Looking is no error, opening is."""
    absent = Jsonl(source=Source.parse(str(tmp_path / "absent.jsonl")))

    assert absent.digest() is None
    with pytest.raises(DataError, match=r"absent\.jsonl: no such file"):
        absent.load()


@pytest.mark.parametrize(
    "options",
    [
        {"sha256": "abc"},
        {"dataset": ""},
        {"columns": {"questoin": "q"}},
        {"columns": {"answer": "a", "answers": "b"}},
        {"format": "xlsx"},
        {"delimiter": ";;"},
        {"null_context": "drop"},
        {"on_error": "ignore"},
        {"answer_separator": ""},
    ],
)
def test_unusable_options_are_refused(options: dict) -> None:
    """Options are checked when they are read."""
    with pytest.raises(ValueError, match=next(iter(options))):
        Jsonl(source=Source.parse("items.jsonl"), **options)


CSV = "id,question,answers,context,is_unanswerable\n"
WANTED = [
    Item(
        "jsonl", "1", "Who?", ("Ada", "A. L."), context="By Ada.", group=hashlib.sha256(b'["By Ada."]').hexdigest()[:16]
    ),
    Item("jsonl", "2", "When?", (), "By Ada.", True, hashlib.sha256(b'["By Ada."]').hexdigest()[:16]),
]


def table(path: Path, content: bytes | str, name: str = "items.csv", **options) -> list[Item]:
    """The items of a table with this content."""
    file = path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(Jsonl(source=Source.parse(str(file)), **options).load().items)


def test_csv_gives_the_items_that_json_gives(tmp_path: Path) -> None:
    """With answers as a JSON list or separated, flags in any case, a mark, semicolons, carriage returns."""
    as_json = CSV + '1,Who?,"[""Ada"", ""A. L.""]",By Ada.,FALSE\n2,When?,[],By Ada.,True\n'
    separated = "\ufeff" + CSV.replace(",", ";") + "1; Who? ;Ada | A. L.|Ada;By Ada.;\r\n2;When?;;By Ada.;1\r\n"

    assert table(tmp_path, as_json) == WANTED
    assert table(tmp_path, separated, answer_separator="|") == WANTED
    assert table(tmp_path, separated.replace(";", "\t"), "items.tsv", answer_separator="|") == WANTED


def test_columns_may_have_other_names(tmp_path: Path) -> None:
    """The map takes them from a table, and from within the objects of JSON."""
    columns = {"id": "qid", "question": "prompt", "answer": "gold"}
    assert table(tmp_path, "qid,prompt,gold,answers\n1,Who?,Ada,not read\n", columns=columns)[0].answers == ("Ada",)

    rows = [{"id": 1, "question": "Who?", "meta": {"gold": {"text": ["Ada"]}, "from": "By Ada."}}]
    (item,) = items(tmp_path, rows, columns={"answers": "meta.gold.text", "context": "meta.from"})
    assert (item.answers, item.context) == (("Ada",), "By Ada.")


def parquet(path: Path, rows: list[dict]) -> Path:
    """A Parquet file of these rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(rows), path / "items.parquet", row_group_size=2)
    return path / "items.parquet"


def test_parquet_gives_the_items_that_json_gives(tmp_path: Path) -> None:
    """Row groups, lists and structs; NaN is a missing value; other columns are not even read."""
    rows = [
        {
            "id": 1,
            "question": "Who?",
            "answers": ["Ada", "A. L."],
            "context": "By Ada.",
            "is_unanswerable": None,
            "x": 1.5,
        },
        {"id": 2, "question": "When?", "answers": None, "context": "By Ada.", "is_unanswerable": True, "x": None},
    ]
    assert list(Jsonl(source=Source.parse(str(parquet(tmp_path, rows)))).load().items) == WANTED

    empty = [
        {"question": "Who?", "answer": "Ada", "group": float("nan")},
        {"question": "q", "answer": "a", "group": 1.5},
    ]
    with pytest.raises(DataError, match=r'items\.parquet: row 1: "group" must be a text, found 1\.5'):
        list(Jsonl(source=Source.parse(str(parquet(tmp_path, empty)))).load().items)


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        (CSV + "1,nan,[],x,", {}, 'line 2: "question" must be a text, found an empty cell or NaN'),
        (CSV + "1,Who?,nan,x,", {}, "line 2: answers: no right answer is given"),
        (CSV + "1,Who?,Ada,x,", {}, 'line 2: "answers" must be a list of texts, found "Ada"\n  → write a JSON list'),
        (CSV + "1,Who?,[Ada],x,", {}, 'line 2: "answers" begins like a JSON list, but is none: '),
        (CSV + '1,Who?,"[""Ada"", NaN]",x,', {}, 'line 2: "answers" must hold text, found NaN'),
        (
            CSV + "1,Who?,Ada,,",
            {"answer_separator": "|"},
            'line 2: "context" must be a text, found an empty cell or NaN',
        ),
        (CSV + "1,Who?,Ada,x,yes", {}, 'line 2: "answers" must be'),
        (
            CSV + "1,Who?,Ada,x,yes",
            {"answer_separator": "|"},
            'line 2: "is_unanswerable" must be true or false, found "yes"',
        ),
        (CSV + ",Who?,Ada,x,", {"answer_separator": "|", "columns": {"id": "id"}}, 'line 2: "id" is missing'),
        ("id,Question\n1,Who?", {}, 'line 1: unknown field "Question", did you mean "question"?'),
        (
            "id,text\n1,Who?",
            {},
            'line 1: "question" is required, but missing; fields found: "id", "text"\n  → if it has',
        ),
        (CSV, {"columns": {"question": "prompt"}}, 'line 1: there is no "prompt"; fields found: "id", "question", '),
        (CSV, {"columns": {"answers": "answer"}}, 'line 1: there is no "answer", did you mean "answers"?'),
    ],
)
def test_what_is_wrong_with_a_table_is_told(tmp_path: Path, content: str, options: dict, words: str) -> None:
    """File, line, column, what was expected, what was found, what to do."""
    with pytest.raises(DataError, match=r"items\.csv, line ") as caught:
        table(tmp_path, content, **options)
    assert words in str(caught.value)


def test_a_mapped_field_that_no_row_has_is_told(tmp_path: Path) -> None:
    """Otherwise every question would quietly lose its passage."""
    rows = [{"question": "a", "answer": "x", "text": "p"}]

    with pytest.raises(DataError, match=r'no row has a field "passage"\n  → `columns\.context` names it'):
        items(tmp_path, rows, columns={"context": "passage"})
    with pytest.raises(DataError, match='line 1: there is no "txt", did you mean "text"'):
        items(tmp_path, rows, columns={"context": "txt"})


def test_rows_that_cannot_be_used_are_skipped_and_listed(tmp_path: Path) -> None:
    """Count, line, field and reason; the others are as without them."""
    bad = '{"id": "2", "question": "b", "answers": "x"}\n[\n{"id": "1", "question": "c", "answer": "x"}\n'
    loaded = dataset(tmp_path, '{"id": "1", "question": "a", "answer": "x"}\n' + bad, on_error="skip").load()

    assert [item.question for item in loaded.items] == ["a"]
    assert loaded.log is not None and loaded.log.skipped == 3
    assert [(row.place, row.field) for row in loaded.log.first] == [
        ("line 2", "answers"),
        ("line 3", ""),
        ("line 4", "id"),
    ]


@given(rows=st.lists(st.tuples(TEXTS, st.lists(TEXTS, min_size=1, max_size=3)), min_size=1, max_size=4))
def test_texts_survive_csv(tmp_path_factory, rows: list) -> None:
    """Any text in any cell, but for what means that a cell is empty, and a carriage return of a file in text mode."""
    import csv

    path = tmp_path_factory.mktemp("c") / "items.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["question", "answers"])
        writer.writerows([[question, json.dumps(answers)] for question, answers in rows])
    found = list(Jsonl(source=Source.parse(str(path)), missing=()).load().items)

    assert [item.question for item in found] == [question for question, _ in rows]
    assert [item.answers for item in found] == [tuple(dict.fromkeys(answers)) for _, answers in rows]


def test_the_plugin_offers_the_dataset() -> None:
    """The hook hands out the class under the name that configs use."""
    import exx_jsonl

    assert [cls.name for cls in exx_jsonl.exx_register_datasets()] == ["jsonl"]


def test_the_readmes_example_works(tmp_path: Path) -> None:
    """What the README shows can be copied."""
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    example = readme.partition("## Example")[2].partition("```json\n")[2].partition("```")[0]
    first, second, third = items(tmp_path, example)

    assert (first.id, first.type, third.is_unanswerable) == ("capital-fr", "closed", True)
    assert second.group == third.group


def test_keeps_the_contract(tmp_path: Path) -> None:
    """What exx asks of every dataset: see exx.testing."""
    check_dataset(
        dataset(tmp_path, [{"question": "Capital of France?", "answer": "Paris"}, {"question": "Who?", "answer": "x"}])
    )
