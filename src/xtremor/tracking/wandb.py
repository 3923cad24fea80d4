"""Weights & Biases: offline in ``RUN/trackers/wandb`` unless the user's environment says otherwise.

``$WANDB_MODE`` (online, offline, disabled), ``$WANDB_DIR`` and ``$WANDB_PROJECT`` are the user's. Nothing is sent
anywhere without ``WANDB_MODE=online``; ``wandb sync`` sends it later.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from xtremor.errors import UserError
from xtremor.tracking.base import Held, Place
from xtremor.training.folder import read_json, write_json

STATE = "wandb.json"
# Bytes of the header of a transaction log, of a piece's own header, of a block; kinds of pieces that end a record.
HEADER, PIECE, BLOCK, WHOLE, LAST = 7, 7, 32768, 1, 4


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

        self.state = place.folder / STATE
        mode = os.environ.get("WANDB_MODE") or "offline"
        kept = Path(os.environ.get("WANDB_DIR") or place.folder)
        # A killed process takes along what it had not written: what is offline is judged by its files alone.
        self._held = read_offline(kept, place.identity) if mode == "offline" else _read(self.state)
        self.run: Any = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or "xtremor",
            id=place.identity,
            name=place.name,
            dir=str(kept),
            config=dict(place.settings),
            mode=mode,  # type: ignore[arg-type]
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
        # For a server, which has what it was sent. First: a kill in between loses one line and doubles none.
        write_json(self.state, {name: list(last) for name, last in self._held.items()})
        self.run.log({"update": step, **figures})

    def close(self, finished: bool) -> None:
        """See `xtremor.tracking.base.Tracker`."""
        self.run.finish(exit_code=0 if finished else 1)


def read_offline(folder: Path, identity: str) -> Held:
    """Last update and value of every figure in the transaction logs of a run below ``folder/wandb``."""
    from wandb.proto import wandb_internal_pb2

    found: Held = {}
    for path in sorted(folder.glob(f"wandb/offline-run-*-{identity}/run-{identity}.wandb")):
        for data in _records(path.read_bytes()):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            told = {each.key or "/".join(each.nested_key): each.value_json for each in record.history.item}
            if "update" in told:
                step = int(json.loads(told.pop("update")))
                own = {name: value for name, value in told.items() if not name.startswith("_")}
                found |= {name: (step, float(json.loads(value))) for name, value in own.items()}
    return found


def _records(log: bytes) -> Iterator[bytes]:
    """Records of a log in the format of LevelDB: a header, then pieces (checksum, length, kind) in blocks."""
    at, record = HEADER, b""
    while at + PIECE <= len(log):
        left = BLOCK - at % BLOCK
        if left < PIECE:
            at += left
            continue
        length, kind = struct.unpack_from("<HB", log, at + 4)
        if at + PIECE + length > len(log):
            # Cut short by a kill.
            return
        record += log[at + PIECE : at + PIECE + length]
        at += PIECE + length
        if kind in (WHOLE, LAST):
            yield record
            record = b""


def _read(path: Path) -> Held:
    try:
        told = read_json(path) if path.exists() else {}
        return {name: (int(step), float(value)) for name, (step, value) in told.items()}
    except (UserError, TypeError, ValueError):
        return {}
