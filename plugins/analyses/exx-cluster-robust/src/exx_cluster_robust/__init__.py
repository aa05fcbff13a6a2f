"""Cluster-robust interval and test of the mean paired difference for exx."""

from __future__ import annotations

from exx import hookimpl


@hookimpl
def exx_register_analyses() -> list[type]:
    """Offer the analysis."""
    from exx_cluster_robust.analysis import ClusterRobust

    return [ClusterRobust]
