"""Times exx-openai-chat against a server on this machine that answers at once: requests a second, and memory over time.

The server is a process of its own and does as little as a server can, so what is measured is the client. First the
runner of online requests by itself, in as many requests as asked for; then a whole ``exx run``, with ``--whole``.
README.md beside it holds the figures of one machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

EXX = str(Path(sys.executable).parent / "exx")
REPLY = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "bench",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Paris."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 120, "completion_tokens": 3, "total_tokens": 123, "prompt_tokens_details": None},
    }
).encode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(REPLY) + REPLY
RUN = """
model_id: bench
backend: {{name: openai_chat, base_url: "{url}", concurrency: {threads}}}
datasets:
  - {{name: jsonl, dataset: bench, source: all.jsonl}}
verdict: {{primary: [em]}}
"""


class AnswersAtOnce(asyncio.Protocol):
    """One connection of the server."""

    def __init__(self) -> None:
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request as soon as all of it is there."""
        self.received += data
        while (head := self.received.find(b"\r\n\r\n")) >= 0:
            length = int(self.received[:head].lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
            if len(self.received) < head + 4 + length:
                return
            self.received = self.received[head + 4 + length :]
            self.transport.write(ANSWER)  # type: ignore[attr-defined]


async def serve() -> None:
    """Run the server; prints its port."""
    server = await asyncio.get_running_loop().create_server(AnswersAtOnce, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def serving() -> Iterator[str]:
    """A server in a process of its own; gives its address."""
    process = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def resident() -> float:
    """Memory of this process now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20


def cpu() -> float:
    """Seconds of processor this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def runner(url: str, threads: int, count: int) -> None:
    """Ask so many questions through the runner of online requests; print speed and memory along the way."""
    from exx import Request
    from exx.jobs.online import answer_all
    from exx_openai_chat.backend import OpenAIChatBackend

    params = {"temperature": 0.0, "top_p": 1.0, "top_k": 50, "max_tokens": 64}
    messages = [{"role": "system", "content": "Answer. " * 40}, {"role": "user", "content": "What is it? " * 20}]
    requests = (Request(f"b|{n}|control|0.0|0|closed", f"{n:064x}", "bench", messages, params) for n in range(count))
    backend = OpenAIChatBackend(base_url=url, concurrency=threads)
    print(f"runner, {threads} threads, {count:,} requests")
    began, used, shown = time.perf_counter(), cpu(), max(1, count // 5)
    with backend.connect("bench", {}) as connection:
        for done, response in enumerate(answer_all(connection, requests, threads, lambda: None), start=1):
            if response.text != "Paris.":
                raise RuntimeError(response)
            if done % shown == 0:
                print(f"  {done:>8,} answered, {done / (time.perf_counter() - began):>6.0f} /s, {resident():>5.0f} MB")
    wall = time.perf_counter() - began
    print(f"  {count / wall:.0f} requests/s; {1e6 * (cpu() - used) / count:.0f} µs of processor each")


def whole(url: str, threads: int, count: int) -> None:
    """Time a whole run, from the config to the report."""
    with tempfile.TemporaryDirectory(prefix="exx-bench-") as name:
        folder = Path(name)
        rows = ({"id": str(n), "question": f"What is number {n}?", "answers": ["Paris"]} for n in range(count // 2))
        (folder / "all.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (folder / "bench.yaml").write_text(RUN.format(url=url, threads=threads))
        began = time.perf_counter()
        command = [EXX, "run", "bench.yaml", "--run-id", "bench", "--quiet"]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        wall = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        (manifest,) = folder.glob("experiments/run_bench/*/results/trial_manifest.json")
        submit = json.loads(manifest.read_text())["stage_status"]["submit"]
        began_at, ended_at = (datetime.fromisoformat(submit[name]) for name in ("started_at", "finished_at"))
        asking = (ended_at - began_at).total_seconds()
        print(f"exx run, {threads} threads, {count:,} requests: {wall:.1f} s, peak {peak:.0f} MB")
        print(f"  of this {asking:.0f} s in phase submit: {count / max(1.0, asking):.0f} requests/s")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", action="store_true", help="be the server")
    parser.add_argument("--threads", type=int, default=64)
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--whole", action="store_true", help="time exx run instead of the runner")
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve())
        return
    with serving() as url:
        (whole if given.whole else runner)(url, given.threads, given.requests)


if __name__ == "__main__":
    main()
