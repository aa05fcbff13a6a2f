"""How time and memory grow with the number of requests: whole dry runs of several sizes, and their resumption.

Each size is one whole process from the config to the report, with a response store of its own; resuming it afterwards
has nothing to do but to see that. The last lines are the response store alone.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import orjson
from whole_process import EXX, measure

from exx import Response, Usage
from exx.responses import ResponseStore

CONFIG = """
backend: dry_run
datasets: [{name: jsonl, source: items.jsonl}]
prompt_sets: [default]
"""


def write_items(folder: Path, count: int) -> None:
    """Closed-book questions with two aliases, about as long as those of trivia sets."""
    rows = (
        {"id": f"i{n}", "question": f"Which of the many is number {n} on the list?", "answers": [f"thing {n}", str(n)]}
        for n in range(count)
    )
    (folder / "items.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    (folder / "experiment.yaml").write_text(CONFIG)


def one_size(requests: int) -> None:
    """Print a line about one size."""
    with tempfile.TemporaryDirectory(prefix="exx-scale-") as name:
        folder = Path(name)
        write_items(folder, requests // 2)
        wall, cpu, memory = measure([EXX, "run", "--run-id", "scale", "--quiet"], folder)
        again, _, _ = measure([EXX, "resume", "scale", "--quiet"], folder)
    each = 1e6 * wall / requests
    print(f"{requests:>9,}{wall:>10.1f}{cpu:>10.1f}{memory:>10.0f}{each:>15.0f}{again:>12.2f}", flush=True)


def store_rate(batch: int, count: int = 100_000) -> float:
    """Responses per second that the store takes, each batch durable."""
    keys = [sha256(str(n).encode()).hexdigest() for n in range(count)]
    responses = [Response(key, "an answer of some words", "stop", Usage(120, 12), "r", "m") for key in keys]
    with (
        tempfile.TemporaryDirectory(prefix="exx-scale-") as name,
        ResponseStore(Path(name) / "responses.sqlite", "run/trial") as store,
    ):
        began = time.perf_counter()
        for start in range(0, count, batch):
            store.add(responses[start : start + batch])
        return count / (time.perf_counter() - began)


def main(sizes: Sequence[int] = (10_000, 30_000, 100_000)) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="300,000 requests, too")
    given = parser.parse_args()
    print(f"{'requests':>9}{'wall s':>10}{'cpu s':>10}{'peak MB':>10}{'µs a request':>15}{'resume s':>12}")
    for size in (*sizes, *((300_000,) if given.large else ())):
        one_size(size)
    for batch in (200, 2_000, 20_000):
        print(f"response store, batches of {batch:>6,}: {store_rate(batch):>9,.0f} responses a second")


if __name__ == "__main__":
    main()
