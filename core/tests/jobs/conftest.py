"""What the tests of jobs share."""

from __future__ import annotations

from pathlib import Path

import pytest
from job_lab import JobLab


@pytest.fixture
def jobs(tmp_path: Path) -> JobLab:
    """Two parts of five requests in each arm."""
    return JobLab(tmp_path)
