"""How long `exx prepare` takes on three real datasets, as published and as Parquet: medians of whole processes.

EXX_TEST_DATA names the folder with squad2/, triviaqa/ and nq_open/. Usage: prepare.py [RUNS]
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

FILES = {
    "squad_v2": "squad2/dev-v2.0.json",
    "triviaqa": "triviaqa/unfiltered-dev.nocontext.derived.json",
    "nq_open": "nq_open/NQ-open.dev.jsonl",
}


def squad_rows(document: Any) -> list[dict[str, Any]]:
    """The rows that the hub makes of SQuAD's layout."""
    return [
        {
            "id": question["id"],
            "context": paragraph["context"],
            "question": question["question"],
            "answers": {key: [answer[key] for answer in question["answers"]] for key in ("text", "answer_start")},
        }
        for article in document["data"]
        for paragraph in article["paragraphs"]
        for question in paragraph["qas"]
    ]


def trivia_rows(document: Any) -> list[dict[str, Any]]:
    """The rows that the hub makes of TriviaQA's layout, without the evidence."""
    names = {"aliases": "Aliases", "normalized_aliases": "NormalizedAliases", "type": "Type", "value": "Value"}
    return [
        {
            "question": row["Question"],
            "question_id": row["QuestionId"],
            "answer": {ours: row["Answer"][theirs] for ours, theirs in names.items()},
        }
        for row in document["Data"]
    ]


def configs(data: Path, folder: Path) -> dict[str, Path]:
    """A config for each layout of the three files; the Parquet is made here."""
    sources = {name: data / file for name, file in FILES.items()}
    rows = {
        "squad_v2": squad_rows(json.loads(sources["squad_v2"].read_bytes())),
        "triviaqa": trivia_rows(json.loads(sources["triviaqa"].read_bytes())),
        "nq_open": [json.loads(line) for line in sources["nq_open"].read_bytes().splitlines()],
    }
    for name, found in rows.items():
        pq.write_table(pa.Table.from_pylist(found), folder / f"{name}.parquet")
    made = {}
    for layout, paths in (
        ("as published", sources),
        ("Parquet", {name: folder / f"{name}.parquet" for name in FILES}),
    ):
        datasets = [{"name": name, "source": str(path)} for name, path in paths.items()]
        made[layout] = folder / f"{layout.replace(' ', '_')}.yaml"
        made[layout].write_text(json.dumps({"backend": "dry_run", "prompt_sets": ["default"], "datasets": datasets}))
    return made


def measure(config: Path, folder: Path) -> tuple[float, float]:
    """Run one process: seconds on the wall, seconds of CPU."""
    begin = time.perf_counter()
    command = [str(Path(sys.executable).with_name("exx")), "prepare", str(config), "--quiet"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return time.perf_counter() - begin, used.ru_utime + used.ru_stime


def main(runs: int = 5) -> None:
    """Print a table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = configs(Path(os.environ["EXX_TEST_DATA"]), folder)
        measured: dict[str, list[tuple[float, float]]] = {layout: [] for layout in made}
        for run in range(runs + 1):
            for layout, config in made.items():
                found = measure(config, folder)
                if run:  # the first is a warm-up
                    measured[layout].append(found)
    print("| layout | wall s | cpu s |\n|---|---:|---:|")
    for layout, rows in measured.items():
        wall, cpu = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"| {layout} | {wall:.2f} | {cpu:.2f} |")
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 5)
