"""The repository as its own tests see it: its packages, its Python files, and what they import."""

from __future__ import annotations

import ast
import atexit
import shutil
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from exx.scaffold import KINDS as GENERATED
from exx.scaffold import NewPackage

ROOT = Path(__file__).resolve().parents[2]

# Folder of a plugin package → the module that holds its class, and the hook that offers it.
KINDS = {
    "plugins/analyses": ("analysis", "exx_register_analyses"),
    "plugins/detectors": ("detector", "exx_register_detectors"),
    "plugins/reporters": ("reporter", "exx_register_reporters"),
    "contrib_datasets": ("dataset", "exx_register_datasets"),
    "contrib_scorers": ("scorer", "exx_register_scorers"),
    "contrib_backends": ("backend", "exx_register_backends"),
}


@dataclass(frozen=True)
class Package:
    """One distribution of the tree, such as ``plugins/analyses/exx-mcnemar``."""

    folder: Path
    name: str

    @property
    def module(self) -> str:
        """Its import package."""
        return "exx" if self.name == "exx-core" else self.name.replace("-", "_")

    @property
    def source(self) -> Path:
        """Folder of its import package."""
        return self.folder / "src" / self.module

    @property
    def where(self) -> str:
        """Its folder, for messages."""
        return shown(self.folder)

    @cached_property
    def pyproject(self) -> dict[str, Any]:
        """Its pyproject.toml; empty if it has none."""
        path = self.folder / "pyproject.toml"
        return tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}

    @property
    def project(self) -> dict[str, Any]:
        """The table ``project`` of its pyproject.toml."""
        return self.pyproject.get("project", {})


@dataclass(frozen=True)
class Import:
    """One imported module, and where the import stands."""

    path: Path
    line: int
    module: str
    at_top: bool
    for_types_only: bool

    @property
    def where(self) -> str:
        """``file:line``, for messages."""
        return f"{shown(self.path)}:{self.line}"

    @property
    def top_level(self) -> str:
        """The first word of the module's name."""
        return self.module.partition(".")[0]


def shown(path: Path) -> str:
    """Name a path as one sees it from the root of the tree, or from where packages are generated."""
    above = ROOT if path.is_relative_to(ROOT) else _nursery()
    return path.relative_to(above).as_posix()


def core() -> Package:
    """Name the core."""
    return Package(ROOT / "core", "exx-core")


def prompts() -> Package:
    """Name the package of prompt sets, which lies at the root of the tree."""
    return Package(ROOT / "prompts", "exx-prompts")


def plugin_packages() -> list[Package]:
    """List every folder where a plugin package belongs, whatever is in it."""
    folders = (folder for parent in KINDS for folder in sorted((ROOT / parent).glob("*")) if folder.is_dir())
    return [Package(folder, folder.name) for folder in folders if folder.name != "__pycache__"]


@cache
def _nursery() -> Path:
    """A folder like the root of the tree, for packages that are generated; gone when the tests are."""
    folder = Path(tempfile.mkdtemp(prefix="exx-nursery-")).resolve()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def generated_packages() -> list[Package]:
    """Let ``exx new`` write a package of every kind, where a package of that kind would lie."""
    parents = {kind: parent for parent, (kind, _) in KINDS.items()}
    folders = (
        NewPackage.of(kind, f"fresh_{kind}").write(_nursery() / parents.get(kind, "prompt_sets")) for kind in GENERATED
    )
    return [Package(folder, folder.name) for folder in folders]


def all_packages() -> list[Package]:
    """List the core, the prompts and every plugin."""
    return [core(), prompts(), *plugin_packages()]


def kind_of(package: Package) -> tuple[str, str]:
    """Say which module a plugin package's class lives in, and which hook offers it."""
    return {**KINDS, "prompt_sets": ("prompt_set", "exx_register_prompt_sets")}[shown(package.folder.parent)]


def python_files(*folders: Path) -> list[Path]:
    """List the Python files below some folders, without what was built or installed there."""
    found = (path for folder in folders for path in sorted(folder.rglob("*.py")))
    return [path for path in found if not _derived(Path(shown(path)).parts)]


def _derived(parts: Iterable[str]) -> bool:
    return any(part.startswith(".") or part in {"build", "dist", "experiments"} for part in parts)


def sources() -> list[Path]:
    """List every Python file that is installed: the core and the plugins, without tests."""
    return python_files(*(package.folder / "src" for package in all_packages()))


def suites() -> list[Path]:
    """List every test module of the tree, with its helpers."""
    folders = (package.folder / "tests" for package in all_packages())
    return python_files(*folders, ROOT / "tests", *sorted((ROOT / "examples").glob("*/tests")))


def parse(path: Path) -> ast.Module:
    """Parse a file."""
    return ast.parse(path.read_text("utf-8"), filename=str(path))


def imports(path: Path) -> Iterator[Import]:
    """Walk through a file's imports, those inside functions included."""
    yield from _imports(parse(path), path, at_top=True, types=False)


def _imports(node: ast.AST, path: Path, *, at_top: bool, types: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(path, child.lineno, alias.name, at_top, types)
        elif isinstance(child, ast.ImportFrom):
            yield from _from_import(child, path, at_top=at_top, types=types)
        elif isinstance(child, ast.If) and _is_type_checking(child.test):
            yield from _imports(child, path, at_top=at_top, types=True)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(child, path, at_top=at_top and not inside, types=types)


def _from_import(node: ast.ImportFrom, path: Path, *, at_top: bool, types: bool) -> Iterator[Import]:
    module = "." * node.level + (node.module or "")
    if module == "exx" and path.is_relative_to(core().source):  # `from exx import jobs` means the module exx.jobs
        for alias in node.names:
            yield Import(path, node.lineno, f"exx.{alias.name}", at_top, types)
    else:
        yield Import(path, node.lineno, module, at_top, types)


def _is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def report(problems: Iterable[str]) -> str:
    """Set problems out one a line, for an assertion's message."""
    lines = list(problems)
    return "\n".join([f"{len(lines)} to mend:", *(f"  {line}" for line in lines)])
