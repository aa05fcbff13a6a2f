"""The documentation as its tests see it: pages, fenced blocks, tables, the commands in them, and what they describe."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import attrs
import click
from repository import ROOT, shown

from exx.cli.main import cli
from exx.config.schema import Markers, PluginRef, PromptChoice, PromptFiles, PromptText

DOCS = ROOT / "docs"
# What a run wrote is not written by hand: the example reports are left out.
PAGES = [ROOT / "README.md", *sorted(p for p in DOCS.rglob("*.md") if "examples" not in p.relative_to(DOCS).parts)]

_FENCED = re.compile(r"^```(.*)\n((?:.*\n)*?)```$", re.M)
# Beside exx, make, pip and pytest, what a command in the documentation may be.
_SHELL = {".", "cat", "cd", "cp", "git", "ls", "mkdir", "touch"}


@dataclass(frozen=True)
class Block:
    """A fenced block: where it stands, what follows the fence's back-ticks, its text, and the paragraph before it."""

    page: Path
    line: int
    info: str
    text: str
    before: str

    def __str__(self) -> str:
        return f"{shown(self.page)}:{self.line}"

    @property
    def language(self) -> str:
        """The first word after the back-ticks."""
        return self.info.partition(" ")[0]

    @property
    def saved_as(self) -> str | None:
        """The file that the paragraph before the block says it is."""
        names = re.findall(r"`([\w./-]+\.(?:yaml|jsonl|csv|md|py|toml|txt))`", self.before)
        return names[-1] if names else None


@cache
def blocks(page: Path) -> tuple[Block, ...]:
    """Find the fenced blocks of a page."""
    text = page.read_text("utf-8")
    return tuple(
        Block(
            page=page,
            line=text[: found.start()].count("\n") + 1,
            info=found[1].strip(),
            text=found[2],
            before=text[: found.start()].rstrip().split("\n\n")[-1],
        )
        for found in _FENCED.finditer(text)
    )


def all_blocks(language: str) -> list[Block]:
    """Find the blocks of a language in every page."""
    return [block for page in PAGES for block in blocks(page) if block.language == language]


def prose(page: Path) -> str:
    """Give a page without its fenced blocks."""
    return _FENCED.sub("", page.read_text("utf-8"))


def rows(page: Path, heading: str) -> list[list[str]]:
    """Read the first table below a heading, without its header; in a cell an escaped bar is a bar."""
    _, found, below = prose(page).partition(f"\n{heading}\n")
    assert found, f"{shown(page)}: no heading {heading!r}"
    section = re.split(r"^#", below, maxsplit=1, flags=re.M)[0]
    table = re.search(r"^\|.*\n\|[ :|-]+\n((?:\|.*(?:\n|\Z))*)", section, re.M)
    assert table, f"{shown(page)}: no table below {heading!r}"
    return [cells(line) for line in table[1].splitlines()]


def cells(line: str) -> list[str]:
    """Split a row of a table."""
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def code(cell: str) -> str:
    """The first piece of code in a cell."""
    return cell.split("`")[1]


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


# --- commands --------------------------------------------------------------------------------------------------------
def targets() -> set[str]:
    """Name the targets of the Makefile."""
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), re.M))


def commands(block: Block) -> list[list[str]]:
    """List the commands of a block, each as its words."""
    return [shlex.split(line[2:]) for line in block.text.splitlines() if line.startswith("$ ")]


def why_not(words: list[str]) -> str | None:
    """Say why a command cannot work, or None; exx commands are parsed as exx would parse them, and not run."""
    program, *rest = words
    if program == "exx":
        return _parsing_error(rest)
    if program == "make":
        return None if rest and rest[0] in targets() else "no such target"
    if rest[:2] == ["-m", "pytest"] or "-e" in rest:
        return None if (ROOT / rest[-1]).exists() else f"no such path: {rest[-1]}"
    return None if program in _SHELL or rest[:1] == ["install"] else "not a command the documentation may use"


def _parsing_error(words: list[str]) -> str | None:
    command: click.Command = cli
    context = click.Context(cli)
    try:
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            name, inner, words = command.resolve_command(context, words)
            assert inner
            context, command = click.Context(inner, info_name=name, parent=context), inner
        if words not in (["--help"], ["--version"]):
            command.make_context(command.name, words)
    except click.ClickException as error:
        message = error.format_message()
        # Commands are not run, so a file that one of them makes for the next is not there.
        return None if message.endswith("does not exist.") else message
    return None


def run_exx(folder: Path, plugins: str, *args: str) -> str:
    """Run exx in a folder with these plugins alone; give back what it prints, stdout first."""
    done = subprocess.run(
        [sys.executable, "-c", "from exx.cli.main import main; main()", *args],
        cwd=folder,
        env={**os.environ, "EXX_PLUGINS": plugins},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


# --- settings --------------------------------------------------------------------------------------------------------
def keys_of(cls: type, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key of a class of settings and of the classes inside it, with its default."""
    hints = get_type_hints(cls)
    for field in attrs.fields(cls):
        key, kind = f"{prefix}{field.alias}", hints[field.name]
        inside = [k for k in (kind, *get_args(kind)) if attrs.has(k) and k not in (PluginRef, PromptText, Markers)]
        below = f"{key}[]." if get_origin(kind) is tuple else f"{key}."
        if PromptChoice in get_args(kind):
            inside, below = [PromptFiles], f"{key}.NAME."
        if kind not in inside and key != "unsupported.options":  # the detector's own, beside strategy
            yield key, _default(field)
        for one in inside:
            yield from keys_of(one, below)


def _default(field: Any) -> Any:
    if field.default is attrs.NOTHING:
        return "required"
    made = field.default.factory() if isinstance(field.default, attrs.Factory) else field.default  # type: ignore[arg-type]
    return _plain(made)


def _plain(value: Any) -> Any:
    if isinstance(value, PluginRef):
        return value.name
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value


# --- signatures ------------------------------------------------------------------------------------------------------
def signature(function: ast.FunctionDef) -> str:
    """A method as the documentation has it: name, arguments without ``self``, and what it returns."""
    arguments = ", ".join(ast.unparse(argument) for argument in function.args.args[1:])
    return f"{function.name}({arguments}) -> {ast.unparse(function.returns) if function.returns else ''}"


def classes(tree: ast.Module) -> dict[str, set[str]]:
    """The classes of a module, each with its annotated names, and its methods with signatures and decorators."""
    return {node.name: _members(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _members(cls: ast.ClassDef) -> set[str]:
    names = {ast.unparse(node) for node in cls.body if isinstance(node, ast.AnnAssign)}
    return names | {" ".join([*map(ast.unparse, m.decorator_list), signature(m)]) for m in methods(cls)}


def methods(cls: ast.ClassDef) -> list[ast.FunctionDef]:
    """The functions of a class."""
    return [node for node in cls.body if isinstance(node, ast.FunctionDef)]
