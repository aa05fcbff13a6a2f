"""What a plugin author's tests import: small real implementations of the interfaces, builders, and contract checks.

    from exx.testing import check_scorer

    def test_contract():
        check_scorer(MyScorer)

``exx.testing.strategies`` has hypothesis strategies beside; it needs hypothesis and is not imported here. With
exx-core, pytest has the fixtures ``exx_config`` and ``exx_run``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exx.plugins import Registry, load_plugins
    from exx.testing.analyses import check_analysis
    from exx.testing.backends import check_backend
    from exx.testing.builders import make_answered, make_grounded, make_item, make_request
    from exx.testing.datasets import check_dataset
    from exx.testing.detectors import check_detector
    from exx.testing.fake_batch import FakeBatchBackend, FakeRemote, Faults
    from exx.testing.fakes import (
        FakeAnalysis,
        FakeBackend,
        FakeDataset,
        FakeDetector,
        FakePlugin,
        FakePrompts,
        FakeScorer,
    )
    from exx.testing.prompt_sets import check_prompt_set
    from exx.testing.reporters import check_reporter
    from exx.testing.runs import FinishedRun, tiny_run, tiny_settings
    from exx.testing.scorers import check_scorer
    from exx.testing.tables import ScoreTable

# As in exx itself, a name is imported when it is first used: a test of a scorer has no need of numpy.
_HOMES = {
    "exx.plugins": ("Registry", "load_plugins"),
    "exx.testing.analyses": ("check_analysis",),
    "exx.testing.backends": ("check_backend",),
    "exx.testing.builders": ("make_answered", "make_grounded", "make_item", "make_request"),
    "exx.testing.datasets": ("check_dataset",),
    "exx.testing.detectors": ("check_detector",),
    "exx.testing.fake_batch": ("FakeBatchBackend", "FakeRemote", "Faults"),
    "exx.testing.fakes": (
        "FakeAnalysis",
        "FakeBackend",
        "FakeDataset",
        "FakeDetector",
        "FakePlugin",
        "FakePrompts",
        "FakeScorer",
    ),
    "exx.testing.prompt_sets": ("check_prompt_set",),
    "exx.testing.reporters": ("check_reporter",),
    "exx.testing.runs": ("FinishedRun", "tiny_run", "tiny_settings"),
    "exx.testing.scorers": ("check_scorer",),
    "exx.testing.tables": ("ScoreTable",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "FakeAnalysis",
    "FakeBackend",
    "FakeBatchBackend",
    "FakeDataset",
    "FakeDetector",
    "FakePlugin",
    "FakePrompts",
    "FakeRemote",
    "FakeScorer",
    "Faults",
    "FinishedRun",
    "Registry",
    "ScoreTable",
    "check_analysis",
    "check_backend",
    "check_dataset",
    "check_detector",
    "check_prompt_set",
    "check_reporter",
    "check_scorer",
    "load_plugins",
    "make_answered",
    "make_grounded",
    "make_item",
    "make_request",
    "tiny_run",
    "tiny_settings",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
