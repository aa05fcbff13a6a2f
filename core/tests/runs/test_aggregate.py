"""Several trials side by side: one family over all of them, the same bytes every time, nothing for a single trial."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
import yaml
from attrs import evolve, frozen
from lab import Lab, Told

from exx.errors import PluginError
from exx.pipeline.aggregate import Aggregate
from exx.pipeline.phases import NAMES, choose
from exx.records import Finding, Json, RequestId

Cli = Callable[..., Told]


@frozen(kw_only=True)
class SignTest:
    """Exact sign test: with w wins and no losses p is 2 · ½ʷ; the trial's own family is adjusted beside."""

    name: ClassVar[str] = "permutation"
    level: ClassVar[Literal["metric"]] = "metric"

    def analyze(self, sample: Any, rng: Any) -> Iterable[Finding]:
        """Count."""
        del rng
        wins = sum(delta > 0 for delta in sample.deltas)
        losses = sum(delta < 0 for delta in sample.deltas)
        p_value = 1.0 if not wins + losses else 2 * 0.5**wins if not losses else 0.9
        low = high = sample.mean_delta
        details: dict[str, Json] = {"wins": wins}
        yield Finding(
            analysis=self.name,
            metric=sample.metric.name,
            address=sample.address,
            n=sample.n,
            estimate=sample.mean_delta,
            low=low,
            high=high,
            level=0.95,
            p_value=min(1.0, p_value),
            details=details,
        )


@frozen(kw_only=True)
class Bonferroni:
    """m · p over the primary hypotheses on all items.

    Attributes:
        broken: It fails.
    """

    name: ClassVar[str] = "bonferroni"
    level: ClassVar[Literal["adjustment"]] = "adjustment"
    broken: bool = False

    def adjust(self, findings: Sequence[Finding], primary: Sequence[str]) -> Sequence[Finding]:
        """Multiply."""
        family = {(f.metric, f.address) for f in findings if self._counts(f, primary)}
        if self.broken and len(family) > 2:
            raise ValueError("too many")
        m = len(family)
        words = f"primary (bonferroni, m = {m})"
        return [
            evolve(f, q_value=min(1.0, m * (f.p_value or 0.0)), family=words) if self._counts(f, primary) else f
            for f in findings
        ]

    def _counts(self, finding: Finding, primary: Sequence[str]) -> bool:
        in_family = finding.metric in primary and finding.address.subgroup is None
        return in_family and finding.p_value is not None and finding.analysis == "permutation"


@pytest.fixture
def sweep(lab: Lab) -> dict[str, Any]:
    """Two treatments: "when sure" is right every time, "never" not once; the control 4 times of 10."""
    lab.plugin.classes = {**lab.plugin.classes, "analyses": [SignTest, Bonferroni]}

    def answer(request: Any) -> str:
        asked = RequestId.decode(request.custom_id)
        number = int(asked.item_id.removeprefix("i"))
        system = request.messages[0]["content"]
        right = "sure" in system or (system == "Answer." and number % 3 == 0)
        return str(2 * number) if right else "no idea"

    lab.answer = answer
    texts = {"sure": "Answer when sure.", "never": "Be silent."}
    sets = {name: {"control": {"text": "Answer."}, "treatment": {"text": text}} for name, text in texts.items()}
    return {"prompt_sets": sets, "sweep": {"prompt_sets": ["sure", "never"]}, "verdict": {"primary": ["em"]}}


def slug(name: str) -> str:
    """A trial's folder."""
    return f"fake-model-{name}-tp1-tk50-mx1024-1024"


def both(lab: Lab) -> tuple[dict[str, Any], str]:
    """The manifest and the report."""
    folder = lab.folder / "experiments" / "run_a"
    return json.loads((folder / "multi_trial_manifest.json").read_text()), (folder / "aggregate_report.md").read_text()


def test_the_primary_hypotheses_of_all_trials_are_one_family(lab: Lab, sweep: dict[str, Any]) -> None:
    """Of 5 items "sure" wins 3 times, p = 2 · ½³ = 0.25; two losses give 0.9. Four hypotheses: q = 4 · 0.25 = 1."""
    lab.run(**sweep)
    manifest, report = both(lab)
    rows = {(row["trial"], row["address"]["type"]): row for row in manifest["verdict"]}

    assert manifest["family"] == {"name": "primary (bonferroni, m = 4)", "m": 4}
    assert "The 4 primary hypotheses of all trials are one family: primary (bonferroni, m = 4)." in report
    assert len(rows) == 4
    sure, never = rows[slug("sure"), "open"], rows[slug("never"), "open"]
    assert (sure["difference"], sure["p_value"], sure["q_value"]) == (pytest.approx(0.6), 0.25, 1.0)
    assert (never["difference"], never["p_value"], never["q_value"]) == (pytest.approx(-0.4), 0.9, 1.0)
    own = json.loads((lab.path("results/significance.json", slug=slug("sure"))).read_text())
    assert own["results"]["0.0"]["open"]["metrics"]["em"]["permutation"]["q_value"] == 0.5  # of two within the trial


def test_the_report_shows_every_treatment_beside_the_control(lab: Lab, sweep: dict[str, Any]) -> None:
    """One table for each temperature and type, with a sentence for each line."""
    lab.run(**sweep)
    _, report = both(lab)

    assert report.startswith("# Run a: 2 trials side by side\n")
    assert report.count("\n## ") == 4 and "\n## Open-book, temperature 0\n" in report
    name = slug("sure").replace("_", r"\_")
    start, end = rf"| {name} | Exact match \* | 5 | 40.0 % | 100.0 % | +60.0 | ", " | 0.25 | 1.00 | cannot tell |"
    assert any(line.startswith(start) and line.endswith(end) for line in report.splitlines())
    assert f"- **{name}**: Under the treatment 100.0 % of the answers to 5 questions were right" in report
    assert "Every treatment is compared with the same control prompt." in report
    assert "SIMULATED" not in report


def test_guards_and_a_figure_go_with_it(lab: Lab, sweep: dict[str, Any]) -> None:
    """What must not get worse is told for each trial, and each place has a forest of its trials, described in words."""
    lab.run(**{**sweep, "verdict": {"guards": ["em"], "primary": ["em"]}})
    manifest, report = both(lab)
    drawn = (lab.folder / "experiments" / "run_a" / "aggregate-open-t0.svg").read_text("utf-8")

    told = [(row["trial"], row["metric"], row["address"]["type"], row["status"]) for row in manifest["guards"]]
    assert sorted(told) == sorted(
        (slug(name), "em", kind, "not shown") for name in ("sure", "never") for kind in ("open", "closed")
    )
    assert "(aggregate-open-t0.svg)" in report and "(aggregate-closed-t0.svg)" in report
    assert f"{slug('sure')}: +60.0 (" in drawn and f"{slug('never')}: −40.0 (" in drawn
    assert report.count(" | not shown | Exact match (") == 4


def test_the_manifest_names_trials_and_results(lab: Lab, sweep: dict[str, Any]) -> None:
    """With the sha256 of what was put side by side."""
    lab.run(**sweep)
    manifest, _ = both(lab)

    assert [(t["slug"], t["model"], t["prompt_set"], t["status"]) for t in manifest["trials"]] == [
        (slug("sure"), "fake-model", "sure", "done"),
        (slug("never"), "fake-model", "never", "done"),
    ]
    for trial in manifest["trials"]:
        assert {Path(a["path"]).name for a in trial["artifacts"]} == {"significance.json", "findings.csv"}
        for artifact in trial["artifacts"]:
            content = (lab.folder / "experiments" / "run_a" / artifact["path"]).read_bytes()
            assert (artifact["size"], artifact["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


def test_it_is_redone_when_a_trials_statistics_changed_and_only_then(lab: Lab, sweep: dict[str, Any]) -> None:
    """The same bytes on a resume and after damage; the plan names it."""
    assert lab.run(**sweep)[-1] == "aggregate"
    folder = lab.folder / "experiments" / "run_a"
    files = [folder / "multi_trial_manifest.json", folder / "aggregate_report.md"]
    before = [path.read_bytes() for path in files]
    assert lab.run(**sweep) == []
    planned = [p for p in lab.orchestrator(**sweep).plan() if p.phase == "aggregate"]
    assert [(p.trial, p.decision.execute, p.decision.reason) for p in planned] == [
        ("", False, "done: 2 trials, 4 primary hypotheses, sha256 matches")
    ]

    for path in files:
        path.write_text("x")
    assert lab.run(**sweep) == ["aggregate"]
    (folder / "run_state.json").unlink()
    assert lab.run(**sweep) == ["prepare", "aggregate"]
    lab.path("results/costs.json", slug=slug("never")).unlink()
    assert lab.run(**sweep) == ["costs"]
    assert [path.read_bytes() for path in files] == before

    lab.path("results/significance.json", slug=slug("never")).unlink()
    assert lab.run(**sweep) == ["stats"]
    primary = {**sweep, "verdict": {"primary": ["abstain_rate"]}}
    assert lab.run(force=True, **primary) == ["stats", "report"] * 2 + ["aggregate"]
    assert [path.read_bytes() for path in files] != before


def test_a_single_trial_has_none(lab: Lab) -> None:
    """There is nothing to put side by side."""
    assert lab.run() == list(NAMES)
    assert [p.phase for p in lab.orchestrator().plan()] == list(NAMES)


def test_it_waits_for_the_statistics(lab: Lab, sweep: dict[str, Any]) -> None:
    """A run that is to stop before them has none yet."""
    assert "aggregate" not in lab.run(phases=choose(last="score"), **sweep)
    assert lab.run(phases=choose("stats"), **sweep) == ["stats", "stats", "aggregate"]


def test_without_an_adjustment_it_says_so(lab: Lab, sweep: dict[str, Any]) -> None:
    """And how many hypotheses were tested."""
    lab.run(**sweep, analyses=["permutation"])
    manifest, report = both(lab)

    assert manifest["family"] == {"name": None, "m": 4}
    assert "4 primary hypotheses were tested over all trials, and their p-values are **not adjusted**" in report
    assert {row["q_value"] for row in manifest["verdict"]} == {None}


def test_different_controls_are_told(lab: Lab, sweep: dict[str, Any]) -> None:
    """Differences from different controls make no ranking; a trial without results is named."""
    sweep["prompt_sets"]["never"]["control"] = {"text": "Answer, please."}
    lab.run(**sweep)
    assert "The trials have 2 different control prompts" in both(lab)[1]

    contexts = lab.contexts(**sweep)
    contexts[1].ledger.path.unlink()
    Aggregate().run(contexts[0])
    manifest, report = both(lab)
    assert [trial["status"] for trial in manifest["trials"]] == ["done", "not done"]
    assert f"No results yet: {slug('never')}." in report and manifest["family"]["m"] == 2


def test_an_adjustment_that_fails_is_named(lab: Lab, sweep: dict[str, Any]) -> None:
    """With its distribution."""
    with pytest.raises(PluginError, match=r"plugin 'bonferroni' \(in-process 0\): ValueError: too many"):
        lab.run(**sweep, analyses=["permutation", {"name": "bonferroni", "broken": True}])


def test_names_cannot_break_the_tables(lab: Lab, sweep: dict[str, Any]) -> None:
    """Models are named by people."""
    lab.run(**sweep, model_id="a|b <i>*x*")
    _, report = both(lab)

    assert r"a\|b \<i\>\*x\*" in report


def test_the_command_line_shows_it(cli: Cli, lab: Lab, sweep: dict[str, Any]) -> None:
    """The path after the trials, everything as JSON, and a line in the status."""
    Path("experiment.yaml").write_text(yaml.safe_dump({**lab.settings, **sweep}))
    told = cli("run", "--run-id", "a", "--quiet")
    assert "all trials side by side: experiments/run_a/aggregate_report.md\n" in told.out
    found = cli("run", "--run-id", "a", "--json").json["aggregate"]
    assert found["report"] == "experiments/run_a/aggregate_report.md"
    assert (found["family"]["m"], len(found["verdict"])) == (4, 4)
    assert "\taggregate\tdone\t2 trials, 4 primary hypotheses\n" in cli("status", "a").out
