"""TensorBoard: event files in ``RUN/trackers/tensorboard``, or below ``$TENSORBOARD_LOGGING_DIR``."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from xtremor.tracking.base import Held, Place


class TensorBoard:
    """Scalars by update, and the settings as text."""

    def __init__(self, place: Place) -> None:
        from torch.utils.tensorboard.writer import SummaryWriter

        named = os.environ.get("TENSORBOARD_LOGGING_DIR")
        mine = f"{re.sub(r'[^-.a-zA-Z0-9_]+', '-', place.name)}-{place.identity}"
        folder = Path(named) / mine if named else place.folder / "tensorboard"
        self._held = read_events(folder)
        self.writer = SummaryWriter(str(folder))
        if not self._held:
            text = json.dumps(dict(place.settings), indent=2, ensure_ascii=False)
            self.writer.add_text("settings", "".join(f"    {line}\n" for line in text.split("\n")), 0)

    def held(self) -> Held:
        """See `xtremor.tracking.base.Tracker`; what was not flushed before a kill is not there."""
        return self._held

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """See `xtremor.tracking.base.Tracker`."""
        for name, value in figures.items():
            self.writer.add_scalar(name, value, step)

    def close(self, finished: bool) -> None:
        """See `xtremor.tracking.base.Tracker`."""
        self.writer.close()


def read_events(folder: Path) -> Held:
    """Last step and value of every scalar in a folder's event files, also in one that was cut short by a kill."""
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    found: Held = {}
    for path in sorted(folder.glob("events.out.tfevents.*")):
        for event in LegacyEventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if value.HasField("simple_value") and event.step >= found.get(value.tag, (0, 0.0))[0]:
                    found[value.tag] = (int(event.step), float(value.simple_value))
    return found
