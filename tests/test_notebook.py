"""The notebook of the documentation runs from top to bottom, and what it says of its own numbers is so."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from repository import ROOT

NOTEBOOK = ROOT / "docs/how-to/notebook.ipynb"

pytest.importorskip("nbclient", reason="nbclient is not installed; make setup")
pytest.importorskip("pandas", reason="pandas is not installed; make setup")


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The notebook with its outputs, run in an empty folder by this Python."""
    import nbformat
    from nbclient import NotebookClient

    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        patch.setenv("JUPYTER_PLATFORM_DIRS", "1")
        NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    return notebook


def outputs(notebook: Any, words: str) -> dict[str, str]:
    """What the cell that holds these words shows, by MIME type."""
    (cell,) = [cell for cell in notebook.cells if cell.cell_type == "code" and words in cell.source]
    return {
        kind: text
        for output in cell.outputs
        for kind, text in (output.get("data") or {"text": output.get("text")}).items()
    }


def test_the_notebook_is_kept_without_outputs():
    """They would differ from machine to machine."""
    import nbformat

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert not [cell for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")]


def test_a_run_shows_itself(executed):
    """In words for a terminal, as HTML for a notebook; it says that the answers were made up."""
    shown = outputs(executed, "exx.load_run(")

    assert "The answers were made up; no model was asked." in shown["text/html"]
    assert "<th>Metric</th>" in shown["text/html"]
    assert "Exact match *" in shown["text/plain"]


@pytest.mark.parametrize("call", ["run.plot_forest(", "run.plot_discordance("])
def test_figures_are_svg(executed, call):
    """With a title for those who cannot see them."""
    svg = outputs(executed, call)["image/svg+xml"]

    assert "<svg" in svg and "<title" in svg and "<desc" in svg


def test_the_own_table_says_what_its_text_says(executed):
    """14 fixed and 4 broken of 60: +16.7 points; McNemar's mid-p by hand is 2·P(X ≤ 4) − P(X = 4), X ~ Bin(18, ½)."""
    shown = outputs(executed, "exx.compare(marks, control=")
    text = outputs(executed, "found.findings[[")["text/plain"]
    mid_p = (2 * (1 + 18 + 153 + 816 + 3060) - 3060) / 2**18  # 0.0192

    assert "old 40.0 %, new 56.7 %: +16.7 points" in shown["text/plain"]
    assert f"{mid_p:.6f}" in text
    assert "new is better than old." in shown["text/html"]


def test_a_bad_table_is_told_with_its_row(executed):
    """The line that is there twice."""
    assert "row 121: the same as row 120" in outputs(executed, "pd.concat([marks")["text"]
