"""A scorer of brief answers, from outside exx."""

from __future__ import annotations

from exx import hookimpl


@hookimpl
def exx_register_scorers() -> list[type]:
    """Offer the scorer ``brevity``."""
    from exx_example_brevity.scorer import Brevity

    return [Brevity]
