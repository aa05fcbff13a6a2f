"""What comes from models, datasets and files is made harmless before a terminal gets it."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exx.cli import show
from exx.cli.show import clean, emit_json, note, say, table

HOSTILE = "\x1b[2J\x1b]0;owned\x07 \x9b31m \u202eright\u2066 \u200b\ufeff\r\x00\x7f"


@given(st.text(st.characters()))
def test_nothing_is_left_that_a_terminal_would_obey(text: str) -> None:
    """Escapes, C1 controls, marks that reorder or hide text, halves of characters; line ends and tabs stay."""
    shown = clean(text)

    assert len(shown) == len(text)
    for before, after in zip(text, shown, strict=True):
        code = ord(before)
        control = (code < 32 and before not in "\t\n") or 127 <= code < 160 or 0xD800 <= code <= 0xDFFF
        reorders = (
            before in "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
        )
        assert after == ("\ufffd" if control or reorders else before)


def test_words_and_tables_are_cleaned(capsys: pytest.CaptureFixture[str]) -> None:
    """On both streams; in a pipe a cell keeps to its column and its line."""
    say(HOSTILE)
    note(HOSTILE)
    table("title", ["a", "b"], [[HOSTILE, "x\ty\nz"]])
    said = capsys.readouterr()

    for text in (said.out, said.err):
        assert "\x1b" not in text and "\x9b" not in text and "\u202e" not in text and "\r" not in text
    assert said.out.splitlines()[1] == "a\tb"
    assert said.out.splitlines()[2].split("\t")[1] == "x y z"


def test_json_is_escaped_and_loses_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """One object that reads back as it was."""
    emit_json({"text": HOSTILE, "né": [1, None]})
    out = capsys.readouterr().out

    assert json.loads(out) == {"text": HOSTILE, "né": [1, None]}
    assert clean(out) == out
    assert "né" in out


def test_a_table_on_a_terminal_is_drawn(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """And takes nothing in a cell for markup."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    table("what", ["name", "n"], [["[bold]x[/bold] " + HOSTILE, "1"]], numeric=[1])
    out = capsys.readouterr().out

    assert "[bold]x[/bold]" in out and "what" in out and "\x1b]0" not in out


def test_a_paragraph_is_whole_lines_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """In a pipe a sentence stays one line, however long, with an empty one behind it."""
    show.say_paragraph("word " * 100 + "end")
    assert capsys.readouterr().out == "word " * 100 + "end\n\n"


def test_a_paragraph_is_broken_between_words_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal no word is cut in two, and no line is wider than it."""
    monkeypatch.setattr(show.sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(show.shutil, "get_terminal_size", lambda: os.terminal_size((40, 20)))
    show.say_paragraph("experiment " * 20)
    lines = capsys.readouterr().out.rstrip("\n").split("\n")
    assert len(lines) > 5
    assert all(len(line) <= 40 and set(line.split()) == {"experiment"} for line in lines)
