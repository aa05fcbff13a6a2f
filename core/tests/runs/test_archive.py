"""A finished run becomes one checksummed file that is checked before anything is removed, and comes back from it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from lab import Lab, Told

from exx.errors import DataError, ExxError, RunError, StopRequested
from exx.pipeline.phases import NAMES, choose
from exx.runs import archive as archive_module
from exx.runs.archive import archive_run, check, extract
from exx.runs.folder import RunFolder
from exx.state.lock import run_lock
from exx.state.stop import StopSignal

Cli = Callable[..., Told]
SECRET = "fw_this_key_must_never_be_archived"


def run_of(lab: Lab, run_id: str = "a") -> RunFolder:
    """A run's folder."""
    return RunFolder(lab.folder / "experiments" / f"run_{run_id}")


def contents(folder: Path) -> dict[str, bytes]:
    """Every visible file below a folder."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("[!.]*") if p.is_file()}


def members(path: Path) -> dict[str, bytes]:
    """What an archive holds, by the standard library."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    raw = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read()
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        found = {}
        for member in tar:
            file = tar.extractfile(member)
            assert file is not None
            found[member.name] = file.read()
        return found


@pytest.mark.parametrize("kind", ["tar.zst", "zip"])
def test_an_archive_holds_every_file_with_its_digest(lab: Lab, kind: str) -> None:
    """And ordinary tools can read it."""
    lab.run()
    files = contents(run_of(lab).path)
    done = archive_run(run_of(lab), NAMES, kind=kind)
    held = members(done.path)
    manifest = json.loads(held.pop("run_a/MANIFEST.sha256.json"))

    assert done.path.name == f"run_a.{kind}"
    assert held == {f"run_a/{name}": content for name, content in files.items()}
    assert {f["path"]: (f["size"], f["sha256"]) for f in manifest["files"]} == {
        name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in files.items()
    }
    assert done.sha256 == hashlib.sha256(done.path.read_bytes()).hexdigest()
    assert (done.files, done.bytes) == (len(files), sum(map(len, files.values())))


@pytest.mark.parametrize("kind", ["tar.zst", "zip"])
def test_the_same_run_gives_the_same_archive(lab: Lab, kind: str) -> None:
    """Times and permissions of the files don't matter."""
    lab.run()
    one = archive_run(run_of(lab), NAMES, kind=kind, out=lab.folder / "one")
    for path in run_of(lab).path.rglob("*.json"):
        os.utime(path, (1, 1))
        path.chmod(0o600)
    other = archive_run(run_of(lab), NAMES, kind=kind, out=lab.folder / "other")

    assert one.path.read_bytes() == other.path.read_bytes()


@pytest.mark.parametrize("kind", ["tar.zst", "zip"])
def test_a_removed_run_comes_back_as_it_was(lab: Lab, kind: str) -> None:
    """And nothing has to be done again."""
    lab.run()
    before = contents(run_of(lab).path)
    done = archive_run(run_of(lab), NAMES, kind=kind, remove=True)
    assert done.removed and not run_of(lab).path.exists()
    folder = extract(done.path, lab.folder / "experiments")

    assert folder == run_of(lab).path
    assert contents(folder) == before
    assert lab.run() == []


def test_nothing_is_removed_when_the_archive_is_not_what_it_should_be(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that forgets: the archive is read back before it counts."""
    lab.run()
    before = contents(run_of(lab).path)
    write = archive_module._write

    def forgetful(folder: Path, sums: archive_module.Sums, path: Path, kind: str) -> None:
        write(folder, sums, path, kind)
        damaged = bytearray(path.read_bytes())
        damaged[len(damaged) // 2] ^= 0xFF
        path.write_bytes(damaged)

    monkeypatch.setattr(archive_module, "_write", forgetful)
    with pytest.raises(ExxError, match=r"run_a.tar.zst was not what it should be when it was read back: "):
        archive_run(run_of(lab), NAMES, remove=True)
    assert contents(run_of(lab).path) == before
    assert not list((lab.folder / "experiments").glob("*.zst"))


def test_a_file_that_changes_meanwhile_is_noticed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is removed then."""
    lab.run()
    monkeypatch.setattr(archive_module, "_sum", lambda path: (path.stat().st_size, "0" * 64))

    with pytest.raises(ExxError, match=r"its size or sha256 differs"):
        archive_run(run_of(lab), NAMES, remove=True)
    assert lab.run() == []


def test_hidden_files_are_left_out_and_kept(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in the environment or in a ``.env`` is nowhere in the archive, nor is a .env removed without one."""
    monkeypatch.setenv("FIREWORKS_API_KEY", SECRET)
    lab.run()
    (run_of(lab).path / ".env").write_text(f"FIREWORKS_API_KEY={SECRET}\n")
    done = archive_run(run_of(lab), NAMES, remove=True)

    assert (done.left_out, done.kept, done.removed) == ((".env",), (".env",), False)
    assert not any(SECRET.encode() in content for content in members(done.path).values())
    assert [p.name for p in run_of(lab).path.iterdir()] == [".env"]


def test_an_unfinished_run_is_refused(lab: Lab) -> None:
    """Stopped, or done only in part; with what is missing and what finishes it."""
    lab.run(phases=choose(last="parse"))
    with pytest.raises(
        RunError, match=r"run a is not finished \(not done: .*: score, stats, costs, report\)\n  → exx re"
    ):
        archive_run(run_of(lab), NAMES)
    orchestrator = lab.orchestrator("b", cache="off")
    stop = StopSignal(orchestrator.folder)
    stop.request("SIGINT received")
    with pytest.raises(StopRequested):
        orchestrator.execute(stop)
    with pytest.raises(RunError, match=r"run b is not finished \(it is stopped\)"):
        archive_run(run_of(lab, "b"), NAMES)


def test_a_run_in_use_is_refused(lab: Lab) -> None:
    """Whoever works on it is named."""
    lab.run()
    with run_lock(run_of(lab).path), pytest.raises(RunError, match=rf"run a is in use by process {os.getpid()} on "):
        archive_run(run_of(lab), NAMES, remove=True)
    assert run_of(lab).path.exists()


def test_an_archive_that_is_there_is_taken_if_it_is_the_same(lab: Lab) -> None:
    """And another one is never written over, nor is anything removed on its account."""
    lab.run()
    first = archive_run(run_of(lab), NAMES)
    assert archive_run(run_of(lab), NAMES) == first
    (run_of(lab).path / "notes.txt").write_text("found later")

    with pytest.raises(RunError, match=r"run_a.tar.zst is there already and holds something else\n  → move it away"):
        archive_run(run_of(lab), NAMES, remove=True)
    assert (run_of(lab).path / "notes.txt").exists()
    with pytest.raises(RunError, match=r"run_a is there already"):
        extract(first.path, lab.folder / "experiments")


def test_a_link_is_not_archived(lab: Lab) -> None:
    """It may lead anywhere."""
    lab.run()
    (run_of(lab).path / "link").symlink_to("/etc/passwd")

    with pytest.raises(RunError, match=r"link is not a plain file"):
        archive_run(run_of(lab), NAMES)


# archives made by others


def manifest_of(**files: bytes) -> bytes:
    """A manifest of these files; two underscores are a slash."""
    rows = [
        {"path": name.replace("__", "/"), "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
    ]
    return json.dumps({"files": rows}).encode()


def tar_of(path: Path, *entries: tuple[str, bytes], **attributes: object) -> Path:
    """A compressed tar; the attributes are the last entry's."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for number, (name, content) in enumerate(entries, start=1):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            for key, value in attributes.items() if number == len(entries) else ():
                setattr(member, key, value)
            tar.addfile(member, io.BytesIO(content))
    path.write_bytes(zstandard.compress(raw.getvalue()))
    return path


GOOD = ("run_x/MANIFEST.sha256.json", manifest_of(a__b=b"abc"))


@pytest.mark.parametrize(
    ("entries", "attributes", "words"),
    [
        ([], {}, "holds no MANIFEST"),
        ([("run_x/a/b", b"abc")], {}, "does not begin with a MANIFEST"),
        ([GOOD], {}, "1 files are missing: a/b"),
        ([GOOD, ("run_x/a/b", b"abX")], {}, "'run_x/a/b' is not what the manifest says"),
        ([GOOD, ("run_x/a/b", b"ab")], {}, "'run_x/a/b' is not what the manifest says"),
        ([GOOD, ("run_x/a/b", b"abcd")], {}, "'run_x/a/b' is longer than the 3 bytes"),
        ([GOOD, ("run_x/a/b", b"abc"), ("run_x/c", b"")], {}, "'run_x/c' is not in the manifest"),
        ([GOOD, ("run_x/a/b", b"abc"), ("run_x/a/b", b"abc")], {}, "'run_x/a/b' is there twice"),
        ([GOOD, ("run_y/a/b", b"abc")], {}, "'run_y/a/b' is not below 'run_x'"),
        ([GOOD, ("run_x/../../b", b"abc")], {}, "leads out of its folder"),
        ([GOOD, ("/etc/passwd", b"abc")], {}, "leads out of its folder"),
        ([("run_x/MANIFEST.sha256.json", manifest_of(**{"..__b": b"abc"}))], {}, "leads out of its folder"),
        ([("../MANIFEST.sha256.json", manifest_of(b=b"abc"))], {}, "leads out of its folder"),
        ([("run_x/MANIFEST.sha256.json", b"{")], {}, "cannot be read"),
        ([("run_x/MANIFEST.sha256.json", b'{"files": [{"path": 3}]}')], {}, "cannot be read"),
        ([GOOD, ("run_x/a/b", b"")], {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "not a plain file"),
        ([GOOD, ("run_x/a/b", b"")], {"type": tarfile.LNKTYPE, "linkname": "run_x/x"}, "not a plain file"),
        ([GOOD, ("run_x/a/b", b"")], {"type": tarfile.CHRTYPE}, "not a plain file"),
        ([GOOD, ("run_x/a", b"")], {"type": tarfile.DIRTYPE}, "not a plain file"),
    ],
)
def test_an_archive_that_is_not_as_it_should_be_is_refused(
    tmp_path: Path, entries: list[tuple[str, bytes]], attributes: dict[str, object], words: str
) -> None:
    """And leaves nothing behind where it was to be unpacked."""
    path = tar_of(tmp_path / "x.tar.zst", *entries, **attributes)
    into = tmp_path / "into"

    with pytest.raises(DataError, match=rf"x.tar.zst: .*{words}"):
        check(path)
    with pytest.raises(DataError, match=words):
        extract(path, into)
    assert list(into.iterdir()) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["into", "x.tar.zst"]


def test_a_bomb_is_refused_before_it_goes_off(tmp_path: Path) -> None:
    """A gigabyte in a manifest of a tiny file; more than the manifest says; and a name of a hundred million letters."""
    huge = {"path": "b", "size": 10**9, "sha256": "0" * 64}
    lie = ("run_x/MANIFEST.sha256.json", json.dumps({"files": [huge]}).encode())
    with pytest.raises(DataError, match=r"1,000,000,000 bytes are to come out of [\d,]+: refused"):
        check(tar_of(tmp_path / "a", lie, ("run_x/b", b"")))
    with pytest.raises(DataError, match=r"is longer than|more comes out of it"):
        check(tar_of(tmp_path / "b", GOOD, ("run_x/a/b", b"0" * 10**7)))
    long = tar_of(tmp_path / "c", GOOD, ("run_x/a/b", b"abc"), pax_headers={"comment": "x" * 10**7})
    with pytest.raises(DataError, match="more comes out of it than its manifest says"):
        check(long)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04hello", b"\x28\xb5\x2f\xfdhello"])
def test_what_is_no_archive_is_told(tmp_path: Path, content: bytes) -> None:
    """Not a traceback."""
    (tmp_path / "x").write_bytes(content)

    with pytest.raises(DataError, match=r"x: (is damaged, or is no archive|holds no MANIFEST)"):
        check(tmp_path / "x")


def inside_zip(whole: bytes, share: float) -> int:
    """A place in the content of a member; between the members a zip has bytes that mean nothing."""
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        members = archive.infolist()
    member = members[int(len(members) * share)]
    return member.header_offset + 30 + len(member.filename.encode()) + member.compress_size // 2


@pytest.mark.parametrize("kind", ["tar.zst", "zip"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_an_archive_that_is_cut_off_or_changed_is_told(lab: Lab, kind: str, share: float) -> None:
    """Wherever it is."""
    lab.run()
    path = archive_run(run_of(lab), NAMES, kind=kind).path
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(DataError, match=rf"run_a.{kind}: "):
        check(path)
    at = int(len(whole) * share) if kind != "zip" else inside_zip(whole, share)
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
    with pytest.raises(DataError, match=rf"run_a.{kind}: "):
        check(path)


def test_a_zip_with_a_link_or_an_odd_compression_is_refused(tmp_path: Path) -> None:
    """Only plain files, stored or deflated."""
    for number, compression in ((0o120777, zipfile.ZIP_STORED), (0o100644, zipfile.ZIP_BZIP2)):
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            archive.writestr(*GOOD)
            member = zipfile.ZipInfo("run_x/a/b")
            member.create_system, member.external_attr, member.compress_type = 3, number << 16, compression
            archive.writestr(member, b"abc")
        with pytest.raises(DataError, match=r"'run_x/a/b' is not a plain file: refused"):
            check(tmp_path / "x.zip")


# the command


def test_the_command_archives_checks_and_unpacks(cli: Cli, lab: Lab) -> None:
    """A run's whole life."""
    lab.run()
    told = cli("archive", "a", "--remove", "--json").json
    assert (told["path"], told["removed"]) == ("experiments/run_a.tar.zst", True)
    checked = cli("archive", "--verify", told["path"])
    assert checked.out.startswith(f"experiments/run_a.tar.zst is whole: {told['files']} files, ")
    assert cli("archive", "--extract", told["path"]).out == "run unpacked into experiments/run_a\n"
    assert cli("archive", "a").out.startswith("archive: experiments/run_a.tar.zst, ")
    assert cli("archive").status == cli("archive", "a", "--verify", told["path"]).status == 2
    Path(told["path"]).write_bytes(b"x")
    broken = cli("archive", "--verify", told["path"])
    assert broken.status == 1 and "is damaged, or is no archive" in broken.err


def test_a_run_can_be_archived_as_it_ends(cli: Cli) -> None:
    """``exx run --archive``; one that was not finished says why not."""
    told = cli("run", "--run-id", "a", "--archive", "--json").json
    assert told["archive"]["path"] == "experiments/run_a.tar.zst"
    assert check(Path(told["archive"]["path"]))
    part = cli("run", "--run-id", "b", "--archive", "--to-step", "build", "--quiet")
    assert part.status == 1 and "run b is not finished" in part.err
