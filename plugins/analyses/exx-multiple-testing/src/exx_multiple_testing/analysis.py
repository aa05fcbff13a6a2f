"""How much of what looks like an effect would be chance, given how many hypotheses were tested?

One hypothesis is one metric at one temperature, on one type of item, on all items or on one subgroup. It is tested
once: several tests of the same hypothesis would count it several times. Hypotheses fall into three families, each
adjusted by itself: primary metrics, secondary metrics, and slices (every metric on every subgroup).

Sources:
    Benjamini & Hochberg, Journal of the Royal Statistical Society B 57 (1995) 289-300: the default.
    Benjamini & Bogomolov, Journal of the Royal Statistical Society B 76 (2014) 297-318: adjusting within families.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

from attrs import evolve, field, frozen
from attrs.validators import deep_iterable, in_, instance_of, min_len

from exx import Address, Finding

Hypothesis = tuple[Address, str]


@frozen(kw_only=True)
class MultipleTesting:
    """Adjusted p-values (q-values), one per hypothesis.

    Attributes:
        method: ``bh`` (false discovery rate; the default, valid under positive dependence, which nested and overlapping
            slices usually have), ``by`` (under any dependence) or ``holm`` (family-wise error).
        tests: Analyses whose p-values test "no difference", the preferred one first. McNemar's test stands for a
            hypothesis only where every item has a single answer per arm: with replicates it leaves information out.
    """

    name: ClassVar[str] = "multiple_testing"
    level: ClassVar[Literal["adjustment"]] = "adjustment"

    method: Literal["bh", "by", "holm"] = field(default="bh", validator=in_(("bh", "by", "holm")))
    tests: tuple[str, ...] = field(
        default=("mcnemar", "permutation", "wilcoxon"),
        validator=[min_len(1), deep_iterable(instance_of(str))],
        converter=tuple,
    )

    def adjust(self, findings: Sequence[Finding], primary: Sequence[str]) -> Sequence[Finding]:
        """Give every hypothesis's chosen finding its q-value and family; tell the other tests why they have none."""
        from exx_multiple_testing.adjust import adjust

        chosen = self._chosen(findings)
        q_values: dict[Hypothesis, float] = {}
        counted = [hypothesis for hypothesis in chosen if not _repeats(chosen, hypothesis)]
        families = {hypothesis: _family(*hypothesis, primary) for hypothesis in counted}
        for family in set(families.values()):
            members = [hypothesis for hypothesis, name in families.items() if name == family]
            p_values = [_p_value(chosen[hypothesis]) for hypothesis in members]
            q_values.update(zip(members, adjust(p_values, self.method), strict=True))
        return [self._told(finding, chosen, q_values, families) for finding in findings]

    def _chosen(self, findings: Iterable[Finding]) -> dict[Hypothesis, Finding]:
        chosen: dict[Hypothesis, Finding] = {}
        for finding in findings:
            if finding.analysis not in self.tests or finding.p_value is None:
                continue
            hypothesis = (finding.address, finding.metric)
            if hypothesis not in chosen or self._rank(finding) < self._rank(chosen[hypothesis]):
                chosen[hypothesis] = finding
        return chosen

    def _rank(self, finding: Finding) -> tuple[bool, int]:
        return bool(finding.details.get("replicated")), self.tests.index(finding.analysis)

    def _told(
        self,
        finding: Finding,
        chosen: dict[Hypothesis, Finding],
        q_values: dict[Hypothesis, float],
        families: dict[Hypothesis, str],
    ) -> Finding:
        hypothesis = (finding.address, finding.metric)
        if finding.analysis not in self.tests or finding.p_value is None:
            return finding
        if chosen[hypothesis] is not finding:
            return _without(finding, f"a hypothesis is adjusted once, here through {chosen[hypothesis].analysis!r}")
        if hypothesis not in families:
            return _without(finding, "the subgroup holds every pair of its block, so it is no hypothesis of its own")
        family = f"{families[hypothesis]} ({self.method}, m = {list(families.values()).count(families[hypothesis])})"
        return evolve(finding, q_value=q_values[hypothesis], family=family)


def _family(address: Address, metric: str, primary: Sequence[str]) -> str:
    if address.subgroup is not None:
        return "slices"
    return "primary" if metric in primary else "secondary"


def _repeats(chosen: dict[Hypothesis, Finding], hypothesis: Hypothesis) -> bool:
    """Whether a subgroup has all the pairs of its block; a part with as many pairs as the whole is the whole."""
    address, metric = hypothesis
    whole = chosen.get((evolve(address, subgroup=None), metric))
    return address.subgroup is not None and whole is not None and whole.n == chosen[hypothesis].n


def _p_value(finding: Finding) -> float:
    return 1.0 if finding.p_value is None else finding.p_value


def _without(finding: Finding, why: str) -> Finding:
    reason = f"q_value: {why}"
    return evolve(finding, reason=f"{finding.reason}; {reason}" if finding.reason else reason)
