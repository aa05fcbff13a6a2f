"""Meta-analysis of a treatment over several datasets for exx."""

from __future__ import annotations

from exx import hookimpl


@hookimpl
def exx_register_analyses() -> list[type]:
    """Offer the analysis."""
    from exx_meta_analysis.analysis import MetaAnalysis

    return [MetaAnalysis]
