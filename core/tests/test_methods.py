"""What a result was computed with is told in the words of the plugins that were used, and of no other version."""

from __future__ import annotations

from attrs import frozen

from exx import hookimpl
from exx.methods import describe, read_docstring
from exx.plugins import Registry


def test_docstrings_give_summary_and_sources():
    """The first paragraph on one line; each source on one line, and nothing of the section after it."""
    sources = "Sources:\n    First (1900):\n        more of it.\n    - Second (1950).\n"
    text = f"What it\ndoes.\n\nMore.\n\n{sources}\nNotes:\n    no"

    assert read_docstring(text) == ("What it does.", ("First (1900): more of it.", "Second (1950)."))
    assert read_docstring("") == (None, ())


@frozen
class Sign:
    """Offered by the plugin below."""

    name = "sign"


class Offers:
    """A plugin of this process."""

    def exx_register_analyses(self):
        """Offer one class."""
        return [Sign]


def test_words_are_those_of_the_version_that_was_used():
    """A manifest that names another version gets no words from the installed one."""
    hookimpl(Offers.exx_register_analyses)
    registry = Registry.of(Offers())
    used, other, gone = describe(
        [{"name": "sign"}, {"name": "sign", "version": "9.9"}, {"name": "gone", "kind": "analysis"}], registry
    )

    assert used.kind == "analysis"
    assert used.summary.startswith("What a result was computed with is told in the words")
    assert (other.version, other.summary, gone.summary) == ("9.9", None, None)
