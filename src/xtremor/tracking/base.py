"""What a tracker is: a place that a run tells its figures, by the number of the update."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

# Tag -> last step that a tracker has of it, and the value there.
Held = dict[str, tuple[int, float]]


@dataclass(frozen=True)
class Place:
    """Where a tracker writes, and of which run.

    Attributes:
        folder: of the run, for trackers alone; the user's own environment may name another place.
        identity: of this run folder, the same when it is resumed.
        name: for people.
        settings: of the run, flat.
    """

    folder: Path
    identity: str
    name: str
    settings: Mapping[str, Any]


class Tracker(Protocol):
    """One tracker at work on a run. Whatever it raises ends its own work and not the run's."""

    def held(self) -> Held:
        """What it has of this run already, where that was resumed; steps behind it are told again."""
        ...

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Take figures of an update."""
        ...

    def close(self, finished: bool) -> None:
        """Write what is left; ``finished`` is False for a run that was stopped or failed."""
        ...
