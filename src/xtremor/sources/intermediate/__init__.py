"""Rows of the English intermediate tasks, from the files that their authors (or GLUE) publish."""

from __future__ import annotations

from xtremor.sources.intermediate.files import EnglishSource
from xtremor.tasks.base import TaskCard

__all__ = ["EnglishSource", "reader"]


def reader(card: TaskCard) -> type[EnglishSource]:
    """The class that reads a task's files."""
    from xtremor.sources.intermediate.choices import EnglishChoiceSource
    from xtremor.sources.intermediate.pairs import EnglishPairSource
    from xtremor.sources.intermediate.spans import EnglishSpanSource

    readers: dict[str, type[EnglishSource]] = {
        "classification": EnglishPairSource,
        "choice": EnglishChoiceSource,
        "spans": EnglishSpanSource,
    }
    return readers[card.category]
