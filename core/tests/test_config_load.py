"""A config that cannot be used is refused with file, line, path of the key, and what would have been right."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from exx.config.dump import differences, to_plain
from exx.config.load import Config, build_config, load_config
from exx.config.schema import Markers, PluginRef, PromptFiles
from exx.config.structure import Origin
from exx.errors import ConfigError, UsageError

# Every key of contracts.md with the values it stands there with.
CONTRACT = """
model_id: accounts/fireworks/models/gpt-oss-120b
backend: fireworks
datasets: [squad_v2, triviaqa, nq_open]
temps: [0.0]
samples_per_item: {"0.0": 1}
max_new_tokens: {closed_book: 1024, open_book: 1024}
top_p: 1.0
top_k: 50
stop: []
use_batch_api: true
sizes:
  {open_book_max_items: 3000, closed_book_max_items: null, triviaqa_max_items: null, nq_open_max_items: null,
   squad_v2_max_items: null}
paths:
  {raw_dir: data/raw, prepared_dir: data/prepared, batch_inputs_dir: data/batch_inputs, results_dir: results,
   reports_dir: reports, run_manifest: results/run_manifest.json, experiments_dir: experiments}
pricing: {input_per_million: 0.15, output_per_million: 0.60, batch_discount: 0.5}
prompt_sets: {default: {control: prompts/control.txt, treatment: prompts/treatment.txt}}
default_prompt_set: default
model_aliases: {oss: accounts/fireworks/models/gpt-oss-120b}
models: [oss]
sweep: {models: [], prompt_sets: [], temps: [], top_p: [], top_k: [], max_new_tokens: {closed_book: [], open_book: []}}
trials:
  [{id: null, model: oss, prompt_set: default, temps: [0.0], top_p: 1.0, top_k: 50,
    max_new_tokens: {closed_book: 1024, open_book: 1024}}]
abstention: default
cache: reuse
unsupported: {strategy: overlap, threshold: 0.5, min_token_overlap: 0.6}
optional:
  {enable_unsupported_sensitivity: true, enable_mixed_effects: true, enable_power_analysis: true,
   enable_cost_effectiveness: true}
stats:
  {bootstrap_samples: 5000, permutation_samples: 5000, random_seed: 1337, enable_permutation: true, enable_fdr: true,
   risk_thresholds: [0.0, 0.25, 0.5, 0.75, 1.0], tost_alpha: 0.05, tost_margins: {em: 0.01, f1: 0.01}}
"""


def build(raw: Any, *overrides: str) -> Config:
    """A config out of plain data."""
    return build_config(raw, Origin("c.yaml"), overrides)[0]


def write(folder: Path, text: str) -> Path:
    """A config file."""
    path = folder / "experiment.yaml"
    path.write_text(text, "utf-8")
    return path


def test_a_file_of_the_reference_system_works_unchanged(workdir: Path) -> None:
    """Every key of the contract is accepted and has the meaning it has there."""
    config, _ = load_config(write(workdir, CONTRACT))

    assert [ref.name for ref in config.datasets] == ["squad_v2", "triviaqa", "nq_open"]
    assert config.sizes["open_book_max_items"] == 3000 and config.sizes["triviaqa_max_items"] is None
    assert config.pricing is not None and config.pricing.output_per_million == 0.6
    assert config.stats.tost_margins == {"em": 0.01, "f1": 0.01}
    assert isinstance(config.prompt_sets["default"], PromptFiles)


def test_the_defaults_are_those_of_the_contract(workdir: Path) -> None:
    """A key that is left out means what contracts.md shows."""
    shown = to_plain(load_config(write(workdir, CONTRACT))[0])
    default = to_plain(build({}))

    for key in (
        "backend",
        "datasets",
        "temps",
        "top_p",
        "top_k",
        "stop",
        "use_batch_api",
        "paths",
        "abstention",
        "cache",
    ):
        assert default[key] == shown[key], key
    for key in ("unsupported", "optional", "stats", "max_new_tokens", "sweep"):
        assert default[key] == shown[key], key


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tempz: [0.0]", "line 1: tempz: unknown key, did you mean 'temps'?"),
        (
            "top_k: 1\nstats:\n  bootstrap_sample: 5",
            "line 3: stats.bootstrap_sample: unknown key, did you mean 'bootstrap_samples'?",
        ),
        ("zzz: 1", "line 1: zzz: unknown key; known here: model_id, backend, datasets"),
        ("trials:\n- {modle: m}", "line 2: trials[0].modle: unknown key, did you mean 'model'?"),
        (
            "sizes: {open_book_max_item: 3}",
            "line 1: sizes.open_book_max_item: unknown key, did you mean 'open_book_max_items'?",
        ),
        ("sizes: {squad: 3}", "line 1: sizes.squad: unknown key; known here: open_book_max_items"),
        ("top_k: '7'", "line 1: top_k: expected a whole number, found '7'"),
        ("top_k: true", "line 1: top_k: expected a whole number, found True"),
        ("top_k: 1.9", "line 1: top_k: expected a whole number, found 1.9"),
        ("top_p: '1'", "line 1: top_p: expected a number, found '1'"),
        ("top_p: true", "line 1: top_p: expected a number, found True"),
        ("use_batch_api: 1", "line 1: use_batch_api: expected true or false, found 1"),
        ("model_id: 7", "line 1: model_id: expected text, found 7"),
        ("stop: END", "line 1: stop: expected a list, found 'END'"),
        ("temps: 0.5", "line 1: temps: expected a list, found 0.5"),
        ("temps: [0.0, hot]", "line 1: temps[1]: expected a number, found 'hot'"),
        ("datasets: squad_v2", "line 1: datasets: expected a list, found 'squad_v2'"),
        (
            "datasets: [3]",
            "line 1: datasets[0]: expected a plugin's name, or a mapping with a name and its options, found 3",
        ),
        ("stats: [1]", "line 1: stats: expected a mapping, found [1]"),
        ("prompt_sets: {a: 3}", "line 1: prompt_sets.a: expected a mapping, found 3"),
        ("prompt_sets: {a: {control: x.txt}}", "prompt_sets.a.treatment: required, but missing"),
        (
            "prompt_sets: {a: {control: {txt: x}, treatment: y}}",
            "prompt_sets.a.control: expected the path of a text file, or {text: …}",
        ),
        ("unsupported: 3", "line 1: unsupported: expected a mapping with a strategy, found 3"),
        ("abstention: sometimes", "line 1: abstention: expected default, none or {markers: […]}, found 'sometimes'"),
        ("cache: reuze", "line 1: cache: expected one of reuse, refresh, off, found 'reuze', did you mean 'reuse'?"),
        ("samples_per_item: {hot: 1}", "samples_per_item: expected temperatures as keys, found 'hot'"),
        ("verdict: {primary: em}", "line 1: verdict.primary: expected a list, found 'em'"),
    ],
)
def test_a_wrong_key_or_type_is_told_by_its_path(workdir: Path, text: str, words: str) -> None:
    """Line, path, what was expected, what was found, the nearest known key."""
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        load_config(write(workdir, text))

    assert len(caught.value.problems) == 1
    assert str(caught.value).startswith(f"{workdir / 'experiment.yaml'}: 1 problem\n")


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"temps": [2.5]}, "temps: must be <= 2.0: 2.5"),
        ({"temps": [float("nan")]}, "temps[0]: expected a number of ordinary size, found nan"),
        ({"temps": []}, "temps: length must be >= 1: 0"),
        ({"datasets": []}, "datasets: length must be >= 1: 0"),
        ({"top_p": 0.0}, "top_p: must be > 0.0: 0.0"),
        ({"top_p": 10**400}, "top_p: expected a number of ordinary size, found 1000"),
        ({"top_k": -1}, "top_k: must be >= 0: -1"),
        ({"samples_per_item": {"0.0": 0}}, "samples_per_item.0.0: must be >= 1: 0"),
        ({"max_new_tokens": {"open_book": 0}}, "max_new_tokens.open_book: must be >= 1: 0"),
        ({"sweep": {"top_p": [0.5, 1.5]}}, "sweep.top_p: must be <= 1.0: 1.5"),
        ({"sweep": {"max_new_tokens": {"closed_book": [0]}}}, "sweep.max_new_tokens.closed_book: must be >= 1: 0"),
        ({"sizes": {"squad_v2_max_items": -1}}, "sizes.squad_v2_max_items: must be >= 0: -1"),
        (
            {"pricing": {"input_per_million": -1, "output_per_million": 1}},
            "pricing.input_per_million: must be >= 0.0: -1",
        ),
        (
            {"pricing": {"input_per_million": float("inf"), "output_per_million": 1}},
            "pricing.input_per_million: expected a number of ordinary",
        ),
        ({"stats": {"bootstrap_samples": 0}}, "stats.bootstrap_samples: must be >= 1: 0"),
        ({"stats": {"random_seed": 2**70}}, "stats.random_seed: expected a whole number of ordinary size"),
        ({"stats": {"tost_alpha": 0.5}}, "stats.tost_alpha: must be < 0.5: 0.5"),
        ({"stats": {"tost_margins": {"em": -0.01}}}, "stats.tost_margins.em: must be > 0.0: -0.01"),
        ({"stats": {"risk_thresholds": [1.5]}}, "stats.risk_thresholds: must be <= 1.0: 1.5"),
        ({"verdict": {"primary": []}}, "verdict.primary: length must be >= 1: 0"),
        ({"unsupported": {"threshold": 2}}, "unsupported.threshold: must be <= 1.0: 2"),
        ({"abstention": {"markers": []}}, "abstention.markers: length must be >= 1: 0"),
        ({"trials": [{"temps": []}]}, "trials[0].temps: length must be >= 1: 0"),
        ({"trials": [{}, {"top_k": -1}]}, "trials[1].top_k: must be >= 0: -1"),
        ({"model_id": "\ud800"}, "model_id: holds a character that cannot be written"),
    ],
)
def test_a_value_out_of_range_is_told_by_its_path(raw: dict[str, Any], words: str) -> None:
    """The path, the bound, the value."""
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        build(raw)

    assert len(caught.value.problems) == 1


def test_every_problem_is_told_at_once(workdir: Path) -> None:
    """Nobody wants to mend a file one message at a time."""
    text = "tempz: 1\ntop_k: -1\ntop_p: x\nstats: {bootstrap_samples: 0, enable_fdr: 3}\ncache: no such\n"

    with pytest.raises(ConfigError, match="6 problems") as caught:
        load_config(write(workdir, text))

    paths = [problem.split(": ")[1] for problem in caught.value.problems]
    assert sorted(paths) == sorted(["tempz", "top_k", "top_p", "stats.bootstrap_samples", "stats.enable_fdr", "cache"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3", "line 3: a: given twice, first on line 1"),
        ("stats:\n  random_seed: 1\n  random_seed: 2", "line 3: stats.random_seed: given twice, first on line 2"),
        ("trials:\n- model: x\n  model: y", "line 3: trials[0].model: given twice, first on line 2"),
        ("temps: [0.0", "is not valid YAML: while parsing a flow sequence"),
        ("temps: \x00", "is not valid YAML: unacceptable character #x0000"),
        ("model_id: 2024-13-45", "is not valid YAML: month must be in 1..12"),
        ("model_id: !!python/object:os.system x", "is not valid YAML: could not determine a constructor"),
        ("stats: &loop {inner: *loop}", "a part of it contains itself, or is nested too deeply"),
        ("- a\n- b", "expected a mapping of settings, found ['a', 'b']"),
        ("just words", "expected a mapping of settings, found 'just words'"),
    ],
)
def test_a_file_that_is_no_config_is_refused(workdir: Path, text: str, words: str) -> None:
    """With the line where there is one; YAML would silently keep the last of two keys."""
    with pytest.raises(ConfigError, match=re.escape(words)):
        load_config(write(workdir, text))


def test_a_missing_file_says_what_to_give(workdir: Path) -> None:
    """A path that was misspelt."""
    with pytest.raises(ConfigError, match=r"nope.yaml: 1 problem\n  no such file\n  → give the path of an experiment"):
        load_config(workdir / "nope.yaml")


def test_a_file_that_cannot_be_read_says_why(workdir: Path) -> None:
    """A folder, and a file that is not text."""
    (workdir / "b.yaml").write_bytes(b"model_id: \xff\xfe\xff")

    with pytest.raises(ConfigError, match=r"cannot be read: .*Is a directory"):
        load_config(workdir)
    with pytest.raises(ConfigError, match="cannot be read: 'utf-8' codec can't decode"):
        load_config(workdir / "b.yaml")


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n", "pricing:\nstats:\n"])
def test_nothing_means_the_defaults(workdir: Path, text: str) -> None:
    """An empty file, and keys with nothing behind them."""
    assert load_config(write(workdir, text))[0] == build({})


def test_a_byte_order_mark_does_no_harm(workdir: Path) -> None:
    """Some editors write one."""
    (workdir / "c.yaml").write_bytes(b"\xef\xbb\xbftop_k: 7\n")

    assert load_config(workdir / "c.yaml")[0].top_k == 7


@pytest.mark.parametrize(
    ("raw", "key", "value"),
    [
        ({"backend": "x"}, "backend", PluginRef("x")),
        ({"backend": {"name": "x", "speed": 3}}, "backend", PluginRef("x", {"speed": 3})),
        ({"prompt_sets": "mine"}, "prompt_sets", {"mine": "mine"}),
        ({"prompt_sets": ["a", "b"]}, "prompt_sets", {"a": "a", "b": "b"}),
        ({"samples_per_item": {0.7: 3}}, "samples_per_item", {"0.7": 3}),
        ({"samples_per_item": {"0": 3}}, "samples_per_item", {"0.0": 3}),
        ({"abstention": {"markers": ["n/a"]}}, "abstention", Markers(markers=("n/a",))),
    ],
)
def test_shorter_forms_mean_the_same(raw: dict[str, Any], key: str, value: Any) -> None:
    """People may write less."""
    assert getattr(build(raw), key) == value


def test_a_detector_gets_the_keys_that_are_not_everybodys() -> None:
    """``unsupported`` takes options of a detector beside the two that all have."""
    unsupported = build({"unsupported": {"strategy": "nli", "model": "m", "threshold": 0.4}}).unsupported

    assert (unsupported.strategy, unsupported.threshold, dict(unsupported.options)) == ("nli", 0.4, {"model": "m"})
    assert build({"unsupported": "baseline"}).unsupported.strategy == "baseline"


# --set


def test_set_overrides_one_key_with_a_yaml_value() -> None:
    """In order, making mappings on the way, and leaving the neighbours alone."""
    config = build(
        {"stats": {"bootstrap_samples": 9}}, "stats.random_seed=7", "temps=[0.5, 1]", "pricing=", "top_k=1", "top_k=2"
    )

    assert (config.stats.random_seed, config.stats.bootstrap_samples) == (7, 9)
    assert (config.temps, config.pricing, config.top_k) == ((0.5, 1.0), None, 2)
    assert build({"stats": None}, "stats.random_seed=7").stats.random_seed == 7


@pytest.mark.parametrize(
    ("override", "words"),
    [
        (
            "stats.random_seed",
            "--set 'stats.random_seed': expected KEY=VALUE\n  → for example --set stats.random_seed=7",
        ),
        ("=7", "--set '=7': expected KEY=VALUE"),
        ("temps=[0.0", "--set 'temps=[0.0': the value is not valid YAML: while parsing"),
        ("model_id=2024-13-45", "the value is not valid YAML: month must be in 1..12"),
        ("top_k.x=1", "--set 'top_k.x=1': 'top_k' is not a mapping in this config"),
    ],
)
def test_a_set_that_makes_no_sense_is_refused(override: str, words: str) -> None:
    """With the override as it was typed."""
    with pytest.raises(UsageError, match=re.escape(words)):
        build({"top_k": 3}, override)


def test_a_wrong_value_of_set_is_not_blamed_on_the_file(workdir: Path) -> None:
    """The line of the file that was overridden is not where the mistake is."""
    path = write(workdir, "top_k: 1\nstats:\n  random_seed: 1\n  enable_fdr: 3\n")

    with pytest.raises(ConfigError, match="2 problems") as caught:
        load_config(path, ["stats.random_seed=x"])

    assert sorted(caught.value.problems) == [
        "line 4: stats.enable_fdr: expected true or false, found 3",
        "stats.random_seed: expected a whole number, found 'x'",
    ]


# paths


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the path of the key."""
    monkeypatch.delenv("NO_SUCH_FOLDER", raising=False)

    with pytest.raises(
        ConfigError, match=r"paths.raw_dir: environment variable NO_SUCH_FOLDER is not set \(in '\$\{NO"
    ):
        build({"paths": {"raw_dir": "${NO_SUCH_FOLDER}/raw"}})


def test_variables_and_the_home_expand_in_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    """``${VAR}`` and ``~``."""
    monkeypatch.setenv("WHERE", "/data")
    monkeypatch.setenv("HOME", "/home/someone")
    paths = build({"paths": {"raw_dir": "${WHERE}/raw", "reports_dir": "~/reports"}}).paths

    assert (paths.raw_dir, paths.reports_dir) == (Path("/data/raw"), Path("/home/someone/reports"))


def test_relative_paths_are_looked_for_in_two_places(workdir: Path) -> None:
    """First in the working directory, then beside the config; one that is nowhere is shown as it was written."""
    beside = workdir / "configs"
    beside.mkdir()
    for folder in (workdir, beside):
        (folder / "both.txt").write_text("x")
    (beside / "one.txt").write_text("x")
    text = "prompt_sets: {a: {control: both.txt, treatment: one.txt}}\ntask_instructions: {open_book: none.txt}"
    config, _ = load_config(write(beside, text))

    chosen = config.prompt_sets["a"]
    assert isinstance(chosen, PromptFiles)
    assert (chosen.control.path, chosen.treatment.path) == (Path("both.txt"), beside / "one.txt")
    assert config.task_instructions.open_book is not None
    assert config.task_instructions.open_book.path == Path("none.txt")


# back to plain data

options = st.dictionaries(st.text("abc_", min_size=1), st.none() | st.booleans() | st.integers(0, 9) | st.text("xyz"))
configs = st.fixed_dictionaries(
    {},
    optional={
        "model_id": st.text(min_size=1),
        "backend": st.builds(lambda name, more: {**more, "name": name}, st.text("abc", min_size=1), options),
        "temps": st.lists(st.floats(0, 2), min_size=1, max_size=3),
        "samples_per_item": st.dictionaries(st.floats(0, 2).map(repr), st.integers(1, 9), max_size=3),
        "top_p": st.floats(0.001, 1),
        "sizes": st.dictionaries(
            st.sampled_from(["open_book_max_items", "x_max_items"]), st.none() | st.integers(0, 99)
        ),
        "pricing": st.none() | st.just({"input_per_million": 1, "output_per_million": 2.5}),
        "prompt_sets": st.just({"a": "b", "c": {"control": {"text": "x"}, "treatment": "/p/t.txt"}}),
        "abstention": st.sampled_from(["default", "none", {"markers": ["?"]}]),
        "cache": st.sampled_from(["reuse", "refresh", "off"]),
        "unsupported": st.just({"strategy": "x", "depth": 3}),
        "trials": st.just([{"id": "one", "temps": [0.5]}, {"max_new_tokens": {"open_book": 3}}]),
        "analyses": st.just(["a", {"name": "b", "level": 3}]),
    },
)


@settings(max_examples=50)
@given(configs)
def test_a_config_survives_being_written_and_read(raw: dict[str, Any]) -> None:
    """``exx resume`` reads what the run's folder holds, and it is the same experiment."""
    config = build(raw)
    plain = to_plain(config)
    again = build(yaml.safe_load(yaml.safe_dump(plain, allow_unicode=True)))

    assert again == config
    assert list(differences(plain, to_plain(again))) == []


def test_differences_say_what_was_and_what_is() -> None:
    """By the path of the key, also for keys that only one side has."""
    old = {"a": 1, "b": {"c": [1], "d": 2}, "gone": True}
    new = {"a": 1, "b": {"c": [2], "d": 2}, "here": "x"}

    assert list(differences(old, new)) == ["b.c: [1] → [2]", "gone: True → None", "here: None → 'x'"]
