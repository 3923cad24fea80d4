"""Weights & Biases: offline in ``RUN/trackers/wandb`` unless the user's environment says otherwise.

``$WANDB_MODE`` (online, offline, disabled), ``$WANDB_DIR`` and ``$WANDB_PROJECT`` are the user's. Nothing is sent
anywhere without ``WANDB_MODE=online``; ``wandb sync`` sends it later.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from xtremor.errors import UserError
from xtremor.tracking.base import Held, Place
from xtremor.training.folder import read_json, write_json

STATE = "wandb.json"


class Wandb:
    """Figures by update, and the settings as its configuration."""

    def __init__(self, place: Place) -> None:
        home = place.folder / "wandb"
        # Nothing of it lies in the user's home folder, and faults of its own are not reported.
        for name in ("CACHE", "CONFIG", "DATA", "ARTIFACT"):
            os.environ.setdefault(f"WANDB_{name}_DIR", str(home / name.lower()))
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        os.environ.setdefault("WANDB_SILENT", "true")
        home.mkdir(parents=True, exist_ok=True)
        import wandb

        # What is offline cannot be asked what it has.
        self.state = place.folder / STATE
        self._held = _read(self.state)
        self.run: Any = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or "xtremor",
            id=place.identity,
            name=place.name,
            dir=os.environ.get("WANDB_DIR") or str(place.folder),
            config=dict(place.settings),
            mode=os.environ.get("WANDB_MODE") or "offline",  # type: ignore[arg-type]
            resume="allow",
            settings=wandb.Settings(console="off", disable_git=True, save_code=False, x_disable_stats=True),
        )
        self.run.define_metric("update")
        self.run.define_metric("*", step_metric="update")

    def held(self) -> Held:
        """See `xtremor.tracking.base.Tracker`."""
        return dict(self._held)

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """See `xtremor.tracking.base.Tracker`."""
        self._held |= {name: (step, value) for name, value in figures.items()}
        # First: a kill in between loses one line and doubles none.
        write_json(self.state, {name: list(last) for name, last in self._held.items()})
        self.run.log({"update": step, **figures})

    def close(self, finished: bool) -> None:
        """See `xtremor.tracking.base.Tracker`."""
        self.run.finish(exit_code=0 if finished else 1)


def _read(path: Any) -> Held:
    try:
        told = read_json(path) if path.exists() else {}
        return {name: (int(step), float(value)) for name, (step, value) in told.items()}
    except (UserError, TypeError, ValueError):
        return {}
