"""Peak memory of the Fireworks client: a part of 500 MB up, and its output of 500 MB down, against a local server.

The server is the one of the tests, in a process of its own; each way is measured in a fresh process.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

from exx import BatchJob, BatchService, Request
from exx_fireworks.backend import FireworksBackend

SERVER = Path(__file__).parents[1] / "contrib_backends" / "exx-fireworks" / "tests" / "server"
MODEL = "accounts/fireworks/models/gpt-oss-120b"
SAMPLING = {"temperature": 0.0, "top_p": 1.0, "top_k": 50, "max_tokens": 1024}
CHARACTERS = 4000
JOB = "exx-memory-control-t0-p01-a1-000000000000"


class Requests:
    """Requests made as they are gone through, each with a question of 4,000 characters."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __iter__(self) -> Iterator[Request]:
        for number in range(self.count):
            messages = [{"role": "user", "content": f"{number} ".ljust(CHARACTERS, "x")}]
            yield Request(f"set|{number}|control|0.0|0|closed", f"k{number}", MODEL, messages, SAMPLING)


def upload(service: BatchService, count: int) -> float:
    """Submit the part; megabytes of it."""
    job = BatchJob(id=JOB, model=MODEL, requests=Requests(count), rows=count, condition="control", temp=0.0, part=1)
    service.create(job)
    return count * CHARACTERS / 1e6


def download(service: BatchService, count: int) -> float:
    """Go through the output; megabytes of answers in it."""
    characters = sum(len(row.response.text or "") for row in service.fetch(JOB))
    assert characters >= count * CHARACTERS
    return characters / 1e6


def follow(service: BatchService, _: int) -> float:
    """Wait until the job is through."""
    while (status := service.status(JOB)) is None or not status.final:
        time.sleep(0.1)
    return 0.0


def measured(work: Callable[[BatchService, int], float], count: int, out: SimpleQueue[Any]) -> None:
    """Do something with the service; tells megabytes moved, seconds, and peak megabytes of this process."""
    with FireworksBackend(poll_interval=0.1, timeout=600.0).connect(MODEL, {}) as service:
        began = time.monotonic()
        moved = work(service, count)
        took = time.monotonic() - began
    out.put((moved, took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def in_a_process(work: Callable[[BatchService, int], float], count: int) -> tuple[float, float, float]:
    """Measure it in a fresh process."""
    context = multiprocessing.get_context("spawn")
    out = context.SimpleQueue()
    process = context.Process(target=measured, args=(work, count, out))
    process.start()
    process.join()
    if process.exitcode:
        sys.exit(f"{work.__name__} failed")
    figures: tuple[float, float, float] = out.get()
    return figures


def main() -> None:
    """Print both peaks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=500)
    count = parser.parse_args().megabytes * 1_000_000 // CHARACTERS
    settings = {"answer_padding": CHARACTERS, "ready_after": 0.0}
    command = [sys.executable, "-m", "fireworks_server", "--settings", json.dumps(settings)]
    env = {**os.environ, "PYTHONPATH": str(SERVER)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env, text=True) as server:
        assert server.stdout is not None
        told = json.loads(server.stdout.readline())
        names = {"url": "FIREWORKS_API_BASE", "key": "FIREWORKS_API_KEY", "account": "FIREWORKS_ACCOUNT_ID"}
        os.environ.update({names[name]: value for name, value in told.items()})
        for work in (upload, follow, download):
            moved, took, peak = in_a_process(work, count)
            print(f"{work.__name__:10} {moved:7.0f} MB {took:7.1f} s   peak {peak:5.0f} MB")
        server.terminate()


if __name__ == "__main__":
    main()
