"""What the proofs share: places with an experiment in them, in memory where possible, and processes for them."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

SUPPORT = Path(__file__).parent / "support"
sys.path.insert(0, str(SUPPORT))

from proof_lab import Place, Zygote, write_items  # noqa: E402 - found once its folder is on the path

PLUGINS = (
    "answer_match,diary,dry_run,jsonl,markdown,mcnemar,multiple_testing,overlap,paired_bootstrap,prompts,"
    "squad_v2_scorer"
)


@pytest.fixture(scope="session")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Zygote]]:
    """Two processes that fork others, with the diary installed as a real distribution."""
    site = tmp_path_factory.mktemp("site")
    info = site / "exx_proof-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: exx-proof\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[exx]\ndiary = proof_plugin\n")
    known = os.environ.get("PYTHONPATH")
    paths = [*([known] if known else []), str(site), str(SUPPORT)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "EXX_PLUGINS": PLUGINS, "OPENBLAS_NUM_THREADS": "1"}
    env.pop("EXX_FAULT_POINT", None)
    made = [Zygote(env), Zygote(env)]
    for zygote in made:
        zygote.await_ready()
    yield made
    for zygote in made:
        zygote.close()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """An empty folder; in memory, where writes are quick, if this machine allows."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(
        prefix="exx-proof-", dir=memory if os.access(memory, os.W_OK) else tmp_path
    ) as folder:
        yield Path(folder)


@pytest.fixture
def places(processes: list[Zygote], home: Path) -> Iterator[Callable[..., Place]]:
    """``places(items, worker=0)`` makes a new place."""
    made: list[Place] = []

    def make(items: int, worker: int = 0) -> Place:
        place = Place(home / str(next(numbers)), processes[worker])
        made.append(place)
        place.folder.mkdir()
        write_items(place.folder, items)
        place.configure()
        return place

    numbers = count(1)
    yield make
    for place in made:
        place.close()
