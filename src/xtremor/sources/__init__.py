"""Where rows come from: the official layout on disk, the Hugging Face hub and the starter data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xtremor.errors import UserError
from xtremor.sources.base import DataRecord, Source
from xtremor.tasks.base import TaskCard

__all__ = ["DataRecord", "Source", "open_source"]

HUB = Path("hub")
# Sources of cards whose files are on the user's disk, or on the hub.
ON_DISK = ("official", "intermediate")


def open_source(card: TaskCard, data: Path | None = None, **settings: Any) -> Source:
    """Open the source of a task's rows.

    Args:
        card: the task.
        data: the folder named with ``--data``; needed by the official layout, refused by the starter data. The
            word ``hub``, where no folder is called so, stands for the Hugging Face hub.
        settings: passed on to the source as they are; ``generalized=True`` gives XNLI or PAWS-X in the
            generalized setting (``sources.generalized``).

    Raises:
        UserError: a folder is missing, superfluous, or not of the layout.
    """
    # Imported here: a command that needs one source must not pay for, or depend on, the others.
    if card.source in ("intents", "slots"):
        if settings.pop("generalized", False):
            raise _no_pairs(card)
        if data is not None:
            raise UserError(
                f"task {card.name} reads no folder (its data comes with xtremor[starter]); leave out --data"
            )
        from xtremor.sources.intents import IntentsSource
        from xtremor.sources.slots import SlotsSource

        return (SlotsSource if card.source == "slots" else IntentsSource)(card, **settings)
    if card.source in ON_DISK:
        from xtremor.sources.official import layout, open_official

        if data is None:
            raise UserError(
                f"task {card.name} needs --data DIR, the folder with the files of the official download: "
                f"DIR holds {layout(card)}; or --data hub, to read from the Hugging Face hub"
            )
        generalized = settings.pop("generalized", False)
        if data == HUB and not data.exists():
            if generalized:
                raise UserError("the generalized setting is read from the official files alone; name them with --data")
            from xtremor.sources.hub import open_hub

            return open_hub(card, **settings)
        if generalized:
            return _generalized(card, data, settings)
        return open_official(card, data, **settings)
    raise ValueError(f"card {card.name} names the source {card.source!r}, which does not exist")


def _generalized(card: TaskCard, data: Path, settings: dict[str, Any]) -> Source:
    from xtremor.sources.generalized import GeneralizedSource
    from xtremor.sources.official.pairs import LAYOUTS, PairSource

    if card.name not in LAYOUTS:
        raise _no_pairs(card)
    return GeneralizedSource(PairSource(card, data, **settings))


def _no_pairs(card: TaskCard) -> UserError:
    return UserError(f"the generalized setting is for the pairs of texts of xnli and pawsx, not for {card.name}")
