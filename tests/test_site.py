"""The documentation as a site: every page is in it, links lead somewhere, and what is made from the code is current."""

from __future__ import annotations

import json

import pytest
import site_pages
from check_site import problems
from reference_pages import pages
from repository import ROOT, all_packages, report, shown
from site_pages import DOCS, added, for_site, navigation, pages_of, source_of, text_of


def test_the_reference_is_up_to_date():
    """What docs/reference takes from the code, commands, hooks, options and errors, is what the code says today."""
    stale = [shown(path) for path, text in pages().items() if not path.exists() or path.read_text("utf-8") != text]

    assert not stale, report([f"{path}: run make reference" for path in stale])


def test_every_page_is_in_the_navigation_once():
    """The navigation has each page of docs/ and each package's README, and no page twice."""
    here = list(pages_of(navigation()))
    written = [path.relative_to(DOCS) for path in DOCS.rglob("*") if path.suffix in {".md", ".ipynb"}]
    wanted = {path.with_suffix(".md").as_posix() for path in written}
    readmes = {package.folder / "README.md" for package in all_packages()}

    assert len(here) == len(set(here))
    assert wanted <= set(here)
    assert {path for path in readmes if path.exists()} <= {source_of(page) for page in here}
    assert set(here) == wanted | added().keys()


def test_a_new_page_is_picked_up(tmp_path, monkeypatch):
    """A page is in the navigation because its file is there: linked ones in the index's order, then the others."""
    for name in ("README.md", "how-to/b.md", "how-to/a.md", "how-to/c.md", "film-club/x.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("# Page\n", "utf-8")
    (tmp_path / "README.md").write_text("[C](how-to/c.md), [B](how-to/b.md)", "utf-8")
    monkeypatch.setattr(site_pages, "DOCS", tmp_path)
    start, how_to, club, *_ = navigation()

    assert start == {"Start": ["README.md"]}
    assert how_to == {"How to": ["how-to/c.md", "how-to/b.md", "how-to/a.md"]}
    assert club == {"Film club": ["film-club/x.md"]}


def test_a_notebook_is_a_page(tmp_path):
    """A notebook's cells are a page: text as it is, code as Python, and a link to the notebook itself."""
    cells = [{"cell_type": "markdown", "source": ["# Film\n", "club"]}, {"cell_type": "code", "source": ["1 + 1"]}]
    path = tmp_path / "film.ipynb"
    path.write_text(json.dumps({"cells": cells}), "utf-8")

    assert text_of(path).startswith("# Film\nclub\n\n```python\n1 + 1\n```\n\n")
    assert "(film.ipynb)" in text_of(path)


LINKS = {
    "[a](../../CONTRIBUTING.md)": "[a](../project/contributing.md)",
    "[a](../../plugins/analyses/exx-mcnemar/README.md#options)": "[a](../plugins/exx-mcnemar.md#options)",
    "[a](../../contrib_scorers/exx-answer-match)": "[a](../plugins/exx-answer-match.md)",
    "[a](../../Makefile)": "a",
    "[`a`](../reference/files.md#state)": "[`a`](../reference/files.md#state)",
    "[a](../../nowhere.md)": "[a](../../nowhere.md)",
    "[a](https://example.org/x.md)": "[a](https://example.org/x.md)",
    "- a\n  - b": "- a\n    - b",
    "| `a \\| b` | c \\| d |": "| `a | b` | c \\| d |",
    "```python run\n[a](../../Makefile)\n```": "```python\n[a](../../Makefile)\n```",
}


@pytest.mark.parametrize(("written", "wanted"), LINKS.items())
def test_links_lead_to_pages_of_the_site(written, wanted):
    """A link to a file that is a page leads to the page; other files are named and not linked; code is left alone."""
    assert for_site(written, "how-to/stop-and-resume.md") == wanted


def test_an_orphan_and_a_foreign_script_are_found(tmp_path):
    """The built site's check complains about a page that no page leads to, and about what would be fetched."""
    (tmp_path / "index.html").write_text('<a href="a.html#x">a</a><a href="https://example.org">out</a>', "utf-8")
    (tmp_path / "a.html").write_text('<script src="https://example.org/x.js"></script>', "utf-8")
    (tmp_path / "b.html").write_text("<p>", "utf-8")

    assert sorted(problems(tmp_path)) == ["a.html: fetches https://example.org/x.js", "b.html: no page leads to it"]


def test_the_site_fetches_no_fonts():
    """The theme asks for no fonts of others, and search works on pages that were opened as files."""
    settings = (ROOT / "mkdocs.yml").read_text("utf-8")

    assert "font: false" in settings
    assert "assets/iframe-worker.js" in settings
