"""The numbers the code is held to: sizes, nesting, parameters, docstrings, and what is not to be written at all."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from repository import ROOT, all_packages, core, parse, python_files, report, shown, sources, suites

FILE_LINES = 500
BODY_LINES = 50
NESTING = 4
PARAMETERS = 8
DOCUMENTED = 0.8

Function = ast.FunctionDef | ast.AsyncFunctionDef

# Statements that put what is inside them one level deeper; `elif` stays where its `if` is.
DEEPER = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)


def every_file() -> list[Path]:
    """List all Python of the tree, tests and scripts included."""
    return [*sources(), *suites(), *python_files(*(ROOT / name for name in ("scripts", "benchmarks", "examples")))]


def functions(path: Path) -> Iterator[Function]:
    """Walk through a file's functions, nested ones and methods included."""
    return (node for node in ast.walk(parse(path)) if isinstance(node, Function))


def body_lines(function: Function) -> int:
    """Count the lines of a function's body, without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def nesting(node: ast.AST) -> int:
    """Count how deep statements stand inside one another; a function in a function starts anew."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.ClassDef | ast.Lambda):
            continue
        inner = nesting(child)
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        deepest = max(deepest, inner + (isinstance(child, DEEPER) and not is_elif))
    return deepest


def parameters(function: Function) -> int:
    """Count a function's parameters, without ``self`` and ``cls``."""
    arguments = function.args
    named = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return len([name for name in named if name not in {"self", "cls"}]) + sum(
        map(bool, (arguments.vararg, arguments.kwarg))
    )


def public_definitions(path: Path) -> Iterator[ast.ClassDef | Function]:
    """Walk through the classes, functions and methods of a module whose names do not begin with ``_``."""

    def within(node: ast.Module | ast.ClassDef) -> Iterator[ast.ClassDef | Function]:
        for child in node.body:
            if isinstance(child, ast.ClassDef | Function) and not child.name.startswith("_"):
                yield child
                if isinstance(child, ast.ClassDef):
                    yield from within(child)

    return within(parse(path))


def handlers(path: Path) -> Iterator[ast.ExceptHandler]:
    """Walk through a file's ``except`` clauses."""
    return (node for node in ast.walk(parse(path)) if isinstance(node, ast.ExceptHandler))


def is_broad(handler: ast.ExceptHandler) -> bool:
    """Say whether a handler catches everything."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or ast.unparse(kind) in {"Exception", "BaseException"} for kind in kinds)


def test_files_stay_short():
    """No file is longer than 500 lines."""
    sizes = {path: len(path.read_text("utf-8").splitlines()) for path in every_file()}
    problems = [f"{shown(path)}: {lines} lines" for path, lines in sizes.items() if lines > FILE_LINES]

    assert not problems, report(problems)


def test_functions_stay_short():
    """No function body is longer than 50 lines, its docstring left out."""
    problems = [
        f"{shown(path)}:{function.lineno}: {function.name} has {body_lines(function)} lines"
        for path in every_file()
        for function in functions(path)
        if body_lines(function) > BODY_LINES
    ]

    assert not problems, report(problems)


def test_functions_stay_flat():
    """No statement stands more than four deep in its function."""
    problems = [
        f"{shown(path)}:{function.lineno}: {function.name} is nested {nesting(function)} deep"
        for path in every_file()
        for function in functions(path)
        if nesting(function) > NESTING
    ]

    assert not problems, report(problems)


def test_functions_take_few_parameters():
    """No function of the product takes more than eight parameters."""
    problems = [
        f"{shown(path)}:{function.lineno}: {function.name} takes {parameters(function)} parameters"
        for path in sources()
        for function in functions(path)
        if parameters(function) > PARAMETERS
    ]

    assert not problems, report(problems)


def test_every_module_says_what_it_is_for():
    """Every Python file begins with a docstring whose first sentence is on its first line."""
    problems = []
    for path in every_file():
        docstring = ast.get_docstring(parse(path))
        if not docstring:
            problems.append(f"{shown(path)}: no docstring")
        elif not re.search(r"[.!?:]$", docstring.splitlines()[0]):
            problems.append(f"{shown(path)}: the first line of the docstring is no sentence")

    assert not problems, report(problems)


@pytest.mark.parametrize("package", all_packages(), ids=lambda package: package.name)
def test_public_definitions_are_documented(package):
    """At least four of five public classes, functions and methods of a package have a docstring."""
    definitions = [(path, node) for path in python_files(package.folder / "src") for node in public_definitions(path)]
    bare = [f"{shown(path)}:{node.lineno}: {node.name}" for path, node in definitions if not ast.get_docstring(node)]

    assert len(bare) <= (1 - DOCUMENTED) * len(definitions), f"{len(definitions)} definitions, " + report(bare)


def test_every_test_states_its_promise():
    """Every test function has a docstring."""
    problems = [
        f"{shown(path)}:{function.lineno}: {function.name}"
        for path in suites()
        for function in functions(path)
        if path.name.startswith("test_") and function.name.startswith("test_") and not ast.get_docstring(function)
    ]

    assert not problems, report(problems)


def test_tests_check_something():
    """No test function is without an assertion, a ``with`` or a call."""
    problems = [
        f"{shown(path)}:{function.lineno}: {function.name}"
        for path in suites()
        for function in functions(path)
        if function.name.startswith("test_")
        and not any(isinstance(node, ast.Assert | ast.With | ast.Call) for node in ast.walk(function))
    ]

    assert not problems, report(problems)


def test_errors_are_not_swallowed():
    """A broad handler raises, and no handler does nothing; only ``main`` of the command line has nobody to raise to."""
    problems = []
    for path in sources():
        is_edge = path == core().source / "cli" / "main.py"
        for handler in handlers(path):
            if is_broad(handler) and not is_edge and not any(isinstance(node, ast.Raise) for node in ast.walk(handler)):
                problems.append(f"{shown(path)}:{handler.lineno}: a broad except that does not raise")
            if all(isinstance(node, ast.Pass) for node in handler.body):
                problems.append(f"{shown(path)}:{handler.lineno}: an except that only passes")

    assert not problems, report(problems)


def test_only_the_command_line_prints_and_exits():
    """Outside ``exx.cli`` nothing prints, and nothing ends the process."""
    problems = []
    for path in sources():
        if path.is_relative_to(core().source / "cli"):
            continue
        for node in ast.walk(parse(path)):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if called in {"print", "exit", "quit", "sys.exit", "SystemExit"}:
                problems.append(f"{shown(path)}:{node.lineno}: {called}()")

    assert not problems, report(problems)


def tracked_files() -> list[Path]:
    """List the files that git tracks or would track; skip where this is no checkout."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"not a git checkout: {done.stderr.strip()}")
    return [path for path in (ROOT / line for line in done.stdout.splitlines()) if path.is_file()]


def test_no_lock_file_is_tracked():
    """Lock files name package indexes; versions are pinned in constraints.txt, without addresses."""
    locks = {"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml", "pixi.lock"}

    assert not [shown(path) for path in tracked_files() if path.name in locks]


def test_no_package_index_is_named():
    """No file says where packages come from: that is the machine's business."""
    address = re.compile(
        r"index[-_]url|default[-_]index|find[-_]links|python[h]osted|pypi[.]org|https?://\S+/simp[l]e\b", re.I
    )
    problems = []
    for path in tracked_files():
        try:
            lines = path.read_text("utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # not a text
        problems += [
            f"{shown(path)}:{n}: {line.strip()[:90]}" for n, line in enumerate(lines, start=1) if address.search(line)
        ]

    assert not problems, report(problems)


def test_constraints_hold_versions_only():
    """Each line of constraints.txt is a name, a version and perhaps a marker; no package of this tree is among them."""
    own = {package.name for package in all_packages()} | {"exx"}
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    problems = [
        f"constraints.txt:{number}: {line}"
        for number, line in enumerate(lines, start=1)
        if not line.startswith("#")
        and (not re.fullmatch(r"[a-z0-9-]+==[\w.]+( ; .+)?", line) or line.partition("==")[0] in own)
    ]

    assert not problems, report(problems)
