"""How well the detectors of unsupported claims agree with people, on the development sets of BEGIN.

A response is unsupported when people found it not fully attributable to the passage. ``Generic`` responses, which claim
nothing, are left out. Balanced accuracy is the mean of two shares: of the unsupported ones found, and of the others let
pass. AUROC needs no threshold: it is how often an attributable response has the higher support of the two, a tie
counting half.

    .venv/bin/python benchmarks/detectors.py [--begin FOLDER] [--nli-model FOLDER [--nli-device cuda]]

Source of the data: Dziri, Rashkin, Linzen & Reitter, TACL 10 (2022), doi:10.1162/tacl_a_00506.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen

from exx import GroundedAnswers
from exx.plugins import load_plugins

SETS = {
    "CMU-DoG": "cmu-dog/begin_dev_cmu.tsv",
    "Topical-Chat": "topicalchat/begin_dev_tc.tsv",
    "Wizard of Wikipedia": "wow/begin_dev_wow.tsv",
}
LABELS = {"Fully attributable": True, "Not fully attributable": False}
CURVE = [n / 20 for n in range(6, 20)]


@frozen(eq=False)
class Judged:
    """Responses with what people and a detector said."""

    supported: np.ndarray[Any, np.dtype[np.bool_]]
    degrees: np.ndarray[Any, np.dtype[np.float64]]

    def auroc(self) -> float:
        """How often the higher support is the attributable response's."""
        values, ranks = np.unique(self.degrees, return_inverse=True)
        high = np.bincount(ranks[self.supported], minlength=len(values))
        low = np.bincount(ranks[~self.supported], minlength=len(values))
        below = np.concatenate([[0], np.cumsum(low)[:-1]])
        return float(high @ (below + low / 2) / (high.sum() * low.sum()))

    def found(self, threshold: float) -> float:
        """Share of the unsupported responses that lie below the threshold."""
        return float((self.degrees[~self.supported] < threshold).mean())

    def passed(self, threshold: float) -> float:
        """Share of the attributable responses that do not."""
        return float((self.degrees[self.supported] >= threshold).mean())

    def balanced(self, threshold: float) -> float:
        """The mean of both."""
        return (self.found(threshold) + self.passed(threshold)) / 2


def read(path: Path) -> tuple[list[GroundedAnswers], list[bool]]:
    """Passages with one response each, and whether people found it attributable."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [r for r in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if r["begin_label"] in LABELS]
    # A turn of a conversation is no question, so that responses are judged as they stand.
    batch = [GroundedAnswers(row["knowledge"], (("", row["response"]),)) for row in rows]
    return batch, [LABELS[row["begin_label"]] for row in rows]


def judge(detector: Any, data: Mapping[str, tuple[list[GroundedAnswers], list[bool]]]) -> dict[str, Judged]:
    """Ask a detector about every set, and put all of them together at the end."""
    judged = {
        name: Judged(np.array(labels), np.array(detector.support(batch), dtype=np.float64))
        for name, (batch, labels) in data.items()
    }
    parts = list(judged.values())
    whole = Judged(np.concatenate([p.supported for p in parts]), np.concatenate([p.degrees for p in parts]))
    return judged | {"all": whole}


def show(name: str, detector: Any, judged: Mapping[str, Judged], seconds: float) -> None:
    """Print a detector's table, and the curve over thresholds if it has degrees."""
    responses = len(judged["all"].degrees)
    print(f"\n{name}: cutoff {detector.cutoff}, {responses} responses in {seconds:.2f} s")
    print(f"  {'set':<22}{'n':>6}{'AUROC':>8}{'balanced':>10}{'found':>8}{'passed':>8}")
    for title, one in judged.items():
        cut = detector.cutoff
        line = f"{one.auroc():>8.3f}{one.balanced(cut):>10.3f}{one.found(cut):>8.3f}{one.passed(cut):>8.3f}"
        print(f"  {title:<22}{len(one.degrees):>6}{line}")
    if len(np.unique(judged["all"].degrees)) > 2:
        print(f"  {'threshold':<22}{'':>6}{'':>8}" + f"{'balanced':>10}{'found':>8}{'passed':>8}")
        for threshold in CURVE:
            one = judged["all"]
            line = f"{one.balanced(threshold):>10.3f}{one.found(threshold):>8.3f}{one.passed(threshold):>8.3f}"
            print(f"  {threshold:<22}{'':>6}{'':>8}{line}")


def main(argv: Sequence[str] | None = None) -> None:
    """Judge the sets by every detector that can be had."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    default = Path(os.environ.get("EXX_TEST_DATA", "../shared/data")) / "groundedness" / "begin"
    parser.add_argument("--begin", type=Path, default=default, help="folder of the BEGIN data")
    parser.add_argument("--nli-model", help="folder of a model for the detector nli; without it, nli is left out")
    parser.add_argument("--nli-device", default="auto", choices=["auto", "cpu", "cuda"])
    arguments = parser.parse_args(argv)
    data = {name: read(arguments.begin / path) for name, path in SETS.items()}
    options: dict[str, dict[str, Any]] = {"baseline": {}, "overlap": {}}
    if arguments.nli_model:
        options["nli"] = {"model": arguments.nli_model, "device": arguments.nli_device}
    registry = load_plugins()
    for name, chosen in options.items():
        detector = registry.find("detector", name).cls(**chosen)
        began = time.perf_counter()
        judged = judge(detector, data)
        show(name, detector, judged, time.perf_counter() - began)


if __name__ == "__main__":
    main()
