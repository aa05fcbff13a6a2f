"""What several tests of the tree need: the plugins of the tree alone, and a finished run."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import pytest
from documentation import run_exx
from repository import ROOT, all_packages


@pytest.fixture(scope="session")
def own_plugins() -> str:
    """Name the entry points of this tree's plugins, for ``EXX_PLUGINS``: others that are installed do not count."""
    own = {package.name for package in all_packages()}
    return ",".join(e.name for e in entry_points(group="exx") if e.dist and e.dist.name in own)


@pytest.fixture(scope="session")
def finished(own_plugins, tmp_path_factory) -> Path:
    """Make a dry run of the quick start, and give its folder."""
    folder = tmp_path_factory.mktemp("docs")
    config = str(ROOT / "examples/quickstart/experiment.yaml")
    run_exx(folder, own_plugins, "run", config, "--dry-run", "--limit-items", "20", "--run-id", "first", "--quiet")
    return folder / "experiments" / "run_first"
