"""The prompt sets, one class each; their texts are files of this package, one text a file.

``sets/<name>`` holds ``control.txt`` and ``treatment.txt``; ``tasks`` holds the instructions that all sets share. To
tell what in the treatment of ``default`` made the difference, run it beside the others: their control is the same.
"""

from __future__ import annotations

from importlib.resources import files
from typing import ClassVar

from attrs import frozen

from exx import PromptTexts


@frozen(kw_only=True)
class BundledPromptSet:
    """A prompt set whose texts lie in the folder that bears its name; it has no options."""

    name: ClassVar[str]

    def texts(self) -> PromptTexts:
        """Read the four texts, without white space around them."""
        return PromptTexts(
            control=_read("sets", self.name, "control.txt"),
            treatment=_read("sets", self.name, "treatment.txt"),
            open_book=_read("tasks", "open_book.txt"),
            closed_book=_read("tasks", "closed_book.txt"),
        )


@frozen(kw_only=True)
class Default(BundledPromptSet):
    """A plain assistant against one asked for excellence: careful, faithful to the passage, honest and brief."""

    name: ClassVar[str] = "default"


@frozen(kw_only=True)
class OperationalOnly(BundledPromptSet):
    """Rules that say what to do, without a word of exhortation: does a checklist do the work?"""

    name: ClassVar[str] = "operational_only"


@frozen(kw_only=True)
class StructureWithoutContent(BundledPromptSet):
    """The headings and lists of ``default`` with nothing said in them: does the shape do the work?"""

    name: ClassVar[str] = "structure_without_content"


@frozen(kw_only=True)
class LengthMatchedPlacebo(BundledPromptSet):
    """The control followed by neutral filler, as long as the treatment of ``default``: does sheer length do it?"""

    name: ClassVar[str] = "length_matched_placebo"


def _read(*path: str) -> str:
    return files("exx_prompts").joinpath(*path).read_text("utf-8").strip()
