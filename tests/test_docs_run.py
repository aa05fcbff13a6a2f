"""What the documentation tells a reader to run does run, with the output that it shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from documentation import DOCS, PAGES, all_blocks, blocks
from repository import ROOT, report, shown
from sessions import PRINTED, RUNS, Session, is_run, marker

EXAMPLE = ROOT / "examples/third_party_scorer"
SCORER = DOCS / "tutorial/your-own-scorer.md"


@pytest.mark.parametrize("page", [page for page in PAGES if is_run(page) and page != SCORER], ids=shown)
def test_a_page_can_be_followed(page, own_plugins, finished, tmp_path):
    """Every block marked ``run`` works, after those before it, and prints the lines that the page shows."""
    problems = Session(tmp_path, own_plugins, finished.parent).follow(page)

    assert not problems, report(problems)


@pytest.mark.parametrize("block", all_blocks("python"), ids=str)
def test_python_runs_or_says_where_it_belongs(block):
    """A Python block runs, is a file of a page that is followed, or is an interface that the code is compared with."""
    is_interface = block.page == DOCS / "reference/plugins.md"
    is_file = bool(block.saved_as) and is_run(block.page)

    assert is_interface or is_file or marker(block) in RUNS


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_markers_are_known(page):
    """Behind a language stands ``run``, ``run fails``, ``printed``, or nothing."""
    problems = [str(block) for block in blocks(page) if marker(block) not in ("", *RUNS, PRINTED)]

    assert not problems, report(problems)


def test_the_tutorial_builds_the_example(own_plugins, finished, tmp_path):
    """Who follows the tutorial has examples/third_party_scorer in the end, file by file and byte by byte."""
    problems = Session(tmp_path, own_plugins, finished.parent).follow(SCORER)
    built, here = _files(tmp_path / "brevity"), _files(EXAMPLE)

    assert not problems, report(problems)
    assert built.keys() == here.keys()
    assert [name for name, text in built.items() if text != here[name]] == []


def _files(folder: Path) -> dict[str, str]:
    """Read what was written by hand: what Python and pytest leave behind is not."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    return {
        name: path.read_text("utf-8")
        for name, path in names.items()
        if not re.search(r"(^|/)(\.|__pycache__|[^/]*\.egg-info)", name)
    }
