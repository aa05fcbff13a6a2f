"""What a run would ask is counted before anything is spent, without a network and without writing anything."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from attrs import frozen
from lab import Lab

from exx.errors import PluginError
from exx.interfaces import Loaded
from exx.pipeline.context import RunOptions
from exx.pipeline.estimate import Estimate, estimate


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


def test_tokens_are_four_characters(lab: Lab) -> None:
    """By hand for one closed item: system 7 and 27 characters, task and question 48 and 16 more, 8 a message."""
    given: dict[str, Any] = {
        "datasets": [{"name": "fake", "items": 1}],
        "max_new_tokens": {"closed_book": 9, "open_book": 5},
    }
    found = estimated(lab, **given)

    user = len("Answer the question.\n\nQuestion: What is 0 + 0?") // 4 + 8
    assert found.prompt_tokens == 2 * user + (len("Answer.") // 4 + 8) + (len("Answer, and only when sure.") // 4 + 8)
    assert found.completion_tokens_at_most == 18


def test_dollars_need_a_price(lab: Lab) -> None:
    """At full price for a backend that answers one by one; without a price there are none, and it is said."""
    priced = estimated(lab, pricing={"input_per_million": 1_000_000, "output_per_million": 0})

    assert priced.usd_at_most == priced.prompt_tokens
    assert "at most $" in priced.words()[0]
    free = estimated(lab)
    assert free.usd_at_most is None
    assert free.words()[-1] == "no dollars: the config has no pricing"


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


def test_a_failure_inside_a_dataset_names_it(more: Lab) -> None:
    """As everywhere."""
    with pytest.raises(PluginError, match=r"plugin 'odd' \(in-process 0\): LookupError: gone"):
        estimated(more, datasets=["odd"])


def test_an_estimate_writes_nothing(lab: Lab) -> None:
    """Not even a folder."""
    estimated(lab)

    assert list(lab.folder.iterdir()) == []
