"""Figures as SVG: crisp at any size, readable by screen readers, the same bytes every time.

matplotlib is imported when the first figure is drawn; it comes with ``exx-core[plots]``, which the reporters ask for.
"""

from exx.plots.bootstrap import bootstrap_law
from exx.plots.cost import cost_plane
from exx.plots.discordance import discordance
from exx.plots.forest import Interval, forest
from exx.plots.risk import risk_coverage
from exx.plots.sensitivity import sensitivity

__all__ = ["Interval", "bootstrap_law", "cost_plane", "discordance", "forest", "risk_coverage", "sensitivity"]
