"""A damaged file is noticed and made anew, or named as what stands in the way; it is never used."""

from __future__ import annotations

import hashlib
import random
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from proof_lab import KINDS, Place, damage, different

from exx import Response, Usage
from exx.errors import RunError
from exx.responses import ResponseStore

RUN = ("run", "e.yaml", "--run-id", "k", "--parts-per-dataset", "2", "--quiet", "--resume")
RESUME = ("resume", "k", "--quiet")
STATE = ("run_state.json", "trial_manifest.json", "config.yaml")
ARTIFACTS = (
    "open_book.jsonl",
    "closed_book.jsonl",
    "prepared_manifest.json",
    "t0_default_control.p01.jsonl",
    "t0_default_treatment.p02.jsonl",
    "build_manifest.json",
    "results_combined.jsonl",
    "predictions.csv",
    "predictions.parquet",
    "per_item_scores.csv",
    "per_item_scores.parquet",
    "metrics.json",
    "support.csv",
    "integrity.json",
    "significance.json",
    "findings.csv",
    "findings.parquet",
    "costs.json",
    "report.md",
    *STATE,
)


@pytest.fixture
def finished(places: Callable[..., Place]) -> Place:
    """A finished run."""
    place = places(30)
    assert place.run(*RUN).status == 0
    return place


@pytest.mark.slow
@pytest.mark.parametrize("name", ARTIFACTS)
def test_a_damaged_file_of_a_run_is_made_anew(finished: Place, name: str) -> None:
    """Truncated, emptied, overwritten in part, or gone: the next run ends with the same bytes and asks nothing."""
    wanted, asked = finished.artifacts(), finished.asked()
    cases = [(kind, command) for kind in KINDS for command in (RUN, RESUME)]
    for kind, command in cases if name in STATE else cases[::2] + cases[1::4]:
        damage(finished.find(name), kind)
        told = finished.run(*command)
        assert told.status == 0, f"{kind}: {told.err}"
        assert different(finished.artifacts(), wanted) == [], kind
        assert (finished.asked(), finished.false_claims(), finished.litter()) == (asked, [], [])
        assert finished.status() == "done"


@pytest.mark.slow
def test_every_file_of_a_run_is_tried_above(finished: Place) -> None:
    """The list of names is complete, but for the parts, of which two stand for all."""
    names = {path.name for path in finished.run_folder().rglob("*") if path.is_file()} - {".lock"}

    assert {name for name in names if ".p0" not in name} == {name for name in ARTIFACTS if ".p0" not in name}


@pytest.mark.slow
@pytest.mark.parametrize("count", range(4))
def test_several_damaged_files_are_made_anew(finished: Place, count: int) -> None:
    """In one go; the kinds of damage mixed."""
    wanted, dice = finished.artifacts(), random.Random(count)
    for name in dice.sample(ARTIFACTS, 6):
        damage(finished.find(name), dice.choice(KINDS))
    told = finished.run(*RUN)

    assert told.status == 0, told.err
    assert (different(finished.artifacts(), wanted), finished.false_claims()) == ([], [])


@pytest.mark.slow
def test_damage_during_a_run_reaches_no_result(places: Callable[..., Place]) -> None:
    """While the model is asked, the prepared items and the requests are overwritten: resumed, the run is as it was."""
    calm = places(30)
    assert calm.run(*RUN).status == 0
    for name in ("closed_book.jsonl", "t0_default_control.p01.jsonl", "build_manifest.json"):
        place = places(30)
        assert place.run(*RUN, "--to-step", "submit").status == 0
        damage(place.find(name), "overwritten")
        told = place.run(*RUN, "--from-step", "poll")
        assert place.false_claims() == [path for path in place.false_claims() if Path(path).name == name]
        if told.status:
            assert name in told.err, told.err
        assert place.run(*RUN).status == 0
        assert different(place.artifacts(), calm.artifacts()) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("needed", [False, True], ids=["results there", "results lost"])
def test_a_damaged_response_store_makes_nothing_wrong(finished: Place, kind: str, needed: bool) -> None:
    """Not needed, it is left alone. Needed, it is named, or what it has lost is asked again."""
    wanted, asked = finished.artifacts(), finished.asked()
    damage(finished.store, kind)
    if needed:
        finished.find("results_combined.jsonl").unlink()
    told = finished.run(*RUN)

    if not needed:
        assert (told.status, finished.asked()) == (0, asked)
    if told.status:
        assert (told.status, told.out) == (1, "")
        assert "exx: response store experiments/responses.sqlite: " in told.err
        assert "→ the file is damaged: move experiments/responses.sqlite away and resume" in told.err
        for path in finished.store.parent.glob("responses.sqlite*"):
            path.unlink()
        assert finished.run(*RUN).status == 0
    assert (different(finished.artifacts(), wanted), finished.false_claims()) == ([], [])


@pytest.mark.slow
def test_a_store_with_any_byte_changed_gives_no_wrong_answer(finished: Place) -> None:
    """Results are made anew from it: what it cannot vouch for is asked again, or the run says why it ends."""
    wanted, dice = finished.artifacts(), random.Random(5)
    content = finished.store.read_bytes()
    ended = {0: 0, 1: 0}
    for _ in range(40):
        spoilt = bytearray(content)
        for _ in range(30):
            spoilt[dice.randrange(len(spoilt))] ^= 1 << dice.randrange(8)
        finished.store.write_bytes(spoilt)
        finished.find("results_combined.jsonl").unlink()
        told = finished.run(*RUN)
        ended[told.status] += 1
        if told.status:
            assert "experiments/responses.sqlite" in told.err, told.err
            finished.store.write_bytes(content)
            assert finished.run(*RUN).status == 0
        assert different(finished.artifacts(), wanted) == []
    assert ended[0] > 5


def test_one_changed_bit_in_the_store_is_noticed(tmp_path: Path) -> None:
    """At 600 seeded places: an answer is as it was stored, or not there, or the store is told to be damaged."""
    path, dice = tmp_path / "responses.sqlite", random.Random(3)
    keys = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(300)]
    texts = [f"answer {number} " * (number % 40) for number in range(300)]
    said = {k: Response(k, texts[n], "stop", Usage(n, 1), f"r{n}", "m") for n, k in enumerate(keys)}
    with ResponseStore(path, "run/trial") as store:
        store.add(said.values())
    content, lost, told = path.read_bytes(), 0, 0
    for _ in range(600):
        spoilt = bytearray(content)
        spoilt[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
        path.write_bytes(spoilt)
        try:
            with ResponseStore(path, "run/trial") as store:
                found, missing = store.get(keys), store.missing(keys)
        except RunError as cause:
            assert "the file is damaged: move " in str(cause)  # noqa: PT017 - both endings are right
            told += 1
        else:
            assert all(one.response == said[key] and one.buyer == "run/trial" for key, one in found.items())
            assert set(missing) == said.keys() - found.keys()
            lost += len(missing) > 0
    assert lost > 100 and told > 5


def test_a_store_that_another_process_is_making_is_waited_for(tmp_path: Path) -> None:
    """SQLite refuses at once to switch to its log while somebody else writes; two runs started together meet this."""
    path = tmp_path / "responses.sqlite"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE more (a)")
    later = threading.Timer(0.2, lambda: other.execute("COMMIT"))
    later.start()
    with ResponseStore(path, "run/trial") as store:
        store.add([Response("ab" * 32, "x")])
        assert store.missing(["ab" * 32]) == []
    later.join()
    other.close()
