"""A reader of a file finds the old content or all of the new one; what cannot be written is told with the remedy."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from exx.errors import DataError, ExxError
from exx.state import files
from exx.state.files import (
    atomic_path,
    publish,
    read_json,
    sha256_file,
    sweep_temporaries,
    write_bytes,
    write_json,
    write_text,
    writing,
)


def test_a_file_is_put_in_place_whole(tmp_path: Path) -> None:
    """In a folder that is made on the way; nothing else is left."""
    path = tmp_path / "deep" / "er" / "a.txt"
    write_text(path, "é\n")
    write_bytes(path, b"new")

    assert path.read_bytes() == b"new"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_what_fails_on_the_way_leaves_the_old_file(tmp_path: Path) -> None:
    """And no litter, whatever the reason."""
    path = tmp_path / "a.txt"
    path.write_text("old")

    def half() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise KeyError("x")

    with pytest.raises(KeyError):
        half()

    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "No space left on device\n  → free some disk space, or write to another folder"),
        (errno.EDQUOT, "Disk quota exceeded\n  → your disk quota is used up: remove something"),
        (errno.EFBIG, "File too large\n  → the file is larger than this system lets a process write"),
        (errno.EROFS, "Read-only file system\n  → the file system is mounted read-only: write to another folder"),
        (errno.EACCES, "Permission denied\n  → you may not write there: change the permissions"),
        (errno.EIO, "Input/output error\n  → check the folder and try again"),
    ],
)
def test_what_the_system_refuses_is_told_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    """The file as it was stays."""
    path = tmp_path / "a.json"
    path.write_text("old")

    def refuse(_: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files, "_sync", refuse)
    with pytest.raises(ExxError, match=f"cannot write {path}: {words}"):
        write_json(path, {"a": 1})
    assert [p.read_text() for p in tmp_path.iterdir()] == ["old"]


def test_a_folder_in_the_way_is_told(tmp_path: Path) -> None:
    """And a file where a folder should be."""
    (tmp_path / "taken").mkdir()
    (tmp_path / "file").touch()

    with pytest.raises(ExxError, match="taken: Is a directory\n  → a folder has this name"):
        write_text(tmp_path / "taken", "x")
    with pytest.raises(ExxError, match=r"a.txt: .*\n  → a part of the path is a file, not a folder"):
        write_text(tmp_path / "file" / "a.txt", "x")
    with pytest.raises(ExxError, match=r"cannot write .*: File exists"), writing(tmp_path / "x"):
        (tmp_path / "taken").mkdir()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [{"a": -float("inf")}], {"a": (1.0, float("nan"))}])
def test_a_number_that_json_has_no_word_for_is_refused(tmp_path: Path, value: Any) -> None:
    """A null has to come with its reason, so none is written in silence."""
    with pytest.raises(ValueError, match=r"(nan|inf) cannot be written as JSON"):
        write_json(tmp_path / "a.json", value)
    assert list(tmp_path.iterdir()) == []


def test_json_is_read_back(tmp_path: Path) -> None:
    """As it was written, with a final newline."""
    write_json(tmp_path / "a.json", {"b": [1, 0.5, None, "é"]})

    assert (tmp_path / "a.json").read_text().endswith("}\n")
    assert read_json(tmp_path / "a.json") == {"b": [1, 0.5, None, "é"]}


def test_json_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """Missing, a folder, cut off."""
    (tmp_path / "a.json").write_text('{"a": ')

    with pytest.raises(DataError, match=r"no.json: no such file"):
        read_json(tmp_path / "no.json")
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_json(tmp_path)
    with pytest.raises(DataError, match=r"a.json: is not valid JSON: "):
        read_json(tmp_path / "a.json")


def test_a_digest_is_that_of_the_content(tmp_path: Path) -> None:
    """Of "abc", FIPS 180-2, appendix B.1; a file that is not there is told."""
    (tmp_path / "a").write_text("abc")

    assert sha256_file(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(ExxError, match=r"cannot read .*/b: No such file or directory"):
        sha256_file(tmp_path / "b")


# publishing


def test_publishing_makes_the_same_content_elsewhere(tmp_path: Path) -> None:
    """Without a second copy where the file system has hard links; in place of what was there."""
    source, target = tmp_path / "run" / "a.txt", tmp_path / "data" / "a.txt"
    write_text(source, "one")
    publish(source, target)
    assert target.samefile(source)
    write_text(source, "two")

    assert target.read_text() == "one"
    publish(source, target)
    publish(source, target)
    assert target.read_text() == "two"
    assert [p.name for p in target.parent.iterdir()] == ["a.txt"]


def test_publishing_copies_where_links_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To another disk, for one."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", refuse)
    write_text(tmp_path / "a", "one")
    publish(tmp_path / "a", tmp_path / "b" / "a")

    assert (tmp_path / "b" / "a").read_text() == "one"
    assert not (tmp_path / "b" / "a").samefile(tmp_path / "a")


def test_publishing_onto_itself_changes_nothing(tmp_path: Path) -> None:
    """Where a config names the run's own folder."""
    write_text(tmp_path / "a", "one")
    publish(tmp_path / "a", tmp_path / "a")

    assert (tmp_path / "a").read_text() == "one"


def test_only_the_litter_of_the_dead_is_swept(tmp_path: Path) -> None:
    """By the process id in the name; other hidden files are somebody else's. In a container ids come back: this
    process has written nothing yet, so what has its number is an earlier one's."""
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    dead, earlier = deep / ".x.csv.999999999.tmp", deep / f".x.csv.{os.getpid()}.tmp"
    living, other = deep / f".x.csv.{os.getppid()}.tmp", deep / ".notes.tmp"
    for path in (dead, earlier, living, other, deep / "x.999999999.tmp", deep / ".tmp"):
        path.touch()
    sweep_temporaries(tmp_path)

    assert sorted(p.name for p in deep.iterdir()) == sorted([living.name, other.name, "x.999999999.tmp", ".tmp"])


def test_a_file_gets_the_permissions_of_any_other(tmp_path: Path) -> None:
    """Not those of a private temporary file: colleagues read the results."""
    mask = os.umask(0o022)
    try:
        write_text(tmp_path / "a", "x")
    finally:
        os.umask(mask)

    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o644
