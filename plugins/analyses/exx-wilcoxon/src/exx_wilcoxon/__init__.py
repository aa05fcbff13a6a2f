"""Wilcoxon's signed-rank test and the Hodges–Lehmann estimate for exx."""

from __future__ import annotations

from exx import hookimpl


@hookimpl
def exx_register_analyses() -> list[type]:
    """Offer the analysis."""
    from exx_wilcoxon.analysis import Wilcoxon

    return [Wilcoxon]
