"""Times ``exx stats``: its own work, its growth up to a million items, and one metric beside another package.

The score files are made up: half open-book, half closed-book in two datasets, with exact match, F1 and abstention; with
``--groups`` five open-book questions share a passage. Commands take turns; medians of several runs.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from whole_process import EXX, measure

HEADER = "item_key,type,condition,temp,em,em_std,f1,f1_std,abstain_rate,abstain_rate_std,group\n"
ITEMS = 33_427
TINY = 66

OTHER = """
import sys, time
import numpy as np
began = time.perf_counter()
import evalstats
loaded = time.perf_counter()
table = np.loadtxt(sys.argv[1]).T
for method in sys.argv[2:]:
    start = time.perf_counter()
    found = evalstats.pairwise_differences(table, 1, 0, method=method, rng=np.random.default_rng(1))
    seconds = time.perf_counter() - start
    print(f"{method}: {seconds:.3f} s, p {found.p_value:.3g}, {found.ci_low:.5f} to {found.ci_high:.5f}")
print(f"import: {loaded - began:.2f} s")
"""


def scores(n: int) -> dict[str, dict[str, np.ndarray]]:
    """Exact match, F1 and abstention of n items under both arms, correlated within an item."""
    rng = np.random.default_rng(3)
    ease, made = rng.random(n), {}
    for arm, rate in (("control", 0.45), ("treatment", 0.50)):
        right = (0.6 * ease + 0.4 * rng.random(n) < rate).astype(float)
        common, asked, said = rng.integers(0, 6, n), rng.integers(1, 6, n), rng.integers(1, 13, n)
        f1 = np.where(right == 1, 1.0, np.round(2 * np.minimum(common, np.minimum(asked, said)) / (asked + said), 12))
        made[arm] = {"em": right, "f1": f1, "abstain_rate": (rng.random(n) < 0.2).astype(float)}
    return made


def lines(n: int, groups: bool) -> Iterator[str]:
    """Rows of a score file."""
    kinds = [("open", "squad_v2")] * (n // 3) + [("closed", "triviaqa")] * (n // 2)
    kinds += [("closed", "nq_open")] * (n - len(kinds))
    for arm, columns in scores(n).items():
        values = zip(*(column.tolist() for column in columns.values()), strict=True)
        for item, ((kind, dataset), (em, f1, abstains)) in enumerate(zip(kinds, values, strict=True)):
            group = f"p{item // 5}" if groups and kind == "open" else ""
            yield f"{dataset}|{item},{kind},{arm},0.0,{em},0.0,{f1!r},0.0,{abstains},0.0,{group}\n"


def write(folder: Path, n: int, groups: bool) -> list[str]:
    """Write a score file and return the command that analyses it."""
    path = folder / f"{n}{'-groups' if groups else ''}" / "per_item_scores.csv"
    path.parent.mkdir()
    with path.open("w") as file:
        file.write(HEADER)
        file.writelines(lines(n, groups))
    return [EXX, "stats", "--per-item-csv", str(path), "--out-path", str(path.with_name("s.json"))]


def beside(folder: Path, python: str) -> None:
    """One metric by evalstats, in the Python that has it."""
    made = scores(ITEMS)
    for metric, methods in (("em", ["newcombe", "bca", "permutation"]), ("f1", ["auto", "bca", "permutation"])):
        table = folder / f"{metric}.txt"
        np.savetxt(table, np.column_stack([made[arm][metric] for arm in ("control", "treatment")]))
        print(f"evalstats, {metric}:", flush=True)
        subprocess.run([python, "-c", OTHER, str(table), *methods], check=True)


def main() -> None:
    """Print a line per command; the work is the full set less the tiny one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--million", action="store_true", help="a million items too")
    parser.add_argument("--evalstats", metavar="PYTHON", help="a Python that has evalstats")
    given = parser.parse_args()
    sizes = [TINY, ITEMS, *([1_000_000] if given.million else [])]
    with tempfile.TemporaryDirectory() as temp:
        keys = [(n, groups) for n in sizes for groups in (False, True)]
        # Written by another process: a child starts with its parent's memory, which would count as its peak.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            commands = {key: pool.submit(write, Path(temp), *key).result() for key in keys}
        timed: dict[tuple[int, bool], list[tuple[float, float, float]]] = {key: [] for key in commands}
        for _ in range(given.runs):
            for key, command in commands.items():
                timed[key].append(measure(command, Path(temp)))
        for (n, groups), runs in timed.items():
            wall, cpu, peak = (statistics.median(column) for column in zip(*runs, strict=True))
            label = f"{n:,} items{', groups' if groups else ''}"
            print(f"{label:28} wall {wall:6.2f} s   cpu {cpu:6.2f} s   peak {peak:5.0f} MB")
        if given.evalstats:
            beside(Path(temp), given.evalstats)


if __name__ == "__main__":
    sys.exit(main())
