"""Registers the prompt sets: ``default``, and three that differ from it in one respect each."""

from __future__ import annotations

from typing import Any

from exx import hookimpl


@hookimpl
def exx_register_prompt_sets() -> list[type[Any]]:
    """Offer the prompt sets."""
    from exx_prompts.prompt_set import Default, LengthMatchedPlacebo, OperationalOnly, StructureWithoutContent

    return [Default, OperationalOnly, StructureWithoutContent, LengthMatchedPlacebo]
