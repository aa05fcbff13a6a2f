"""Where a model's files come from: the cache, a hub (a small one of our own, on this machine), or nowhere."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="torch is not installed: the tests of exx-nli run after make setup-nli")
pytest.importorskip("exx_nli", reason="exx-nli is not installed: its tests run after make setup-nli")

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from exx import BackendError, GroundedAnswers
from exx_nli import weights
from exx_nli.detector import NliDetector

COMMIT = "c" * 40
CLAIM = (GroundedAnswers("Rome is red.", (("", "Rome is red."),)),)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, and no variable that changes how the hub is asked."""
    for name in ("HF_HUB_OFFLINE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def hub(folder, cache, monkeypatch):
    """A server that speaks as much of the hub's protocol as is needed, and writes down what it is asked."""
    del cache
    files = {path.name: path.read_bytes() for path in folder.iterdir()} | {
        "pytorch_model.bin": b"a pickle",
        "own.py": b"",
    }
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.answer(send=False)

        def do_GET(self):
            self.answer(send=True)

        def answer(self, *, send):
            asked.append(self.path)
            if self.path.startswith("/api/models/owner/tiny/tree/"):
                tree = [{"type": "file", "path": name, "size": len(files[name]), "oid": name} for name in files]
                self.say(json.dumps(tree).encode(), send=send)
            elif self.path.startswith("/api/models/owner/tiny"):
                siblings = [{"rfilename": name} for name in files]
                self.say(json.dumps({"id": "owner/tiny", "sha": COMMIT, "siblings": siblings}).encode(), send=send)
            elif self.path.startswith(f"/owner/tiny/resolve/{COMMIT}/"):
                self.say(files[self.path.rpartition("/")[2]], send=send)
            else:
                self.send_error(404)

        def say(self, body, *, send):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if send:
                self.wfile.write(body)

        def log_message(self, *_):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield asked
    server.shutdown()
    server.server_close()


def test_a_model_is_fetched_once_without_its_pickle(hub, monkeypatch):
    """From the hub, at its commit; the second time nobody is asked, and neither pickles nor code are ever fetched."""
    options = {"model": "owner/tiny", "revision": COMMIT}
    (degree,) = NliDetector(**options).support(CLAIM)
    count = len(hub)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")

    assert degree > 0.99
    assert count
    assert not [path for path in hub if path.endswith((".bin", ".py"))]
    assert weights.find("owner/tiny", COMMIT).name == COMMIT
    assert len(hub) == count


def test_half_a_download_is_finished(hub):
    """A cache that lacks a file, since the machine went down, is no reason to fail."""
    folder = weights.find("owner/tiny", COMMIT)
    (folder / "model.safetensors").unlink()
    count = len(hub)

    assert (weights.find("owner/tiny", COMMIT) / "model.safetensors").is_file()
    assert len(hub) > count


def test_a_name_that_is_not_there_is_told(hub):
    """With the name, the revision, and what can be done on a machine that has a network."""
    del hub
    with pytest.raises(BackendError, match=r"owner/other at revision main.*not on this machine(?s:.)*hf download"):
        weights.find("owner/other", "main")


def test_no_network_is_told(cache, monkeypatch):
    """Offline, and with an empty cache: which weights, and how to bring them here."""
    del cache
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    with pytest.raises(BackendError, match=r"DeBERTa.*not on this machine(?s:.)*--local-dir(?s:.)*exx resume"):
        NliDetector().support(CLAIM)


@pytest.mark.parametrize("name", ["owner/with a space", "owner/--"])
def test_what_is_no_name_is_told(cache, name):
    """Neither a folder nor a name that the hub would take."""
    del cache
    with pytest.raises(BackendError, match="neither a folder here nor a name"):
        weights.find(name, "main")
