"""The report's sections in the order in which a reader needs them, put together into one document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exx_markdown import closing, evidence, opening

if TYPE_CHECKING:
    from exx import Results


def render(results: Results, *, examples: int, longest: int) -> str:
    """Write the whole report.

    Args:
        results: A finished trial.
        examples: Items shown that the treatment fixed, and that it broke, per place.
        longest: Characters shown of a question or an answer.
    """
    sections = [
        opening.title(results),
        opening.verdict(results),
        opening.glance(results),
        opening.setup(results),
        evidence.balance(results),
        evidence.answers(results),
        evidence.subgroups(results),
        evidence.crossed(results),
        closing.examples(results, each=examples, longest=longest),
        evidence.tests(results),
        evidence.costs(results),
        closing.methods(results),
        closing.again(results),
    ]
    paragraphs = [paragraph for section in sections for paragraph in section if paragraph]
    return "\n\n".join(paragraphs) + "\n"
