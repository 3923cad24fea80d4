"""Rows from the layout that the XTREME and XTREME-R download scripts leave on a disk: one reader a layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xtremor.sources.official.folder import OfficialSource
from xtremor.tasks.base import TaskCard

__all__ = ["OfficialSource", "layout", "open_official", "reader"]


def open_official(card: TaskCard, folder: Path, **settings: Any) -> OfficialSource:
    """Open the reader of a task's files; ``settings`` are the reader's own (``unlabelled``, ...)."""
    return reader(card)(card, folder, **settings)


def layout(card: TaskCard) -> str:
    """The files that a task's folder must hold, in words."""
    return reader(card).layout(card)


def reader(card: TaskCard) -> type[OfficialSource]:
    """The class that reads a task's files; of an English intermediate task too."""
    if card.source == "intermediate":
        from xtremor.sources import intermediate

        return intermediate.reader(card)
    from xtremor.sources.official.bucc import BuccSource
    from xtremor.sources.official.choice import ChoiceSource
    from xtremor.sources.official.lareqa import LareqaSource
    from xtremor.sources.official.mewslix import MewslixSource
    from xtremor.sources.official.pairs import PairSource
    from xtremor.sources.official.spans import SpanSource
    from xtremor.sources.official.tagging import TaggingSource
    from xtremor.sources.official.tatoeba import TatoebaSource

    readers: dict[str, type[OfficialSource]] = {
        "xnli": PairSource,
        "pawsx": PairSource,
        "xcopa": ChoiceSource,
        "udpos": TaggingSource,
        "panx": TaggingSource,
        "xquad": SpanSource,
        "mlqa": SpanSource,
        "tydiqa": SpanSource,
        "mewslix": MewslixSource,
        "lareqa": LareqaSource,
        "tatoeba": TatoebaSource,
        "bucc2018": BuccSource,
    }
    return readers[card.name]
