"""How much of what looks like an effect would be chance, given how many hypotheses were tested?

One hypothesis is one metric at one temperature, on one type of item, on all items or on one subgroup. It is tested
once: several tests of the same hypothesis would count it several times. Hypotheses fall into families, each adjusted by
itself; by default primary metrics, secondary metrics, and slices (every metric on every subgroup).

Sources:
    Benjamini & Hochberg, Journal of the Royal Statistical Society B 57 (1995) 289-300: the default.
    Benjamini & Bogomolov, Journal of the Royal Statistical Society B 76 (2014) 297-318: adjusting within families.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal

from attrs import Factory, evolve, field, frozen
from attrs.validators import deep_iterable, deep_mapping, in_, instance_of

from exx import Address, Finding

Hypothesis = tuple[Address, str]

PRIMARY, SECONDARY, SLICES = "primary", "secondary", "slices"


def _apart(_: Any, attribute: Any, families: Mapping[str, Sequence[str]]) -> None:
    """Refuse a hypothesis that is in two families."""
    home: dict[str, str] = {}
    for family, members in families.items():
        for member in members:
            if home.setdefault(member, family) != family:
                raise ValueError(f"'{attribute.name}' has {member!r} both in {home[member]!r} and in {family!r}")


_lists: Any = deep_mapping(instance_of(str), deep_iterable(instance_of(str), instance_of((list, tuple))))


@frozen(kw_only=True)
class MultipleTesting:
    """Adjusted p-values (q-values), one per hypothesis.

    Attributes:
        method: ``bh`` (false discovery rate; the default, valid under positive dependence, which nested and overlapping
            slices usually have), ``by`` (under any dependence) or ``holm`` (family-wise error).
        families: Which metrics form a family: ``{correct: [em, f1], abstention: [abstain_rate]}``. ``em`` is the metric
            on all items, ``em/dataset`` the metric on every dataset. What is in no family declared here stays in the
            default ones: ``primary`` (the verdict's primary metrics), ``secondary`` (every other metric), ``slices``.
        tests: Analyses that may stand for a hypothesis, the preferred one first; empty: the one that the analyses
            themselves rank highest. Only tests of "the mean difference is 0" are considered.
    """

    name: ClassVar[str] = "multiple_testing"
    level: ClassVar[Literal["adjustment"]] = "adjustment"

    method: Literal["bh", "by", "holm"] = field(default="bh", validator=in_(("bh", "by", "holm")))
    families: Mapping[str, Sequence[str]] = field(default=Factory(dict), validator=[_lists, _apart])
    tests: Sequence[str] = field(default=(), validator=deep_iterable(instance_of(str)), converter=tuple)

    def adjust(self, findings: Sequence[Finding], primary: Sequence[str]) -> Sequence[Finding]:
        """Give every hypothesis's chosen finding its q-value and family; tell the other tests why they have none."""
        from exx_multiple_testing.adjust import adjust

        chosen = self._chosen(findings)
        counted = [hypothesis for hypothesis in chosen if not _repeats(chosen, hypothesis)]
        families = {hypothesis: self._family(*hypothesis, primary) for hypothesis in counted}
        q_values: dict[Hypothesis, float] = {}
        for family in sorted(set(families.values())):
            members = [hypothesis for hypothesis, name in families.items() if name == family]
            p_values = [_p_value(chosen[hypothesis]) for hypothesis in members]
            q_values.update(zip(members, adjust(p_values, self.method), strict=True))
        sizes = Counter(families.values())
        titles = {name: f"{name} ({self.method}, m = {size})" for name, size in sizes.items()}
        told = {hypothesis: (q_values[hypothesis], titles[families[hypothesis]]) for hypothesis in counted}
        return [self._told(finding, chosen, told) for finding in findings]

    def _chosen(self, findings: Iterable[Finding]) -> dict[Hypothesis, Finding]:
        chosen: dict[Hypothesis, Finding] = {}
        for finding in findings:
            hypothesis = (finding.address, finding.metric)
            if self._eligible(finding) and (
                hypothesis not in chosen or self._rank(finding) > self._rank(chosen[hypothesis])
            ):
                chosen[hypothesis] = finding
        return chosen

    def _eligible(self, finding: Finding) -> bool:
        tests_it = finding.p_value is not None and "p_value" in finding.default_for
        return tests_it and (not self.tests or finding.analysis in self.tests)

    def _rank(self, finding: Finding) -> int:
        return -self.tests.index(finding.analysis) if self.tests else finding.default_for["p_value"]

    def _family(self, address: Address, metric: str, primary: Sequence[str]) -> str:
        member = metric if address.subgroup is None else f"{metric}/{address.subgroup[0]}"
        for family, members in self.families.items():
            if member in members:
                return family
        if address.subgroup is not None:
            return SLICES
        return PRIMARY if metric in primary else SECONDARY

    def _told(
        self, finding: Finding, chosen: Mapping[Hypothesis, Finding], told: Mapping[Hypothesis, tuple[float, str]]
    ) -> Finding:
        hypothesis = (finding.address, finding.metric)
        if finding.p_value is None or "p_value" not in finding.default_for or hypothesis not in chosen:
            return finding
        if chosen[hypothesis] is not finding:
            return _without(finding, f"a hypothesis is adjusted once, here through {chosen[hypothesis].analysis!r}")
        if hypothesis not in told:
            return _without(finding, "the subgroup holds every pair of its block, so it is no hypothesis of its own")
        q_value, family = told[hypothesis]
        return evolve(finding, q_value=q_value, family=family)


def _repeats(chosen: Mapping[Hypothesis, Finding], hypothesis: Hypothesis) -> bool:
    """Whether a subgroup has all the pairs of its block; a part with as many pairs as the whole is the whole."""
    address, metric = hypothesis
    whole = chosen.get((evolve(address, subgroup=None), metric))
    return address.subgroup is not None and whole is not None and whole.n == chosen[hypothesis].n


def _p_value(finding: Finding) -> float:
    return 1.0 if finding.p_value is None else finding.p_value


def _without(finding: Finding, why: str) -> Finding:
    reason = f"q_value: {why}"
    return evolve(finding, reason=f"{finding.reason}; {reason}" if finding.reason else reason)
