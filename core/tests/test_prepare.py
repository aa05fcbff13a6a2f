"""Datasets become prepared items: in a seeded order that limits only cut off, and checked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, ClassVar

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from lab import Lab

from exx.errors import ConfigError, DataError, PluginError
from exx.interfaces import Loaded
from exx.pipeline.context import RunOptions
from exx.pipeline.phases import choose
from exx.pipeline.prepare import select
from exx.records import Item, Provenance

PREPARE = choose("prepare")


def made(count: int, dataset: str = "d") -> list[Item]:
    """Items, every third with a passage."""
    return [Item(dataset, str(n), f"q{n}", ("a",), context="p" if n % 3 == 0 else None) for n in range(count)]


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 2**31))
def test_a_smaller_limit_is_a_prefix_of_a_larger_one(count: int, small: int, large: int, seed: int) -> None:
    """So that a run can grow without asking anything twice."""
    small, large = sorted((small, large))
    items = made(count)

    assert select(items, small, {}, seed) == select(items, large, {}, seed)[:small]


@given(st.integers(0, 40), st.integers(0, 20), st.integers(0, 20), st.integers(0, 20), st.integers(0, 2**31))
def test_caps_leave_out_and_never_reorder(count: int, opened: int, closed: int, own: int, seed: int) -> None:
    """Of every cap, the first items in the order that holds without caps."""
    items = made(count)
    everything = select(items, None, {}, seed)
    sizes = {"open_book_max_items": opened, "closed_book_max_items": closed, "d_max_items": own, "e_max_items": 0}
    kept = select(items, None, sizes, seed)

    assert [item for item in everything if item in kept] == kept
    by_type = {kind: [i for i in kept if i.type == kind] for kind in ("open", "closed")}
    assert len(by_type["open"]) <= opened and len(by_type["closed"]) <= closed and len(kept) <= own
    whole = {kind: [i for i in everything if i.type == kind] for kind in ("open", "closed")}
    for kind, chosen in by_type.items():
        assert chosen == whole[kind][: len(chosen)]


@given(st.permutations(made(12)), st.integers(0, 2**31))
def test_the_order_of_the_source_does_not_matter(shuffled: list[Item], seed: int) -> None:
    """Only seed, dataset and id do; items that are added leave the order of the others alone."""
    order = select(shuffled, None, {}, seed)

    assert order == select(made(12), None, {}, seed)
    assert [item for item in select(made(20), None, {}, seed) if item in order] == order


def test_another_seed_is_another_order() -> None:
    """A shuffle, not the source's order."""
    orders = [[item.id for item in select(made(30), None, {}, seed)] for seed in (1, 2)]

    assert orders[0] != orders[1] and sorted(orders[0]) == sorted(orders[1])
    assert orders[0] != [item.id for item in made(30)]


# the phase


def test_items_and_their_manifest_are_written_and_published(lab: Lab) -> None:
    """In the run's folder, and in ``data/prepared`` for other tools."""
    lab.run(phases=PREPARE, options=RunOptions(limit_items=7))
    own = lab.folder / "experiments" / "run_a" / "prepared"
    manifest = json.loads((own / "prepared_manifest.json").read_text())

    assert sum(manifest["counts"].values()) == 7 and set(manifest["counts"]) == {"open_book", "closed_book"}
    (dataset,) = manifest["datasets"]
    assert (dataset["name"], dataset["available"], dataset["items"]) == ("fake", 10, 7)
    assert dataset["provenance"]["source"] == "made up"
    for path in own.iterdir():
        assert (lab.folder / "data" / "prepared" / path.name).read_bytes() == path.read_bytes()


def dataset(*items: Item, name: str = "odd", error: Exception | None = None) -> type[Any]:
    """A dataset class of these items."""

    @frozen
    class Odd:
        name: ClassVar[str]

        def digest(self) -> str | None:
            return "x"

        def load(self) -> Loaded:
            def stream() -> Iterable[Item]:
                yield from items
                if error is not None:
                    raise error

            return Loaded(stream(), Provenance("made up"))

    Odd.name = name
    return Odd


def refused(lab: Lab, *classes: type[Any], kind: type[Exception] = DataError, **changes: Any) -> str:
    """How ``prepare`` refuses these datasets."""
    lab.plugin.classes = {**lab.plugin.classes, "datasets": list(classes)}
    names = [cls.name for cls in classes]
    with pytest.raises(kind, match=r".") as caught:
        lab.run(**{"phases": PREPARE, "datasets": names, **changes})
    return str(caught.value)


def test_an_id_that_occurs_twice_is_named(lab: Lab) -> None:
    """Answers to one would be taken for answers to the other."""
    twice = [Item("odd", n, "q", ("a",)) for n in "abcabcdefgdefg"]
    words = refused(lab, dataset(*twice))

    assert re.match(r"datasets: 7 item ids occur more than once: odd\|\w, .* and 2 more\n  → ids must be unique", words)


def test_an_id_that_two_datasets_share_is_named(lab: Lab) -> None:
    """Two datasets that call themselves the same."""
    one, two = dataset(Item("same", "1", "q", ("a",)), name="one"), dataset(Item("same", "1", "r", ("b",)), name="two")

    assert refused(lab, one, two).startswith("datasets: 1 item id occurs more than once: same|1\n")


def test_a_duplicate_is_found_before_a_limit_hides_it(lab: Lab) -> None:
    """A small trial run is there to find mistakes."""
    items = [Item("odd", n, "q", ("a",)) for n in "abcdefgha"]

    assert "odd|a" in refused(lab, dataset(*items), options=RunOptions(limit_items=1))


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (Item("odd", "7", " \n", ("a",)), "dataset odd: item '7' has an empty question"),
        (Item("odd", "7", "q", ()), "dataset odd: item '7' is answerable but has no answers"),
    ],
)
def test_an_item_that_cannot_be_scored_is_named(lab: Lab, item: Item, words: str) -> None:
    """Dataset and id."""
    assert refused(lab, dataset(item)) == words


def test_an_unanswerable_item_needs_no_answers(lab: Lab) -> None:
    """Abstaining is right."""
    lab.plugin.classes = {**lab.plugin.classes, "datasets": [dataset(Item("odd", "1", "q", (), "p", True))]}

    assert lab.run(phases=PREPARE, datasets=["odd"]) == ["prepare"]


def test_nothing_left_after_the_limits_is_refused(lab: Lab) -> None:
    """With what to change."""
    with pytest.raises(ConfigError, match="sizes: 1 problem\n  no items are left after the limits\n  → raise --limit"):
        lab.run(phases=PREPARE, sizes={"fake_max_items": 0})


def test_a_failure_inside_a_dataset_names_it(lab: Lab) -> None:
    """Also one in the middle of its items; its own refusals pass as they are."""
    assert refused(lab, dataset(error=LookupError("gone")), kind=PluginError) == (
        "plugin 'odd' (in-process 0): LookupError: gone"
    )
    own = DataError("odd.json", "is cut off", line=9)
    assert refused(lab, dataset(error=own), run_id="b") == "odd.json, line 9: is cut off"
