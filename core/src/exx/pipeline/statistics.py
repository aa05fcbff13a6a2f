"""From per-item scores to findings: pairs the items, asks every analysis, and adjusts for how much was asked.

Which analyses there are is not known here. Each is called with a random generator of its own, made from the seed and
the call's address, and a call that fails, or answers with something that is no finding, is told with its plugin's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import evolve, field, frozen

from exx.errors import PluginError, StopRequested
from exx.paired import PairedBlock, Study, generator
from exx.pipeline.statistics_default import PLACES
from exx.pipeline.statistics_pair import pair
from exx.pipeline.statistics_plain import jsonable, number
from exx.pipeline.statistics_read import Scores, read_scores
from exx.records import Address, Finding, Json, Metric, Price
from exx.verdict import primary_of

if TYPE_CHECKING:
    from exx.experiment import Bound

T = TypeVar("T")
LEVELS = ("metric", "block", "study", "adjustment")
NUMBERS = ("estimate", "low", "high", "level", "p_value", "q_value")


@frozen(eq=False)
class Statistics:
    """Everything the analyses said about a trial.

    Attributes:
        blocks: Every block with its samples: a whole one, then its subgroups.
        findings: In the order of the blocks, then of the analyses, then of the metrics.
        artifacts: What each study analysis made, by file name.
        metrics: The metrics of the score file.
        analyses: The analyses asked, with distribution, version and options.
        stats_config: The config's ``stats`` section.
    """

    blocks: Sequence[PairedBlock]
    findings: Sequence[Finding]
    artifacts: Mapping[str, Json] = field(factory=dict)
    metrics: Mapping[str, Metric] = field(factory=dict)
    analyses: Sequence[Mapping[str, Json]] = ()
    stats_config: Mapping[str, Json] = field(factory=dict)


def compute(
    per_item_csv: Path,
    analyses: Sequence[Bound],
    *,
    seed: int,
    primary: Sequence[str] = ("em",),
    metrics: Mapping[str, Metric] | None = None,
    stats_config: Mapping[str, Json] | None = None,
    prepared: Path | None = None,
    price: Price | None = None,
) -> Statistics:
    """Ask every analysis about every block of a score file.

    Args:
        per_item_csv: per_item_scores.csv; a metrics.json beside it describes its metrics.
        analyses: Analyses with their options filled in; ``instance.level`` says how each is called.
        seed: The run's random seed.
        primary: Names of the primary metrics, for the adjustments; the same that stand in for them in the verdict
            stand in for them here when none was measured.
        metrics: Descriptions of metrics that take precedence over metrics.json.
        stats_config: The config's ``stats`` section, for the study analyses and the record.
        prepared: Folder of the prepared items, for the study analyses.
        price: What the tokens cost, for the study analyses.

    Raises:
        DataError: The score file cannot be used.
        PluginError: An analysis failed, or answered with something that is no finding.
    """
    scores = read_scores(per_item_csv, metrics)
    made = analyze_scores(scores, analyses, seed=seed, primary=primary, stats_config=stats_config)
    more: dict[str, Any] = {"folder": per_item_csv.parent, "prepared": prepared, "price": price}
    more["primary"] = _there(primary, made.blocks)
    study = Study(blocks=made.blocks, seed=seed, stats=made.stats_config, **more)
    artifacts = {bound.instance.artifact: _study(bound, study) for bound in _at(analyses, "study")}
    return evolve(made, artifacts=artifacts, analyses=[bound.stamp() for bound in analyses])


def analyze_scores(
    scores: Scores,
    analyses: Sequence[Bound],
    *,
    seed: int,
    primary: Sequence[str] = ("em",),
    stats_config: Mapping[str, Json] | None = None,
) -> Statistics:
    """Ask every analysis but those of whole trials about scores, wherever they are from; arguments as for ``compute``.

    Raises:
        DataError: An item has two rows in one arm at one temperature.
        PluginError: An analysis failed, or answered with something that is no finding.
    """
    asked = [bound for bound in analyses if bound.instance.level != "study"]
    blocks = list(_with_parts(pair(scores)))
    findings = _all(asked, blocks, seed)
    primary = _there(primary, blocks)
    for bound in _at(asked, "adjustment"):
        findings = _adjust(bound, findings, primary)
    return Statistics(
        blocks=blocks,
        findings=findings,
        metrics=scores.metrics,
        analyses=[bound.stamp() for bound in asked],
        stats_config=dict(stats_config or {}),
    )


def analyze_study(
    bound: Bound,
    per_item_csv: Path,
    *,
    seed: int,
    stats_config: Mapping[str, Json],
    primary: Sequence[str] = (),
    prepared: Path | None = None,
    price: Price | None = None,
) -> Json:
    """Ask one study analysis alone, as ``exx analyze NAME`` does; the arguments are those of ``compute``.

    Raises:
        DataError: The score file cannot be used.
        PluginError: The analysis failed.
    """
    blocks = list(_with_parts(pair(read_scores(per_item_csv))))
    more: dict[str, Any] = {"folder": per_item_csv.parent, "prepared": prepared, "price": price}
    more["primary"] = _there(primary, blocks)
    return _study(bound, Study(blocks=blocks, seed=seed, stats=stats_config, **more))


def _there(primary: Sequence[str], blocks: Iterable[PairedBlock]) -> tuple[str, ...]:
    """The primary metrics of these blocks; none where nobody said."""
    return primary_of(primary, {name for block in blocks for name in block.samples}) if primary else ()


def place(address: Address) -> str:
    """Name an address in words that do not change from run to run: part of what seeds a call's generator."""
    return f"{address.temp!r}|{address.type}|{'='.join(address.subgroup or ())}"


def _with_parts(blocks: Iterable[PairedBlock]) -> Iterator[PairedBlock]:
    for block in blocks:
        yield block
        for column in block.subgroups.values():
            yield from column.values()


def _at(analyses: Sequence[Bound], level: str) -> list[Bound]:
    return [bound for bound in analyses if bound.instance.level == level]


def _ask(bound: Bound, block: PairedBlock, seed: int) -> list[Finding]:
    analysis, where = bound.instance, place(block.address)
    calls: list[tuple[Any, Any]]
    if analysis.level == "metric":
        calls = [(sample, generator(seed, where, name, bound.name)) for name, sample in block.samples.items()]
    elif analysis.level == "block":
        calls = [(block, generator(seed, where, "", bound.name))]
    elif analysis.level in LEVELS:
        return []
    else:
        raise _complaint(bound, f"its level is {analysis.level!r}, expected one of {', '.join(LEVELS)}")
    found = [one for call in calls for one in _attributed(bound, partial(_listed, analysis.analyze, *call))]
    return [_checked(bound, finding, block.address) for finding in found]


def _adjust(bound: Bound, findings: Sequence[Finding], primary: Sequence[str]) -> list[Finding]:
    adjusted = _attributed(bound, partial(_listed, bound.instance.adjust, findings, primary))
    adjusted = [_checked(bound, finding, getattr(finding, "address", None)) for finding in adjusted]
    if list(map(_name, adjusted)) != list(map(_name, findings)):
        raise _complaint(bound, "it returned other findings than it was given, or in another order")
    return adjusted


def _study(bound: Bound, study: Study) -> Json:
    made = _attributed(bound, partial(bound.instance.analyze, study))
    if not isinstance(made, Mapping):
        raise _complaint(bound, f"it returned {type(made).__name__}, expected a mapping")
    plain: Json = _attributed(bound, partial(jsonable, made, bound.instance.artifact))
    return plain


def _listed(call: Callable[..., Iterable[Any]], *arguments: Any) -> list[Any]:
    # The list is made here, so that what a generator function raises is raised inside the attributed call.
    return list(call(*arguments))


def _checked(bound: Bound, finding: Any, address: Address | None) -> Finding:
    if not isinstance(finding, Finding):
        raise _complaint(bound, f"it returned {type(finding).__name__}, expected a Finding")
    if address is None or finding.address != address:
        found = f"its finding on {finding.metric!r} has the address of another block"
        raise _complaint(bound, f"{found}: {finding.address}")
    what = f"its finding on {finding.metric!r} at {place(address)}"
    try:
        plain: dict[str, Any] = {name: number(getattr(finding, name), name) for name in NUMBERS}
        plain["details"] = jsonable(finding.details, "details")
        plain["summary"] = jsonable(finding.summary, "summary")
    except (TypeError, ValueError) as cause:
        raise _complaint(bound, f"{what}: {cause}") from cause
    for name in ("p_value", "q_value"):
        if plain[name] is not None and not 0 <= plain[name] <= 1:
            raise _complaint(bound, f"{what}: {name} is {plain[name]!r}, expected 0 to 1")
    unknown = [place for place, rank in finding.default_for.items() if place not in PLACES or not isinstance(rank, int)]
    if unknown:
        raise _complaint(
            bound, f"{what}: default_for has {unknown[0]!r}, expected a whole number for {', '.join(PLACES)}"
        )
    return evolve(finding, n=int(finding.n), **plain)


def _all(analyses: Sequence[Bound], blocks: Sequence[PairedBlock], seed: int) -> list[Finding]:
    found: dict[tuple[str, str, Address], Finding] = {}
    for block in blocks:
        for bound in analyses:
            for finding in _ask(bound, block, seed):
                if _name(finding) in found:
                    what = f"two findings of {finding.analysis!r} on {finding.metric!r} at {place(block.address)}"
                    raise _complaint(bound, f"there are {what}; what belongs together goes into one finding's details")
                found[_name(finding)] = finding
    return list(found.values())


def _name(finding: Finding) -> tuple[str, str, Address]:
    return finding.analysis, finding.metric, finding.address


def _complaint(bound: Bound, reason: str) -> PluginError:
    return PluginError(bound.name, str(bound.owner), reason, hint=f"this is a mistake in {bound.owner.distribution}")


def _attributed(bound: Bound, call: Callable[[], T]) -> T:
    try:
        return call()
    except (PluginError, StopRequested):
        raise
    except Exception as cause:
        raise bound.failure(cause) from cause
