"""Scoring: what is refused, and in which words."""

from __future__ import annotations

import pytest
from scoring_lab import COLUMNS, ITEMS, Letters, prepare, row, score

from exx import DataError, ExxError
from exx.pipeline.scoring import score_files


@pytest.fixture
def folder(tmp_path):
    return prepare(tmp_path, ITEMS)


def test_an_output_that_cannot_be_written_is_told(folder):
    """The message names the file, and nothing is left behind."""
    (folder / "out").write_text("a file where the folder should be")

    with pytest.raises(ExxError, match=r"cannot write .*per_item_scores\.csv"):
        score(folder, [row("o1", "control", "Ann")])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "id,quiz,o1,controll,0.0,0,open,r,stop,Ann,",
            r"line 2: condition 'controll', expected 'control' or 'treatment'",
        ),
        ("id,quiz,o1,control,warm,0,open,r,stop,Ann,", r"line 2: temp 'warm', expected a number from 0 up"),
        ("id,quiz,o1,control,nan,0,open,r,stop,Ann,", r"line 2: temp 'nan'"),
        ("id,quiz,o1,control,0.0,1.5,open,r,stop,Ann,", r"line 2: sample_index '1.5', expected a whole number"),
        ("id,quiz,o1,control,0.0,0,ajar,r,stop,Ann,", r"line 2: type 'ajar', expected 'open' or 'closed'"),
        ("id,quiz,o1,control,0.0,0,open,r,stop", r"line 2: 9 fields, expected 11"),
        ('id,quiz,o1,control,0.0,0,open,r,stop,"Ann', r"malformed CSV"),
        ("id,quiz,o9,control,0.0,0,open,r,stop,Ann,", r"line 2: 1 items are not in .*: quiz\|o9"),
    ],
)
def test_a_bad_row_is_refused_with_its_line(folder, line, message):
    """Nothing is skipped or guessed."""
    path = folder / "predictions.csv"
    path.write_text(f"{COLUMNS}\n{line}\n")

    with pytest.raises(DataError, match=message):
        score_files(path, folder, folder / "out.csv", scorers=[Letters()])
    assert not (folder / "out.csv").exists()


def test_the_line_is_right_behind_answers_of_several_lines(folder):
    """Lines of the file are told, not numbers of rows."""
    path = folder / "predictions.csv"
    path.write_text(
        f'{COLUMNS}\nid,quiz,o1,control,0.0,0,open,r,stop,"Ann\n\n2",\n\nid,quiz,o1,control,0.0,x,open,r,stop,Ann,\n'
    )

    with pytest.raises(DataError, match=r"line 6: sample_index 'x'"):
        score_files(path, folder, folder / "out.csv", scorers=[Letters()])


def test_text_in_another_encoding_is_refused_with_its_line(folder):
    """Latin-1 is not guessed at."""
    path = folder / "predictions.csv"
    path.write_bytes(f"{COLUMNS}\nid,quiz,o1,control,0.0,0,open,r,stop,Caf\u00e9,\n".encode("latin-1"))

    with pytest.raises(DataError, match="line 2: not UTF-8 text"):
        score_files(path, folder, folder / "out.csv", scorers=[Letters()])


def test_a_second_answer_to_one_request_is_refused(folder):
    """Also when the temperature is spelt in another way; both lines are told."""
    rows = [row("o1", "control", "Ann"), row("o2", "control", "Ann"), row("o1", "control", "Bob", temp="0")]

    with pytest.raises(DataError, match=r"line 4: a second answer of quiz\|o1 for control, temp 0.0.*line 2"):
        score(folder, rows)


def test_blank_lines_and_items_without_predictions_don_t_matter(folder):
    """Neither is an error, and lines are counted as the file has them."""
    path = folder / "predictions.csv"
    rows = "id,quiz,o1,control,0.0,0,open,r,stop,Ann,\n\nid,quiz,o1,treatment,0.0,0,open,r,stop,Ann,\n"
    path.write_text(f"{COLUMNS}\n\n{rows}")

    assert score_files(path, folder, folder / "out.csv", scorers=[Letters()]).rows == 2
    path.write_text(f"{COLUMNS}\n\n{rows.replace('treatment', 'control')}")
    with pytest.raises(DataError, match=r"line 5: a second answer .* line 3"):
        score_files(path, folder, folder / "out.csv", scorers=[Letters()])


def test_a_missing_file_of_predictions_is_told(folder):
    """With the reason the system gives."""
    with pytest.raises(DataError, match=r"nowhere\.csv: cannot be read: No such file"):
        score_files(folder / "nowhere.csv", folder, folder / "out.csv", scorers=[Letters()])


def test_a_missing_column_is_named(folder):
    """With what writes the file."""
    (folder / "predictions.csv").write_text("dataset,item_id\n")

    with pytest.raises(DataError, match=r"line 1: no column 'type', 'condition'(?s:.)*exx parse"):
        score_files(folder / "predictions.csv", folder, folder / "out.csv", scorers=[Letters()])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answers": "Ann"}, "line 1: 'answers' must be a list of texts"),
        ({"answers": ["Ann", 3]}, "line 1: 'answers' must be a list of texts"),
        ({"answers": []}, "line 1: no answers, although the item is not marked 'is_unanswerable'"),
        ({"context": None}, "line 1: 'context' must be a text"),
        ({"question": 3}, "line 1: 'question' must be a text"),
        ({"group": 3}, "line 1: 'group' must be a text or null"),
        ({"is_unanswerable": 1}, "line 1: 'is_unanswerable' must be true or false"),
        ({"id": ["o1"]}, "line 1: 'id' and 'dataset' must be texts"),
    ],
)
def test_a_bad_item_is_refused_with_its_line(folder, change, message):
    """A record is never taken for something else than it says."""
    prepare(folder, {"open_book": [ITEMS["open_book"][0] | change]})

    with pytest.raises(DataError, match=message):
        score(folder, [row("o1", "control", "Ann")])


@pytest.mark.parametrize("line", [b"{", b"[1]", b"\xff"])
def test_a_line_that_is_no_item_is_refused(folder, line):
    """Also when nothing was asked about it."""
    (folder / "closed_book.jsonl").write_bytes(b"\n" + line + b"\n")

    with pytest.raises(DataError, match=r"closed_book\.jsonl, line 2: (not JSON|expected an object)"):
        score(folder, [row("o1", "control", "Ann")])


def test_an_item_twice_is_refused(folder):
    """The right answers would be anybody's guess."""
    prepare(folder, {"open_book": ITEMS["open_book"][:1] * 2})

    with pytest.raises(DataError, match=r"open_book\.jsonl, line 2: a second item quiz\|o1"):
        score(folder, [row("o1", "control", "Ann")])


def test_a_missing_file_of_items_is_named(folder):
    """What is most likely wrong is said first."""
    (folder / "closed_book.jsonl").unlink()

    with pytest.raises(DataError, match=r"has no closed_book\.jsonl"):
        score(folder, [row("o1", "control", "Ann", kind="closed")])
