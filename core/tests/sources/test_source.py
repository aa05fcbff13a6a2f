"""A source is a path or an address, checked before anything is fetched."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from exx import DataError, Source, local_digest, obtain
from exx.sources import cache_folder

# sha256 of the three bytes "abc": FIPS 180-2, appendix B.1.
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected a path or an http"),
        ("   ", "expected a path or an http"),
        ("s3://bucket/key", "found s3://"),
        ("file:///etc/hosts", "found file://"),
        ("https:///no-host.json", "names no host"),
        ("${EXX_NOT_SET}/a.json", "EXX_NOT_SET is not set"),
    ],
)
def test_unusable_texts_are_refused_when_parsed(text: str, words: str) -> None:
    """A text that can never work is refused while the config is read, not when a run is under way."""
    with pytest.raises(ValueError, match=words):
        Source.parse(text)


def test_relative_paths_are_looked_for_in_two_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory comes first, then the config's folder."""
    here, beside = tmp_path / "here", tmp_path / "beside"
    for folder in (here, beside):
        folder.mkdir()
    monkeypatch.chdir(here)
    (beside / "a.json").write_bytes(b"abc")

    assert Source.parse("a.json", beside).path == beside / "a.json"
    (here / "a.json").write_bytes(b"other")
    assert Source.parse("a.json", beside).path.absolute() == here / "a.json"


def test_home_and_variables_expand_in_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``~`` and ``${VAR}`` expand, and the text stays as it was written."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PART", "b")

    assert Source.parse("~/a-${PART}.JSON").path == tmp_path / "a-b.JSON"
    assert Source.parse("~/a-${PART}.JSON").suffix == ".json"
    assert str(Source.parse("~/a-${PART}.JSON")) == "~/a-${PART}.JSON"


def test_secrets_of_an_address_are_not_shown() -> None:
    """A password or a signed query never reaches a message or a manifest; the address itself keeps both."""
    source = Source.parse("https://me:secret@host.example:8443/d/Dev.JSON?signature=secret")

    assert str(source) == "https://host.example:8443/d/Dev.JSON?…"
    assert "secret" in source.text
    assert (source.is_url, source.suffix) == (True, ".json")


def test_a_local_file_is_read_where_it_lies(tmp_path: Path) -> None:
    """A path is hashed, not copied."""
    file = tmp_path / "abc"
    file.write_bytes(b"abc")

    obtained = obtain(Source.parse(str(file)), ABC.upper())

    assert (obtained.path, obtained.sha256, obtained.revision) == (file, ABC, None)
    assert local_digest(Source.parse(str(file))) == ABC


def test_another_file_than_the_pinned_one_is_refused(tmp_path: Path) -> None:
    """A digest that differs is told with both values."""
    file = tmp_path / "abd"
    file.write_bytes(b"abd")
    found = hashlib.sha256(b"abd").hexdigest()

    with pytest.raises(DataError, match=f"abd: its sha256 is {found}, expected {ABC}"):
        obtain(Source.parse(str(file)), ABC)


def test_a_missing_file_is_told_with_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the nearest file and both folders."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "items.jsonl").touch()
    source = Source.parse("itms.jsonl", tmp_path / "configs")

    with pytest.raises(DataError, match=r"no such file; did you mean 'items.jsonl'\?\n.*and in .*configs"):
        obtain(source)
    assert local_digest(source) is None


def test_a_folder_that_is_missing_is_told_plainly(tmp_path: Path) -> None:
    """Without a folder there is no nearest file to name."""
    with pytest.raises(DataError, match=r"items\.jsonl: no such file$"):
        obtain(Source.parse(str(tmp_path / "absent" / "items.jsonl")))


def test_what_is_not_a_file_is_refused(tmp_path: Path) -> None:
    """A folder or a pipe cannot be read twice and is refused by name."""
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(DataError, match="expected a file, found a folder"):
        obtain(Source.parse(str(tmp_path)))
    with pytest.raises(DataError, match="pipe: not an ordinary file"):
        obtain(Source.parse(str(tmp_path / "pipe")))


def test_an_unreadable_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system says is passed on (imitated here: nothing is unreadable to root)."""

    def refuse(_: Path) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("exx.sources.digest_of", refuse)
    (tmp_path / "items.jsonl").touch()
    with pytest.raises(DataError, match=r"items\.jsonl: cannot be read: Permission denied"):
        obtain(Source.parse(str(tmp_path / "items.jsonl")))


def test_downloads_go_to_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """EXX_CACHE moves them; without it they are where the system keeps such things."""
    assert cache_folder() == tmp_path / "cache" / "downloads"
    monkeypatch.delenv("EXX_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder().is_relative_to(tmp_path)
