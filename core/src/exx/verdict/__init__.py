"""The verdict: did the treatment help, how sure may one be, did anything else get worse, and what would settle it."""

from exx.verdict.guards import GuardRow, cost_guard, guard_rows
from exx.verdict.reading import verdict_rows
from exx.verdict.rows import Answer, Rules, VerdictRow
from exx.verdict.rules import judged, primary_of
from exx.verdict.sides import amount, change, sided
from exx.verdict.words import render_table, table_header

__all__ = [
    "Answer",
    "GuardRow",
    "Rules",
    "VerdictRow",
    "amount",
    "change",
    "cost_guard",
    "guard_rows",
    "judged",
    "primary_of",
    "render_table",
    "sided",
    "table_header",
    "verdict_rows",
]
