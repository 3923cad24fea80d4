"""A run folder: what it holds, whether it belongs to these settings, and whether it is finished.

config.json            what the run is; written first
log.jsonl              loss by update
checkpoint.safetensors state of an unfinished run
snapshots/             trained weights at some updates (`xtremor.training.snapshots`), with --snapshots
model/                 the trained model, an ordinary Hugging Face folder
run.json               the record of a finished run; written last
predictions.parquet    one row an item, and
scores.json            the scores from it (`xtremor evaluate`)
"""

from __future__ import annotations

import contextlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xtremor.errors import UserError
from xtremor.paths import atomic_file, explained
from xtremor.training.config import differences

FORMAT = 1
CHECKPOINT = "checkpoint.safetensors"
LOCK = ".lock"
# Locks of the run folders that this process works on.
_HELD: dict[Path, Any] = {}


@dataclass(frozen=True)
class RunFolder:
    """Paths of one run and the reading and writing of its records."""

    path: Path

    @property
    def model(self) -> Path:
        """The trained model."""
        return self.path / "model"

    @property
    def snapshots(self) -> Path:
        """Trained weights after some of the updates."""
        return self.path / "snapshots"

    @property
    def predictions(self) -> Path:
        """Predictions of the last evaluation."""
        return self.path / "predictions.parquet"

    @property
    def scores(self) -> Path:
        """Scores of the last evaluation."""
        return self.path / "scores.json"

    @property
    def record(self) -> Path:
        """What was run, once it is finished."""
        return self.path / "run.json"

    @property
    def config(self) -> Path:
        """What the run is."""
        return self.path / "config.json"

    def finished(self) -> bool:
        """Whether training came to its end."""
        return self.record.exists()

    def check(self, identity: dict[str, Any]) -> None:
        """Raise UserError when the folder holds a run of other settings, or files that are no run."""
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"--output {self.path} is a file; name a folder that does not exist yet")
        if self.config.exists():
            before = read_json(self.config)
            changed = differences(*_placeless(before, identity))
            if changed:
                raise UserError(
                    f"{self.path} holds a run of another configuration ({'; '.join(changed[:5])}); "
                    "name another --output, or delete that folder"
                )
            return
        # A process killed while it wrote config.json has left its draft, its lock and nothing else.
        ours = (".config.json.", LOCK)
        if self.path.is_dir() and any(not path.name.startswith(ours) for path in self.path.iterdir()):
            raise UserError(
                f"--output {self.path} is not empty and holds no run; name a folder that does not exist yet"
            )

    def claim(self, identity: dict[str, Any]) -> None:
        """Make the folder this run's and this process's own until `release`.

        Raises UserError as `check` does, and when another process is at work on the folder.
        """
        self.check(identity)
        self._lock()
        if self.config.exists():
            self._sweep()
        else:
            write_json(self.config, identity)

    def release(self) -> None:
        """Let other processes work on the folder; does nothing when this one never claimed it."""
        held = _HELD.pop(self.path.absolute(), None)
        if held is not None:
            # Removed while it is held, so that nobody else's lock is taken away; Windows refuses, which is harmless.
            with contextlib.suppress(OSError):
                (self.path / LOCK).unlink()
            held.release()

    def _lock(self) -> None:
        from filelock import FileLock, Timeout

        with explained(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path / LOCK, timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise UserError(
                f"another process is working on {self.path}; wait for it, or name another --output"
            ) from error
        _HELD[self.path.absolute()] = lock

    def _sweep(self) -> None:
        """Remove the half-written files of a process that was killed; `xtremor.paths` names them."""
        paths = (self.config, self.record, self.scores, self.predictions, self.model, self.path / CHECKPOINT)
        # The last are safetensors' own drafts, which from 0.8 on it writes beside the file that it was given.
        for pattern in (*(f".{path.name}.*" for path in paths), ".tmp??????"):
            for left in self.path.glob(pattern):
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        for left in self.snapshots.glob(".*"):
            left.unlink()

    def read_record(self) -> dict[str, Any]:
        """run.json; raises UserError where the folder is no finished run."""
        if not self.path.is_dir():
            raise UserError(f"run folder {self.path} does not exist")
        if not self.record.exists():
            if (self.path / CHECKPOINT).exists() or self.config.exists():
                raise UserError(f"the run in {self.path} is not finished; give its training command again to go on")
            raise UserError(f"{self.path} is not a run folder: it has no run.json (`xtremor train` writes one)")
        record = read_json(self.record)
        if record.get("format") != FORMAT:
            raise UserError(f"{self.record}: format {record.get('format')}, this version of xtremor reads {FORMAT}")
        return record


def _placeless(before: dict[str, Any], after: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both identities without the encoder's name where its fingerprint is the same: a run is what it was trained from,
    and not where that lies, so that a folder with all stages of a chain can be moved."""
    if before.get("encoder") is None or before["encoder"] != after.get("encoder"):
        return before, after
    return _without_place(before), _without_place(after)


def _without_place(identity: dict[str, Any]) -> dict[str, Any]:
    settings = identity.get("settings")
    if not isinstance(settings, dict):
        return identity
    return {**identity, "settings": {name: value for name, value in settings.items() if name != "encoder"}}


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write JSON whole or not at all."""
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; raises UserError naming file and line."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise UserError(f"{path}, line {error.lineno}: not valid JSON ({error.msg}); was the file edited?") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text; was the file damaged?") from error
    if not isinstance(value, dict):
        raise UserError(f"{path}: expected a JSON object")
    return value
