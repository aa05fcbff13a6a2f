"""Dying between two writes on purpose: what ``exx.fault`` offers to tests."""

from __future__ import annotations

from exx.fault import arm, record

__all__ = ["arm", "record"]
