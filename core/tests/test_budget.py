"""``--max-cost``: nothing is submitted that is expected to cost more than is left, and nothing is lost by that.

An answer costs a dollar a token here and a prompt nothing. The fake model answers the ten items in one word under the
treatment (10 dollars), and under the control in one word four times and in two words six times (16 dollars).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import exx_lab
import pytest
import yaml
from attrs import frozen
from lab import Lab, Told

from exx.errors import OverBudget
from exx.pipeline.context import RunOptions
from exx.pipeline.phases import choose
from exx.records import Item, Json, Request, RequestId, Response, Usage
from exx.state.files import read_json
from exx.testing import FakeBatchBackend, FakePlugin, FakeRemote
from exx.tokens import Tokenizer

Cli = Callable[..., Told]
PRICES = {"input_per_million": 0, "output_per_million": 1_000_000, "batch_discount": 1.0}
DEAR: dict[str, Any] = {"pricing": PRICES, "max_new_tokens": {"closed_book": 10, "open_book": 10}}
PARSED = choose(None, None, "parse")
SHORT = "fake-model-default-tp1-tk50-mx10-10"


@pytest.fixture(autouse=True)
def by_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    """No vocabulary is read: prompts are free."""
    monkeypatch.setattr("exx.pipeline.budget.tokenizer_for", lambda _: Tokenizer("letters", own=False, count=len))


def capped(dollars: float, **options: Any) -> dict[str, Any]:
    """Settings of a run that may cost so much."""
    return {**DEAR, "options": RunOptions(max_cost=dollars, **options), "phases": PARSED}


def test_nothing_is_asked_that_may_cost_more(lab: Lab) -> None:
    """Twenty answers of at most ten tokens: 200 dollars are enough and 199 are not."""
    with pytest.raises(
        OverBudget, match=r"--max-cost 199: \$0.00 is spent, .* estimated at \$200.00 \(answers at their"
    ):
        lab.run(**capped(199))
    assert lab.asked == []
    assert lab.state()["status"] == "failed"

    lab.run(**capped(200))
    assert len(lab.asked) == 20


def test_prompts_count(lab: Lab) -> None:
    """At a dollar a prompt token too, 200 are not enough; a letter is a token, and 8 a message."""
    prices = {**PRICES, "input_per_million": 1_000_000}
    user = len("Answer the question.\n\nQuestion: What is 0 + 0?") + 8
    expected = 2 * user + len("Answer.") + 8 + len("Answer, and only when sure.") + 8 + 20
    one = {**capped(expected - 1), "pricing": prices, "datasets": [{"name": "fake", "items": 1}]}

    with pytest.raises(OverBudget, match=f"estimated at \\${expected}.00"):
        lab.run(**one)


def test_a_run_that_turns_out_dearer_stops(lab: Lab) -> None:
    """Answers of 50 tokens, where 10 were the limit: 200 dollars are exceeded by the fifth; a higher limit goes on."""
    lab.answer = lambda _: "word " * 50
    with pytest.raises(OverBudget, match=r"--max-cost 200: \$250.00 is spent; what was answered is stored"):
        lab.run(**capped(200))
    assert len(lab.asked) == 5

    lab.answer = exx_lab.lopsided
    lab.run(**capped(400))  # 250 and fifteen times ten
    assert len(lab.asked) == 15


def test_what_was_spent_before_counts(lab: Lab) -> None:
    """The same run gone on with may cost what is left, and not the whole sum again."""
    lab.answer = lambda _: "word " * 50
    with pytest.raises(OverBudget):
        lab.run(**capped(200))
    with pytest.raises(
        OverBudget, match=r"\$250.00 is spent, and what would be submitted next is estimated at \$150.00"
    ):
        lab.run(**capped(399))
    assert lab.asked == []


def test_answers_before_say_how_long_answers_are(lab: Lab) -> None:
    """Of a hundred items eighty were answered in three tokens: the other forty requests are expected at 120 dollars."""
    lab.answer = lambda _: "as you like"
    large = {"datasets": [{"name": "fake", "items": 100}]}
    lab.run("a", **{**DEAR, **large, "options": RunOptions(limit_items=80), "phases": PARSED})

    with pytest.raises(OverBudget, match=r"estimated at \$120.00 \(answers as long as those before\)"):
        lab.run("b", **capped(119), **large)
    lab.run("b", **capped(120), **large)
    assert len(lab.asked) == 40


def test_what_another_run_paid_for_is_free(lab: Lab) -> None:
    """Everything is stored: a run that may cost nothing asks nothing and ends well."""
    lab.run("a", **DEAR, phases=PARSED)
    lab.run("b", **capped(0))

    assert lab.asked == []


class Lopsided(FakeBatchBackend):
    """Answers as the lab does."""

    answer_text = staticmethod(exx_lab.lopsided)


@pytest.fixture
def batch(workdir: Path) -> Lab:
    """Ten items in parts of four, three of them in each arm."""
    lab = Lab(workdir, FakePlugin(classes={**exx_lab.KINDS, "backends": [Lopsided]}))
    lab.settings["backend"] = {"name": "fake_batch", "max_concurrent_jobs": 2}
    return lab


def test_a_part_that_may_cost_more_is_not_submitted(batch: Lab) -> None:
    """Three or four answers at ten dollars are more than 29; nothing reaches the service."""
    with pytest.raises(OverBudget, match="--max-cost 29"):
        batch.run(**capped(29, lines_per_part=4))

    assert FakeRemote(Path("remote")).created == []


def test_a_part_waits_for_what_those_before_it_really_cost(batch: Lab) -> None:
    """Three or four answers of 100 tokens each: two parts at once might take 600 dollars, and all have cost 26."""
    long = {"max_new_tokens": {"closed_book": 100, "open_book": 100}}
    batch.run(**{**capped(430, lines_per_part=4), **long})
    remote = FakeRemote(Path("remote"))

    assert (len(remote.created), remote.most_at_once) == (6, 1)


def test_the_command_line_refuses_in_one_message(cli: Cli, lab: Lab) -> None:
    """Status 1, what to do next, and ``exx resume`` with a higher limit goes on with it."""
    (lab.folder / "experiment.yaml").write_text(yaml.safe_dump({**lab.settings, **DEAR}))
    told = cli("run", "--run-id", "a", "--max-cost", "5", "--quiet")

    assert (told.status, lab.asked) == (1, [])
    assert "exx: --max-cost 5: $0.00 is spent" in told.err
    assert "→ exx resume a --max-cost 220.00 goes on" in told.err
    assert cli("resume", "a", "--quiet").status == 1  # the limit it was started with
    assert cli("resume", "a", "--max-cost", "220", "--quiet").status == 0
    spent = read_json(lab.path("results/costs.json", slug=SHORT))["total"]["usd"]["spent"]
    assert spent == 26.0


def test_a_limit_without_a_price_is_a_mistake(cli: Cli, lab: Lab) -> None:
    """Status 2, before anything is done."""
    told = cli("run", "--max-cost", "5")

    assert told.status == 2
    assert "--max-cost cannot be held: no price: nobody is known to sell fake-model" in told.err
    assert not (lab.folder / "experiments").exists()


def test_an_audit_on_the_command_line(cli: Cli, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a table and as JSON; it asks nothing and writes nothing."""
    monkeypatch.setattr("exx.pipeline.audit.tokenizer_for", lambda _: Tokenizer("letters", own=False, count=len))
    (lab.folder / "experiment.yaml").write_text(yaml.safe_dump({**lab.settings, "pricing": PRICES}))
    told = cli("audit", "experiment.yaml", "--set", "pricing.input_per_million=1000")

    assert told.status == 0
    assert "system prompt, treatment\t\t27\t" in told.out
    assert (
        "treatment − control per 1,000 requests: +20,000 prompt tokens, +$20.00 at $1,000.00 per million (config)"
        in (told.out)
    )
    assert "tokens are an estimate by letters" in told.out
    (entry,) = cli("audit", "--json").json["prompts"]
    assert entry["system"] == {"control": 7, "treatment": 27}
    assert (lab.asked, list(lab.folder.glob("experiments"))) == ([], [])


def test_costs_of_a_file_with_the_price_of_its_model(cli: Cli, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a config the model column says whose price to look up; two models without one price are refused."""
    asked = []

    def find(model: str, **given: Any) -> Any:
        asked.append((model, given["pricing"], given["batch"]))
        return original(model, **given)

    from exx.prices import find_price as original

    monkeypatch.setattr("exx.prices.find_price", find)
    lab.run("a")
    told = cli("costs", "--pred-csv", str(lab.path("results/predictions.csv")), "--out-path", "costs.json", "--json")

    assert (told.status, asked) == (0, [("fake-model", None, False)])
    assert told.json["total"]["usd"]["spent"] is None
    assert told.json["total"]["tokens"]["completion"] == 26
    text = lab.path("results/predictions.csv").read_text().replace("fake-model", "another", 1)
    Path("two.csv").write_text(text)
    told = cli("costs", "--pred-csv", "two.csv", "--out-path", "costs.json")
    assert told.status == 2
    assert "answers of 2 models, whose prices differ: another, fake-model" in told.err


def test_the_limit_may_change(lab: Lab) -> None:
    """The limit of dollars is no part of what a run is: another one may be given when it goes on."""
    lab.run(**capped(500))

    lab.run(**capped(1))  # all is answered, so nothing is refused
    assert "max_cost" not in RunOptions(max_cost=1.0).settings()


class _Broken:
    """Breaks off at the first attempt at every second control request, and has it paid for."""

    def __init__(self, model: str) -> None:
        self.model = model

    def answer(self, request: Request) -> Response:
        """Ten prompt tokens and three of reasoning, whether it fails or not."""
        item, usage = RequestId.decode(request.custom_id), Usage(10, 5, 0, 3)
        failing = item.condition == "control" and int(item.item_id[1:]) % 2 == 0 and not Path("mended").exists()
        if failing:
            return Response(request.key, None, error="broke off", usage=usage, request_id=request.custom_id)
        return Response(request.key, "x", "stop", usage, "r", self.model)


@frozen
class Breaking:
    """A backend whose failures cost money."""

    name: ClassVar[str] = "breaking"
    concurrency: ClassVar[int] = 1

    def default_model(self) -> str | None:
        """A name."""
        return "fake-model"

    def identity(self, model: str) -> Mapping[str, Json]:
        """Its name."""
        return {"name": self.name, "model": model}

    @contextmanager
    def connect(self, model: str, items: Mapping[str, Item]) -> Iterator[_Broken]:
        """Ready at once."""
        del items
        yield _Broken(model)


def test_failed_attempts_and_reasoning_are_in_the_costs(lab: Lab) -> None:
    """Five control answers fail once at 5 dollars each; the ten that come cost 50, 30 of it for reasoning."""
    lab.plugin.classes = {**exx_lab.KINDS, "backends": [Breaking]}
    given: dict[str, Any] = {"backend": "breaking", "pricing": PRICES}
    lab.run(**given)
    before = read_json(lab.path("results/costs.json"))
    Path("mended").touch()
    lab.run(**given, force=True)
    after = read_json(lab.path("results/costs.json"))

    control = [costs["conditions"]["control"]["0.0"] for costs in (before, after)]
    assert [(c["failed"], c["failed_attempts"], c["usd"]["failed_attempts"]) for c in control] == [
        (5, 5, 25.0),
        (0, 5, 25.0),
    ]
    assert [c["usd"]["spent"] for c in control] == [50.0, 75.0]
    assert control[1]["tokens"]["reasoning"] == 30
    assert after["conditions"]["treatment"]["0.0"]["failed_attempts"] == 0
    assert after["total"]["usd"]["spent"] == 125.0
    assert control[1]["usd"]["per_1000_requests"] == 5000.0
