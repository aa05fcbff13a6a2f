"""``exx new`` writes a whole package, refuses names that cannot be, and never overwrites anything."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from lab import Told

from exx.errors import UsageError
from exx.plugins import KINDS as HOOKS
from exx.plugins import Registry
from exx.scaffold import KINDS, LONGEST, NewPackage
from exx.testing.installed import check_offer

Cli = Callable[..., Told]


def test_every_kind_can_be_made() -> None:
    """Those of the hooks, each with its hook."""
    assert {kind.name: kind.hook for kind in KINDS.values()} == HOOKS


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_a_plugin(kind: str, cli: Cli, workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its module registers, and the class keeps the contract of its kind."""
    told = cli("new", kind.replace("_", "-"), f"made-up-{kind}", "--dir", "mine")
    folder = workdir / "mine" / f"exx-made-up-{kind.replace('_', '-')}"
    monkeypatch.syspath_prepend(folder / "src")
    module = f"exx_made_up_{kind}"
    offer = Registry.of(import_module(module)).find(kind, f"made_up_{kind}")

    assert told.status == 0 and f"pip install -e mine/{folder.name}" in told.out
    assert check_offer(offer).state == "ok"
    assert offer.cls.__name__ == f"MadeUp{''.join(w.capitalize() for w in kind.split('_'))}{KINDS[kind].suffix}"
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)


def test_it_is_told_as_data(cli: Cli) -> None:
    """Folder, name and files."""
    told = cli("new", "scorer", "exx-brief", "--json").json

    assert (told["folder"], told["name"], told["kind"]) == ("exx-brief", "brief", "scorer")
    assert "src/exx_brief/py.typed" in told["files"] and "tests/test_scorer.py" in told["files"]


@pytest.mark.parametrize(
    "name", ["", "exx-", "Brief", "1st", "a b", "a/b", "../up", "brief!", "a--b", "-a", "x" * (LONGEST + 1), "é", "a\n"]
)
def test_a_name_that_cannot_be_one_is_refused(cli: Cli, workdir: Path, name: str) -> None:
    """Before anything is written."""
    told = cli("new", "--", "scorer", name)

    assert (told.status, told.out) == (2, "")
    assert "cannot be the name of a plugin" in told.err
    assert [path.name for path in workdir.iterdir()] == ["experiment.yaml"]


@pytest.mark.parametrize("name", ["core", "exx", "class", "import"])
def test_a_name_that_means_something_else_is_refused(cli: Cli, name: str) -> None:
    """exx-core is the core, and keywords are no names."""
    assert "means something else already" in cli("new", "scorer", name).err


def test_a_name_that_is_installed_is_refused(cli: Cli) -> None:
    """The two could never be used together; another kind may have it."""
    assert "a scorer 'exact' comes with in-process 0" in cli("new", "scorer", "exact").err
    assert cli("new", "dataset", "exact").status == 0


def test_another_kind_is_refused(cli: Cli) -> None:
    """With those there are."""
    told = cli("new", "judge", "strict")

    assert told.status == 2 and "'prompt-set'" in told.err


def test_nothing_is_overwritten(cli: Cli, workdir: Path) -> None:
    """Neither a folder, be it empty, nor a file."""
    (workdir / "exx-one").mkdir()
    (workdir / "exx-two").write_text("mine")

    for name in ("one", "two"):
        told = cli("new", "scorer", name)
        assert told.status == 2 and f"exx-{name} is there already" in told.err
    assert list((workdir / "exx-one").iterdir()) == [] and (workdir / "exx-two").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """One message, no traceback."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot be written|is there already"):
        NewPackage.of("scorer", "brief").write(tmp_path / "file" / "below")
