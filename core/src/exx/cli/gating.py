"""Gates on the command line: their options, what is said of them, and the files that automatic checks read."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from attrs import field, frozen

from exx.cli.common import options
from exx.cli.show import clean, say
from exx.errors import ExxError, GateFailed, UsageError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from exx.gates import Gate, GateResult
    from exx.results import Results
    from exx.verdict import VerdictRow

SUMMARY = "GITHUB_STEP_SUMMARY"
_NOT_XML = re.compile("[\ufffe\uffff]")

gate_options = options(
    click.option(
        "--fail-if",
        "fail_if",
        multiple=True,
        metavar="GATE",
        help="Exit with status 4 if this holds, such as 'em.ci_low < -0.01' or 'cost.usd > 5'.",
    ),
    click.option(
        "--junit",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Write gates and verdict to this file as JUnit XML.",
    ),
    click.option("--github-summary", is_flag=True, help=f"Add verdict and gates to the file {SUMMARY} names."),
)


@frozen
class Gating:
    """What a command was told about gates, checked as far as it can be before anything runs."""

    gates: Sequence[Gate] = field(factory=tuple)
    junit: Path | None = None
    summary: Path | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Gating:
        """Read the options.

        Raises:
            UsageError: A gate is none, or there is no summary to add to.
        """
        # Reading results takes longer to import than most commands take to run.
        if not (given.get("fail_if") or given.get("junit") or given.get("github_summary")):
            return cls()
        from exx.gates import parse_gate

        summary = os.environ.get(SUMMARY) if given["github_summary"] else None
        if given["github_summary"] and not summary:
            hint = "GitHub Actions sets it for every step; elsewhere, set it to a file, or leave --github-summary out"
            raise UsageError(f"--github-summary: {SUMMARY} is not set", hint=hint)
        return cls([parse_gate(text) for text in given["fail_if"]], given["junit"], Path(summary) if summary else None)

    @property
    def asked(self) -> bool:
        """There is something to do."""
        return bool(self.gates or self.junit or self.summary)

    def check_names(self, metrics: Sequence[str]) -> None:
        """Refuse gates about metrics that cannot be measured, before anything runs.

        Raises:
            UsageError: There is one.
        """
        if self.gates:
            from exx.gates import check_names

            check_names(self.gates, metrics)

    def judge(self, trials: Mapping[str, Results | None]) -> list[GateResult]:
        """Look at the gates, and write the files that were asked for.

        Raises:
            UsageError: A gate is about something that these results do not have.
            ExxError: A file cannot be written.
        """
        if not self.asked:
            return []
        from exx.gates import evaluate
        from exx.state.files import write_text

        results = evaluate(self.gates, trials)
        if self.junit is not None:
            write_text(self.junit, junit_xml(results, trials))
        if self.summary is not None:
            _append(self.summary, summary_markdown(results, trials))
        return results


def show_gates(results: Sequence[GateResult]) -> None:
    """Print how the gates fared."""
    for result in results:
        say(f"gate {result.sentence}")


def refuse(results: Sequence[GateResult]) -> None:
    """End with the status of a failed gate, if one failed.

    Raises:
        GateFailed: At least one gate failed.
    """
    failed = [result for result in results if not result.passed]
    if failed:
        count = f"{len(failed)} of {len(results)} gates failed" if len(results) > 1 else "the gate failed"
        raise GateFailed("\n".join([count, *(f"  {result.sentence.removeprefix('failed: ')}" for result in failed)]))


def gates_json(results: Sequence[GateResult]) -> dict[str, Any]:
    """The gates as data: an object for ``gates``."""
    return {"passed": all(result.passed for result in results), "results": [result.to_json() for result in results]}


def junit_xml(results: Sequence[GateResult], trials: Mapping[str, Results | None]) -> str:
    """Gates and primary verdicts as JUnit XML: a test case each.

    A failed gate and a primary metric that got worse are failures; what cannot be told is skipped.
    """
    import xml.etree.ElementTree as ET

    suite = ET.Element("testsuite", name="exx")
    for result in results:
        case = ET.SubElement(suite, "testcase", classname="exx.gates", name=_xml(result.gate.text))
        _outcome(case, "passed" if result.passed else "failure", result.sentence)
    for slug, row in _primary(trials):
        name = f"{row.title} ({row.address.type}, temperature {row.address.temp:g})"
        case = ET.SubElement(suite, "testcase", classname=_xml(f"exx.verdict.{slug}"), name=_xml(name))
        status = {"worse": "failure", "cannot tell": "skipped"}.get(row.answer, "passed")
        _outcome(case, status, f"{row.answer}: {row.sentence}")
    for key, tag in (("failures", "failure"), ("skipped", "skipped")):
        suite.set(key, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("tests", str(len(suite)))
    suite.set("errors", "0")
    whole = ET.Element("testsuites")
    whole.append(suite)
    ET.indent(whole)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(whole, encoding="unicode")}\n'


def _outcome(case: Element, status: str, words: str) -> None:
    from xml.etree.ElementTree import SubElement

    if status == "passed":
        SubElement(case, "system-out").text = _xml(words)
    else:
        SubElement(case, status, message=_xml(words))


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", clean(text))


def summary_markdown(results: Sequence[GateResult], trials: Mapping[str, Results | None]) -> str:
    """Verdict and gates as Markdown, for the summary of a step."""
    from exx.verdict import render_table, table_header

    lines = ["## exx", ""]
    lines += [f"- {'✅' if result.passed else '❌'} gate {_markdown(result.sentence)}" for result in results]
    for slug, found in trials.items():
        if found is None:
            lines += ["", f"### {_markdown(slug)}", "", "No statistics yet."]
            continue
        judged = found.judgement()
        made_up = ["", "The answers were made up; no model was asked."] if judged.simulated else []
        lines += ["", f"### {_markdown(slug)}", *made_up, "", _markdown(judged.sentence), "", _line(table_header())]
        lines.append(_line(["---"] * len(table_header())))
        lines += [_line(row) for row in render_table(judged.primary)]
        lines += ["", *(f"- Guard {g.status}: {_markdown(g.sentence)}" for g in judged.guards)]
    return "\n".join(lines) + "\n\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_markdown, cells))} |"


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(clean(text).split()))


def _append(path: Path, text: str) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as cause:
        raise ExxError(f"cannot add to {path}, which {SUMMARY} names: {cause.strerror or cause}") from cause


def _primary(trials: Mapping[str, Results | None]) -> list[tuple[str, VerdictRow]]:
    return [(slug, row) for slug, found in trials.items() if found for row in found.verdict() if row.primary]
