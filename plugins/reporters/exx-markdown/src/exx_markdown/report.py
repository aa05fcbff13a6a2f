"""The report's sections in the order in which a reader needs them, put together into one document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from exx_markdown import asked, closing, further, money, opening, outcome, pairing, studies
from exx_markdown.figures import Figures

if TYPE_CHECKING:
    from exx import Results


def render(results: Results, *, examples: int, longest: int, figures: bool = True) -> tuple[str, dict[str, str]]:
    """Write the whole report.

    Args:
        results: A finished trial.
        examples: Items shown that the treatment fixed, and that it broke, per place.
        longest: Characters shown of a question or an answer.
        figures: Draw them.

    Returns:
        The report, and the figures that it links, by file name.
    """
    drawn = Figures(figures)
    optional = {
        "meta-analysis": further.pooled(results),
        "selective risk": further.selective(results, drawn),
        "non-inferiority": further.noninferiority(results),
        "sensitivity to the detector’s threshold": studies.sensitivity(results, drawn),
        "power": studies.power(results),
        "mixed effects": studies.models(results),
        "costs": money.costs(results),
        "cost-effectiveness": money.effectiveness(results, drawn),
    }
    sections = [
        opening.title(results),
        opening.verdict(results, drawn),
        pairing.balance(results),
        asked.setup(results),
        pairing.answers(results),
        outcome.results_by_place(results, drawn),
        outcome.significance(results),
        outcome.subgroups(results, drawn),
        *optional.values(),
        studies.others(results),
        _absent([name for name, section in optional.items() if not section]),
        closing.examples(results, each=examples, longest=longest),
        closing.methods(results),
        closing.again(results),
    ]
    paragraphs = [paragraph for section in sections for paragraph in section if paragraph]
    return "\n\n".join(paragraphs) + "\n", drawn.files


def _absent(names: Sequence[str]) -> list[str]:
    """What a reader may look for in vain; that it is missing says nothing about the treatment."""
    if not names:
        return []
    return ["## Not in this report", f"Their analysis did not run, or nothing was to be analysed: {', '.join(names)}."]
