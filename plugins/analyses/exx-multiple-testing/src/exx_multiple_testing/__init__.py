"""False discovery rate over a trial's hypotheses for exx."""

from __future__ import annotations

from exx import hookimpl


@hookimpl
def exx_register_analyses() -> list[type]:
    """Offer the analysis."""
    from exx_multiple_testing.analysis import MultipleTesting

    return [MultipleTesting]
