"""Plugins are found by entry point and looked up by name; whatever goes wrong names plugin and distribution."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import frozen
from lab import Lab

from exx.errors import PluginError, UsageError
from exx.hookspecs import hookimpl
from exx.plugins import KINDS, Registry, load_plugins
from exx.testing import FakePlugin

Distribution = Callable[..., None]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed distributions, and the only one that there is."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [str(folder), *(p for p in sys.path if "site-packages" not in p)])
    monkeypatch.delenv("EXX_PLUGINS", raising=False)
    monkeypatch.delenv("EXX_TRACE", raising=False)
    return folder


def offering(kind: str, name: str) -> str:
    """Source of a plugin module that offers one class."""
    return f"""
from attrs import frozen
from exx import hookimpl

@frozen
class Thing:
    name = {name!r}

@hookimpl
def {KINDS[kind]}():
    return [Thing]
"""


def test_an_installed_plugin_is_found(site: Path, distribution: Distribution) -> None:
    """By its entry point, with the distribution it came with."""
    (site / "one_module.py").write_text(offering("scorer", "one"))
    distribution(site, "exx-one", "1.2", {"one": "one_module"})
    registry = load_plugins()

    offer = registry.find("scorer", "one")
    assert (offer.kind, offer.cls.name, str(offer.owner)) == ("scorer", "one", "exx-one 1.2")
    assert registry.broken == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            "import no_such_module_anywhere",
            "import of 'broken_a' failed: ModuleNotFoundError(\"No module named 'no_such_module",
        ),
        ("def (", "import of 'broken_a' failed: SyntaxError"),
        ("1 / 0", "import of 'broken_a' failed: ZeroDivisionError"),
        (
            "from exx import hookimpl\n@hookimpl\ndef exx_register_scorer(): return []",
            "unknown hook 'exx_register_scorer'",
        ),
        ("from exx import hookimpl\n@hookimpl\ndef exx_register_scorers(x): return []", "exx_register_scorers"),
        (
            "from exx import hookimpl\n@hookimpl\ndef exx_register_scorers(): return 1 / 0",
            "exx_register_scorers failed: ZeroDivisionError",
        ),
        (
            "from exx import hookimpl\n@hookimpl\ndef exx_register_scorers(): pass",
            "exx_register_scorers failed: TypeError",
        ),
        (
            "from exx import hookimpl\nclass A: pass\n@hookimpl\ndef exx_register_scorers(): return [A]",
            "has no class variable 'name'",
        ),
        (
            "from exx import hookimpl\nclass A: name = 'a'\n@hookimpl\ndef exx_register_scorers(): return [A]",
            "is not an attrs class",
        ),
    ],
)
def test_a_broken_plugin_is_named_where_it_would_have_been_needed(
    site: Path, distribution: Distribution, monkeypatch: pytest.MonkeyPatch, source: str, words: str
) -> None:
    """Plugin, distribution, version and reason; every other plugin still works."""
    monkeypatch.delitem(sys.modules, "broken_a", raising=False)
    (site / "broken_a.py").write_text(source)
    (site / "good_b.py").write_text(offering("scorer", "good"))
    distribution(site, "exx-broken", "0.3", {"a": "broken_a"})
    distribution(site, "exx-good", "1.0", {"b": "good_b"})
    registry = load_plugins()

    assert registry.find("scorer", "good").owner.distribution == "exx-good"
    with pytest.raises(UsageError, match="no scorer called 'wanted'") as caught:
        registry.find("scorer", "wanted")
    assert caught.value.hint is not None
    assert "these plugins could not be loaded:\n    plugin 'a' (exx-broken 0.3): " in caught.value.hint
    assert words in caught.value.hint


def test_a_broken_plugin_says_what_to_do(site: Path, distribution: Distribution) -> None:
    """Install it again, or leave it out."""
    distribution(site, "exx-gone", "2.0", {"gone": "module_that_was_removed"})
    (broken,) = load_plugins().broken

    assert str(broken.error()).endswith("→ pip install --force-reinstall exx-gone, or leave it out with EXX_PLUGINS")


def test_the_trace_switch_raises_at_the_place(
    site: Path, distribution: Distribution, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EXX_TRACE=1 is for whoever wrote the plugin: the cause is chained."""
    monkeypatch.setenv("EXX_TRACE", "1")
    distribution(site, "exx-gone", "2.0", {"gone": "module_that_was_removed"})

    with pytest.raises(PluginError, match=r"plugin 'gone' \(exx-gone 2.0\): import of") as caught:
        load_plugins()
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)

    class Failing:
        @hookimpl
        def exx_register_scorers(self) -> list[type[Any]]:
            raise LookupError("gone")

    with pytest.raises(PluginError, match=r"plugin 'Failing' .*: exx_register_scorers failed: LookupError"):
        Registry.of(Failing()).offers("scorer")


def test_two_plugins_with_one_name_are_both_named(site: Path, distribution: Distribution) -> None:
    """Neither is silently the one that counts."""
    for letter in "ab":
        (site / f"clash_{letter}.py").write_text(offering("dataset", "same"))
        distribution(
            site, f"exx-{letter}", f"1.{letter}".replace("a", "1").replace("b", "2"), {letter: f"clash_{letter}"}
        )
    registry = load_plugins()

    words = (
        r"plugin 'b' \(exx-b 1.2\): dataset 'same' is also offered by 'a' \(exx-a 1.1\)\n  → pip uninstall one of exx-b"
    )
    with pytest.raises(PluginError, match=words):
        registry.find("dataset", "same")
    assert registry.offers("scorer") == {}


def test_two_distributions_with_one_entry_point_are_both_named(site: Path, distribution: Distribution) -> None:
    """The second is reported as broken, with who was first."""
    (site / "clash_c.py").write_text(offering("dataset", "c"))
    distribution(site, "exx-first", "1", {"c": "clash_c"})
    distribution(site, "exx-second", "2", {"c": "clash_c"})
    registry = load_plugins()

    (broken,) = registry.broken
    assert {broken.owner.distribution, registry.find("dataset", "c").owner.distribution} == {"exx-first", "exx-second"}
    assert "entry point 'c' is also declared by exx-" in broken.reason


@pytest.mark.parametrize(("wanted", "names"), [("b", ["b"]), ("a, b", ["a", "b"]), ("", [])])
def test_the_environment_narrows_what_is_loaded(
    site: Path, distribution: Distribution, monkeypatch: pytest.MonkeyPatch, wanted: str, names: list[str]
) -> None:
    """``EXX_PLUGINS=a,b`` loads only those entry points."""
    for letter in "abc":
        (site / f"narrow_{letter}.py").write_text(offering("reporter", letter))
        distribution(site, f"exx-{letter}", "1", {letter: f"narrow_{letter}"})
    monkeypatch.setenv("EXX_PLUGINS", wanted)

    assert sorted(load_plugins().offers("reporter")) == names


def test_the_environment_cannot_name_what_is_not_installed(
    site: Path, distribution: Distribution, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A misspelt name in ``EXX_PLUGINS`` would otherwise quietly load nothing."""
    (site / "narrow_a.py").write_text(offering("reporter", "a"))
    distribution(site, "exx-alpha", "1", {"alpha": "narrow_a"})
    monkeypatch.setenv("EXX_PLUGINS", "alhpa")

    with pytest.raises(UsageError, match=r"EXX_PLUGINS names 'alhpa', which is not installed; did you mean 'alpha'\?"):
        load_plugins()


def test_an_unknown_name_points_to_the_nearest() -> None:
    """Or says what there is."""
    registry = Registry.of(FakePlugin())

    with pytest.raises(UsageError, match=r"no dataset called 'fakes'; did you mean 'fake'\?"):
        registry.find("dataset", "fakes")
    with pytest.raises(UsageError, match="no dataset called 'squad'; installed: fake\n  → exx plugins list shows"):
        registry.find("dataset", "squad")
    with pytest.raises(UsageError, match="no prompt set called 'x'; installed: default"):
        registry.find("prompt_set", "x")
    with pytest.raises(UsageError, match="no reporter called 'x'; none is installed"):
        registry.find("reporter", "x")


def test_a_class_is_registered_once_however_often_it_is_looked_up() -> None:
    """Hooks are called when their kind is first needed, and at most once."""
    calls: list[int] = []

    class Counting:
        @hookimpl
        def exx_register_scorers(self) -> list[type[Any]]:
            calls.append(1)
            return []

    registry = Registry.of(Counting())
    assert calls == []
    assert registry.offers("scorer") == registry.offers("scorer") == {}
    assert calls == [1]


# observers


class Grumpy:
    """An observer that fails whenever it is told anything."""

    @hookimpl
    def exx_phase_started(self, phase: str) -> None:
        """Fail."""
        raise RuntimeError(f"I cannot stand {phase}")


def test_a_failing_observer_is_reported_and_the_run_goes_on(lab: Lab) -> None:
    """Once per hook, with its name, however often it is called."""
    told: list[str] = []
    orchestrator = lab.orchestrator()
    registry = orchestrator.experiment.registry
    registry.on_observer_error = told.append
    registry.add_observer(Grumpy())
    from exx.state.stop import StopSignal

    orchestrator.execute(StopSignal(orchestrator.folder))

    assert lab.state()["status"] == "done"
    (message,) = told
    assert message.startswith("plugin 'Grumpy-") and "(in-process 0) failed in exx_phase_started: " in message
    assert "I cannot stand prepare" in message


def test_an_observer_that_nobody_listens_for_raises() -> None:
    """Without somebody to tell, as in tests, a failure is an exception."""
    with pytest.raises(RuntimeError, match="I cannot stand build"):
        Registry.of(Grumpy()).observe("exx_phase_started", run=None, trial="", phase="build")


def test_an_observer_that_misspells_a_hook_is_broken() -> None:
    """Rather than never called."""

    class Typo:
        @hookimpl
        def exx_phase_finishd(self) -> None:
            """Never called."""

    (broken,) = Registry.of(Typo()).broken
    assert "unknown hook 'exx_phase_finishd'" in broken.reason


def test_two_objects_of_one_class_are_two_plugins() -> None:
    """Tests register several fakes."""

    @frozen
    class A:
        name: ClassVar[str] = "a"

    registry = Registry.of(FakePlugin(), FakePlugin(classes={"scorers": [A]}))

    assert len(registry.owners) == 2
    with pytest.raises(PluginError, match=r"plugin 'FakePlugin-1' .* is also offered by 'FakePlugin'"):
        registry.offers("dataset")


# --- hook specs of other versions ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("declared", "words", "fix"),
    [
        (">=2", "was made for hook specs >=2, and those of this exx are 1.0", "pip install --upgrade exx-core, or"),
        ("<1", "was made for hook specs <1, and those of this exx are 1.0", "pip install --upgrade exx-old, or"),
        ("latest", "exx_hookspec: expected a range such as '>=1,<2', found 'latest'", "set exx_hookspec = '>=1,<2' in"),
        (7, "exx_hookspec: ", "set exx_hookspec"),
    ],
)
def test_a_plugin_made_for_other_hooks_is_told(
    site: Path, distribution: Distribution, monkeypatch: pytest.MonkeyPatch, declared: object, words: str, fix: str
) -> None:
    """It is not asked, so that a hook it has and exx has not is no riddle; what to upgrade is said."""
    monkeypatch.delitem(sys.modules, "other_specs", raising=False)
    source = f"from exx import hookimpl\nexx_hookspec = {declared!r}\n@hookimpl\ndef exx_unheard_of(): pass\n"
    (site / "other_specs.py").write_text(source)
    distribution(site, "exx-old", "0.1", {"old": "other_specs"})
    (broken,) = load_plugins().broken

    assert words in broken.reason and fix in str(broken.error())
    assert broken.state == ("other version" if declared in (">=2", "<1") else "broken")


@pytest.mark.parametrize("declared", [">=1,<2", "==1.0", ">= 1.0 , != 1.5", ">0.9,<=1"])
def test_a_plugin_made_for_these_hooks_is_taken(
    site: Path, distribution: Distribution, monkeypatch: pytest.MonkeyPatch, declared: str
) -> None:
    """1 and 1.0 are the same version."""
    monkeypatch.delitem(sys.modules, "these_specs", raising=False)
    (site / "these_specs.py").write_text(offering("scorer", "one") + f"\nexx_hookspec = {declared!r}\n")
    distribution(site, "exx-these", "1.0", {"these": "these_specs"})
    registry = load_plugins()

    assert registry.broken == [] and registry.find("scorer", "one").owner.distribution == "exx-these"


def test_a_deprecated_hook_warns_by_the_plugins_name(
    site: Path, distribution: Distribution, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entry point, distribution and version, and what to do instead; the plugin works on."""
    monkeypatch.delitem(sys.modules, "late_one", raising=False)
    monkeypatch.setattr("exx.plugins.DEPRECATED", {"exx_register_scorers": "use exx_offer instead"})
    (site / "late_one.py").write_text(offering("scorer", "one"))
    distribution(site, "exx-late", "1.0", {"late": "late_one"})
    words = r"plugin 'late' \(exx-late 1.0\) implements exx_register_scorers, which will be removed: use exx_offer"
    with pytest.warns(DeprecationWarning, match=words):
        registry = load_plugins()

    assert len(registry.deprecations) == 1 and "one" in registry.offers("scorer")


def test_a_name_claimed_twice_leaves_the_others_to_be_listed() -> None:
    """The survey has everything; a look-up of that kind is refused with both distributions."""
    registry = Registry.of(FakePlugin(), FakePlugin(classes={"scorers": []}))
    offers, clashes = registry.survey("backend")

    assert list(offers) == ["fake"] and len(clashes) == 1
    with pytest.raises(PluginError, match="backend 'fake' is also offered by 'FakePlugin'"):
        registry.find("backend", "fake")
