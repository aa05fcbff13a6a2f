"""When each arm was answered, by which model and how precisely, is kept; and the verdict warns when the arms differ."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from lab import Lab, Told

from exx import load_results
from exx.drift import ArmAnswered, Witness, differences, read_answered
from exx.errors import DataError
from exx.pipeline.phases import choose
from exx.records import Response
from exx.responses import ResponseStore, _seal
from exx.testing import fakes

POLLED = choose(last="poll")
BASE = datetime(2026, 3, 1, 10, 0, tzinfo=UTC).timestamp()
MINUTE, DAY = 60.0, 86_400.0


def answer(at: float | None, model: str | None = "m-1", precision: str | None = None) -> Response:
    """An answer, so many seconds after ten o'clock."""
    when = None if at is None else BASE + at
    return Response("0" * 64, "yes", model=model, precision=precision, answered_at=when)


def arm(*answers: Response) -> dict[str, Any]:
    """What is kept of these answers."""
    witness = Witness()
    for one in answers:
        witness.see(one)
    return witness.to_json()


def told(control: dict[str, Any], treatment: dict[str, Any]) -> list[str]:
    """What is said of two arms."""
    written = json.loads(json.dumps({"answered": {"control": control, "treatment": treatment}}))
    return list(differences(read_answered(written)))


def test_an_arm_is_summed_up() -> None:
    """First, middle and last of its answers, and how many came from whom; a failure is no answer."""
    failed = evolve(answer(900.0), text=None, error="no")
    kept = arm(answer(60.0, "m-2", "BF16"), answer(0.0), answer(10.0, "m-2", "FP8"), failed)

    assert kept == {
        "answers": 3,
        "first": "2026-03-01T10:00:00+00:00",
        "middle": "2026-03-01T10:00:10+00:00",
        "last": "2026-03-01T10:01:00+00:00",
        "models": {"m-1": 1, "m-2": 2},
        "precisions": {"BF16": 1, "FP8": 1},
    }
    back = ArmAnswered.from_json(kept)
    assert (back.answers, back.models) == (3, {"m-1": 1, "m-2": 2})
    assert back.last == datetime(2026, 3, 1, 10, 1, tzinfo=UTC)


def test_arms_that_are_alike_need_no_words() -> None:
    """The same model at about the same time, one arm right after the other; nothing told of either is alike, too."""
    first, then = arm(answer(0.0), answer(3600.0)), arm(answer(3660.0), answer(7200.0))

    assert told(first, then) == []
    assert told(arm(answer(None, None)), arm(answer(None, None))) == []
    assert told(arm(), arm(answer(0.0))) == []
    assert list(differences({})) == []


def test_another_model_is_told() -> None:
    """By its names, with shares where an arm has several; a share of less than one per cent is no matter."""
    one, other = [answer(0.0)], [answer(0.0, "m-2")]
    (sentence,) = told(arm(*one * 3), arm(*one, *other * 3))

    assert "answered by different models, as the server tells: m-1 under the control, " in sentence
    assert "m-2 (75.0 %) and m-1 (25.0 %) under the treatment" in sentence
    assert told(arm(*one * 300), arm(*one * 298, *other * 2)) == []
    assert len(told(arm(*one * 300), arm(*one * 297, *other * 3))) == 1


def test_another_precision_is_told() -> None:
    """Also where one arm does not say."""
    (sentence,) = told(arm(answer(0.0, precision="BF16")), arm(answer(0.0, precision="FP8")))
    assert "computed with different precision, as the server tells: BF16 under the control, FP8 under the" in sentence
    (sentence,) = told(arm(answer(0.0)), arm(answer(0.0, precision="FP8")))
    assert "not told under the control, FP8 under the treatment" in sentence


def test_other_times_are_told() -> None:
    """Half an hour between the arms is too much, whichever came first; the words name both windows."""
    early, late = arm(answer(0.0), answer(20 * MINUTE)), arm(answer(95 * MINUTE), answer(100 * MINUTE))
    (sentence,) = told(early, late)

    assert (
        "the control from 2026-03-01 10:00 to 10:20 UTC, the treatment from 2026-03-01 11:35 to 11:40 UTC" in sentence
    )
    assert "(75 minutes lie between)" in sentence
    assert len(told(late, early)) == 1
    assert told(early, arm(answer(50 * MINUTE))) == []
    assert len(told(early, arm(answer(51 * MINUTE)))) == 1


def test_an_old_control_with_a_few_new_answers_is_told() -> None:
    """Its window reaches into the treatment's, but most of it is from weeks before."""
    old, new = answer(0.0), answer(21 * DAY)
    (sentence,) = told(arm(old, old, old, new), arm(new, new, answer(21 * DAY + 60)))

    assert "half of each were given 21 days apart" in sentence
    assert "to 2026-03-22 10:00 UTC" in sentence


# --- in a run --------------------------------------------------------------------------------------------------------
def manifest(lab: Lab, run_id: str = "a") -> Any:
    """trial_manifest.json."""
    return json.loads(lab.result("trial_manifest.json", run_id))


def test_a_run_keeps_it_beside_its_results(lab: Lab) -> None:
    """Per arm in the manifest, and readable from its results; the results themselves don't depend on the time."""
    began = int(time.time())
    lab.run()
    kept = manifest(lab)["answered"]
    results = load_results(lab.path("results"))

    assert {name: kept[name]["answers"] for name in kept} == {"control": 10, "treatment": 10}
    assert kept["control"]["models"] == {"fake-model": 10}
    assert began <= results.answered["control"].first.timestamp() <= time.time()  # type: ignore[union-attr]
    assert results.arms_unlike() == []
    lab.run("b", cache="off")
    assert lab.result("predictions.csv", "b") == lab.result("predictions.csv")


def test_a_control_from_last_month_is_a_caveat(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that reuses it says so in its report, on the command line, and to whoever reads its results."""
    with monkeypatch.context() as earlier:
        earlier.setattr("exx.responses.time.time", lambda: time.monotonic() + BASE)
        lab.run(phases=POLLED)
    prompts = {"default": {"control": {"text": "Answer."}, "treatment": {"text": "Think first."}}}
    lab.run("b", prompt_sets=prompts)
    results = load_results(lab.path("results", "b"))

    (sentence,) = results.arms_unlike()
    assert sentence in results.caveats()
    assert "answered at different times: the control " in sentence
    assert "days lie between)" in sentence


def test_the_command_line_says_it(cli: Callable[..., Told], lab: Lab) -> None:
    """Below the verdict."""
    models = {"control": "m-1", "treatment": "m-2"}
    asked = fakes._Connection.answer

    def changing(connection: Any, request: Any) -> Response:
        return evolve(asked(connection, request), model=models[request.custom_id.split("|")[2]])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fakes._Connection, "answer", changing)
        said = cli("run", "experiment.yaml", "--run-id", "a", "--quiet")

    assert said.status == 0, said.err
    flat = " ".join(said.out.split())
    assert "Mind: The arms were answered by different models, as the server tells: m-1 under the control, m-2" in flat


def test_a_made_up_answer_has_no_time(lab: Lab) -> None:
    """Of a dry run nothing is said: no model was asked."""
    lab.run()
    path = lab.path("results/trial_manifest.json")
    content = json.loads(path.read_text())
    content["answered"]["control"]["models"] = {"another": 10}
    path.write_text(json.dumps(content))
    assert len(load_results(path.parent).arms_unlike()) == 1
    path.write_text(json.dumps(content | {"simulated": True}))

    assert load_results(path.parent).arms_unlike() == []


def test_a_manifest_that_was_changed_by_hand_is_told(lab: Lab) -> None:
    """With the file and what is wrong; one that never had it says nothing."""
    lab.run()
    path = lab.path("results/trial_manifest.json")
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "answered": {"control": {"first": "yesterday"}}}))
    with pytest.raises(DataError, match=r"trial_manifest.json: does not say in 'answered' when"):
        load_results(path.parent).caveats()
    del content["answered"]
    path.write_text(json.dumps(content))

    assert load_results(path.parent).answered == {}
    assert load_results(path.parent).arms_unlike() == []


# --- in the store ----------------------------------------------------------------------------------------------------
def test_the_store_knows_when(tmp_path: Path) -> None:
    """As the service says, if its clock can be believed; otherwise when it was stored."""
    before = time.time()
    tellings = {1: None, 2: BASE, 3: 0.0, 4: before + DAY, 5: float("nan"), 6: -1e30}
    with ResponseStore(tmp_path / "s", "r/t") as store:
        keys = {n: f"{n:064x}" for n in tellings}
        store.add(Response(keys[n], "x", answered_at=at, precision="FP8") for n, at in tellings.items())
        found = {n: store.get([key])[key].response for n, key in keys.items()}

    assert found[2].answered_at == BASE
    for n in (1, 3, 4, 5, 6):
        assert before <= (found[n].answered_at or 0) <= time.time(), n
    assert found[1].precision == "FP8"


def test_a_store_of_before_is_read(tmp_path: Path) -> None:
    """Its answers don't say when or how precisely they were given; new ones beside them do."""
    key, buyer = "ab" * 32, "old/t"
    body = b'["yes","stop",10,2,4,"r1","m",null]'  # as the first stores had it
    sealed = _seal(bytes.fromhex(key), buyer.encode(), 0, body) + body
    with sqlite3.connect(tmp_path / "s") as old:
        old.execute(
            "CREATE TABLE responses (key BLOB PRIMARY KEY, buyer TEXT NOT NULL, failed INTEGER NOT NULL, "
            "response BLOB NOT NULL) WITHOUT ROWID"
        )
        old.execute("INSERT INTO responses VALUES (?, ?, 0, ?)", (bytes.fromhex(key), buyer, sealed))
    old.close()
    with ResponseStore(tmp_path / "s", "r/t") as store:
        store.add([Response("cd" * 32, "new")])
        found = store.get([key, "cd" * 32])

    old_answer = found[key].response
    assert (old_answer.text, old_answer.answered_at, old_answer.precision) == ("yes", None, None)
    assert found["cd" * 32].response.answered_at is not None
