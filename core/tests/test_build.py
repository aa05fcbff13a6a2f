"""Requests: what is in them, the same in both arms but for the system prompt, in parts that are fair from the start."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lab import Lab

from exx.pipeline.build import deal
from exx.pipeline.context import RunOptions
from exx.pipeline.items import FILES, read_items, write_items
from exx.pipeline.phases import choose
from exx.records import Item, RequestId

BUILD = choose(last="build")
quick = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def parts(lab: Lab) -> dict[str, list[dict[str, Any]]]:
    """The request parts of a run, by name."""
    (folder,) = (lab.folder / "experiments" / "run_a").glob("*/batch_inputs")
    return {
        path.name: [json.loads(line) for line in path.read_bytes().splitlines()]
        for path in sorted(folder.glob("*.jsonl"))
    }


def build(lab: Lab, **given: Any) -> dict[str, list[dict[str, Any]]]:
    """Build, and read what was built."""
    lab.run(phases=BUILD, **given)
    return parts(lab)


def asked(row: dict[str, Any]) -> tuple[str, str, float, int]:
    """What a row asks, whatever the arm."""
    key = RequestId.decode(row["custom_id"])
    return key.dataset, key.item_id, key.temp, key.sample_index


def test_parts_are_named_as_the_contract_has_it(lab: Lab) -> None:
    """A file per temperature, arm and part, and a manifest of them; the same for other tools."""
    found = build(lab, temps=[0.0, 0.7], options=RunOptions(parts_per_dataset=2))

    assert list(found) == sorted(
        f"t{label}_default_{arm}.p{part}.jsonl"
        for label in ("0", "07")
        for arm in ("control", "treatment")
        for part in ("01", "02")
    )
    manifest = json.loads((lab.path("batch_inputs") / "build_manifest.json").read_text())
    assert {part["file"]: part["lines"] for part in manifest["parts"]} == {k: len(v) for k, v in found.items()}
    for name in found:
        assert (Path("data/batch_inputs") / name).read_bytes() == (lab.path("batch_inputs") / name).read_bytes()


def test_a_request_says_all_that_determines_its_answer(lab: Lab) -> None:
    """By hand, for one open and one closed item."""
    found = build(lab, stop=["END"], max_new_tokens={"closed_book": 7, "open_book": 9}, top_p=0.9, top_k=3)
    rows = {row["custom_id"]: row["body"] for row in found["t0_default_treatment.p01.jsonl"]}

    assert rows["fake|i2|treatment|0.0|0|closed"] == {
        "messages": [
            {"role": "system", "content": "Answer, and only when sure."},
            {"role": "user", "content": "Answer the question.\n\nQuestion: What is 2 + 2?"},
        ],
        "max_tokens": 7,
        "temperature": 0.0,
        "top_p": 0.9,
        "top_k": 3,
        "stop": ["END"],
    }
    opened = rows["fake|i1|treatment|0.0|0|open"]
    passage = "Passage:\nAdding 1 and 1 gives 2."
    assert opened["messages"][1]["content"] == f"Read and answer.\n\n{passage}\n\nQuestion: What is 1 + 1?"
    assert opened["max_tokens"] == 9


@pytest.mark.parametrize(
    "options",
    [RunOptions(), RunOptions(parts_per_dataset=3), RunOptions(lines_per_part=4), RunOptions(limit_items=3)],
)
def test_the_arms_differ_in_the_system_prompt_alone(lab: Lab, options: RunOptions) -> None:
    """Part k of both arms asks the same items in the same order, with the same seeds."""
    found = build(lab, options=options, temps=[0.0, 0.7], samples_per_item={"0.7": 2})
    control = [name for name in found if "_control." in name]

    assert control
    for name in control:
        ours, theirs = found[name], found[name.replace("_control.", "_treatment.")]
        assert [asked(row) for row in ours] == [asked(row) for row in theirs]
        for one, other in zip(ours, theirs, strict=True):
            assert one["body"]["messages"][0]["content"] == "Answer."
            assert other["body"]["messages"][0]["content"] == "Answer, and only when sure."
            assert {**one["body"], "messages": 0} == {**other["body"], "messages": 0}
            assert one["body"]["messages"][1:] == other["body"]["messages"][1:]


def test_replicates_have_seeds_of_their_own(lab: Lab) -> None:
    """Only where there is something to draw: at a temperature of 0 no seed is sent."""
    found = build(lab, temps=[0.0, 0.5], samples_per_item={0.5: 3})
    warm = found["t05_default_control.p01.jsonl"]
    seeds = {asked(row): row["body"]["seed"] for row in warm}

    assert len(warm) == 30 and len(set(seeds.values())) == 30
    assert all(0 <= seed < 2**31 for seed in seeds.values())
    assert not any("seed" in row["body"] for row in found["t0_default_control.p01.jsonl"])


def test_one_arm_alone_can_be_asked(lab: Lab) -> None:
    """``--condition treatment``."""
    assert list(build(lab, options=RunOptions(conditions=("treatment",)))) == ["t0_default_treatment.p01.jsonl"]


def test_more_parts_than_items_are_not_made(lab: Lab) -> None:
    """No empty files."""
    found = build(lab, options=RunOptions(parts_per_dataset=99, limit_items=2, conditions=("control",)))

    assert [len(rows) for rows in found.values()] == [1, 1]


# dealing

shelves = st.lists(st.integers(1, 30), min_size=1, max_size=4)


def stock(sizes: list[int]) -> list[Item]:
    """Items of several datasets."""
    return [Item(f"d{n}", str(i), "q", ("a",)) for n, size in enumerate(sizes) for i in range(size)]


@pytest.fixture
def deal_out(lab: Lab) -> Callable[..., list[list[Item]]]:
    """The parts of datasets of these sizes."""
    contexts = {samples: lab.contexts(samples_per_item={"0.0": samples})[0] for samples in (1, 2, 3)}

    def dealt(sizes: list[int], options: RunOptions, samples: int = 1) -> list[list[Item]]:
        contexts[samples].options = options
        return deal(stock(sizes), contexts[samples])

    return dealt


@quick
@given(shelves, st.integers(1, 12), st.integers(1, 3))
def test_no_part_has_more_lines_than_asked_for(
    deal_out: Callable[..., Any], sizes: list[int], lines: int, samples: int
) -> None:
    """Replicates count; a part holds one item at least. There are no more parts than it takes."""
    found = deal_out(sizes, RunOptions(lines_per_part=lines), samples)
    most = max(1, lines // samples)

    assert max(map(len, found)) <= most
    assert len(found) == -(-sum(sizes) // most)


@quick
@given(shelves, st.integers(1, 12))
def test_every_item_is_in_one_part(deal_out: Callable[..., Any], sizes: list[int], count: int) -> None:
    """None is lost and none is asked twice; the parts are of one size, give or take one."""
    found = deal_out(sizes, RunOptions(parts_per_dataset=count))

    assert Counter(item.key for part in found for item in part) == Counter(item.key for item in stock(sizes))
    assert max(map(len, found)) - min(map(len, found)) <= 1


@quick
@given(shelves, st.integers(1, 12))
def test_every_prefix_of_parts_has_its_share_of_each_dataset(
    deal_out: Callable[..., Any], sizes: list[int], count: int
) -> None:
    """A run that stops after k parts has asked about all datasets alike, and about the first items of each."""
    found = deal_out(sizes, RunOptions(parts_per_dataset=count))
    so_far: list[Item] = []
    for part in found:
        so_far += part
        for n, size in enumerate(sizes):
            own = {int(item.id) for item in so_far if item.dataset == f"d{n}"}
            assert own == set(range(len(own)))
            assert abs(len(own) - size * len(so_far) / sum(sizes)) <= 0.5 + len(sizes) / 2


def test_items_with_one_passage_follow_each_other(lab: Lab) -> None:
    """A server that caches prompt prefixes then reads the passage once; otherwise the order is kept."""
    contexts = ["p", None, "q", "p", None, "q", "p"]
    items = [Item("d", str(n), "q", ("a",), context=context) for n, context in enumerate(contexts)]
    ((*found,),) = deal(items, lab.contexts()[0])

    assert [item.id for item in found] == ["0", "3", "6", "2", "5", "1", "4"]


def test_building_depends_on_what_it_says(lab: Lab) -> None:
    """Each prompt, the items and every setting have an input of their own, by a name a person understands."""
    base = lab.contexts()[0]
    inputs = choose("build")[0].inputs(base)
    other = lab.contexts(
        temps=[0.5],
        samples_per_item={"0.5": 2},
        top_k=1,
        prompt_sets={"default": {"control": {"text": "x"}, "treatment": {"text": "y"}}},
        task_instructions={"open_book": {"text": "z"}},
        stats={"random_seed": 1},
        options=RunOptions(parts_per_dataset=2, conditions=("control",)),
    )[0]
    changed = choose("build")[0].inputs(other)

    same = {name for name in inputs if inputs[name] == changed[name]}
    assert same == {"items", "exx-core"}


def test_what_is_written_is_read_back_in_order(lab: Lab) -> None:
    """From disk, not from memory: ``exx build`` may run on another day than ``exx prepare``."""
    lab.run(phases=BUILD)
    prepared = lab.folder / "experiments" / "run_a" / "prepared"
    turned = [evolve(item, question=item.question + " Really?") for item in read_items(prepared)]
    for kind in FILES:
        write_items(prepared, kind, (item for item in turned if item.type == kind))
    lab.run(phases=choose("build"), force=True)

    rows = parts(lab)["t0_default_control.p01.jsonl"]
    assert all(row["body"]["messages"][1]["content"].endswith("Really?") for row in rows)
