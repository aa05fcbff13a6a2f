"""Datasets become prepared items: in a seeded order that limits only cut off, and checked."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from lab import Lab

from exx.errors import ConfigError, DataError, PluginError
from exx.interfaces import Loaded
from exx.pipeline.context import RunOptions
from exx.pipeline.describe import notes_of, table_of
from exx.pipeline.phases import choose
from exx.pipeline.prepare import group_repeats, select, share
from exx.plugins import load_plugins
from exx.reading.log import ReadLog, UnusableRow
from exx.records import Item, Provenance
from exx.sources import Source

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


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), st.integers(0, 2**31))
def test_a_cap_is_shared_by_all_datasets(one: int, two: int, small: int, large: int, seed: int) -> None:
    """It holds for their sum, is used up, and a larger one only adds items to each."""
    small, large = sorted((small, large))
    pools = [made(one, "d"), made(two, "e")]
    few, many = (share(pools, None, {"closed_book_max_items": cap}, seed) for cap in (small, large))

    closed = sum(item.type == "closed" for pool in pools for item in pool)
    assert sum(item.type == "closed" for kept in few for item in kept) == min(small, closed)
    assert sum(item.type == "open" for kept in few for item in kept) == one + two - closed
    for pool, less, more in zip(pools, few, many, strict=True):
        assert set(less) <= set(more) <= set(pool)
        assert [item for item in more if item in less] == less


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 30), st.integers(0, 2**31))
def test_limits_are_prefixes_under_a_cap_too(small: int, large: int, cap: int, seed: int) -> None:
    """The cap first, then the first items of each dataset."""
    small, large = sorted((small, large))
    pools = [made(20, "d"), made(9, "e")]
    sizes = {"open_book_max_items": cap, "closed_book_max_items": cap}
    few, many = (share(pools, limit, sizes, seed) for limit in (small, large))

    assert few == [kept[:small] for kept in many]


def test_a_large_dataset_gets_the_larger_share_of_a_cap() -> None:
    """About as much as its share of the type: 300 of 400 get 75 of 100, give or take a few."""
    large, small = share([made(450, "d"), made(150, "e")], None, {"closed_book_max_items": 100}, 1337)

    closed = sum(item.type == "closed" for item in large)
    assert 62 <= closed <= 88 and sum(item.type == "closed" for item in small) == 100 - closed


def test_real_questions_have_an_order_that_limits_only_cut_off(lab: Lab) -> None:
    """The first 100 of each of three real datasets are the first of the first 200; the caps hold for their sum."""
    folder = Path(os.environ.get("EXX_TEST_DATA", "/nowhere"))
    if not (folder / "squad2").is_dir():
        pytest.skip("EXX_TEST_DATA names no folder with real datasets")
    files = {
        "squad_v2": "squad2/dev-v2.0.json",
        "triviaqa": "triviaqa/unfiltered-dev.nocontext.derived.json",
        "nq_open": "nq_open/NQ-open.dev.jsonl",
    }
    registry = load_plugins()
    pools = []
    for name, file in files.items():
        if name not in registry.offers("dataset"):
            pytest.skip(f"the dataset {name} is not installed")
        dataset = registry.find("dataset", name).cls(source=Source.parse(str(folder / file)))
        pools.append(list(dataset.load().items))
    few, many = (share(pools, limit, {}, 1337) for limit in (100, 200))

    assert [len(kept) for kept in many] == [200, 200, 200]
    assert few == [kept[:100] for kept in many]
    capped = share(pools, None, {"closed_book_max_items": 1500, "open_book_max_items": 1000}, 1337)
    assert len(capped[0]) == 1000 and len(capped[1]) + len(capped[2]) == 1500
    assert all(kept == whole[: len(kept)] for kept, whole in zip(capped, share(pools, None, {}, 1337), strict=True))


def test_items_that_ask_the_same_share_a_group() -> None:
    """They are not independent; one that has a group keeps it."""
    asked = [
        Item("d", "1", "q", ("a",)),
        Item("d", "2", "r", ("a",)),
        Item("d", "3", "q", ("b",)),
        Item("d", "4", "q", ("b",), context="p", group="own"),
    ]
    one, two, three, four = group_repeats(asked)

    assert one.group == three.group is not None
    assert (two.group, four.group) == (None, "own")


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


def dataset(*items: Item, name: str = "odd", error: Exception | None = None, log: ReadLog | None = None) -> type[Any]:
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

            return Loaded(stream(), Provenance("made up"), log)

    Odd.name = name
    return Odd


def refused(lab: Lab, *classes: type[Any], kind: type[Exception] = DataError, **changes: Any) -> str:
    """How ``prepare`` refuses these datasets."""
    lab.plugin.classes = {**lab.plugin.classes, "datasets": list(classes)}
    names = [cls.name for cls in classes]
    with pytest.raises(kind, match=r".") as caught:
        lab.run(**{"phases": PREPARE, "datasets": names, **changes})
    return str(caught.value)


def test_what_was_read_and_what_was_skipped_is_in_the_manifest(lab: Lab) -> None:
    """Counts by hand: two of four open-book items unanswerable; answers of 1 to 5 characters; one repeated question."""
    items = [
        Item("odd", "1", "q", ("a", "abc"), context="p", group="g"),
        Item("odd", "2", "r", ("abcde",), context="p", group="g"),
        Item("odd", "3", "s", (), context="p", is_unanswerable=True, group="g"),
        Item("odd", "4", "t", (), context="p", is_unanswerable=True, group="g"),
        Item("odd", "5", "u", ("a",)),
        Item("odd", "6", "u", ("a",)),
    ]
    log = ReadLog("odd.jsonl", "skip")
    log.refuse(7, UnusableRow("is empty", "answers"))
    log.count("answer types", "Numerical")
    lab.plugin.classes = {**lab.plugin.classes, "datasets": [dataset(*items, log=log)]}
    lab.run(phases=PREPARE, datasets=["odd"], options=RunOptions(limit_items=2))
    manifest = json.loads((lab.folder / "data" / "prepared" / "prepared_manifest.json").read_text())
    (described,) = manifest["datasets"]

    assert described["read"] == {
        "items": 6,
        "open_book": 4,
        "closed_book": 2,
        "unanswerable": 2,
        "unanswerable_share": 0.5,
        "answer_characters": {"median": 1, "max": 5},
        "answers_per_item": {"median": 1.0, "max": 2},
        "duplicate_questions": 1,
        "counts": {"answer types": {"Numerical": 1}},
    }
    first = {"place": "line 7", "field": "answers", "reason": "is empty"}
    assert described["skipped"] == {"count": 1, "first": [first]}
    header, (row,) = table_of(manifest["datasets"])
    assert dict(zip(header, row, strict=True)) == {
        "dataset": "odd",
        "read": "6",
        "kept": "2",
        "open": "4",
        "closed": "2",
        "unanswerable": "2 (50.0%)",
        "answer length": "1, at most 5",
        "duplicates": "1",
        "skipped": "1",
    }
    lines = ["odd: answer types: Numerical 1", "odd: skipped line 7: answers: is empty"]
    assert notes_of(manifest["datasets"]) == lines
    assert lab.state()["stage_status"]["prepare"]["summary"].endswith("of odd; 1 row that could not be used skipped")


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
