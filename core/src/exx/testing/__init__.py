"""What a plugin author's tests import: small real implementations of the interfaces, and builders."""

from __future__ import annotations

from exx.plugins import Registry, load_plugins
from exx.testing.fake_batch import FakeBatchBackend, FakeRemote, Faults
from exx.testing.fakes import FakeBackend, FakeDataset, FakePlugin, FakePrompts

__all__ = [
    "FakeBackend",
    "FakeBatchBackend",
    "FakeDataset",
    "FakePlugin",
    "FakePrompts",
    "FakeRemote",
    "Faults",
    "Registry",
    "load_plugins",
]
