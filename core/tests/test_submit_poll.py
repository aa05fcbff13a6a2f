"""Every request is asked once, what was answered is kept whatever happens next, and every request has a row."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, ClassVar

import orjson
import pytest
from attrs import frozen
from exx_lab import lopsided
from lab import SLUG, Lab

from exx.errors import BackendError, PluginError, RunError, StopRequested
from exx.interfaces import Loaded
from exx.pipeline import submit as submit_module
from exx.pipeline.context import RunOptions
from exx.pipeline.orchestrator import Orchestrator
from exx.pipeline.phases import choose
from exx.records import Item, Provenance, Request, RequestId
from exx.state.stop import StopSignal

POLLED = choose(last="poll")


def rows(lab: Lab, run_id: str = "a") -> list[dict[str, Any]]:
    """The raw results."""
    return [orjson.loads(line) for line in lab.result("results_combined.jsonl", run_id).splitlines()]


def noted(lab: Lab, phase: str, run_id: str = "a") -> Any:
    """What a phase noted."""
    manifest = orjson.loads(lab.result("trial_manifest.json", run_id))
    return manifest["stage_status"][phase]["details"]


def failing(*items: str) -> Any:
    """A model that refuses these items under the treatment."""

    def answer(request: Request) -> str | None:
        asked = RequestId.decode(request.custom_id)
        return None if asked.condition == "treatment" and asked.item_id in items else lopsided(request)

    return answer


def test_every_request_is_asked_once_and_has_a_row(lab: Lab) -> None:
    """In the order of the requests, in the form in which batch services give results."""
    lab.run(phases=POLLED)
    found = rows(lab)

    assert len(lab.asked) == len(set(lab.asked)) == 20
    assert [row["custom_id"] for row in found] == lab.asked
    assert found[0]["error"] is None
    body = found[0]["response"]
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["usage"] == {
        "prompt_tokens": 10,
        "completion_tokens": len(body["choices"][0]["message"]["content"].split()),
        "total_tokens": 10 + len(body["choices"][0]["message"]["content"].split()),
        "prompt_tokens_details": {"cached_tokens": 0},
    }
    assert noted(lab, "submit") == {"asked": 20, "answered_before": 0, "failed": 0}


def test_a_second_run_asks_nothing(lab: Lab) -> None:
    """It takes every answer from the store, and knows which of them it did not pay for."""
    lab.run()
    lab.run("b")

    assert lab.asked == []
    assert lab.result("predictions.csv", "b") == lab.result("predictions.csv")
    assert noted(lab, "submit", "b") == {"asked": 0, "answered_before": 20, "failed": 0}
    reused = noted(lab, "poll", "b")["reused"]
    assert {place: sums["requests"] for place, sums in reused.items()} == {"control|0.0": 10, "treatment|0.0": 10}
    assert noted(lab, "poll")["reused"] == {}


def test_a_changed_treatment_asks_for_one_arm_alone(lab: Lab) -> None:
    """The control is shared by every run that has it."""
    lab.run(phases=POLLED)
    prompts = {"default": {"control": {"text": "Answer."}, "treatment": {"text": "Think first."}}}
    lab.run("b", phases=POLLED, prompt_sets=prompts)

    assert {RequestId.decode(one).condition for one in lab.asked} == {"treatment"}
    assert len(lab.asked) == 10
    assert set(noted(lab, "poll", "b")["reused"]) == {"control|0.0"}


def test_a_larger_limit_asks_for_the_difference(lab: Lab) -> None:
    """Since the first items are a prefix."""
    lab.run("small", phases=POLLED, options=RunOptions(limit_items=4))
    first = set(lab.asked)
    lab.run("large", phases=POLLED, options=RunOptions(limit_items=6))

    assert (len(first), len(lab.asked)) == (8, 4)
    assert first.isdisjoint(lab.asked)


def test_refresh_asks_again_once(lab: Lab) -> None:
    """And goes on after a stop without asking twice."""
    lab.run(phases=POLLED)
    asked: list[str] = []

    def until_seven(request: Request) -> str:
        asked.append(request.custom_id)
        if len(asked) == 7:
            stop.request("enough")
        return "new"

    lab.answer = until_seven
    orchestrator = lab.orchestrator("b", phases=POLLED, cache="refresh")
    stop = StopSignal(orchestrator.folder)
    with pytest.raises(StopRequested, match="enough"):
        orchestrator.execute(stop)
    assert len(asked) == 7
    lab.answer = lambda request: asked.append(request.custom_id) or "new"  # type: ignore[func-returns-value]
    lab.run("b", phases=POLLED, cache="refresh")

    assert len(asked) == len(set(asked)) == 20
    assert {row["response"]["choices"][0]["message"]["content"] for row in rows(lab, "b")} == {"new"}
    assert noted(lab, "poll", "b")["reused"] == {}
    lab.run("c", phases=POLLED, cache="refresh")
    assert len(lab.asked) == 20


def test_a_failure_while_refreshing_keeps_the_old_answer(lab: Lab) -> None:
    """For others; the run that failed has a row with its error, and gets an answer of its own when it goes on."""
    lab.run(phases=POLLED)
    lab.answer = failing("i3")
    lab.run("b", phases=POLLED, cache="refresh")
    errors = [row["error"] for row in rows(lab, "b") if row["error"]]
    lab.run("c", phases=POLLED)

    assert errors == [{"message": "the fake refused"}]
    assert lab.asked == []
    assert not [row for row in rows(lab, "c") if row["error"]]
    lab.answer = lopsided
    lab.run("b", phases=POLLED, cache="refresh", force=True)
    assert len(lab.asked) == 1
    assert not [row for row in rows(lab, "b") if row["error"]]


def test_without_a_cache_a_run_keeps_its_answers_to_itself(lab: Lab) -> None:
    """In a store of its own; what others have is not looked at."""
    lab.run(phases=POLLED)
    lab.run("b", phases=POLLED, cache="off")

    assert len(lab.asked) == 20
    assert (lab.folder / "experiments" / "run_b" / "responses.sqlite").exists()
    lab.run("c", phases=POLLED, cache="off")
    assert len(lab.asked) == 20
    lab.path("results/results_combined.jsonl", "b").unlink()
    assert lab.run("b", phases=POLLED, cache="off") == ["poll"]
    assert lab.asked == []


# failures


def test_a_failed_request_is_a_row_with_an_error(lab: Lab) -> None:
    """Never a missing one."""
    lab.answer = failing("i3", "i4")
    lab.run(phases=POLLED)
    errors = {row["custom_id"]: row["error"] for row in rows(lab) if row["error"]}

    assert errors == {
        "fake|i3|treatment|0.0|0|open": {"message": "the fake refused"},
        "fake|i4|treatment|0.0|0|closed": {"message": "the fake refused"},
    }
    assert noted(lab, "submit")["failed"] == noted(lab, "poll")["failed"] == 2


def test_a_failed_request_is_asked_again_by_a_later_run_and_not_by_this_one(lab: Lab) -> None:
    """Going on with a finished run changes nothing about it."""
    lab.answer = failing("i3", "i4")
    lab.run(phases=POLLED)
    lab.answer = lopsided
    assert lab.run(phases=POLLED) == []
    assert lab.asked == []
    lab.run("b", phases=POLLED)

    assert sorted(lab.asked) == ["fake|i3|treatment|0.0|0|open", "fake|i4|treatment|0.0|0|closed"]
    assert noted(lab, "poll", "b")["failed"] == 0


def test_a_damaged_result_does_not_ask_for_failures_again(lab: Lab) -> None:
    """It is made again of what is stored, failures included."""
    lab.answer = failing("i3")
    lab.run(phases=POLLED)
    before = lab.result("results_combined.jsonl")
    lab.path("results/results_combined.jsonl").write_bytes(before[:100])

    assert lab.run(phases=POLLED) == ["poll"]
    assert (lab.result("results_combined.jsonl"), lab.asked) == (before, [])


def test_when_everything_fails_the_first_error_is_told(lab: Lab) -> None:
    """And once the cause is mended, going on asks again."""
    lab.answer = lambda _: None
    words = r"every one of 20 requests failed; the first: the fake refused\n  → nothing was lost; mend the cause, then"
    with pytest.raises(BackendError, match=words):
        lab.run()
    assert (lab.state()["status"], not lab.path("results/results_combined.jsonl").exists()) == ("failed", True)
    lab.answer = lopsided

    assert lab.run()[:2] == ["submit", "poll"]
    assert len(lab.asked) == 20


@frozen
class Repeating:
    """One question six hundred times: more than are looked up at once."""

    name: ClassVar[str] = "repeating"

    def digest(self) -> str | None:
        """Always the same."""
        return "x"

    def load(self) -> Loaded:
        """Make them; one differs."""
        questions = dict.fromkeys(range(600), "What is 1 + 1?") | {600: "What is 2 + 2?"}
        return Loaded((Item("repeating", f"i{n}", q, ("2",)) for n, q in questions.items()), Provenance("made up"))


@pytest.mark.parametrize("fails", [False, True])
def test_a_question_that_occurs_often_is_asked_once(lab: Lab, fails: bool) -> None:
    """Also when it fails: not again within the run."""
    lab.plugin.classes = {**lab.plugin.classes, "datasets": [Repeating]}
    lab.answer = lambda r: None if fails and "1 + 1" in r.messages[-1]["content"] else "2"
    lab.run(phases=POLLED, datasets=["repeating"], options=RunOptions(conditions=("control",)))

    assert len(lab.asked) == 2
    assert len(rows(lab)) == 601
    assert noted(lab, "poll")["failed"] == (600 if fails else 0)


def test_a_backend_that_raises_ends_the_run_and_keeps_what_was_answered(lab: Lab) -> None:
    """It is named; going on asks only for the rest."""

    def dies(request: Request) -> str:
        if len(lab.plugin.asked) == 6:
            raise ConnectionResetError("cable pulled")
        return lopsided(request)

    lab.answer = dies
    words = r"plugin 'fake' \(in-process 0\): ConnectionResetError: cable pulled"
    with pytest.raises(PluginError, match=words):
        lab.run()
    first = lab.asked[:5]
    lab.answer = lopsided
    lab.run()

    assert len(lab.asked) == 15
    assert set(first).isdisjoint(lab.asked)


def test_its_own_refusals_pass_as_they_are(lab: Lab) -> None:
    """A backend says better than anybody what to do."""

    def refuses(_: Request) -> str:
        raise BackendError("no key", hint="export FAKE_KEY=…")

    lab.answer = refuses
    with pytest.raises(BackendError, match=r"no key\n  → export FAKE_KEY"):
        lab.run()


@pytest.mark.parametrize("concurrency", [1, 4])
def test_whatever_ends_the_run_answers_are_stored(lab: Lab, monkeypatch: pytest.MonkeyPatch, concurrency: int) -> None:
    """Here an interrupt while an answer is being counted, between two commits."""

    def progress(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(Orchestrator, "_progress", lambda *_: progress)
    orchestrator = lab.orchestrator(phases=POLLED, backend={"name": "fake", "concurrency": concurrency})
    with pytest.raises(KeyboardInterrupt):
        orchestrator.execute(StopSignal(orchestrator.folder))
    with sqlite3.connect(lab.folder / "experiments" / "responses.sqlite") as store:
        (count,) = store.execute("SELECT count(*) FROM responses").fetchone()
    store.close()
    assert count == 5
    assert lab.state()["status"] == "stopped"


def test_answers_are_committed_often(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """At least every so many rows, whatever the time."""
    monkeypatch.setattr(submit_module, "_COMMIT_ROWS", 3)
    monkeypatch.setattr(submit_module, "_COMMIT_SECONDS", 1e9)
    seen: list[int] = []

    def look(request: Request) -> str:
        other = sqlite3.connect(lab.folder / "experiments" / "responses.sqlite")
        seen.append(other.execute("SELECT count(*) FROM responses").fetchone()[0])
        other.close()
        return lopsided(request)

    lab.answer = look
    lab.run(phases=POLLED)

    assert all(n - stored < 3 for n, stored in enumerate(seen)), seen


# the store


def test_a_lost_store_matters_only_when_its_answers_are_needed(lab: Lab) -> None:
    """Raw results that are whole hold them; without those, everything is asked again."""
    lab.run(phases=POLLED)
    (lab.folder / "experiments" / "responses.sqlite").unlink()
    assert lab.run(phases=POLLED) == []

    lab.path("results/results_combined.jsonl").unlink()
    assert lab.run(phases=POLLED) == ["submit", "poll"]
    assert len(lab.asked) == 20


def test_a_store_that_was_lost_in_the_middle_does_not_block_the_run(lab: Lab) -> None:
    """An interrupted ``poll`` is no reason to believe that the answers are there."""
    lab.run(phases=POLLED)
    (lab.folder / "experiments" / "responses.sqlite").unlink()
    lab.path("results/results_combined.jsonl").unlink()
    with pytest.raises(RunError, match=r"no response is stored for fake.*\n  → exx resume asks for what is missing"):
        lab.run(phases=choose("poll"))

    assert lab.run(phases=POLLED) == ["submit", "poll"]


def test_a_damaged_store_is_told_before_anything_is_asked(lab: Lab) -> None:
    """With what to do; what is in there was paid for."""
    path = lab.folder / "experiments" / "responses.sqlite"
    path.parent.mkdir()
    path.write_bytes(b"this is no database at all, although it is long enough to be the head of one")

    with pytest.raises(RunError, match=r"responses.sqlite: file is not a database\n  → the file is damaged: move"):
        lab.run()
    assert lab.asked == []


def test_concurrency_changes_nothing_but_the_order_of_asking(lab: Lab) -> None:
    """The same rows, byte for byte."""
    lab.run("one", cache="off", phases=POLLED)
    lab.run("four", cache="off", phases=POLLED, backend={"name": "fake", "concurrency": 4})

    assert len(lab.asked) == len(set(lab.asked)) == 20
    assert lab.result("results_combined.jsonl", "four") == lab.result("results_combined.jsonl", "one")


def test_replicates_and_temperatures_are_asked_apart(lab: Lab) -> None:
    """Three at 0.7, one at 0, in both arms; the results join each with its own."""
    lab.answer = lambda request: f"{request.params['temperature']} {request.params.get('seed')}"
    lab.run(phases=POLLED, temps=[0.0, 0.7], samples_per_item={"0.7": 3})
    found = {row["custom_id"]: row["response"]["choices"][0]["message"]["content"] for row in rows(lab)}

    assert len(lab.asked) == len(found) == 2 * (10 + 30)
    warm = [text for custom_id, text in found.items() if "|0.7|" in custom_id]
    assert len(set(warm)) == 30  # the arms share the seeds
    assert found["fake|i2|control|0.0|0|closed"] == "0.0 None"


def test_the_trials_of_a_sweep_share_their_control(lab: Lab) -> None:
    """Two treatments, one control: three arms are asked, not four."""
    sets = {
        name: {"control": {"text": "Answer."}, "treatment": {"text": f"Answer like {name}."}} for name in ("a", "b")
    }
    lab.run(phases=POLLED, prompt_sets=sets, sweep={"prompt_sets": ["a", "b"]})
    found = [RequestId.decode(custom_id).condition for custom_id in lab.asked]

    assert (found.count("control"), found.count("treatment")) == (10, 20)
    second = orjson.loads(lab.path("results/trial_manifest.json", slug=SLUG.replace("default", "b")).read_bytes())
    reused = second["stage_status"]["poll"]["details"]["reused"]
    assert {place: sums["requests"] for place, sums in reused.items()} == {"control|0.0": 10}


def test_an_answer_with_half_a_character_is_kept(lab: Lab) -> None:
    """Models do send such text, and a run of thousands should not end there."""
    lab.answer = lambda _: "\ud83d half"
    lab.run()

    assert "\ufffd half" in lab.result("predictions.csv").decode()


def test_options_of_the_backend_that_change_no_answer_ask_nothing(lab: Lab) -> None:
    """``flavour`` is part of its identity, ``concurrency`` is not."""
    lab.run(phases=POLLED)
    lab.run("b", phases=POLLED, backend={"name": "fake", "concurrency": 2})
    assert lab.asked == []
    lab.run("c", phases=POLLED, backend={"name": "fake", "flavour": "other"})

    assert len(lab.asked) == 20


def test_the_store_survives_a_change_of_the_working_directory(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """An absolute experiments folder is one folder from everywhere."""
    where = {"paths": {"experiments_dir": str(lab.folder / "shared"), "prepared_dir": str(lab.folder / "p")}}
    lab.run(phases=POLLED, **where)
    elsewhere: Path = lab.folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    lab.run("b", phases=POLLED, **where)

    assert lab.asked == []
