"""Writes what the reference takes from the code: commands, hooks, the options of plugins, errors; `make reference`.

Two pages are written whole. In the others, the rows of a table and their order are the code's, and the last cell is
kept where somebody wrote one; for a row that is new, it is what the code's own help says.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import attrs
import click
from site_pages import DOCS, PACKAGES, ROOT

import exx
from exx import errors
from exx.cli.main import cli
from exx.config.docstrings import field_docs
from exx.hookspecs import ObserverSpecs, RegistrationSpecs
from exx.plugins import KINDS

COMMANDS = DOCS / "reference/command-line.md"
HOOKS = DOCS / "reference/plugins.md"
OPTIONS = DOCS / "reference/plugin-options.md"
ERRORS = DOCS / "reference/errors.md"

OPTIONS_INTRO = """# Options of plugins

Every plugin that comes with exx, with the options it has in a config. This page is made from the code, by
`make reference`; `exx plugins show NAME` says the same of what is installed, yours included. A plugin is given by its
name, or as a mapping with the name and some options: `{name: overlap, min_token_overlap: 0.7}`.
"""
ERRORS_INTRO = """# Errors

Every exception of exx. This page is made from the code, by `make reference`. An error reaches the user as one message:
what happened, where, and after an arrow what to do next; `--debug` adds the traceback. The exit statuses are those of
the [command line](command-line.md#in-general). Plugins import those that they may need from `exx`; the others are
raised by exx alone.

| exception | is a | exit status | in `exx` | when |
|---|---|---|---|---|
"""

Rows = Sequence[Sequence[str]]


def pages() -> dict[Path, str]:
    """Every page that is made from the code, as it should be."""
    made = {COMMANDS: commands_page(), HOOKS: hooks_page(), OPTIONS: options_page(), ERRORS: errors_page()}
    return {path: text.rstrip("\n") + "\n" for path, text in made.items()}


# --- tables ----------------------------------------------------------------------------------------------------------
def row(cells: Sequence[str]) -> str:
    """One line of a table."""
    return re.sub(r" +\|", " |", f"| {' | '.join(cells)} |").replace("|  |", "| |")


def text_of(cell: str) -> str:
    """Text that stands in a cell: on one line, and without a bar that would end it."""
    return " ".join(cell.split()).replace("|", "\\|")


def _words(cls: type) -> str:
    """What a class says of itself, without its attributes."""
    return _single(inspect.cleandoc(cls.__doc__ or "").split("\nAttributes:")[0].strip())


def _single(words: str) -> str:
    """Back-ticks as Markdown has them."""
    return words.replace("``", "`")


def as_code(value: str) -> str:
    """Code in a cell."""
    return f"`{text_of(value)}`" if value else ""


def with_table(page: str, heading: str, rows: Rows) -> str:
    """Replace the rows of the first table below a heading; a row that was there keeps its last cell."""
    before, found, below = page.partition(f"\n{heading}\n")
    table = re.search(r"^\|.*\n\|[ :|-]+\n((?:\|.*(?:\n|\Z))*)", below, re.M)
    if not found or not table:
        raise SystemExit(f"reference: no table below {heading!r}")
    old = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table[1].splitlines()]
    kept = {cells[0]: cells[-1] for cells in old}
    lines = [row([*cells[:-1], kept.get(cells[0], cells[-1])]) for cells in rows]
    return f"{before}{found}{below[: table.start(1)]}" + "".join(f"{line}\n" for line in lines) + below[table.end(1) :]


# --- commands --------------------------------------------------------------------------------------------------------
def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command of exx itself by its name, commands of groups too."""
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = None if name in cli.extra else cli.get_command(context, name)
        if command is not None:
            yield f"exx {name}", command
        if isinstance(command, click.Group):
            yield from ((f"exx {name} {inner}", found) for inner, found in command.commands.items())


def options_of(command: click.Command) -> Rows:
    """The options of a command: as typed, the default that its help shows, and what it means."""
    options = [param for param in command.params if isinstance(param, click.Option) and not param.hidden]
    return [
        (as_code(option.opts[0]), as_code(str(option.default)) if option.show_default else "", _meaning(option.help))
        for option in options
    ]


def _meaning(words: str | None) -> str:
    words = text_of(words or "").removesuffix(".")
    return words[:1].lower() + words[1:] if words[1:2].islower() else words


def commands_page() -> str:
    """command-line.md with the options that there are; a command that has no section yet gets one."""
    page, known = COMMANDS.read_text("utf-8"), dict(commands())
    told = {heading: re.findall(r"`([^`]+)`", heading) for heading in re.findall(r"^### `exx .*$", page, re.M)}
    for heading, names in told.items():
        gone = [name for name in names if name not in known]
        tables = [options_of(known[name]) for name in names if name in known]
        if gone or any(one != tables[0] for one in tables):
            raise SystemExit(f"reference: {heading!r}: " + (f"no command {gone}" if gone else "options differ"))
        page = with_table(page, heading, tables[0]) if tables[0] else page
    for name, command in known.items():
        if name not in {one for names in told.values() for one in names}:
            page = page.replace("\n## Commands of plugins\n", f"\n{_section(name, command)}\n## Commands of plugins\n")
    return page


def _section(name: str, command: click.Command) -> str:
    words = inspect.cleandoc(command.help or "").replace("\b\n", "")
    arguments = [param for param in command.params if isinstance(param, click.Argument)]
    usage = " ".join([name, *(argument.make_metavar(click.Context(command)) for argument in arguments)])
    table = "".join(f"{row(cells)}\n" for cells in options_of(command))
    options = f"| option | default | meaning |\n|---|---|---|\n{table}" if table else ""
    return f"### `{name}`\n\n`{usage}`\n\n{words}\n\n{options}"


# --- hooks -----------------------------------------------------------------------------------------------------------
def hooks_page() -> str:
    """plugins.md with the hooks that there are."""
    kinds = {hook: kind for kind, hook in KINDS.items()}
    page = HOOKS.read_text("utf-8")
    registering = [
        (as_code(signature), kinds[name], " or ".join(f"`{one}`" for one in re.findall(r"exx\.(\w+)", doc)))
        for name, signature, doc in _hooks(RegistrationSpecs)
    ]
    page = with_table(page, "## Registration hooks", registering)
    observing = [(as_code(signature), _meaning(doc)) for _, signature, doc in _hooks(ObserverSpecs)]
    return with_table(page, "## Observer hooks", observing)


def _hooks(specs: type) -> Iterator[tuple[str, str, str]]:
    tree = ast.parse(inspect.getsource(specs)).body[0]
    assert isinstance(tree, ast.ClassDef)
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        arguments = ", ".join(ast.unparse(argument) for argument in function.args.args[1:])
        returned = ast.unparse(function.returns) if function.returns else ""
        doc = (ast.get_docstring(function) or "").split("\n")[0]
        yield function.name, f"{function.name}({arguments}) -> {returned}", doc


# --- options of plugins ----------------------------------------------------------------------------------------------
def options_page() -> str:
    """Every plugin of the tree with its options, also of packages that are not installed here."""
    parts = [OPTIONS_INTRO]
    for title, pattern in PACKAGES.items():
        readmes = [] if title == "From outside" else sorted(ROOT.glob(f"{pattern}/README.md"))
        sections = [_plugin(readme.parent, cls) for readme in readmes for cls in _classes(readme.parent)]
        parts += [f"## {title}\n", *sections] if sections else []
    return "\n".join(parts)


def _classes(package: Path) -> list[Any]:
    """The classes that a package offers, imported from the tree."""
    module = next(path.parent for path in sorted(package.glob("src/*/__init__.py")))
    if (source := str(module.parent)) not in sys.path:
        sys.path.append(source)
    hooks: Mapping[str, Callable[[], list[Any]]] = vars(import_module(module.name))
    return [cls for hook in KINDS.values() if hook in hooks for cls in hooks[hook]()]


def _plugin(package: Path, cls: Any) -> str:
    link = f"Package [{_name(package)}](../../{package.relative_to(ROOT).as_posix()}/README.md)."
    options = [
        (
            as_code(option.alias),
            as_code(_type(cls, option)),
            as_code(_default(option)),
            text_of(_single(_doc(cls, option.name))),
        )
        for option in attrs.fields(cls)
    ]
    table = ["| option | type | default | meaning |", "|---|---|---|---|", *map(row, options)]
    return "\n".join(
        [f"### `{cls.name}`\n", f"{_words(cls)}\n", f"{link}\n", *(table if options else ["No options."]), ""]
    )


def _type(cls: Any, option: Any) -> str:
    """The type as it is written in the code, with names for a choice of words spelt out."""
    # What stands in the class: the attribute's own type is resolved, and no longer as written, once a config was read.
    words = next(str(found) for one in cls.__mro__ if (found := inspect.get_annotations(one).get(option.name)))
    for name in re.findall(r"\b[A-Z]\w+", words):
        meant = getattr(sys.modules[cls.__module__], name, None)
        if get_origin(meant) is Literal:
            words = re.sub(rf"\b{name}\b", f"Literal{list(get_args(meant))}", words)
    return re.sub(
        r"(?:typing\.)?Literal\[(.*?)\]", lambda found: found[1].replace('"', "'").replace("', ", "' | "), words
    )


def _name(package: Path) -> str:
    found = re.search(r'^name = "(.*)"', (package / "pyproject.toml").read_text("utf-8"), re.M)
    return found[1] if found else package.name


def _doc(cls: Any, name: str) -> str:
    return next((docs[name] for one in cls.__mro__ if name in (docs := field_docs(one))), "")


def _default(option: Any) -> str:
    if option.default is attrs.NOTHING:
        return "required"
    made = option.default.factory() if isinstance(option.default, attrs.Factory) else option.default  # type: ignore[arg-type]
    return {None: "null", True: "true", False: "false", "": '""'}.get(made, str(made)) if _plain(made) else str(made)


def _plain(made: Any) -> bool:
    return made is None or isinstance(made, bool | str)


# --- errors ----------------------------------------------------------------------------------------------------------
def errors_page() -> str:
    """Every exception: what it is a kind of, the exit status it ends with, and what it tells of itself."""
    public = {name: getattr(exx, name) for name in exx.__all__}
    found = [one for one in {**vars(errors), **public}.values() if inspect.isclass(one) and issubclass(one, Exception)]
    rows = [
        (
            f"[`{one.__name__}`](#{one.__name__.lower()})",
            as_code(one.__base__.__name__),
            str(getattr(one, "exit_code", "")),
            "yes" if one.__name__ in public else "",
            text_of(_words(one).split("\n\n")[0]),
        )
        for one in found
    ]
    return ERRORS_INTRO + "\n".join(map(row, rows)) + "\n\n" + "\n".join(map(_error, found))


def _error(error: type) -> str:
    fields = "".join(f"- `{name}`: {_single(words)}\n" for name, words in field_docs(error).items())
    arguments = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(error))).removesuffix(" -> None")
    return f"## {error.__name__}\n\n`{error.__name__}{arguments}`\n\n{_words(error)}\n" + (
        f"\n{fields}" if fields else ""
    )


def main() -> None:
    """Write the pages that are not as they should be."""
    for path, text in pages().items():
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            sys.stdout.write(f"reference: wrote {path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
