"""What the site is made of: which file becomes which page, in which order, and where its links lead."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

# Folders of docs/ with a name of their own in the navigation, in its order; others follow under their folder's name.
SECTIONS = {
    "tutorial": "Tutorial",
    "how-to": "How to",
    "reference": "Reference",
    "explanation": "Explanation",
    "examples": "Examples",
}
# Where packages are, by what the navigation calls them.
PACKAGES = {
    "Datasets": "contrib_datasets/*",
    "Prompt sets": "prompts",
    "Backends": "contrib_backends/*",
    "Scorers": "contrib_scorers/*",
    "Detectors": "plugins/detectors/*",
    "Analyses": "plugins/analyses/*",
    "Reporters": "plugins/reporters/*",
    "From outside": "examples/third_party_scorer",
}
PROJECT = {"project/contributing.md": "CONTRIBUTING.md", "project/changelog.md": "CHANGELOG.md"}
PROJECT |= {"project/benchmarks.md": "benchmarks/README.md", "project/core.md": "core/README.md"}

_FENCED = re.compile(r"^( *)```.*?^\1```$", re.M | re.S)
_INFO = re.compile(r"^( *```\w+) .*$", re.M)
_INNER = re.compile(r"^ {2,3}(?=- )", re.M)  # a list within a list, which the builder wants four spaces in
_CODE = re.compile(r"`[^`\n]+`")
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def added() -> dict[str, Path]:
    """The pages that are no Markdown in docs/, each by its place: notebooks, packages' READMEs, a few more."""
    found = {path.relative_to(DOCS).with_suffix(".md").as_posix(): path for path in sorted(DOCS.rglob("*.ipynb"))}
    found |= {place: ROOT / path for place, path in PROJECT.items()}
    for pattern in PACKAGES.values():
        found |= {_place(readme): readme for readme in sorted(ROOT.glob(f"{pattern}/README.md"))}
    return found


def _place(readme: Path) -> str:
    return f"plugins/{readme.parent.name}.md"


def navigation() -> list[Any]:
    """Every page, in sections, as MkDocs takes it; a page is there because its file is."""
    folders = sorted(path.name for path in DOCS.iterdir() if any(_written(path)))
    order = [*SECTIONS, *(name for name in folders if name not in SECTIONS)]
    sections: list[Any] = [
        {SECTIONS.get(name, name.replace("-", " ").capitalize()): pages} for name in order if (pages := _in_order(name))
    ]
    plugins = [
        {title: [_place(readme) for readme in sorted(ROOT.glob(f"{pattern}/README.md"))]}
        for title, pattern in PACKAGES.items()
    ]
    loose = sorted(path.name for path in DOCS.glob("*.md") if path.name != "README.md")
    return [{"Start": ["README.md", *loose]}, *sections, {"Plugins": plugins}, {"Project": list(PROJECT)}]


def _written(folder: Path) -> list[str]:
    paths = [path for kind in ("*.md", "*.ipynb") for path in folder.rglob(kind)]
    return sorted(path.relative_to(DOCS).with_suffix(".md").as_posix() for path in paths)


def _in_order(folder: str) -> list[str]:
    """The pages of a folder: those that the index links to as it has them, then the others by name."""
    linked = re.findall(r"\]\(([\w./-]+)\.(?:md|ipynb)\)", (DOCS / "README.md").read_text("utf-8"))
    return sorted(_written(DOCS / folder), key=lambda page: (*linked, page[:-3]).index(page[:-3]))


def text_of(path: Path) -> str:
    """A page's Markdown; of a notebook, its cells, and where it is."""
    if path.suffix != ".ipynb":
        return path.read_text("utf-8")
    cells = json.loads(path.read_text("utf-8"))["cells"]
    texts = [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    shown = [f"```python\n{text}\n```" if kind == "code" else text for kind, text in texts]
    return "\n\n".join([*shown, f"This page is a notebook: [{path.name}]({path.name}) runs it.", ""])


def pages_of(navigation_: Any) -> Iterator[str]:
    """Every page of a navigation, however deep."""
    if isinstance(navigation_, str):
        yield navigation_
    elif isinstance(navigation_, dict):
        yield from pages_of(list(navigation_.values()))
    else:
        for inner in navigation_:
            yield from pages_of(inner)


def source_of(place: str) -> Path:
    """The file that a page is made from."""
    return added().get(place, DOCS / place)


def for_site(markdown: str, place: str) -> str:
    """Make a page of the repository one of the site.

    A link to a file that is a page here leads to that page; one to any other file of the repository becomes its words,
    since the site does not hold the code. One that leads nowhere stays as it is, for the builder to complain about.
    What follows the language behind a fence is for the tests, so it goes; and a bar in code needs no escape here.
    """
    source, places = source_of(place), {path: name for name, path in added().items()}

    def lead(found: re.Match[str]) -> str:
        image, words, target = found.groups()
        path, _, anchor = target.partition("#")
        file = (source.parent / path).resolve()
        if image or not path or re.match(r"[a-z]+:", target) or not file.exists():
            return found[0]
        if places.get(file) == place:
            return found[0]
        if file.is_relative_to(DOCS) and file.suffix == ".md":
            there = file.relative_to(DOCS).as_posix()
        elif file in places or file / "README.md" in places:
            there = places.get(file) or places[file / "README.md"]
        else:
            return words
        relative = os.path.relpath(there, Path(place).parent)
        return f"[{words}]({relative}{'#' + anchor if anchor else ''})"

    return _outside_fences(markdown, lambda text: _INNER.sub("    ", _CODE.sub(_bare, _LINK.sub(lead, text))))


def _bare(code: re.Match[str]) -> str:
    """Code in a table, where GitHub wants a bar escaped and the builder shows the escape."""
    return code[0].replace("\\|", "|")


def _outside_fences(markdown: str, change: Callable[[str], str]) -> str:
    parts, end = [], 0
    for found in _FENCED.finditer(markdown):
        parts += [change(markdown[end : found.start()]), _INFO.sub(r"\1", found[0], count=1)]
        end = found.end()
    return "".join([*parts, change(markdown[end:])])
