"""The store of stages: a folder each, by key, that appears whole or not at all.

store.json           format of the store
stages/KEY/          a finished stage: an ordinary run folder, with ``stage.json`` (what it is, environment, checksums)
work/KEY/            a stage under way, resumable; renamed to ``stages/KEY`` when it is whole
locks/               who is at work (`xtremor.study.locks`)
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xtremor.errors import UserError
from xtremor.paths import explained
from xtremor.study.stage import Stage, key_of
from xtremor.tracking.tracking import FOLDER as TRACKERS
from xtremor.training.folder import LOCK, read_json, write_json

FORMAT = 1
MANIFEST = "stage.json"
MODEL, SNAPSHOTS = "model", "snapshots"
IDENTITY = ("kind", "version", "config", "parents", "data", "threads")


@dataclass(frozen=True)
class Store:
    """A store; see the module."""

    path: Path

    @property
    def stages(self) -> Path:
        """Finished stages."""
        return self.path / "stages"

    @property
    def work(self) -> Path:
        """Stages under way."""
        return self.path / "work"

    @property
    def locks(self) -> Path:
        """Locks."""
        return self.path / "locks"

    def open(self, make: bool = False) -> Store:
        """Check the version, and with ``make`` create what is missing.

        Raises:
            UserError: no store there, one of another version, or a place that cannot be written.
        """
        head = self.path / "store.json"
        if head.exists():
            found = read_json(head).get("format")
            if found != FORMAT:
                raise UserError(
                    f"{self.path} is a store of format {found}, this version of xtremor reads {FORMAT}; "
                    "use that version, or name another store"
                )
        elif not make:
            raise UserError(f"{self.path} is no store of stages: it has no store.json")
        elif self.path.is_dir() and any(each.name[:1] != "." for each in self.path.iterdir()):
            raise UserError(f"{self.path} is not empty and holds no store; name a folder that does not exist yet")
        if make:
            with explained(self.path):
                for folder in (self.stages, self.work, self.locks):
                    folder.mkdir(parents=True, exist_ok=True)
            if not head.exists():
                write_json(head, {"format": FORMAT})
        return self

    def finished(self) -> set[str]:
        """Keys of all finished stages: one look into one folder."""
        try:
            with os.scandir(self.stages) as entries:
                return {entry.name for entry in entries if entry.name[:1] != "."}
        except FileNotFoundError:
            return set()

    def has(self, key: str) -> bool:
        """Whether a stage is finished."""
        return (self.stages / key).is_dir()

    def has_model(self, key: str) -> bool:
        """Whether a finished stage still has its model."""
        return (self.stages / key / MODEL).is_dir()

    def manifest(self, key: str) -> dict[str, Any]:
        """``stage.json`` of a finished stage; raises UserError where it is missing or no longer itself."""
        path = self.stages / key / MANIFEST
        if not path.is_file():
            raise UserError(f"{self.stages / key} has no {MANIFEST}: {_mend(self.stages / key)}")
        found = read_json(path)
        if any(name not in found for name in (*IDENTITY, "checksums")) or (
            key_of({name: found[name] for name in IDENTITY}) != key
        ):
            raise UserError(f"{path} was edited: it no longer describes this stage; {_mend(path.parent)}")
        return found

    def has_weights(self, key: str) -> bool:
        """Whether a finished stage has its model, or snapshots that were left when the model went."""
        return any((self.stages / key / name).is_dir() for name in (MODEL, SNAPSHOTS))

    def publish(self, stage: Stage, told: Mapping[str, Any], log: Path | None = None) -> None:
        """Make the work area of a stage the finished stage.

        Args:
            stage: that is whole.
            told: what ``stage.json`` says beside identity and checksums.
            log: what was printed; it becomes ``output.log``.
        """
        area, target = self.work / stage.key, self.stages / stage.key
        with explained(target):
            # Of a worker that was killed here before.
            for draft in area.glob(f".{MANIFEST}.*"):
                draft.unlink()
            if log is not None and log.is_file():
                shutil.copyfile(log, area / "output.log")
            manifest = {
                "format": FORMAT,
                "key": stage.key,
                "name": stage.name,
                "task": stage.task,
                **stage.identity(),
                **told,
                "checksums": checksums(area),
            }
            write_json(area / MANIFEST, manifest)
            try:
                os.rename(area, target)
            except OSError:
                if not self.has(stage.key):
                    raise
                # Somebody else was first; what he has is the same.
                shutil.rmtree(area, ignore_errors=True)
            if log is not None:
                log.unlink(missing_ok=True)

    def drop_model(self, key: str) -> bool:
        """Remove the model of a finished stage with its snapshots; its results stay. Whether there was one."""
        folder, found = self.stages / key, False
        for name in (MODEL, SNAPSHOTS):
            bin_ = folder / f".dropped-{uuid.uuid4().hex[:8]}"
            try:
                os.rename(folder / name, bin_)
            except FileNotFoundError:
                continue
            shutil.rmtree(bin_, ignore_errors=True)
            found |= name == MODEL
        return found

    def forget(self, key: str) -> None:
        """Remove a finished stage, because it has to be run again."""
        bin_ = self.work / f".forgotten-{key}-{uuid.uuid4().hex[:8]}"
        os.rename(self.stages / key, bin_)
        shutil.rmtree(bin_, ignore_errors=True)

    def tidy(self) -> None:
        """Remove what workers left that were killed as a stage became whole: their logs, areas and locks."""
        from xtremor.study.locks import alive

        finished = self.finished()
        dead = [path for path in self.locks.glob("*.*") if path.name[0] != "." and not alive(path)]
        for path in dead:
            path.unlink(missing_ok=True)
        locked = {path.name.partition(".")[0] for path in self.locks.glob("*.*")}
        for path in self.work.iterdir():
            key = path.name.partition(".")[0]
            if path.name.startswith(".forgotten-") or (key in finished and key not in locked):
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)

    def verify(self, key: str, whole: bool = True) -> None:
        """Raise UserError, naming the file, where a finished stage is not as it was stored.

        Args:
            key: of the stage.
            whole: read every byte; otherwise names and sizes alone, and every byte of files below a megabyte.
        """
        folder = self.stages / key
        manifest = self.manifest(key)
        known, name = manifest["checksums"], manifest.get("name", key)
        there = set(_files(folder))
        gone = not (folder / MODEL).exists()
        for path, facts in known.items():
            if path not in there:
                if gone and path.startswith((f"{MODEL}/", f"{SNAPSHOTS}/")):
                    continue
                raise _edited(folder, name, f"{path} is missing")
            size = (folder / path).stat().st_size
            if size != facts["bytes"] or ((whole or size < 1e6) and _sha256(folder / path) != facts["sha256"]):
                raise _edited(folder, name, f"{path} was edited")
        for path in there - set(known) - {MANIFEST}:
            raise _edited(folder, name, f"{path} was added")


def checksums(folder: Path) -> dict[str, dict[str, Any]]:
    """File below a folder -> its sha256 and size."""
    return {
        path: {"sha256": _sha256(folder / path), "bytes": (folder / path).stat().st_size}
        for path in sorted(_files(folder))
        if path != MANIFEST
    }


def _files(folder: Path) -> Iterable[str]:
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        # Locks, half-removed models and what trackers write for themselves are nobody's results.
        if path.is_file() and inside.parts[0] not in (LOCK, TRACKERS) and not inside.parts[0].startswith(".dropped-"):
            yield inside.as_posix()


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _edited(folder: Path, name: str, what: str) -> UserError:
    return UserError(f"stage '{name}': {what} since it was stored in {folder}; {_mend(folder)}")


def _mend(folder: Path) -> str:
    return f"put it back, or delete {folder.name} there and run the study again"
