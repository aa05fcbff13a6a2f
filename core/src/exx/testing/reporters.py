"""What every reporter keeps."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from exx.results import Results, load_results
from exx.testing.contract import require, subject_of
from exx.testing.runs import HOSTILE, hostile_sum, tiny_run

_BY_HAND = ("significance.json", "findings.csv", "metrics.json")


def check_reporter(reporter: Any, results: Sequence[Results] = ()) -> None:
    """Let a reporter write about a run with failures and hostile answers, and about its statistics alone.

    It makes the folder, writes inside it and nowhere else, says what it wrote, the same bytes each time, over what an
    earlier report left there; the results stay as they are. A script that a model wrote is none in an HTML report.

    Args:
        reporter: The reporter, or its class if all its options have defaults.
        results: Further results to try.

    Raises:
        AssertionError: A contract is broken.
    """
    subject = subject_of("reporter", reporter)
    with TemporaryDirectory(prefix="exx-check-") as name:
        place = Path(name)
        run = tiny_run(place, answer=hostile_sum)
        alone = place / "alone"
        alone.mkdir()
        for file in _BY_HAND:
            if (run.results.folder / file).is_file():
                shutil.copy(run.results.folder / file, alone / file)
        for number, one in enumerate([run.results, load_results(alone), *results]):
            _check_report(subject, one, place / f"reports{number}" / "deeper")


def _check_report(subject: Any, results: Results, folder: Path) -> None:
    before = _contents(results.folder)
    first = _written(subject, results, folder)
    if (results.folder / "predictions.csv").is_file():  # once is enough for the statistics alone
        again = _written(subject, results, folder)
        require(first == again, subject, "the same results give another report the second time")
    require(_contents(results.folder) == before, subject, "it changes the results")
    beside = [path.name for path in folder.parent.iterdir() if path != folder]
    require(not beside, subject, f"it writes outside the folder: {', '.join(beside)}")


def _written(subject: Any, results: Results, folder: Path) -> dict[Path, bytes]:
    paths = [Path(path) for path in subject.write(results, folder)]
    require(paths, subject, "write() returns no file")
    for path in paths:
        require(path.is_file(), subject, f"write() names {path.name}, which is not there")
        require(path.resolve().is_relative_to(folder.resolve()), subject, f"{path} is not in the folder it was given")
    require(paths[0].stat().st_size > 0, subject, f"{paths[0].name} is empty")
    found = _contents(folder)
    for path, content in found.items():
        hurts = path.suffix in (".html", ".htm") and HOSTILE[0].encode() in content
        require(not hurts, subject, f"{path.name} holds a script that a model wrote: escape answers")
    return found


def _contents(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
