"""Fixtures for everybody's pytest: a tiny finished run, and the settings it is made with.

Installed with exx-core as a pytest plugin, so it is imported at the start of every test run on a machine that has
exx-core, and imports nothing of exx until a fixture is used.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from exx.testing.runs import FinishedRun


@pytest.fixture
def exx_config() -> dict[str, Any]:
    """Settings of a tiny experiment, as experiment.yaml would have them; override the fixture to change the run.

    Fakes do everything: the dataset, backend, scorer, detector and analysis are all called ``fake``.
    """
    from exx.testing.runs import tiny_settings

    return tiny_settings()


@pytest.fixture
def exx_run(exx_config: dict[str, Any], tmp_path: Path) -> FinishedRun:
    """A finished run of the experiment ``exx_config``; installed plugins that it names take part."""
    from exx.testing.runs import tiny_run

    return tiny_run(tmp_path, exx_config)
