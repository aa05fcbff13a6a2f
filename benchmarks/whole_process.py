"""Times exx commands as whole processes: wall seconds, processor seconds and peak memory, medians of several runs.

``make bench`` runs it; README.md beside it holds the figures of one machine. Runs of the commands alternate, so that a
change of the machine's speed meets all of them alike.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
EXX = str(Path(sys.executable).parent / "exx")
Command = Sequence[str]

DRY_RUN = """
model_id: some-model
backend: dry_run
datasets:
  - {name: jsonl, dataset: bench, source: all.jsonl}
verdict: {primary: [em]}
"""


def measure(command: Command, folder: Path) -> tuple[float, float, float]:
    """Run a command once.

    Returns:
        Wall seconds, user plus system seconds, peak resident memory in MB (of the largest single process).

    Raises:
        RuntimeError: The command failed.
    """
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    complaint = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    if status:
        raise RuntimeError(f"{' '.join(command)} failed: {complaint.decode()[-400:]}")
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def commands(full: str, tiny: str) -> dict[str, Command]:
    """What is timed, by the name the table gives it."""

    def stats(rows: str) -> Command:
        return [EXX, "stats", "--per-item-csv", f"{rows}/out/per_item_scores.csv", "--out-path", f"{rows}/out/s.json"]

    return {
        "exx --help": [EXX, "--help"],
        "exx plugins list": [EXX, "plugins", "list"],
        "exx parse": [EXX, "parse", "--results-jsonl", f"{full}/results_combined.jsonl", "--out-csv", f"{full}/p.csv"],
        "exx score": [EXX, "score", "--pred-csv", f"{full}/p.csv", "--prepared-dir", f"{full}/prepared"]
        + ["--out-dir", f"{full}/out"],
        "exx stats": stats(full),
        "exx stats, tiny": stats(tiny),
    }


def set_up(folder: Path, name: str, scale: float) -> None:
    """Make rows and bring them to the point where every command has its input."""
    subprocess.run([sys.executable, HERE / "rows.py", name, "--scale", str(scale)], cwd=folder, check=True)
    for command in list(commands(name, name).values())[2:4]:
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def dry_run(folder: Path, name: str) -> Command:
    """A whole run over the same items; its folder and its answers are new each time."""
    rows = (folder / name / "prepared").glob("*.jsonl")
    (folder / "all.jsonl").write_text("".join(path.read_text() for path in sorted(rows)).replace('"dataset"', '"set"'))
    (folder / "bench.yaml").write_text(DRY_RUN)
    run = f"rm -rf experiments data && exec {EXX} run bench.yaml --dry-run --run-id bench --quiet"
    return ["sh", "-c", run]


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="exx-bench-") as name:
        folder = Path(name)
        set_up(folder, "full", given.scale)
        set_up(folder, "tiny", 0.002)
        timed = commands("full", "tiny") | {"exx run --dry-run": dry_run(folder, "full")}
        taken: dict[str, list[tuple[float, float, float]]] = {what: [] for what in timed}
        for _ in range(given.runs + 1):
            for what, command in timed.items():
                taken[what].append(measure(command, folder))
    print(f"{'command':<20}{'wall s':>10}{'cpu s':>10}{'peak MB':>10}   median of {given.runs} after a warm-up")
    middle = {what: [statistics.median(c) for c in zip(*runs[1:], strict=True)] for what, runs in taken.items()}
    for what, (wall, cpu, memory) in middle.items():
        print(f"{what:<20}{wall:>10.2f}{cpu:>10.2f}{memory:>10.0f}")
    work = middle["exx stats"][0] - middle["exx stats, tiny"][0]
    print(f"the work of exx stats itself (full set minus tiny one): {work:.2f} s")


if __name__ == "__main__":
    main()
