"""What a plugin author's tests import: small real implementations of the interfaces, builders, and contract checks.

``exx.testing.strategies`` has hypothesis strategies beside; it needs hypothesis and is not imported here.
"""

from __future__ import annotations

from exx.plugins import Registry, load_plugins
from exx.testing.analyses import check_analysis
from exx.testing.fake_batch import FakeBatchBackend, FakeRemote, Faults
from exx.testing.fakes import FakeBackend, FakeDataset, FakePlugin, FakePrompts
from exx.testing.tables import ScoreTable

__all__ = [
    "FakeBackend",
    "FakeBatchBackend",
    "FakeDataset",
    "FakePlugin",
    "FakePrompts",
    "FakeRemote",
    "Faults",
    "Registry",
    "ScoreTable",
    "check_analysis",
    "load_plugins",
]
