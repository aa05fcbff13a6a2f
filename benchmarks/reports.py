"""Times both reports on the rows of rows.py, as a whole process, and how long the page takes in Chromium to answer.

Prints wall seconds, processor seconds and peak memory of ``exx report``, the size of report.html, and, where Chromium
and the package playwright are there, the seconds from opening the page to a list that can be used, and of a first and a
second search over all texts.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from whole_process import EXX, commands, measure

HERE = Path(__file__).parent
CONFIG = """
backend: dry_run
datasets: [sample_qa]
prompt_sets: [default]
verdict: {primary: [answer_match]}
paths: {prepared_dir: rows/prepared}
reporters: [%s]
"""


def set_up(folder: Path, scale: float) -> None:
    """Make rows, and everything a report is made from."""
    subprocess.run([sys.executable, HERE / "rows.py", "rows", "--scale", str(scale)], cwd=folder, check=True)
    for name in ("exx parse", "exx score"):
        subprocess.run(commands("rows", "rows")[name], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    scores = ["--per-item-csv", "rows/out/per_item_scores.csv", "--out-path", "rows/out/significance.json"]
    subprocess.run([EXX, "stats", *scores], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    shutil.copy(folder / "rows/p.csv", folder / "rows/out/predictions.csv")


def in_browser(page_path: Path) -> list[float] | None:
    """Seconds until the list can be used, of a first search and of a second one; None without a browser."""
    path = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if path is None:
        return None
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page()
        began = time.perf_counter()
        page.goto(page_path.as_uri())
        page.wait_for_selector("html[data-ready]")
        took = [time.perf_counter() - began]
        for words in ("what the", "who the"):
            began = time.perf_counter()
            page.fill("#search", words)
            while words not in page.evaluate("new URLSearchParams(location.hash.slice(1)).get('q') ?? ''"):
                page.wait_for_timeout(5)
            took.append(time.perf_counter() - began)
        browser.close()
    return took


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        set_up(folder, given.scale)
        for reporters in ("markdown, html", "markdown", "html"):
            (folder / "c.yaml").write_text(CONFIG % reporters, encoding="utf-8")
            command = [EXX, "report", "--config", "c.yaml", "--results-dir", "rows/out", "--reports-dir", "reports"]
            taken = [measure(command, folder) for _ in range(given.runs + 1)][1:]
            wall, cpu, peak = (statistics.median(column) for column in zip(*taken, strict=True))
            print(f"{reporters:16} {wall:6.2f} s wall {cpu:6.2f} s cpu {peak:6.0f} MB")
        page = folder / "reports/report.html"
        print(f"report.html {page.stat().st_size / 1e6:.1f} MB")
        opened = [took for _ in range(given.runs) if (took := in_browser(page))]
        if opened:
            words = ("usable after", "first search", "second search")
            for word, column in zip(words, zip(*opened, strict=True), strict=True):
                print(f"{word:16} {statistics.median(column):6.2f} s")


if __name__ == "__main__":
    main()
