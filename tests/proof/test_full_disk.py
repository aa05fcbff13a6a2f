"""When no more can be written, a run says so and keeps what it has; with room again, it comes to the same results."""

from __future__ import annotations

import errno
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from proof_lab import Place, Told, Watch, different, write_items

RUN = ("run", "e.yaml", "--run-id", "k", "--parts-per-dataset", "2", "--quiet")
TOLD = re.compile(r"^exx: (cannot write (\S+): |response store (\S+): )", re.MULTILINE)


def check_told(told: Told) -> Path:
    """Hold what a run said that could not write against what it should say; returns the file it named."""
    assert (told.status, told.out) == (1, ""), told.err
    found = TOLD.search(told.err)
    assert found, told.err
    assert "\n  → " in told.err and "Traceback" not in told.err and "this is a defect" not in told.err
    return Path(found[2] or found[3])


def check_kept(place: Place) -> None:
    """What the run has finished is on disk, and nothing half written stands beside it."""
    assert place.false_claims() == []
    assert [name for name in place.litter() if name.endswith(".tmp")] == []


@pytest.mark.slow
def test_a_file_that_cannot_grow_stops_the_run_wherever_it_is(places: Callable[..., Place]) -> None:
    """For many sizes that no file may exceed; the smaller ones are met early, the largest just before the end."""
    calm = places(60)
    assert calm.run(*RUN).status == 0
    wanted = calm.artifacts()
    sizes = sorted({len(content) for content in wanted.values()} | {calm.store.stat().st_size, 5_000, 60_000})
    stopped_by: set[str] = set()
    for size in sizes[1::2]:
        place = places(60)
        watch = Watch(place)
        told = place.run(*RUN, largest_file=size - 1)
        if not told.status:
            continue
        stopped_by.add(check_told(told).name)
        check_kept(place)
        watch.look()
        assert place.run(*RUN, "--resume").status == 0
        watch.look()
        assert (different(place.artifacts(), wanted), place.litter()) == ([], [])

    assert len(stopped_by) >= 4, stopped_by
    assert "responses.sqlite" in stopped_by


@pytest.mark.slow
def test_a_run_gets_further_each_time_there_is_more_room(places: Callable[..., Place]) -> None:
    """One run, stopped again and again as its files meet a limit that grows by a fifth at a time."""
    calm = places(60)
    assert calm.run(*RUN).status == 0
    place = places(60)
    watch = Watch(place)
    size, stops = 3_000, 0
    while (told := place.run(*RUN, "--resume", largest_file=size)).status:
        check_told(told)
        if place.run_folder().exists():
            check_kept(place)
        watch.look()
        size, stops = size * 6 // 5, stops + 1
    watch.look()

    assert stops >= 5
    assert (different(place.artifacts(), calm.artifacts()), place.litter()) == ([], [])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a megabyte, where one may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs privileges that this process does not have")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True, capture_output=True)


@pytest.mark.slow
def test_a_disk_that_is_full_stops_the_run_wherever_it_is(places: Callable[..., Place], small_disk: Path) -> None:
    """With room for so many kilobytes; when the ballast is thrown off, the run goes on and asks for little twice."""
    calm = places(60)
    assert calm.run(*RUN).status == 0
    wanted = calm.artifacts()
    stopped_by: set[str] = set()
    for room in (0, 8, 24, 60, 100, 140, 180, 220, 260, 300, 340):
        place = Place(small_disk / str(room), calm.zygote)
        place.folder.mkdir()
        write_items(place.folder, 60)
        place.configure()
        (place.folder / "asked.log").write_bytes(b"")
        for name in ("out.txt", "err.txt"):
            (place.folder / name).write_bytes(b"x" * 8192)  # room for what it has to say
        watch = Watch(place)
        fill(small_disk, room * 1024)
        told = place.run(*RUN)
        (small_disk / "ballast").unlink()
        if told.status:
            stopped_by.add(check_told(told).name)
            if place.run_folder().exists():
                check_kept(place)
            watch.look()
        assert place.run(*RUN, "--resume").status == 0
        watch.look()
        assert (different(place.artifacts(), wanted), place.litter()) == ([], [])
        subprocess.run(["rm", "-rf", place.folder], check=True)

    assert len(stopped_by) >= 4, stopped_by


def fill(disk: Path, room: int) -> None:
    """Leave so many bytes free."""
    state = os.statvfs(disk)
    free = state.f_bavail * state.f_frsize
    handle = os.open(disk / "ballast", os.O_WRONLY | os.O_CREAT)
    try:
        os.posix_fallocate(handle, 0, max(1, free - room))
    except OSError as cause:
        assert cause.errno == errno.ENOSPC  # noqa: PT017 - there may be no room left already
    finally:
        os.close(handle)


def test_a_disk_that_turns_read_only_is_told_and_nothing_is_lost(
    places: Callable[..., Place], small_disk: Path
) -> None:
    """Before the run starts, and when it has to go on; with the same results once it can be written to again."""
    calm = places(20)
    assert calm.run(*RUN).status == 0
    place = places(20)
    where = ("--set", f"paths.experiments_dir={small_disk}/e")
    remount(small_disk, "ro")
    assert check_told(place.run(*RUN, *where)) == small_disk / "e/run_k/.lock"
    remount(small_disk, "rw")
    assert place.run(*RUN, *where, "--to-step", "poll").status == 0
    remount(small_disk, "ro")
    told = place.run(*RUN, *where, "--resume")
    remount(small_disk, "rw")

    assert check_told(told).is_relative_to(small_disk / "e")
    assert "read-only" in told.err.lower()
    assert place.run(*RUN, *where, "--resume").status == 0
    assert place.asked() == calm.asked()
    ours = {path.name: path.read_bytes() for path in small_disk.rglob("*.csv")}
    assert ours == {path.name: path.read_bytes() for path in calm.run_folder().rglob("*.csv")}


def remount(disk: Path, how: str) -> None:
    """Make a file system read-only, or writable again."""
    subprocess.run(["mount", "-o", f"remount,{how}", disk], check=True)
