"""Reading support.csv and the score file beside it, and putting the claims to the items they are about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen
from numpy.typing import NDArray
from pyarrow import csv

from exx import DataError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ARMS = ("control", "treatment")
HINT = "exx score makes both files anew"
_SCORES = ("item_key", "type", "condition", "temp", "unsupported_rate", "n_samples")
_SUPPORT = ("item_key", "condition", "temp", "support")


@frozen(eq=False, kw_only=True)
class Part:
    """The claims on a set of items that both arms answered or declined to answer.

    Attributes:
        temp: The temperature.
        dataset: The only dataset, for a part of a block; None for a whole one.
        samples: Shape (2, n): answers to each item under control and under treatment, abstentions included.
        cluster: Shape (n,): which cluster each item is in, from 0.
        arm: Shape (claims,): 0 control, 1 treatment.
        item: Shape (claims,): whose claim it is.
        support: Shape (claims,): in [0, 1].
        recorded: How many of them the score file counts as unsupported.
    """

    temp: float
    dataset: str | None
    samples: Ints
    cluster: Ints
    arm: Ints
    item: Ints
    support: Floats
    recorded: int


def read(folder: Path) -> list[Part] | str:
    """Read both tables; in words why not, if there is nothing to sweep.

    Raises:
        DataError: A table is damaged, or they do not belong together.
    """
    claims, scores = folder / "support.csv", folder / "per_item_scores.csv"
    if not claims.is_file():
        return (
            f"there is no support.csv in {folder.name}: no detector judged a claim, or the scores are of an older exx"
        )
    if not scores.is_file():
        return "there is no per_item_scores.csv beside support.csv"
    judged = _table(claims, _SUPPORT, ("temp", "support"))
    items = _table(scores, _SCORES, ("temp", "unsupported_rate", "n_samples"), ("group",))
    items = items.filter(pc.is_valid(items["unsupported_rate"]))
    if not items.num_rows:
        return "no item has an unsupported_rate: nothing was asked about a passage"
    return list(_parts(scores, items, claims, judged))


def _table(path: Path, needed: Sequence[str], numbers: Sequence[str], optional: Sequence[str] = ()) -> pa.Table:
    try:
        with path.open(encoding="utf-8-sig") as file:
            header = file.readline().rstrip("\r\n").split(",")
        names = [*needed, *(name for name in optional if name in header)]
        missing = [name for name in needed if name not in header]
        if missing:
            raise DataError(path, f"no column {', '.join(missing)}", line=1, hint=HINT)
        types = {name: pa.float64() if name in numbers else pa.string() for name in names}
        convert = csv.ConvertOptions(
            column_types=types, include_columns=names, null_values=[""], strings_can_be_null=False
        )
        return csv.read_csv(path, convert_options=convert)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as cause:
        raise DataError(path, f"damaged ({cause})", hint=HINT) from cause


def _plain(column: Any) -> NDArray[Any]:
    # Not ``to_numpy``: that imports pandas wherever it is installed, which takes longer than all the rest.
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], type=column.type)
    return np.from_dlpack(column.fill_null(-1) if column.null_count else column)


def _arms(path: Path, column: Any) -> Ints:
    found = _plain(pc.index_in(column, value_set=pa.array(ARMS)))
    if (found < 0).any():
        line = int(np.flatnonzero(found < 0)[0]) + 2
        raise DataError(path, "the condition is neither control nor treatment", line=line, hint=HINT)
    return found.astype(np.int64)


def _parts(scores: Path, items: pa.Table, claims: Path, judged: pa.Table) -> Iterator[Part]:
    support = _plain(judged["support"])
    bad = ~((support >= 0) & (support <= 1))
    if bad.any():
        line = int(np.flatnonzero(bad)[0]) + 2
        raise DataError(claims, f"support {float(support[line - 2])!r} is not between 0 and 1", line=line, hint=HINT)
    keys = pc.unique(items["item_key"])
    of_row = _plain(pc.index_in(items["item_key"], value_set=keys)).astype(np.int64)
    of_claim = _plain(pc.index_in(judged["item_key"], value_set=keys)).astype(np.int64)
    dataset = _datasets(keys)
    temps, claim_temps = _plain(items["temp"]), _plain(judged["temp"])
    arms, claim_arms = _arms(scores, items["condition"]), _arms(claims, judged["condition"])
    groups = _groups(items, of_row, dataset) if "group" in items.column_names else np.full(len(keys), -1)
    n_samples, rates = _plain(items["n_samples"]), _plain(items["unsupported_rate"])
    for temp in np.unique(temps).tolist():
        at, mine = temps == temp, claim_temps == temp
        samples = np.zeros((2, len(keys)), dtype=np.int64)
        samples[arms[at], of_row[at]] = np.rint(n_samples[at])
        unsupported = np.zeros((2, len(keys)))
        unsupported[arms[at], of_row[at]] = rates[at] * n_samples[at]
        whole = _Whole(temp, samples, unsupported, groups, claim_arms[mine], of_claim[mine], support[mine])
        whole.check(claims)
        names = sorted(set(dataset[(samples > 0).all(axis=0)].tolist()))
        yield whole.part(None, np.ones(len(keys), dtype=bool))
        if len(names) > 1:
            yield from (whole.part(name, dataset == name) for name in names)


def _datasets(keys: pa.Array) -> NDArray[Any]:
    first = [str(key).partition("|")[0] for key in keys.to_pylist()]
    return np.array(first, dtype=object)


def _groups(items: pa.Table, of_row: Ints, dataset: NDArray[Any]) -> Ints:
    """The group of each item, -1 without one; passages of two datasets are two, whatever they are called."""
    coded = pc.dictionary_encode(items["group"]).unify_dictionaries()
    whole = pa.concat_arrays(coded.chunks) if isinstance(coded, pa.ChunkedArray) else coded
    words = np.array([bool(word) for word in whole.dictionary.to_pylist()])
    codes = _plain(whole.indices).astype(np.int64)
    kinds: Mapping[str, int] = {name: at for at, name in enumerate(dict.fromkeys(dataset.tolist()))}
    offset = np.array([kinds[name] for name in dataset.tolist()], dtype=np.int64) * len(words)
    group = np.full(len(dataset), -1, dtype=np.int64)
    named = words[codes]
    group[of_row[named]] = codes[named] + offset[of_row[named]]
    return group


@frozen(eq=False)
class _Whole:
    """Everything at one temperature; items without a partner included."""

    temp: float
    samples: Ints
    unsupported: Floats
    groups: Ints
    arm: Ints
    item: Ints
    support: Floats

    def check(self, path: Path) -> None:
        """See that no claim is about an item that was not scored, and that no item has more claims than answers."""
        lost = self.item < 0
        if lost.any():
            number = int(lost.sum())
            raise DataError(path, f"{number} claims are about items that per_item_scores.csv lacks", hint=HINT)
        counts = np.zeros_like(self.samples)
        np.add.at(counts, (self.arm, self.item), 1)
        if (counts > self.samples).any():
            raise DataError(path, "an item has more claims than answers in per_item_scores.csv", hint=HINT)

    def part(self, dataset: str | None, members: NDArray[np.bool_]) -> Part:
        """Keep the items that both arms have answers to."""
        kept = np.flatnonzero((self.samples > 0).all(axis=0) & members)
        place = np.full(self.samples.shape[1], -1, dtype=np.int64)
        place[kept] = np.arange(len(kept))
        mine = place[self.item] >= 0
        groups = self.groups[kept]
        alone = groups < 0
        groups = np.where(alone, groups.max(initial=0) + 1 + np.cumsum(alone), groups)
        return Part(
            temp=self.temp,
            dataset=dataset,
            samples=self.samples[:, kept],
            cluster=np.unique(groups, return_inverse=True)[1].astype(np.int64),
            arm=self.arm[mine],
            item=place[self.item[mine]],
            support=self.support[mine],
            recorded=round(float(self.unsupported[:, kept].sum())),
        )
