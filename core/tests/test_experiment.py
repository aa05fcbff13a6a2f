"""A config bound to its plugins: every problem of it is told before anything runs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, ClassVar

import exx_lab
import pytest
from attrs import field, frozen
from attrs.validators import ge
from lab import Lab

from exx.config.dump import to_plain
from exx.config.load import build_config, load_config
from exx.config.structure import Origin
from exx.errors import BackendError, ConfigError, DataError, PluginError
from exx.experiment import Experiment, with_dry_run
from exx.plugins import Broken, Owner, Registry
from exx.records import PromptTexts
from exx.sources import Source
from exx.testing import FakeBackend, FakeBatchBackend, FakePlugin


def problems(lab: Lab, **changes: Any) -> tuple[str, ...]:
    """What ``check`` complains of."""
    with pytest.raises(ConfigError, match=r"lab.yaml: ") as caught:
        lab.experiment(**changes).check()
    return caught.value.problems


def test_a_good_config_passes(lab: Lab) -> None:
    """Nothing to complain of."""
    lab.experiment().check()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"backend": "fakee"}, "backend: no backend called 'fakee'; did you mean 'fake'?"),
        ({"datasets": ["squad"]}, "datasets[0]: no dataset called 'squad'; installed: fake"),
        ({"unsupported": "overlp"}, "unsupported.strategy: no detector called 'overlp'; did you mean 'overlap'?"),
        ({"scorers": ["exact", "exakt"]}, "scorers[1]: no scorer called 'exakt'; did you mean 'exact'?"),
        ({"analyses": ["mcnemer"]}, "analyses[0]: no analysis called 'mcnemer'; installed: mean_difference"),
        ({"reporters": ["notes"]}, "reporters[0]: no reporter called 'notes'; did you mean 'note'?"),
        ({"prompt_sets": "defalt"}, "prompt_sets.defalt: no prompt set called 'defalt'; did you mean 'default'?"),
        (
            {"datasets": [{"name": "fake", "itms": 3}]},
            "datasets[0].itms: unknown key, did you mean 'items'?",
        ),
        ({"datasets": [{"name": "fake", "items": "3"}]}, "datasets[0].items: expected a whole number, found '3'"),
        (
            {"backend": {"name": "fake", "flavor": "x"}},
            "backend.flavor: unknown key, did you mean 'flavour'?",
        ),
        (
            {"analyses": [{"name": "mean_difference", "decimals": -1}]},
            "analyses[0].decimals: must be >= 0: -1",
        ),
        ({"reporters": [{"name": "note", "loud": 1}]}, "reporters[0].loud: unknown key; nothing is expected here"),
        ({"unsupported": {"thresold": 0.5}}, "unsupported.thresold: unknown key; known here: min_token_overlap"),
    ],
)
def test_a_wrong_plugin_or_option_is_told_by_its_path(lab: Lab, changes: dict[str, Any], problem: str) -> None:
    """The path in the config, and the nearest name."""
    assert problems(lab, **changes) == (problem,)


def test_problems_with_plugins_have_lines_too(workdir: Path) -> None:
    """The path of an option leads to its line in the file."""
    path = workdir / "lined.yaml"
    path.write_text("backend: fake\ndatasets:\n  - name: fake\n    sourc: x\nreporters:\n  - zzz\n")
    config, origin = load_config(path)
    registry = Registry.of(FakePlugin(classes=exx_lab.KINDS))

    with pytest.raises(ConfigError, match="2 problems") as caught:
        Experiment(config, origin, registry).check()
    assert caught.value.problems[0].startswith("line 4: datasets[0].sourc: unknown key")
    assert caught.value.problems[1].startswith("line 6: reporters[0]: no reporter called 'zzz'")


def test_everything_wrong_is_told_at_once(lab: Lab) -> None:
    """An unknown backend does not hide a misspelt option, and the hint is told as well."""
    with pytest.raises(ConfigError, match="3 problems") as caught:
        lab.experiment(backend="x", datasets=[{"name": "fake", "itms": 1}], unsupported="y").check()

    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        "backend",
        "datasets[0].itms",
        "unsupported.strategy",
    ]
    assert caught.value.hint == "exx plugins list shows what is installed"


def test_a_plugin_that_could_not_be_loaded_is_told_where_it_is_missed(lab: Lab) -> None:
    """The reason for an unknown name is, more often than not, a broken installation."""
    experiment = lab.experiment(unsupported="nli")
    experiment.registry.broken.append(Broken(Owner("nli", "exx-nli", "0.1.0"), "import of 'exx_nli' failed: no torch"))

    with pytest.raises(ConfigError, match="no detector called 'nli'") as caught:
        experiment.check()
    assert caught.value.hint is not None
    assert "plugin 'nli' (exx-nli 0.1.0): import of 'exx_nli' failed: no torch" in caught.value.hint


# prompts


def test_a_prompt_set_takes_options(lab: Lab) -> None:
    """Under its name, as any other plugin does; a wrong one is told by its path; the config is written as it was."""

    @frozen(kw_only=True)
    class Toned:
        """Two prompts.

        Attributes:
            tone: The treatment.
        """

        name: ClassVar[str] = "toned"
        tone: str = "plain"

        def texts(self) -> PromptTexts:
            return PromptTexts("Answer.", f"Answer in a {self.tone} way.", "Read.", "Answer.")

    lab.plugin.classes = {**lab.plugin.classes, "prompt_sets": [Toned]}
    given = {"mine": {"name": "toned", "tone": "firm"}}
    experiment = lab.experiment(prompt_sets=given)

    assert experiment.prompts(experiment.trials[0]).texts.treatment == "Answer in a firm way."
    assert to_plain(experiment.config)["prompt_sets"] == given
    (problem,) = problems(lab, prompt_sets={"mine": {"name": "toned", "tune": "x"}})
    assert problem.startswith("prompt_sets.mine.tune: unknown key, did you mean 'tone'?")


def test_a_missing_prompt_file_is_named(lab: Lab) -> None:
    """With the key that names it."""
    files = {"control": "there.txt", "treatment": "missing.txt"}
    (lab.folder / "there.txt").write_text("Answer.")

    assert problems(lab, prompt_sets={"mine": files}) == ("prompt_sets.mine.treatment: missing.txt: no such file",)


def test_a_prompt_that_cannot_be_read_says_why(lab: Lab) -> None:
    """A file that is not text."""
    (lab.folder / "bad.txt").write_bytes(b"\xff\xfe")
    (problem,) = problems(lab, task_instructions={"open_book": "bad.txt"})

    assert problem.startswith("task_instructions.open_book: bad.txt: cannot be read ('utf-8' codec can't decode")


@pytest.mark.parametrize(("text", "where"), [("", "in the config"), (" \n\t", "in the config"), (None, "blank.txt")])
def test_an_empty_prompt_is_refused(lab: Lab, text: str | None, where: str) -> None:
    """A blank system prompt is far more often a mistake than a treatment."""
    (lab.folder / "blank.txt").write_text(" \n")
    empty: Any = "blank.txt" if text is None else {"text": text}

    assert problems(lab, prompt_sets={"mine": {"control": empty, "treatment": {"text": "x"}}}) == (
        f"prompt_sets.mine.control: the prompt is empty ({where})",
    )


def test_control_has_to_differ_from_treatment(lab: Lab) -> None:
    """Also when only blanks around them differ."""
    same = {"control": {"text": "Answer."}, "treatment": {"text": " Answer.\n"}}

    with pytest.raises(ConfigError, match=r"prompt_sets.mine: control and treatment are the same text\n  → an exper"):
        lab.experiment(prompt_sets={"mine": same}).check()


def test_prompts_say_where_they_came_from(lab: Lab) -> None:
    """Files by name, those of a plugin by its distribution."""
    (lab.folder / "c.txt").write_text("\ufeffControl.\n")
    experiment = lab.experiment(prompt_sets={"mine": {"control": "c.txt", "treatment": {"text": "Treatment."}}})
    prompts = experiment.prompts(experiment.trials[0])

    assert prompts.texts == PromptTexts("Control.", "Treatment.", "Read and answer.", "Answer the question.")
    assert dict(prompts.sources) == {
        "control": "c.txt",
        "treatment": "in the config",
        "open_book": "default (in-process 0)",
        "closed_book": "default (in-process 0)",
    }


# binding


def test_every_installed_scorer_analysis_and_reporter_is_used_by_default(lab: Lab) -> None:
    """And those that are named, in their order, otherwise."""
    assert [bound.name for bound in lab.experiment().analyses] == ["mean_difference"]
    assert lab.experiment(reporters=[]).reporters == ()


@frozen(kw_only=True)
class Taking:
    """An analysis that takes what the config's ``stats`` says to all."""

    name: ClassVar[str] = "permutation"
    level: ClassVar[str] = "study"
    random_seed: int = 0
    risk_thresholds: tuple[float, ...] = ()
    depth: int = field(default=1, validator=ge(1))


@pytest.mark.parametrize(
    ("changes", "values"),
    [
        ({}, (1337, 1)),
        ({"stats": {"random_seed": 5}}, (5, 1)),
        ({"stats": {"random_seed": 5}, "analyses": [{"name": "permutation", "random_seed": 6, "depth": 2}]}, (6, 2)),
    ],
)
def test_an_analysis_takes_shared_settings_unless_it_has_its_own(
    lab: Lab, changes: dict[str, Any], values: tuple[int, int]
) -> None:
    """An option of the same name, from ``stats``."""
    lab.extra.append(_offer("analyses", Taking))
    bound = next(b for b in lab.experiment(**changes).analyses if b.name == "permutation")

    assert (bound.instance.random_seed, bound.instance.depth) == values
    assert bound.instance.risk_thresholds == (0.0, 0.25, 0.5, 0.75, 1.0)


def test_a_switch_turns_an_analysis_off(lab: Lab) -> None:
    """``stats.enable_permutation: false`` as in the reference system."""
    lab.extra.append(_offer("analyses", Taking))

    assert [b.name for b in lab.experiment(stats={"enable_permutation": False}).analyses] == ["mean_difference"]


def test_a_stamp_identifies_a_plugin_with_its_options(lab: Lab) -> None:
    """It goes into fingerprints, so plain data."""
    bound = lab.experiment(datasets=[{"name": "fake", "items": 3}]).datasets[0]

    assert bound.stamp() == {"name": "fake", "distribution": "in-process", "version": "0", "options": {"items": 3}}


def _offer(kind: str, *classes: type[Any]) -> FakePlugin:
    """A plugin that offers these classes alone."""
    plugin = FakePlugin(classes={kind: list(classes)})
    silent = {f"exx_register_{name}": lambda self: [] for name in ("datasets", "prompt_sets", "backends")}
    return type("Silent", (FakePlugin,), silent)(classes=plugin.classes)


def test_a_failure_inside_a_plugin_names_it(lab: Lab) -> None:
    """What it raised, by name, and not a bare traceback; its own refusals pass as they are."""
    bound = lab.experiment().datasets[0]

    class Failing:
        def digest(self) -> str:
            raise LookupError("gone")

        def refuse(self) -> str:
            raise DataError("file", "no good")

    failing = type(bound)(bound.kind, "mine", Failing(), Owner("m", "exx-m", "1.0"), {})
    with pytest.raises(PluginError, match=re.escape("plugin 'mine' (exx-m 1.0): LookupError: gone")):
        failing.call("digest")
    with pytest.raises(DataError, match="file: no good"):
        failing.call("refuse")


def test_a_dry_run_is_the_same_experiment_with_another_backend() -> None:
    """Nothing else changes."""
    config, _ = build_config({"top_k": 3}, Origin("x"))
    dry = with_dry_run(config)

    assert (dry.backend.name, dry.top_k) == ("dry_run", 3)
    assert with_dry_run(dry) is dry


# the backend, without batches


class Standing(FakeBatchBackend):
    """Asks by batches, and says who asks one by one."""

    def online(self) -> tuple[str, dict[str, Any]]:
        """The fake one, with an option."""
        return self.remote, {"flavour": "online"} if self.remote == "fake" else {}


def standing(lab: Lab, remote: str, **changes: Any) -> Experiment:
    """An experiment on such a backend, which names ``remote``."""
    lab.plugin.classes = {**lab.plugin.classes, "backends": [Standing]}
    return lab.experiment(backend={"name": "fake_batch", "remote": remote}, **changes)


def test_without_batches_another_backend_answers(lab: Lab) -> None:
    """The one that the batch backend names, with its options; with batches it is itself, and so it is kept."""
    online = standing(lab, "fake", use_batch_api=False)

    assert (online.backend.name, online.backend.options) == ("fake", {"flavour": "online"})
    assert online.backend.instance.flavour == "online"
    assert online.portable().backend.name == "fake_batch"
    assert online.trials[0].model == "fake-model"
    assert standing(lab, "fake").backend.name == "fake_batch"
    online.check()


def test_a_run_without_batches_asks_one_by_one(lab: Lab) -> None:
    """And says so in its manifest; the config stays as it was written."""
    lab.plugin.classes = {**lab.plugin.classes, "backends": [Standing]}
    lab.run(backend={"name": "fake_batch", "remote": "fake"}, use_batch_api=False)

    assert len(lab.asked) == 20
    assert json.loads(lab.result("trial_manifest.json"))["backend"]["name"] == "fake"
    assert lab.state()["config"]["backend"]["name"] == "fake_batch"


def test_a_backend_that_can_only_batch_says_so(lab: Lab) -> None:
    """With what to do; one that is online anyway does not mind."""
    lab.plugin.classes = {**lab.plugin.classes, "backends": [FakeBatchBackend]}
    found = problems(lab, backend="fake_batch", use_batch_api=False)

    assert found == ("use_batch_api: false, and the backend 'fake_batch' can only ask by batches",)
    assert lab.experiment(use_batch_api=False).backend.name == "fake"


def test_a_stand_in_that_is_not_installed_is_named(lab: Lab) -> None:
    """And one that would not help is the plugin's mistake."""
    with pytest.raises(
        ConfigError, match="use_batch_api: false, and the backend 'open_chat', which 'fake_batch'"
    ) as told:
        standing(lab, "open_chat", use_batch_api=False).check()
    assert told.value.hint == "pip install exx-open-chat, or set use_batch_api: true"
    with pytest.raises(PluginError, match="names 'fake_batch', which asks by batches too"):
        standing(lab, "fake_batch", use_batch_api=False).check()


@frozen(kw_only=True)
class Draws:
    """An analysis with an option that ``stats`` shares, and a bound of its own."""

    name: ClassVar[str] = "draws"
    level: ClassVar[str] = "metric"
    bootstrap_samples: int = field(default=5000, validator=ge(100))


@frozen(kw_only=True)
class FromFile:
    """A dataset with a source."""

    name: ClassVar[str] = "from_file"
    source: Source


def test_a_shared_setting_is_blamed_where_it_stands(lab: Lab) -> None:
    """What an analysis takes from ``stats`` and cannot use is told under the key the file has."""
    lab.plugin.classes = {**lab.plugin.classes, "analyses": [Draws]}
    assert problems(lab, stats={"bootstrap_samples": 50}) == ("stats.bootstrap_samples: must be >= 100: 50",)


def test_an_option_of_its_own_is_blamed_under_the_analysis(lab: Lab) -> None:
    """The same option, given with the analysis, is told there."""
    lab.plugin.classes = {**lab.plugin.classes, "analyses": [Draws]}
    found = problems(lab, analyses=[{"name": "draws", "bootstrap_samples": 50}])
    assert found == ("analyses[0].bootstrap_samples: must be >= 100: 50",)


def test_a_portable_config_means_the_same_from_anywhere(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dataset's file that was found beside the config keeps its place when the config is read from elsewhere."""
    (lab.folder / "items.jsonl").write_text("")
    monkeypatch.chdir(lab.folder.parent)
    lab.plugin.classes = {**lab.plugin.classes, "datasets": [FromFile]}
    experiment = lab.experiment(datasets=[{"name": "from_file", "source": "items.jsonl"}])
    (dataset,) = experiment.portable().datasets
    assert dataset.options == {"source": str(lab.folder / "items.jsonl")}


def test_a_model_that_is_not_there_is_told_at_once(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The backend is asked for the model before anything is prepared."""

    def missing(_: Any, model: str) -> dict[str, str]:
        raise BackendError(f"no weights for {model}")

    monkeypatch.setattr(FakeBackend, "identity", missing)
    with pytest.raises(BackendError, match="no weights for fake-model"):
        lab.experiment().check()
