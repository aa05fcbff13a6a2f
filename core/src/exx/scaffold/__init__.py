"""Writes new plugin packages: what ``exx new`` makes, from the templates that lie beside this file.

A template is a text with ``$name`` and the like in it; ``tests/test_tree.py`` holds what comes out to the shape of the
packages of the repository itself.
"""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from pathlib import Path
from string import Template

from attrs import frozen

from exx.errors import UsageError

LONGEST = 28
_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_TAKEN = frozenset({"core", "exx"})


@frozen
class Kind:
    """What differs between the packages of one kind and another.

    Attributes:
        name: The kind, as in ``exx plugins``; also the module that holds the class.
        hook: The hook that offers it.
        description: What pyproject.toml says the package is.
        suffix: What the class's name ends in.
    """

    name: str
    hook: str
    description: str
    suffix: str

    @property
    def words(self) -> str:
        """The kind in words, and on the command line with a hyphen."""
        return self.name.replace("_", " ")


KINDS = {
    kind.name: kind
    for kind in (
        Kind("dataset", "exx_register_datasets", "Questions from a file of JSON Lines: a dataset for exx", "Dataset"),
        Kind("prompt_set", "exx_register_prompt_sets", "Plain or careful: a prompt set for exx", "PromptSet"),
        Kind("backend", "exx_register_backends", "The same words to every question: a backend for exx", "Backend"),
        Kind("scorer", "exx_register_scorers", "Is the answer a right one to the letter? A scorer for exx", "Scorer"),
        Kind("detector", "exx_register_detectors", "Are its words in the passage? A detector for exx", "Detector"),
        Kind("analysis", "exx_register_analyses", "The mean without its extremes: an analysis for exx", "Analysis"),
        Kind("reporter", "exx_register_reporters", "The verdict as plain text: a reporter for exx", "Reporter"),
    )
}


@frozen
class NewPackage:
    """A package that is to be written.

    Attributes:
        kind: What it is to be.
        name: The word for it in a config: ``a-z``, ``0-9`` and ``_``.
    """

    kind: Kind
    name: str

    @classmethod
    def of(cls, kind: str, name: str) -> NewPackage:
        """Take what somebody typed; ``exx-`` in front is left out, and ``-`` is ``_``.

        Raises:
            UsageError: There is no such kind, or the name cannot be one.
        """
        known = KINDS.get(kind.replace("-", "_"))
        if known is None:
            raise UsageError(f"no kind of plugin called {kind!r}", hint=f"the kinds are {', '.join(KINDS)}")
        plain = name.removeprefix("exx-").removeprefix("exx_")
        word = plain.replace("-", "_")
        if not _NAME.fullmatch(plain) or len(plain) > LONGEST:
            hint = f"a-z and 0-9, a letter first, - or _ between words, at most {LONGEST} characters: word_count, say"
            raise UsageError(f"{name!r} cannot be the name of a plugin", hint=hint)
        if word in _TAKEN or keyword.iskeyword(word):
            raise UsageError(f"{name!r} means something else already", hint="choose another name")
        return cls(known, word)

    @property
    def distribution(self) -> str:
        """What pip knows it as, and its folder."""
        return f"exx-{self.name.replace('_', '-')}"

    @property
    def module(self) -> str:
        """Its import package."""
        return f"exx_{self.name}"

    @property
    def class_name(self) -> str:
        """``WordCountScorer`` of ``word_count``."""
        return "".join(word[:1].upper() + word[1:] for word in self.name.split("_")) + self.kind.suffix

    def files(self) -> dict[str, str]:
        """Every file by its path within the package's folder."""
        kind = self.kind.name
        source = f"src/{self.module}"
        found = {
            "pyproject.toml": self._filled("pyproject.toml"),
            "README.md": self._filled(kind, "README.md"),
            f"{source}/__init__.py": self._filled("init.py"),
            f"{source}/{kind}.py": self._filled(kind, "class.py"),
            f"{source}/py.typed": "",
            f"tests/test_{kind}.py": self._filled(kind, "test.py"),
        }
        if kind == "dataset":
            found[f"{source}/data/questions.jsonl"] = self._filled(kind, "questions.jsonl")
        return found

    def write(self, parent: Path) -> Path:
        """Write it into a new folder and return that.

        Args:
            parent: Where the folder is to lie; made when it is missing.

        Raises:
            UsageError: There is a file or a folder of its name already, or it cannot be written.
        """
        folder = parent / self.distribution
        try:
            parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir()
            for name, text in self.files().items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("x", encoding="utf-8", newline="\n") as file:
                    file.write(text)
        except FileExistsError as cause:
            hint = "nothing was overwritten; choose another name, or another --dir"
            raise UsageError(f"{cause.filename} is there already", hint=hint) from cause
        except OSError as cause:
            raise UsageError(f"{folder} cannot be written: {cause.strerror or cause}") from cause
        return folder

    def _filled(self, *place: str) -> str:
        template = files("exx.scaffold").joinpath("templates", *place[:-1], f"{place[-1]}.tmpl").read_text("utf-8")
        return Template(template).substitute(
            name=self.name,
            title=self.name.replace("_", " ").capitalize(),
            dist=self.distribution,
            module=self.module,
            suffix=self.name,
            cls=self.class_name,
            file=self.kind.name,
            words=self.kind.words,
            hook=self.kind.hook,
            description=self.kind.description,
            dependencies='"attrs>=23.2", "exx-core>=0.1"',
        )
