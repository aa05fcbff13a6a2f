"""The server as a process of its own: prints its address, and serves until it is ended."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from fireworks_server import FireworksServer, Plan, Settings, VirtualClock


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(prog="fireworks_server", description=__doc__)
    parser.add_argument("--folder", type=Path, help="where uploads are kept; default: a temporary folder")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--per-call", type=float, default=10.0, help="seconds of its clock that pass with every call")
    parser.add_argument("--speed", type=float, default=0.0, help="seconds of its clock that pass in a real one")
    parser.add_argument("--settings", type=json.loads, default={}, help="fields of Settings, as JSON")
    parser.add_argument("--plan", type=json.loads, default={}, help="fields of Plan, as JSON")
    parser.add_argument("--seed", type=int, help="a plan drawn from this seed instead")
    given = parser.parse_args()
    plan = Plan.from_json(given.plan) if given.seed is None else Plan.drawn(given.seed)
    with tempfile.TemporaryDirectory(prefix="fireworks-server-") as folder:
        server = FireworksServer(
            given.folder or Path(folder),
            plan,
            Settings(**{name: tuple(v) if isinstance(v, list) else v for name, v in given.settings.items()}),
            clock=VirtualClock(given.per_call, given.speed),
            port=given.port,
        )
        with server:
            print(json.dumps({"url": server.url, "key": server.key, "account": server.account}), flush=True)  # noqa: T201
            while True:
                time.sleep(60)


if __name__ == "__main__":
    main()
