"""The same rows come out of every layout and packing; what is damaged, foreign or too large is told."""

from __future__ import annotations

import gzip
import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from exx.errors import DataError
from exx.reading import documents, lines, parquet, unpack
from exx.reading.layout import Layout
from exx.reading.log import ReadLog, Row
from exx.reading.rows import read_rows

ROWS = [{"q": "Who?", "n": 1}, {"q": "caf\u00e9 \u2028 x", "n": 2}, {"q": "c", "n": 3}]
TWICE = gzip.compress(gzip.compress(b"x", mtime=0), mtime=0)
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)


def values(found: Any) -> list[Any]:
    """What the rows hold."""
    return [row.value for row in found[0]]


def zipped(**members: str) -> bytes:
    """A zip of these files; ``__`` in a name stands for a dot."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(zipfile.ZipInfo(name.replace("__", ".")), text, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def table(rows: list[dict[str, Any]], **options: Any) -> bytes:
    """Parquet of these rows, in several groups."""
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), stream, row_group_size=2, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "layout", "places"),
    [
        ("a.jsonl", LINES, {}, [1, 2, 3]),
        ("a.txt", LINES, {}, [1, 2, 3]),
        ("a.json", LINES, {"inside": "Data"}, [1, 2, 3]),
        ("a.json", json.dumps(ROWS, indent=1), {}, ["[0]", "[1]", "[2]"]),
        (
            "a.json",
            json.dumps({"v": {"x": [1]}, "Data": ROWS, "w": 2}),
            {"inside": "Data"},
            ["Data[0]", "Data[1]", "Data[2]"],
        ),
        ("a.jsonl.gz", gzip.compress(LINES.encode(), mtime=0), {}, [1, 2, 3]),
        ("a.jsonl.zst", zstandard.compress(LINES.encode()), {}, [1, 2, 3]),
        ("a.zip", zipped(a__jsonl=LINES), {}, [1, 2, 3]),
        ("download", table(ROWS), {}, ["row 0", "row 1", "row 2"]),
    ],
)
def test_every_layout_gives_the_same_rows(read: Any, name: str, content: Any, layout: Any, places: list[Any]) -> None:
    """Values are equal, and each row knows its place: a line from 1, an element or a row from 0."""
    found = read(name, content, **layout)

    assert values(found) == ROWS
    assert [row.place for row in found[0]] == places


def test_csv_gives_text_under_the_names_of_the_header(read: Any) -> None:
    """With the line on which a record begins; quotes, line feeds in cells, blank lines and a mark are no trouble."""
    found = read("a.csv", '\ufeffq; n\r\n"a ""b""; c";1\r\n\r\n"two\nlines";2\r\nlast;3')

    assert found[0] == [
        Row(2, {"q": 'a "b"; c', "n": "1"}),
        Row(4, {"q": "two\nlines", "n": "2"}),
        Row(6, {"q": "last", "n": "3"}),
    ]


@settings(max_examples=60)
@given(
    st.lists(
        st.dictionaries(st.text(max_size=3), st.text(max_size=8) | st.lists(st.integers()), max_size=3), max_size=8
    ),
    st.integers(1, 40),
    st.sampled_from([None, 0, 2]),
)
def test_a_document_reads_the_same_in_pieces(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], chunk: int, indent: int | None
) -> None:
    """Wherever the pieces that are read of it begin and end."""
    path = tmp_path_factory.mktemp("d") / "a.json"
    path.write_text(json.dumps({"before": [1, {"Data": 2}], "Data": rows}, indent=indent, ensure_ascii=False), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "_CHUNK", chunk)
        found = list(read_rows(path, ReadLog("a"), Layout(inside="Data")))

    assert [row.value for row in found] == rows


@settings(max_examples=60)
@given(
    st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=6), min_size=2, max_size=2)
    )
)
def test_what_the_csv_module_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, cells: list[list[str]]
) -> None:
    """Cells of any text; the writer's rules are those of RFC 4180."""
    import csv

    path = tmp_path_factory.mktemp("c") / "a.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([["a", "b"], *cells])

    found = read_rows(path, ReadLog("a.csv"))
    assert [list(row.value.values()) for row in found] == cells


# --- what cannot be read


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (
            "a.jsonl",
            b'{"q": "a"}\n{"q": "caf\xe9"}\n',
            r"a\.jsonl, line 2: q: byte 11 of the line \(0xe9\) is not UTF-8",
        ),
        ("a.jsonl", '{"q": "a"}\n{"q": NaN}\n', r"line 2: not valid JSON, at column 7"),
        ("a.jsonl", '{"q": "a"}\n{"q": "\\ud800"}\n', r"line 2: not valid JSON"),
        ("a.jsonl", '{"q": "a"}\n' + "[" * 5000, r"line 2: not valid JSON"),
        ("a.json", '[{"q": 1},\n{"q": 2]', r"a\.json: line 2, column 8: not valid JSON"),
        ("a.json", '[{"q": 1}', r"line 1, column 10: not valid JSON: it ends too early"),
        ("a.json", '[{"q": 1}] x', r"line 1, column 12: not valid JSON: something follows"),
        ("a.json", "[" + '{"a":' * 5000, r"is nested too deeply"),
        ("a.json", b'[{"q": "a"},\n{"q": "caf\xe9"}]', r"a\.json: byte 0xe9 on line 2 is not UTF-8"),
        ("a.csv", b"q,n\na,1\ncaf\xe9,2\n", r"a\.csv, line 3: q: byte 4 of the line \(0xe9\) is not UTF-8"),
        ("a.csv", "q,n\na,1\nb\n", r"a\.csv, line 3: has 1 cells, the header has 2\n  → cells are separated by ','"),
        ("a.csv", 'q,n\na,1\n"b,2\n', r"a\.csv, line 3: not valid CSV: unexpected end of data"),
        ("a.csv", "q,q\na,1\n", r"line 1: the column 'q' stands in the header twice"),
        ("a.csv", "", r"line 1: has no header"),
        ("a.parquet", table(ROWS)[:-20], r"a\.parquet: not a whole Parquet file"),
        ("a.parquet", "q,n\n", r"a\.parquet: not a whole Parquet file"),
        ("a.jsonl.gz", gzip.compress(LINES.encode(), mtime=0)[:-12], r"a\.jsonl\.gz: damaged or cut off"),
        (
            "a.jsonl.zst",
            zstandard.compress(LINES.encode() * 99)[:-12],
            r"damaged or cut off: the file ends in the middle",
        ),
        (
            "a.zip",
            zipped(a__csv="q", b__csv="q"),
            r"a\.zip: a zip of 2 files, expected one; files found: a\.csv, b\.csv",
        ),
        ("a.zip", zipped(a__csv="q")[:-30], r"this zip cannot be unpacked"),
        ("a.gz", TWICE, r"there is gzip inside the gzip file\n  → unpack it"),
        ("a.gz", gzip.compress(table(ROWS), mtime=0), r"there is parquet inside the gzip file"),
    ],
)
def test_what_cannot_be_read_is_told_by_its_place(read: Any, name: str, content: Any, words: str) -> None:
    """File, line, field where there is one, and why."""
    with pytest.raises(DataError, match=words):
        read(name, content)


def test_rows_that_cannot_be_read_are_skipped_and_listed(read: Any) -> None:
    """With ``skip`` the others remain, and the log knows how many went, which the first were, and why."""
    bad = [b'{"q": "caf\xe9"}\n', b"[\n", b'{"q": 1}\n'] * 30
    found, log = read("a.jsonl", b'{"q": "a"}\n' + b"".join(bad), skip=True)

    assert len(found) == 31 and log.skipped == 60
    assert len(log.first) == 20
    assert [(row.place, row.field) for row in log.first[:2]] == [("line 2", "q"), ("line 3", "")]
    assert read("a.csv", b"q,n\ncaf\xe9,1\nb\nc,3\n", skip=True)[0] == [Row(4, {"q": "c", "n": "3"})]


def test_a_text_of_parquet_that_is_not_utf8_is_one_rows_matter(read: Any) -> None:
    """The rows beside it are read."""
    texts = pa.StringArray.from_buffers(3, pa.py_buffer(b"\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0"), pa.py_buffer(b"a\xe9b"))
    stream = io.BytesIO()
    pq.write_table(pa.table({"q": texts}), stream)
    found, log = read("a.parquet", stream.getvalue(), skip=True)

    assert [row.value["q"] for row in found] == ["a", "b"]
    assert log.first[0].place == "row 1"


# --- bounded memory


def test_a_line_that_is_too_long_is_refused_by_its_number(read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or skipped; the lines behind it are read."""
    monkeypatch.setattr(lines, "MAX_LINE", 100)
    monkeypatch.setattr("exx.reading.tables.MAX_LINE", 100)
    content = '{"q": 1}\n{"q": "' + "x" * 1000 + '"}\n{"q": 3}\n'

    with pytest.raises(DataError, match=r"a\.jsonl, line 2: the line is longer than 100 bytes"):
        read("a.jsonl", content)
    assert [row.place for row in read("a.jsonl", content, skip=True)[0]] == [1, 3]
    with pytest.raises(
        DataError, match="line 2: not valid CSV: the record is longer than 100 bytes: a closing quote is"
    ):
        read("a.csv", 'q\n"' + "x\n" * 100)


def test_a_gigabyte_in_one_line_takes_little_memory(tmp_path: Path) -> None:
    """A gzip bomb of one line is given up when it passes the limit; nothing near its size is ever held."""
    tracemalloc = pytest.importorskip("tracemalloc")
    path = tmp_path / "a.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(64):
            file.write(bytes(1 << 20).replace(b"\0", b" "))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="line 1: the line is longer than 16,000,000 bytes"):
            list(read_rows(path, ReadLog("a")))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 60_000_000


@pytest.mark.parametrize("packed", [gzip.compress, zstandard.compress])
def test_a_bomb_is_stopped(read: Any, monkeypatch: pytest.MonkeyPatch, packed: Any) -> None:
    """What unpacks to more than the limit is refused, whatever its own size says."""
    monkeypatch.setattr(unpack, "MAX_UNPACKED", 100_000)

    with pytest.raises(DataError, match="becomes larger than 100,000 bytes when unpacked; stopped"):
        read("a.jsonl", packed(b"\n" * 1_000_000))


def test_large_elements_and_groups_are_refused(read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An element of a document, a group of rows of Parquet, and a few rows of it."""
    monkeypatch.setattr(documents, "MAX_ELEMENT", 1000)
    monkeypatch.setattr(documents, "_CHUNK", 64)
    with pytest.raises(DataError, match="what begins here is longer than 1,000 characters"):
        read("a.json", json.dumps([{"q": "x" * 5000}]))
    monkeypatch.setattr(parquet, "MAX_BATCH", 1000)
    with pytest.raises(DataError, match="rows 0 to 2 take more than 1,000 bytes"):
        read("a.parquet", table([{"q": "x" * 500}] * 3))
    monkeypatch.setattr(parquet, "MAX_GROUP", 1)
    with pytest.raises(DataError, match="row group 0 unpacks to more than 1 bytes"):
        read("b.parquet", table(ROWS))


def test_reading_parquet_imports_no_pandas(tmp_path: Path) -> None:
    """It would cost more than everything else at the start."""
    import subprocess

    path = tmp_path / "a.parquet"
    path.write_bytes(table(ROWS))
    code = (
        "import sys; from pathlib import Path; from exx import ReadLog, read_rows; "
        f"print(len(list(read_rows(Path({str(path)!r}), ReadLog('a')))), 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["3", "False"]
