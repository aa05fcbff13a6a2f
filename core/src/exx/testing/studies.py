"""What every study analysis keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from exx.errors import ExxError
from exx.paired import Study
from exx.pipeline.statistics_plain import jsonable
from exx.testing.tables import ScoreTable, odd_table


def check_study(analysis: Any, tables: Sequence[ScoreTable]) -> None:
    """Check that a study analysis answers every table with strict JSON, the same each time, or refuses with a reason.

    Raises:
        AssertionError: A contract is broken.
    """
    for table in [*tables, odd_table()]:
        study = table.study(seed=3)
        first, again = (_answer(analysis, study) for _ in range(2))
        if first != again:
            raise AssertionError(f"{analysis.name} on {table.label!r}: the same study has another result")


def _answer(analysis: Any, study: Study) -> bytes:
    try:
        made = analysis.analyze(study)
    except (ExxError, ValueError) as refusal:
        if not str(refusal):
            raise AssertionError(f"{analysis.name} refuses a study without a reason") from refusal
        return str(refusal).encode()
    assert isinstance(made, Mapping), f"{analysis.name} returns {type(made).__name__}, expected a mapping"
    return orjson.dumps(jsonable(made, analysis.name))
