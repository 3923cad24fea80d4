"""Where rows come from: the official layout on disk and the starter data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xtremor.errors import UserError
from xtremor.sources.base import DataRecord, Source
from xtremor.tasks.base import TaskCard

__all__ = ["DataRecord", "Source", "open_source"]


def open_source(card: TaskCard, data: Path | None = None, **settings: Any) -> Source:
    """Open the source of a task's rows.

    Args:
        card: the task.
        data: the folder named with ``--data``; needed by the official layout, refused by the starter data.
        settings: passed on to the source as they are.

    Raises:
        UserError: a folder is missing, superfluous, or not of the layout.
    """
    # Imported here: a command that needs one source must not pay for, or depend on, the others.
    if card.source == "intents":
        if data is not None:
            raise UserError(
                f"task {card.name} reads no folder (its data comes with xtremor[starter]); leave out --data"
            )
        from xtremor.sources.intents import IntentsSource

        return IntentsSource(**settings)
    if card.source == "official":
        if data is None:
            raise UserError(
                f"task {card.name} needs --data DIR, the folder with the files of the official download: "
                f"DIR/{card.name}/train-en.tsv, dev-XX.tsv and test-XX.tsv"
            )
        from xtremor.sources.official import OfficialSource

        return OfficialSource(card, data, **settings)
    raise ValueError(f"card {card.name} names the source {card.source!r}, which does not exist")
