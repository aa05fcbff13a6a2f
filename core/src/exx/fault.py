"""Places between two writes, where a test can make the process die; outside tests they do nothing.

Each call of ``point`` stands where a crash would leave one thing written and the next not. The environment variable
``EXX_FAULT_POINT=n`` ends the process there the n-th time, at once and without any clean-up, as SIGKILL would.
"""

from __future__ import annotations

import os

_left = int(os.environ.get("EXX_FAULT_POINT", "0"))
_passed: list[str] | None = None


def point(name: str) -> None:
    """Pass a place; ``name`` says which, for whoever counts them."""
    if _left or _passed is not None:
        _pass(name)


def arm(count: int) -> None:
    """Die at the ``count``-th point from here; 0: at none."""
    global _left  # noqa: PLW0603 - one process, one death
    _left = count


def record() -> list[str]:
    """Collect the names of the points passed from here on, in the list that is returned."""
    global _passed  # noqa: PLW0603
    _passed = []
    return _passed


def _pass(name: str) -> None:
    global _left  # noqa: PLW0603
    if _passed is not None:
        _passed.append(name)
    if _left:
        _left -= 1
        if not _left:
            os._exit(137)
