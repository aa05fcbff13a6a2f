"""The API without the client that is tested: for tests of the server, and for work done "by other means"."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import requests
from fireworks_server import FireworksServer

ROWS = [
    {"custom_id": f"r{n}", "body": {"messages": [{"role": "user", "content": "hi"}], "temperature": 0}}
    for n in range(4)
]


class Caller:
    """The API without any client in between."""

    def __init__(self, server: FireworksServer) -> None:
        self.server = server
        self.headers = {"Authorization": f"Bearer {server.key}"}

    def __call__(self, method: str, path: str, **more: object) -> requests.Response:
        base = f"{self.server.url}/v1/accounts/{self.server.account}"
        return requests.request(method, base + path, headers=self.headers, timeout=10, **more)  # type: ignore[arg-type]

    def dataset(self, name: str, rows: Sequence[Any] = ROWS) -> None:
        """Make one, and wait until it is ready."""
        about = {"userUploaded": {}, "exampleCount": str(len(rows))}
        assert self("POST", "/datasets", json={"datasetId": name, "dataset": about}).ok
        body = "".join(json.dumps(row) + "\n" for row in rows)
        assert self("POST", f"/datasets/{name}:upload", files={"file": ("x.jsonl", body)}).ok
        while self("GET", f"/datasets/{name}").json()["state"] != "READY":
            pass

    def job(self, name: str, **body: object) -> requests.Response:
        """Make one."""
        given = {"model": self.server.settings.models[0], **body}
        return self("POST", "/batchInferenceJobs", params={"batchInferenceJobId": name}, json=given)

    def ended(self, name: str) -> dict[str, object]:
        """Look at a job until it has ended."""
        while True:
            found: dict[str, object] = self("GET", f"/batchInferenceJobs/{name}").json()
            if str(found["state"]) in ("JOB_STATE_COMPLETED", "JOB_STATE_FAILED", "JOB_STATE_EXPIRED"):
                return found
