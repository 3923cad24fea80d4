"""Digest of a checkpoint, remembered by size and time of change so that large files are read once."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path

from xtremor.encoders.checkpoint import weight_files
from xtremor.errors import UserError
from xtremor.paths import atomic_file, cache_folder


def folder_fingerprint(folder: Path) -> str:
    """Return the commit of a folder in the hub's cache, or the sha256 over config.json and the safetensors files."""
    if folder.parent.name == "snapshots":
        return folder.name
    digest = hashlib.sha256()
    for path in [folder / "config.json", *weight_files(folder)]:
        digest.update(f"{path.name}\0{file_digest(path)}\0".encode())
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """The sha256 of a file; not computed again while its size and time of change stay the same."""
    state = path.stat()
    key, stamp = str(path.resolve()), [state.st_size, state.st_mtime_ns]
    memory = _memory()
    if memory.get(key, {}).get("stamp") == stamp:
        return str(memory[key]["sha256"])
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    # A cache that cannot be written costs a second next time, never the run.
    with contextlib.suppress(UserError, OSError):
        kept = {name: entry for name, entry in _memory().items() if Path(name).exists()}
        kept[key] = {"stamp": stamp, "sha256": found}
        with atomic_file(_store()) as draft:
            draft.write_text(json.dumps(kept, indent=1), encoding="utf-8")
    return found


def _store() -> Path:
    return cache_folder() / "digests.json"


def _memory() -> dict[str, dict]:
    try:
        memory = json.loads(_store().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(memory, dict):
        return {}
    return {key: entry for key, entry in memory.items() if isinstance(entry, dict) and "sha256" in entry}
