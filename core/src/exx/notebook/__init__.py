"""For notebooks: finished runs as tables and figures, and the analyses on anybody's own table.

pandas is imported when the first table is asked for, matplotlib when the first figure is.
"""

from exx.notebook.figure import Figure
from exx.notebook.run import LoadedRun, load_run
from exx.notebook.table import TableComparison, compare
from exx.notebook.verdict import VerdictTable

__all__ = ["Figure", "LoadedRun", "TableComparison", "VerdictTable", "compare", "load_run"]
