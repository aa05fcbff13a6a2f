"""The contract checks find broken analyses, one of each kind, and let a sound one pass."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from attrs import evolve, frozen

from exx import Finding
from exx.errors import DataError
from exx.testing import ScoreTable, check_analysis
from exx.testing.tables import lopsided_tables, table


@frozen
class Sound:
    """A mean difference with a test by its sign."""

    name: ClassVar[str] = "sound"
    level: ClassVar[str] = "metric"

    def analyze(self, sample, rng):
        mean = sample.mean_delta
        p = None if mean is None else 0.5 if mean else 1.0
        reason = "there are no pairs" if mean is None else None
        found = {"estimate": mean, "p_value": p, "reason": reason, "default_for": {"p_value": 1}}
        yield self.changed(
            Finding(analysis="sound", metric=sample.metric.name, address=sample.address, n=sample.n, **found),
            sample,
            rng,
        )

    def changed(self, finding, sample, rng):
        return finding


def broken(change):
    """An analysis like the sound one whose findings are changed."""
    return type("Broken", (Sound,), {"changed": lambda self, finding, sample, rng: change(finding, sample, rng)})


def refuse(finding, sample, rng):
    if len(sample.control) and max(sample.control) > 1:
        raise DataError("scores", "a score is above 1")
    return finding


@pytest.mark.parametrize("analysis", [Sound, Sound(), broken(refuse)], ids=["class", "instance", "refusing"])
def test_a_sound_analysis_passes(analysis):
    """A class, an instance, and one that refuses scores outside [0, 1] with a reason."""
    check_analysis(analysis)


CALLS = []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        pytest.param(lambda f, s, r: evolve(f, p_value=1.5), "p is not in", id="p"),
        pytest.param(lambda f, s, r: evolve(f, estimate=float("nan")), "NaN", id="nan"),
        pytest.param(lambda f, s, r: evolve(f, details={"x": [float("nan")]}), "is NaN", id="nan-in-details"),
        pytest.param(lambda f, s, r: evolve(f, low=2.0, high=3.0), "low ≤ estimate ≤ high", id="ends"),
        pytest.param(lambda f, s, r: evolve(f, low=-2.0), "one end only", id="one-end"),
        pytest.param(lambda f, s, r: evolve(f, reason=None), "no reason", id="no-reason"),
        pytest.param(lambda f, s, r: evolve(f, estimate=abs(f.estimate or 0.0)), "does not mirror", id="mirror"),
        pytest.param(
            lambda f, s, r: evolve(f, p_value=0.4 if (s.mean_delta or 0) > 0 else f.p_value),
            "changes p",
            id="one-sided",
        ),
        pytest.param(
            lambda f, s, r: evolve(f, details={"first": float(s.control[0]) if s.n else 0}),
            "order of the items",
            id="order",
        ),
        pytest.param(
            lambda f, s, r: CALLS.append(1) or evolve(f, details={"calls": len(CALLS)}), "other calls", id="state"
        ),
        pytest.param(
            lambda f, s, r: evolve(f, p_value=None if f.p_value is None else 0.5), "do not have p = 1", id="identical"
        ),
        pytest.param(
            lambda f, s, r: evolve(f, details={"b": s.n, "c": 0, "odds_ratio": None}), "both arms agree", id="agreeing"
        ),
        pytest.param(lambda f, s, r: evolve(f, address=evolve(f.address, temp=9.0)), "address", id="address"),
    ],
)
def test_a_broken_contract_is_named(change, complaint):
    """Each of the contracts is missed by an analysis that breaks it alone."""
    with pytest.raises(AssertionError, match=complaint):
        check_analysis(broken(change))


def test_a_failure_names_analysis_and_table():
    """Whoever reads the message knows where to look."""
    with pytest.raises(AssertionError, match=r"sound on 'two items'.*metric 'em' at 0\.0\|closed"):
        check_analysis(broken(lambda f, s, r: evolve(f, p_value=2.0 if s.n == 2 else f.p_value)))


@frozen
class Adjuster:
    """Bonferroni over everything, or what it is told."""

    name: ClassVar[str] = "adjuster"
    level: ClassVar[str] = "adjustment"
    worse: bool = False

    def adjust(self, findings, primary):
        tested = [f for f in findings if f.analysis == "other_test" and f.p_value is not None]
        factor = 0.5 if self.worse else len(tested)
        return [evolve(f, q_value=min(1.0, f.p_value * factor), family="all") if f in tested else f for f in findings]


def test_adjustments_are_checked():
    """Bonferroni passes; a q-value below its p-value does not."""
    check_analysis(Adjuster())
    with pytest.raises(AssertionError, match="is not in"):
        check_analysis(Adjuster(worse=True))


@frozen
class Counting:
    """A study analysis that counts its blocks, and draws without a seed where it is told to."""

    name: ClassVar[str] = "counting"
    level: ClassVar[str] = "study"
    artifact: ClassVar[str] = "counting.json"
    unseeded: bool = False

    def analyze(self, study):
        drawn = np.random.default_rng().random() if self.unseeded else study.generator("x").random()
        return {"blocks": len(study.blocks), "drawn": drawn}


def test_study_analyses_are_checked():
    """The same study has the same result, or the check says so."""
    check_analysis(Counting())
    with pytest.raises(AssertionError, match="the same study has another result"):
        check_analysis(Counting(unseeded=True))


def test_tables_pair_like_a_score_file():
    """Missing values and arms without partners are left out and counted; datasets become subgroups."""
    nan = float("nan")
    present = np.array([[True, True], [True, False], [True, True]])
    some = table("x", [0, 1, nan], [1, nan, 1], present=present, datasets=["b", "a", "b"])
    whole, *parts = some.blocks()

    assert (whole.n_items, whole.n_unpaired) == (2, {"control": 1, "treatment": 0})
    assert (whole.samples["em"].n, whole.samples["em"].n_unpaired["missing_control"]) == (1, 1)
    assert sorted(part.address.subgroup[1] for part in parts) == ["a", "b"]
    assert some.swapped().blocks()[0].samples["em"].deltas.tolist() == [-1.0]


def test_lopsided_tables_are_lopsided():
    """On each of them the treatment is ahead, so that exchanged arms show."""
    for some in lopsided_tables():
        assert isinstance(some, ScoreTable)
        assert all(
            sample.mean_delta > 0.02 for name, sample in some.blocks()[0].samples.items() if name in ("em", "f1")
        )
