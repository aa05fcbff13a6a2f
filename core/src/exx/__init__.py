"""exx: paired experiments on system prompts.

Everything a plugin author or a notebook needs is importable from here, and nothing beneath it is public. Names are
imported when they are first used, so that a plugin's registration costs no more than it must.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exx.errors import (
        BackendError,
        ConfigError,
        DataError,
        ExxError,
        PluginError,
        QuotaReached,
        Throttled,
        Transient,
    )
    from exx.hookspecs import hookimpl
    from exx.integrity import Integrity
    from exx.interfaces import (
        Adjustment,
        BatchBackend,
        BatchService,
        BlockAnalysis,
        Connection,
        Dataset,
        Detector,
        Loaded,
        MetricAnalysis,
        OnlineBackend,
        PromptSet,
        Reporter,
        Scorer,
        StudyAnalysis,
    )
    from exx.judgement import Judgement
    from exx.lattice import signed_sum_tail, signed_sum_tilt
    from exx.notebook import LoadedRun, TableComparison, compare, load_run
    from exx.observe import Job, Run
    from exx.paired import PairedBlock, PairedSample, Study
    from exx.reading.fields import Fields, check_characters
    from exx.reading.layout import FORMATS, Format, Layout
    from exx.reading.log import ON_ERROR, OnError, ReadLog, Row, UnusableRow, shown
    from exx.reading.rows import format_of, read_rows
    from exx.records import (
        Address,
        AnsweredItem,
        BatchJob,
        Finding,
        GroundedAnswers,
        Item,
        JobRow,
        JobState,
        JobStatus,
        Json,
        Metric,
        Prediction,
        Prerequisite,
        Price,
        PromptTexts,
        Provenance,
        Request,
        RequestId,
        Response,
        Usage,
    )
    from exx.results import Results, load_results
    from exx.rows import read_columns
    from exx.runs.adopt import Adopted, adopt, jobs_of_run
    from exx.sources import HubFile, Obtained, Source, local_digest, obtain, obtain_from_hub
    from exx.spread import Spread
    from exx.state.files import write_text
    from exx.text.abstention import Abstention
    from exx.text.f1 import best_f1
    from exx.text.normalise import (
        normalise_dpr,
        normalise_orqa,
        normalise_squad,
        normalise_triviaqa,
        normalise_words,
    )
    from exx.wording import dollars, number, p_value, percent, points

_HOMES = {
    "errors": (
        "BackendError",
        "ConfigError",
        "DataError",
        "ExxError",
        "PluginError",
        "QuotaReached",
        "Throttled",
        "Transient",
    ),
    "hookspecs": ("hookimpl",),
    "integrity": ("Integrity",),
    "interfaces": (
        "Adjustment",
        "BatchBackend",
        "BatchService",
        "BlockAnalysis",
        "Connection",
        "Dataset",
        "Detector",
        "Loaded",
        "MetricAnalysis",
        "OnlineBackend",
        "PromptSet",
        "Reporter",
        "Scorer",
        "StudyAnalysis",
    ),
    "judgement": ("Judgement",),
    "lattice": ("signed_sum_tail", "signed_sum_tilt"),
    "notebook": ("LoadedRun", "TableComparison", "compare", "load_run"),
    "observe": ("Job", "Run"),
    "paired": ("PairedBlock", "PairedSample", "Study"),
    "reading.fields": ("Fields", "check_characters"),
    "reading.log": ("ON_ERROR", "OnError", "ReadLog", "Row", "UnusableRow", "shown"),
    "reading.layout": ("FORMATS", "Format", "Layout"),
    "reading.rows": ("format_of", "read_rows"),
    "records": (
        "Address",
        "AnsweredItem",
        "BatchJob",
        "Finding",
        "GroundedAnswers",
        "Item",
        "JobRow",
        "JobState",
        "JobStatus",
        "Json",
        "Metric",
        "Prediction",
        "Prerequisite",
        "Price",
        "PromptTexts",
        "Provenance",
        "Request",
        "RequestId",
        "Response",
        "Usage",
    ),
    "results": ("Results", "load_results"),
    "runs.adopt": ("Adopted", "adopt", "jobs_of_run"),
    "rows": ("read_columns",),
    "sources": ("HubFile", "Obtained", "Source", "local_digest", "obtain", "obtain_from_hub"),
    "spread": ("Spread",),
    "state.files": ("write_text",),
    "text.abstention": ("Abstention",),
    "text.f1": ("best_f1",),
    "text.normalise": (
        "normalise_dpr",
        "normalise_orqa",
        "normalise_squad",
        "normalise_triviaqa",
        "normalise_words",
    ),
    "wording": ("dollars", "number", "p_value", "percent", "points"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "FORMATS",
    "ON_ERROR",
    "Abstention",
    "Address",
    "Adjustment",
    "Adopted",
    "AnsweredItem",
    "BackendError",
    "BatchBackend",
    "BatchJob",
    "BatchService",
    "BlockAnalysis",
    "ConfigError",
    "Connection",
    "DataError",
    "Dataset",
    "Detector",
    "ExxError",
    "Fields",
    "Finding",
    "Format",
    "GroundedAnswers",
    "HubFile",
    "Integrity",
    "Item",
    "Job",
    "JobRow",
    "JobState",
    "JobStatus",
    "Json",
    "Judgement",
    "Layout",
    "Loaded",
    "LoadedRun",
    "Metric",
    "MetricAnalysis",
    "Obtained",
    "OnError",
    "OnlineBackend",
    "PairedBlock",
    "PairedSample",
    "PluginError",
    "Prediction",
    "Prerequisite",
    "Price",
    "PromptSet",
    "PromptTexts",
    "Provenance",
    "QuotaReached",
    "ReadLog",
    "Reporter",
    "Request",
    "RequestId",
    "Response",
    "Results",
    "Row",
    "Run",
    "Scorer",
    "Source",
    "Spread",
    "Study",
    "StudyAnalysis",
    "TableComparison",
    "Throttled",
    "Transient",
    "UnusableRow",
    "Usage",
    "adopt",
    "best_f1",
    "check_characters",
    "compare",
    "dollars",
    "format_of",
    "hookimpl",
    "jobs_of_run",
    "load_results",
    "load_run",
    "local_digest",
    "normalise_dpr",
    "normalise_orqa",
    "normalise_squad",
    "normalise_triviaqa",
    "normalise_words",
    "number",
    "obtain",
    "obtain_from_hub",
    "p_value",
    "percent",
    "points",
    "read_columns",
    "read_rows",
    "shown",
    "signed_sum_tail",
    "signed_sum_tilt",
    "write_text",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'exx' has no attribute {name!r}")
    return getattr(import_module(f"exx.{home}"), name)


def __dir__() -> list[str]:
    return __all__
