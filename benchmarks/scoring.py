"""How many predictions a second are judged in one pass by the three official scorers, answer_match and overlap.

    .venv/bin/python benchmarks/rows.py rows
    .venv/bin/exx parse --results-jsonl rows/results_combined.jsonl --out-csv rows/predictions.csv
    .venv/bin/python benchmarks/scoring.py rows

Abstentions are told from answers within the time; reading the files is not. Processor time of one core, median of 5.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from exx import Abstention
from exx.interfaces import Detector, Scorer
from exx.pipeline.scoring_judge import Panel, Verdicts
from exx.pipeline.scoring_read import read_items, read_predictions
from exx_answer_match.scorer import AnswerMatch
from exx_nq_open_scorer.scorer import NQOpenScorer
from exx_overlap.detector import OverlapDetector
from exx_squad_v2_scorer.scorer import SquadV2Scorer
from exx_triviaqa_scorer.scorer import TriviaQAScorer

OFFICIAL: Sequence[Scorer] = (SquadV2Scorer(), TriviaQAScorer(), NQOpenScorer())
CASES: Sequence[tuple[str, Sequence[Scorer], Detector | None]] = (
    ("the three official scorers", OFFICIAL, None),
    ("answer_match alone", (AnswerMatch(),), None),
    ("official, answer_match and overlap", (*OFFICIAL, AnswerMatch()), OverlapDetector()),
)


def main(folder: Path) -> None:
    """Measure and print."""
    found = read_predictions(folder / "predictions.csv")
    chunks = list(read_items(folder / "prepared", found))
    gc.disable()
    for title, scorers, detector in CASES:
        times = []
        for _ in range(5):
            began = time.process_time()
            verdicts, panel = Verdicts.of(found, Abstention()), Panel(scorers, detector, "squad_v2")
            for chunk in chunks:
                verdicts.judge(chunk, panel)
            times.append(time.process_time() - began)
        print(f"{title:<40}{median(times):>8.2f} s{len(found.texts) / median(times):>12,.0f} predictions a second")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
