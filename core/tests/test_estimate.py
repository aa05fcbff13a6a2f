"""What a run would ask is counted before anything is spent, without a network and without writing anything."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from attrs import frozen
from lab import Lab

from exx.errors import PluginError
from exx.interfaces import Loaded
from exx.pipeline.audit import audit
from exx.pipeline.context import RunOptions
from exx.pipeline.estimate import Estimate, estimate
from exx.prices import Priced
from exx.records import Price
from exx.state.files import read_json
from exx.tokens import Tokenizer


def estimated(lab: Lab, **given: Any) -> Estimate:
    """The estimate of a run."""
    return estimate(lab.orchestrator(**given))


def test_requests_are_items_times_arms_times_replicates(lab: Lab) -> None:
    """What is built afterwards has as many lines."""
    options = RunOptions(limit_items=7)
    given: dict[str, Any] = {"temps": [0.0, 0.7], "samples_per_item": {"0.7": 3}, "options": options}
    found = estimated(lab, **given, sweep={"top_k": [1, 2]})

    assert (found.items, found.requests) == (7, 7 * 2 * 4 * 2)
    lab.run(**given)
    assert len(lab.asked) == 7 * 2 * 4


def test_one_arm_is_half(lab: Lab) -> None:
    """``--condition control``."""
    assert estimated(lab, options=RunOptions(conditions=("control",))).requests == 10


def words_at_a_time(text: str) -> int:
    """A tokenizer for the tests: every word is one."""
    return len(text.split())


@pytest.fixture(autouse=True)
def by_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count words, so that sums can be done by hand whatever is installed."""
    counter = Tokenizer("words", own=True, count=words_at_a_time)
    for module in ("estimate", "audit", "budget"):
        monkeypatch.setattr(f"exx.pipeline.{module}.tokenizer_for", lambda _: counter)


def test_tokens_by_hand(lab: Lab) -> None:
    """For one closed item: systems of 1 and 5 words, task and question of 9 words twice, 8 a message."""
    given: dict[str, Any] = {
        "datasets": [{"name": "fake", "items": 1}],
        "max_new_tokens": {"closed_book": 9, "open_book": 5},
    }
    found = estimated(lab, **given)

    assert len(["Answer", "the", "question.", "Question:", "What", "is", "0", "+", "0?"]) == 9
    assert found.prompt_tokens == (1 + 8 + 9 + 8) + (5 + 8 + 9 + 8)
    assert found.completion_tokens_at_most == 18
    assert found.tokenizer == "words"


def test_a_control_that_trials_share_is_counted_once(lab: Lab) -> None:
    """Two prompt sets with one control: three arms are asked, and the fourth is said to be saved."""
    sets = {
        name: {"control": {"text": "Answer."}, "treatment": {"text": treatment}}
        for name, treatment in (("one", "Answer in one word."), ("two", "Answer in two words."))
    }
    given: dict[str, Any] = {"prompt_sets": sets, "sweep": {"prompt_sets": ["one", "two"]}}
    found = estimated(lab, **given)

    assert (found.requests, found.shared) == (3 * 10, 10)
    assert "(10 more are the same in several trials and asked once)" in found.words()[0]
    lab.run(**given)
    assert len(lab.asked) == 30


def test_of_two_lengths_only_the_one_that_differs_is_asked_again(lab: Lab) -> None:
    """Trials that differ in the limit of closed-book answers share the open-book ones: 5 of 10 items, both arms."""
    given: dict[str, Any] = {"sweep": {"max_new_tokens": {"closed_book": [8, 16], "open_book": [32, 32]}}}
    found = estimated(lab, **given)

    assert (found.requests, found.shared) == (20 + 10, 10)
    lab.run(**given)
    assert len(lab.asked) == 30


def test_dollars_need_a_price(lab: Lab) -> None:
    """At full price for a backend that answers one by one; without a price there are none, and it is said."""
    priced = estimated(lab, pricing={"input_per_million": 1_000_000, "output_per_million": 10_000})

    assert priced.usd_prompts == priced.prompt_tokens
    assert priced.completion_tokens_at_most == 20 * 1024
    assert priced.usd_at_most == pytest.approx((priced.prompt_tokens or 0) + 20 * 10.24)
    assert "at most $" in priced.words()[0]
    assert priced.words()[-1] == "prices: config"
    free = estimated(lab)
    assert (free.usd_prompts, free.usd_at_most) == (None, None)
    assert free.words()[-1].startswith("no dollars: nobody is known to sell fake-model where it is asked; set pricing")


def test_every_trial_has_the_price_of_its_model(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two models one is free: the dollars are those of the other's prompts."""
    rates = {"dear": 1_000_000.0, "free": 0.0}

    def find(model: str, **_: Any) -> Priced:
        price = Price(input_per_million=rates[model], output_per_million=0.0, source="a table", date="2026-01-01")
        return Priced(model=model, price=price)

    monkeypatch.setattr("exx.experiment.find_price", find)
    found = estimated(lab, models=["dear", "free"])

    assert found.usd_prompts == (found.prompt_tokens or 0) / 2
    assert found.price == "a table, 2026-01-01"


def test_a_run_keeps_the_prices_of_its_day(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gone on with weeks later it is reckoned as of the day it was made, each trial at its own model's price."""
    asked: list[tuple[str, Any]] = []

    def find(model: str, *, day: Any, **_: Any) -> Priced:
        asked.append((model, day))
        return Priced(model=model, price=Price(input_per_million=1.0, output_per_million=1.0, source=f"of {model}"))

    monkeypatch.setattr("exx.experiment.find_price", find)
    lab.run(models=["one", "two"])
    made = lab.state()["created_at"][:10]
    contexts = lab.contexts(models=["one", "two"])

    assert {(model, str(day)) for model, day in asked} == {("one", made), ("two", made)}
    contexts[0].run_ledger.document["created_at"] = "2026-02-03T04:05:06+00:00"
    assert [ctx.priced.model for ctx in contexts] == ["one", "two"]
    assert str(asked[-2][1]) == "2026-02-03"
    sources = {read_json(ctx.results / "costs.json")["price"]["source"]: ctx.trial.model for ctx in contexts}
    assert sources == {"of one": "one", "of two": "two"}


def test_an_audit_by_hand(lab: Lab) -> None:
    """Systems of 1 and 5 words: 4 more a request, at 2 dollars a token. Whole prompts have 16 more for two messages."""
    pricing = {"input_per_million": 2_000_000, "output_per_million": 1}
    found = audit(lab.experiment(pricing=pricing, datasets=[{"name": "fake", "items": 3}]))
    (entry,) = found["prompts"]

    assert entry["system"] == {"control": 1, "treatment": 5}
    assert entry["task_instructions"] == {"open_book": 3, "closed_book": 3}
    # i0 and i2: 9 words; i1 has a passage: "Read and answer. Passage: Adding 1 and 1 gives 2. Question: What is 1 + 1?"
    assert entry["datasets"]["fake"] == {
        "items": 3,
        "control": {"min": 9 + 17, "median": 9 + 17, "max": 16 + 17},
        "treatment": {"min": 9 + 21, "median": 9 + 21, "max": 16 + 21},
    }
    assert entry["difference_per_1000_requests"]["prompt_tokens"] == 4_000
    assert entry["difference_per_1000_requests"]["usd"] == 8_000
    assert found["notes"] == ["tokens are counted by words, the model's own vocabulary; its chat template is guessed"]


def test_a_shorter_treatment_costs_less(lab: Lab) -> None:
    """Then the difference is negative; and without a price it has a reason."""
    sets = {"s": {"control": {"text": "Answer only when sure."}, "treatment": {"text": "Answer."}}}
    given: dict[str, Any] = {"prompt_sets": sets, "default_prompt_set": "s"}
    pricing = {"input_per_million": 1_000_000, "output_per_million": 1}
    (dear,), (free,) = (audit(lab.experiment(**given, pricing=price))["prompts"] for price in (pricing, None))

    assert dear["difference_per_1000_requests"]["usd"] == -3_000
    assert free["difference_per_1000_requests"]["usd"] is None
    assert free["difference_per_1000_requests"]["prompt_tokens"] == -3_000
    assert "set pricing" in free["difference_per_1000_requests"]["reason"]


@frozen
class Away:
    """A dataset that is not on this machine."""

    name: ClassVar[str] = "away"

    def digest(self) -> str | None:
        """Not here."""
        return None

    def load(self) -> Loaded:
        """Would need the network."""
        raise AssertionError("the network was used")


@frozen
class Odd(Away):
    """A dataset that fails."""

    name: ClassVar[str] = "odd"

    def digest(self) -> str | None:
        """Fail."""
        raise LookupError("gone")


@pytest.fixture
def more(lab: Lab) -> Lab:
    """Two more datasets."""
    lab.plugin.classes = {**lab.plugin.classes, "datasets": [Away, Odd]}
    return lab


def test_a_dataset_that_is_not_here_is_not_fetched(more: Lab) -> None:
    """A plan uses no network, and says which command does."""
    found = estimated(more, datasets=["fake", "away"])

    assert found.words() == ["no estimate: away is not on this machine yet; exx prepare fetches it"]
    assert found.to_json()["requests"] is None
    audited = audit(more.experiment(datasets=["fake", "away"]))
    assert audited["prompts"][0]["datasets"] == {}
    assert "away is not on this machine yet" in audited["notes"][-1]


def test_a_failure_inside_a_dataset_names_it(more: Lab) -> None:
    """As everywhere."""
    with pytest.raises(PluginError, match=r"plugin 'odd' \(in-process 0\): LookupError: gone"):
        estimated(more, datasets=["odd"])


def test_an_estimate_writes_nothing(lab: Lab) -> None:
    """Not even a folder."""
    estimated(lab)

    assert list(lab.folder.iterdir()) == []
