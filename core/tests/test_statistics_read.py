"""Reading and pairing score files: what is kept, what is counted, and what is refused with its line."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from exx.errors import DataError
from exx.pipeline.statistics_pair import pair
from exx.pipeline.statistics_read import read_scores

HEADER = "item_key,type,condition,temp,em,em_std"


def write(tmp_path, *rows, header=HEADER):
    path = tmp_path / "per_item_scores.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def blocks(path):
    return pair(read_scores(path))


def both(key, control, treatment, kind="open", temp="0.0"):
    return [f"{key},{kind},control,{temp},{control},0", f"{key},{kind},treatment,{temp},{treatment},0"]


def test_items_are_paired_by_key_whatever_their_order(tmp_path):
    """Rows in any order pair up by item_key."""
    rows = [*both("d|1", 0, 1), *both("d|2", 1, 1), *both("d|3", 1, 0), *both("d|4", 0, 1)]
    random.Random(3).shuffle(rows)
    (block,) = blocks(write(tmp_path, *rows))

    assert block.n_items == 4
    assert sorted(block.samples["em"].deltas.tolist()) == [-1.0, 0.0, 1.0, 1.0]


def test_blank_is_missing_and_counted(tmp_path):
    """A blank drops its pair, and says in which arm it was."""
    rows = [*both("d|1", "", 1), *both("d|2", 1, ""), *both("d|3", "", ""), *both("d|4", 0, 1)]
    (block,) = blocks(write(tmp_path, *rows))
    sample = block.samples["em"]

    assert (block.n_items, sample.n) == (4, 1)
    by_arm = {"missing_control": 1, "missing_treatment": 1, "missing_both": 1}
    assert sample.n_unpaired == {"missing": 3, "control": 0, "treatment": 0, **by_arm}


def test_item_of_one_arm_is_left_out_and_counted(tmp_path):
    """An item with rows in one arm only is unpaired in that arm."""
    lone = "d|9,open,control,0.0,1,0"
    (block,) = blocks(write(tmp_path, *both("d|1", 0, 1), lone))

    assert block.n_items == 1
    assert block.n_unpaired == {"control": 1, "treatment": 0}


def test_missing_condition_is_an_empty_block(tmp_path):
    """Without a treatment there are no pairs, and no crash."""
    (block,) = blocks(write(tmp_path, "d|1,open,control,0.0,1,0", "d|2,open,control,0.0,0,0"))

    assert (block.n_items, block.samples["em"].n) == (0, 0)
    assert block.n_unpaired == {"control": 2, "treatment": 0}


def test_subgroups_are_the_decoded_datasets(tmp_path):
    """The dataset is the key up to the first bar, percent-decoded; there is a subgroup even for a single one."""
    rows = [*both("a%7Cb|1", 0, 1), *both("c|1|2", 1, 1), *both("c|3", 0, 0)]
    (block,) = blocks(write(tmp_path, *rows))
    (single,) = blocks(write(tmp_path, *both("only|1", 0, 1)))

    assert {name: part.n_items for name, part in block.subgroups["dataset"].items()} == {"a|b": 1, "c": 2}
    assert list(single.subgroups["dataset"]) == ["only"]
    assert single.subgroups["dataset"]["only"].address.subgroup == ("dataset", "only")


def test_temperatures_and_types_are_separate_blocks(tmp_path):
    """The same item at two temperatures is two pairs, each in its own block; 0 and 0.0 are one temperature."""
    first, second = both("d|1", 0, 1)
    rows = [first, second.replace("0.0", "0"), *both("d|1", 1, 1, temp="0.7"), *both("e|1", 0, 0, kind="closed")]

    found = [(block.address.temp, block.address.type, block.n_items) for block in blocks(write(tmp_path, *rows))]

    assert found == [(0.0, "open", 1), (0.0, "closed", 1), (0.7, "open", 1)]


def test_groups_of_different_datasets_are_different(tmp_path):
    """A passage called p of one dataset is not the passage called p of another; a blank is no group."""
    header = f"{HEADER},group"
    keys = {"a|1": "p", "a|2": "p", "b|1": "p", "b|2": ""}
    rows = [f"{row},{group}" for key, group in keys.items() for row in both(key, 0, 1)]
    (block,) = blocks(write(tmp_path, *rows, header=header))
    groups = block.samples["em"].groups

    assert groups[0] == groups[1] != groups[2]
    assert groups[3] == -1
    assert np.array_equal(block.samples["em"].clusters[1], [1, 1, 2])


def test_metrics_come_from_the_file_beside_then_from_what_is_known(tmp_path):
    """A column with its _std is a metric; metrics.json describes it; a column without a value is left out."""
    header = f"{HEADER},mine,mine_std,other,n_samples,f1,f1_std"
    rows = ["d|1,open,control,0,1,0,7.5,0,3,1,,", "d|1,open,treatment,0,1,0,8.5,0,3,1,,"]
    (block,) = blocks(write(tmp_path, *rows, header=header))
    assert list(block.samples) == ["em", "mine"]
    assert not block.samples["mine"].metric.binary

    described = [{"name": "other", "title": "Other", "higher_is_better": False, "binary": True}]
    (tmp_path / "metrics.json").write_text(json.dumps(described))
    with pytest.raises(DataError, match=r"line 2: other 3.0 is not between 0 and 1"):
        read_scores(tmp_path / "per_item_scores.csv")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        pytest.param("d|2,open,control,0.0,abc,0", r"line 4: em 'abc' is not a number", id="word"),
        pytest.param("d|2,open,control,0.0,nan,0", r"line 4: em nan is not a number", id="nan"),
        pytest.param("d|2,open,control,0.0,-inf,0", r"line 4: em -inf is not a number", id="inf"),
        pytest.param("d|2,open,control,0.0,1.5,0", r"line 4: em 1\.5 is not between 0 and 1", id="too-much"),
        pytest.param("d|2,open,kontrol,0.0,1,0", r"line 4: condition 'kontrol', expected control or tr", id="arm"),
        pytest.param("d|2,opened,control,0.0,1,0", r"line 4: type 'opened', expected open or closed", id="type"),
        pytest.param("d|2,open,control,warm,1,0", r"line 4: temp 'warm' is not a temperature", id="temp"),
        pytest.param("d|1,open,control,0,1,0", r"line 4: the same item_key, condition and temp as line 2", id="twice"),
        pytest.param("d|2,open,control", r"damaged \(.*Row #4", id="cut-off"),
    ],
)
def test_bad_rows_are_refused_by_line(tmp_path, row, message):
    """What cannot be a score stops the reading, with the file and the line."""
    path = write(tmp_path, *both("d|1", 0, 1), row)

    with pytest.raises(DataError, match=rf"per_item_scores\.csv.*{message}"):
        blocks(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("item_key,type,condition,em\n", r"line 1: no column temp; found item_key, type", id="no-temp"),
        pytest.param("", r"line 1: no column item_key, type, condition, temp; the file is empty", id="empty"),
        pytest.param(f"{HEADER}\n", r"holds no rows", id="header-only"),
        pytest.param(f"{HEADER},em\n", r"column em is there more than once", id="column-twice"),
    ],
)
def test_files_without_scores_are_refused(tmp_path, text, message):
    """A file that holds no scores is an error, not an empty result."""
    path = tmp_path / "per_item_scores.csv"
    path.write_text(text)

    with pytest.raises(DataError, match=message):
        read_scores(path)


def test_missing_file_says_how_to_make_it(tmp_path):
    """A file that is not there is named, with the command that makes it."""
    with pytest.raises(DataError, match=r"(?s)per_item_scores\.csv: no such file.*exx score"):
        read_scores(tmp_path / "per_item_scores.csv")


def test_metrics_file_of_another_shape_is_refused(tmp_path):
    """metrics.json must be a list of metrics."""
    path = write(tmp_path, *both("d|1", 0, 1))
    (tmp_path / "metrics.json").write_text('{"em": 1}')

    with pytest.raises(DataError, match=r"metrics\.json: must be a list of objects with name, title"):
        read_scores(path)


def test_the_number_of_answers_and_their_spread_are_kept(tmp_path):
    """Lopsided: five answers against two; a spread that is blank is not known, one of items left out is not kept."""
    header = f"{HEADER},n_samples"
    rows = [
        *("d|1,open,control,0.0,0.4,0.5477,5", "d|1,open,treatment,0.0,0.5,0.7071,2"),
        *("d|2,open,control,0.0,1,,1", "d|2,open,treatment,0.0,1,0,4"),
        *("d|3,open,control,0.0,,,0", "d|3,open,treatment,0.0,1,0,3"),
    ]
    (block,) = blocks(write(tmp_path, *rows, header=header))
    sample = block.samples["em"]

    assert [counts.tolist() for counts in sample.replicates] == [[5, 1], [2, 4]]
    assert sample.spreads[1].tolist() == [0.7071, 0.0]
    assert sample.spreads[0][0] == 0.5477
    assert np.isnan(sample.spreads[0][1])


def test_one_answer_each_has_no_spread(tmp_path):
    """With one answer per item nothing is read of spreads; without the column nothing is said of answers."""
    rows = [row + ",1" for row in both("d|1", 0, 1)]
    (block,) = blocks(write(tmp_path, *rows, header=f"{HEADER},n_samples"))
    (silent,) = blocks(write(tmp_path, *both("d|1", 0, 1)))

    assert [counts.tolist() for counts in block.samples["em"].replicates] == [[1], [1]]
    assert block.samples["em"].spreads is None
    assert (silent.samples["em"].replicates, silent.samples["em"].spreads) == (None, None)


def test_a_broken_number_of_answers_is_refused(tmp_path):
    """Half an answer is told with its line."""
    rows = ["d|1,open,control,0.0,1,0,1", "d|1,open,treatment,0.0,1,0,1.5"]

    with pytest.raises(DataError, match=r"line 3: n_samples 1\.5 is not a whole number"):
        blocks(write(tmp_path, *rows, header=f"{HEADER},n_samples"))
