"""Commands that put runs away: archives, and cleaning up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from attrs import asdict

from exx.cli.common import complete_runs, debug_option, experiments_option, json_option
from exx.cli.show import emit_json, note, say, size_words, table
from exx.errors import UsageError
from exx.pipeline.phases import NAMES
from exx.runs.archive import FORMATS, Archived, archive_run, check, extract
from exx.runs.clean import clean, parse_age, plan_clean
from exx.runs.folder import RunFolder, find_run

_archive = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command("archive")
@click.argument("run_id", required=False, shell_complete=complete_runs)
@click.option("--format", "kind", type=click.Choice(FORMATS), default=FORMATS[0], show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="The archive; default: beside the run's folder.")
@click.option("--remove", is_flag=True, help="Remove the run's folder once the archive was read back and compared.")
@click.option("--verify", type=_archive, metavar="FILE", help="Check an archive instead of making one.")
@click.option("--extract", "unpack", type=_archive, metavar="FILE", help="Check an archive and put its run back.")
@experiments_option
@json_option
@debug_option
def archive_command(experiments_dir: Path, as_json: bool, **given: Any) -> None:
    """Pack a finished run into one checksummed file; or check or unpack such a file."""
    if sum(given[name] is not None for name in ("run_id", "verify", "unpack")) != 1:
        raise UsageError("exx archive needs RUN_ID, --verify FILE or --extract FILE", hint="one of them")
    if given["run_id"] is not None:
        run = find_run(given["run_id"], experiments_dir)
        done = archive_run(run, NAMES, kind=given["kind"], out=given["out"], remove=given["remove"])
        _emit(as_json, archived_json(done), archived_words(done, run))
    elif given["verify"] is not None:
        sums = check(given["verify"])
        size = sum(length for length, _ in sums.values())
        words = f"{given['verify']} is whole: {len(sums)} files, {size_words(size)}"
        _emit(as_json, {"archive": str(given["verify"]), "whole": True, "files": len(sums), "bytes": size}, words)
    else:
        folder = extract(given["unpack"], experiments_dir)
        _emit(as_json, {"archive": str(given["unpack"]), "folder": str(folder)}, f"run unpacked into {folder}")


def archive_finished(folder: Path) -> Archived:
    """Archive the run that has just ended, as ``exx run --archive`` does."""
    return archive_run(RunFolder(folder), NAMES)


def archived_json(done: Archived) -> dict[str, Any]:
    """An archive as data."""
    return asdict(done) | {"path": str(done.path)}


def archived_words(done: Archived, run: RunFolder) -> str:
    """An archive in words."""
    held = f"{done.files} files of {size_words(done.bytes)}"
    lines = [f"archive: {done.path}, {size_words(done.size)}, {held}, read back and compared; sha256 {done.sha256}"]
    if done.left_out:
        lines.append(f"left out, since hidden files are nobody's results: {', '.join(done.left_out)}")
    if done.removed:
        lines.append(f"removed {run.path}; exx archive --extract {done.path} brings it back")
    if done.kept:
        lines.append(f"kept in {run.path}, since the archive does not hold it: {', '.join(done.kept)}")
    return "\n".join(lines)


@click.command("clean")
@click.argument("run_ids", nargs=-1)
@click.option("--failed", is_flag=True, help="Runs that failed.")
@click.option("--older-than", metavar="AGE", help="Runs started longer ago than this: 30d, 12h, 2w.")
@click.option("--yes", is_flag=True, help="Really remove what is listed.")
@experiments_option
@json_option
@debug_option
def clean_command(run_ids: tuple[str, ...], experiments_dir: Path, as_json: bool, **given: Any) -> None:
    """List what can be removed, and with --yes remove it: temporary files of killed processes, runs asked for."""
    age = parse_age(given["older_than"]) if given["older_than"] else None
    plan = plan_clean(experiments_dir, run_ids, failed=given["failed"], older_than=age)
    left = [*plan.in_use, *(clean(plan) if given["yes"] else ())]
    if as_json:
        litter = [asdict(one) | {"path": str(one.path)} for one in plan.litter]
        emit_json({"removed": given["yes"], "bytes": plan.size, "litter": litter, "left": left})
        return
    for words in left:
        note(f"left alone: {words}")
    if not plan.litter:
        say("nothing to remove")
        return
    table("", ["what", "size", "why"], [[str(one.path), size_words(one.size), one.why] for one in plan.litter], [1])
    done = "removed" if given["yes"] else "nothing was removed; --yes removes"
    say(f"{done} {size_words(plan.size)}")


def _emit(as_json: bool, data: dict[str, Any], words: str) -> None:
    if as_json:
        emit_json(data)
    else:
        say(words)
