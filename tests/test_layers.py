"""Who may import whom: the layers of the core, the wall around the plugins, and what must not load at start-up."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from repository import (
    ROOT,
    Import,
    core,
    generated_packages,
    imports,
    parse,
    plugin_packages,
    prompts,
    python_files,
    report,
    shown,
)

import exx

# The core from the bottom up. A module may import from the rows above it and from its own entry (`state` is
# `state/*`), not from its neighbours in a row. The longest entry that fits a module counts.
LAYERS = (
    ("compat", "errors", "fault"),
    ("lattice", "records", "scaffold", "spread"),
    ("config.paths", "downloads", "paired", "rows", "text", "wording"),
    ("answers", "drift", "hub", "interfaces", "observe", "plots", "reading", "responses", "state", "verdict"),
    ("caveats", "hookspecs", "integrity", "jobs", "sources"),
    ("config", "judgement", "plugins"),
    ("prices", "tokens"),
    ("costs",),
    ("experiment", "methods"),
    ("diagnosis",),
    ("setup",),
    ("results",),
    ("aggregate", "gates"),
    ("pipeline",),
    ("runs",),
    ("notebook", "testing"),
    ("cli",),
    ("__main__",),
)
RANK = {entry: rank for rank, row in enumerate(LAYERS) for entry in row}

HEAVY = ("matplotlib", "numpy", "pandas", "pyarrow", "scipy", "statsmodels")
# What a plugin's class may not import when it is merely listed.
HEAVY_FOR_PLUGINS = (*HEAVY, "requests", "torch", "transformers", "xllamacpp")


def module_name(path: Path) -> str:
    """Name a file of the core as one imports it, without the ``exx.`` in front."""
    parts = path.relative_to(core().source).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def entry_of(module: str) -> str | None:
    """Find the entry of LAYERS that a module belongs to."""
    parts = module.split(".")
    prefixes = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((prefix for prefix in prefixes if prefix in RANK), None)


def core_files() -> list[Path]:
    """List the modules of the core, but for its ``__init__``."""
    return [path for path in python_files(core().source) if module_name(path)]


def test_every_module_of_the_core_has_a_layer():
    """A new module of the core is given its place before it is used."""
    problems = [f"{shown(path)}: not in LAYERS" for path in core_files() if entry_of(module_name(path)) is None]

    assert not problems, report(problems)


def test_every_layer_exists():
    """The table of layers names no module that has gone."""
    here = {entry_of(module_name(path)) for path in core_files()}
    problems = [f"LAYERS names {entry!r}, which is not in core/src/exx" for entry in RANK if entry not in here]

    assert not problems, report(problems)


def test_the_core_imports_downwards_only():
    """A layer knows the layers beneath it and no other."""
    problems = []
    for path in core_files():
        own = entry_of(module_name(path))
        for found in imports(path):
            other = entry_of(found.module.removeprefix("exx.")) if found.module.startswith("exx.") else None
            if found.for_types_only or own is None or other in (None, own):
                continue
            if RANK[other] >= RANK[own]:
                problems.append(f"{found.where}: {own!r} may not import {other!r}, which is not beneath it")

    assert not problems, report(problems)


def test_phases_do_not_know_each_other():
    """A phase reads what the one before it wrote; only what drives the phases imports them."""
    phases = {"prepare", "build", "submit", "poll", "parse", "score", "stats", "costs", "report", "archive"}
    problems = [
        f"{found.where}: the phase {path.stem!r} imports the phase {found.module.rpartition('.')[2]!r}"
        for path in python_files(core().source / "pipeline")
        if path.stem in phases
        for found in imports(path)
        if found.module in {f"exx.pipeline.{phase}" for phase in phases}
    ]

    assert not problems, report(problems)


def test_the_core_knows_no_plugin():
    """The core imports no plugin, nor the statistics libraries that only plugins need."""
    barred = re.compile(r"exx_\w+|scipy|statsmodels|torch|transformers|xllamacpp")
    problems = [
        f"{found.where}: the core imports {found.module}"
        for path in python_files(core().source)
        for found in imports(path)
        if barred.fullmatch(found.top_level)
    ]

    assert not problems, report(problems)


def test_the_core_names_no_plugin_in_a_condition():
    """There is no ``if name == "fireworks"``: what is special about a plugin, the plugin says."""
    own = {package.name.removeprefix("exx-").replace("-", "_") for package in plugin_packages()}
    # Words that mean something beside the plugin: contracts.md has them as names of metrics, phases and options.
    words = {name for name in own if len(name) > 3} - {"dry_run", "markdown"}
    problem = re.compile(rf"""[=!]=\s*["']({"|".join(sorted(words))})["']""")
    problems = [
        f"{shown(path)}:{number}: {line.strip()}"
        for path in python_files(core().source)
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if words and problem.search(line)
    ]

    assert not problems, report(problems)


def test_plugins_use_the_public_names_only():
    """A plugin imports from ``exx`` and nothing beneath it; its tests also from ``exx.testing``."""
    problems = []
    for package in [*plugin_packages(), prompts(), *generated_packages()]:
        for part, allowed in (("src", r"exx"), ("tests", r"exx(\.testing(\.\w+)*)?")):
            problems += [
                f"{found.where}: imports {found.module}"
                for path in python_files(package.folder / part)
                for found in imports(path)
                if found.top_level == "exx" and not re.fullmatch(allowed, found.module)
            ]

    assert not problems, report(problems)


def test_plugins_do_not_know_each_other():
    """No plugin imports another plugin, in its tests neither."""
    problems = [
        f"{found.where}: {package.name} imports {found.module}"
        for package in [*plugin_packages(), prompts(), *generated_packages()]
        for path in python_files(package.folder)
        for found in imports(path)
        if found.top_level.startswith("exx_") and found.top_level != package.module
    ]

    assert not problems, report(problems)


def registration_modules() -> list[Path]:
    """List what is imported to list the plugins: each ``__init__``, and what its hook imports from its package."""
    files = []
    for package in [*plugin_packages(), prompts(), *generated_packages()]:
        start = package.source / "__init__.py"
        if start.is_file():
            inside = [found for found in imports(start) if found.top_level == package.module]
            files += [start, *(package.folder / "src" / f"{found.module.replace('.', '/')}.py" for found in inside)]
    return [path for path in files if path.is_file()]


def test_listing_plugins_loads_nothing_heavy():
    """A module that is imported to list a plugin leaves the heavy libraries to the methods that need them."""

    def is_heavy(found: Import) -> bool:
        return found.at_top and not found.for_types_only and found.top_level in HEAVY_FOR_PLUGINS

    problems = [
        f"{found.where}: imports {found.module} at the top; import it in the method that needs it"
        for path in registration_modules()
        for found in imports(path)
        if is_heavy(found)
    ]

    assert not problems, report(problems)


def test_hook_modules_import_only_the_hook_marker():
    """The ``__init__`` of a plugin imports ``exx`` and the standard library at its top, its class inside the hook."""
    problems = [
        f"{found.where}: imports {found.module} at the top"
        for package in [*plugin_packages(), prompts(), *generated_packages()]
        for path in [package.source / "__init__.py"]
        if path.is_file()
        for found in imports(path)
        if found.at_top and not found.for_types_only and found.module != "exx"
        if found.top_level not in sys.stdlib_module_names
    ]

    assert not problems, report(problems)


def loaded_after(code: str) -> set[str]:
    """Run code in a fresh interpreter and list the modules it ends with."""
    tail = "import json, sys; print('\\n' + json.dumps(sorted(sys.modules)))"
    environment = {**os.environ, "COLUMNS": "100"}
    environment.pop("EXX_PLUGINS", None)
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{tail}"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"], ["plugins", "list"]], ids=" ".join)
def test_the_command_line_starts_light(arguments):
    """Help, the version and the list of plugins come without numpy, pandas, pyarrow, scipy and their like."""
    code = f"""
import sys
sys.argv = ["exx", *{arguments!r}]
from exx.cli.main import main
try:
    status = main()
except SystemExit as stop:
    status = stop.code
assert not status, status
"""
    heavy = loaded_after(code) & set(HEAVY)

    assert not heavy, f"exx {' '.join(arguments)} imports {', '.join(sorted(heavy))}"


def test_importing_exx_costs_next_to_nothing():
    """``import exx`` imports none of its own modules: names are fetched when they are first used."""
    own = {name for name in loaded_after("import exx") if name.startswith("exx.")}

    assert not own


def test_every_public_name_is_there():
    """Each name in ``exx.__all__`` can be had, and the list that type checkers see is the same one."""
    missing = [name for name in exx.__all__ if not hasattr(exx, name)]
    blocks = [node for node in parse(core().source / "__init__.py").body if isinstance(node, ast.If)]
    typed = {
        alias.asname or alias.name
        for block in blocks
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    assert not missing
    assert typed == set(exx.__all__)
