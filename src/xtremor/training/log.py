"""What a run tells while it trains: at most about 500 JSON lines."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any, TextIO

from xtremor.paths import atomic_file

NAME = "log.jsonl"
LINES = 500


def write(log: TextIO, line: dict[str, Any], updates: int) -> bool:
    """Append the line of an update, if it is one of those kept of ``updates`` in all; whether it is."""
    kept = line["update"] % max(1, updates // LINES) == 0 or line["update"] == updates
    if kept:
        log.write(json.dumps(line) + "\n")
        log.flush()
    return bool(kept)


def begin(folder: Path) -> None:
    """An empty log."""
    (folder / NAME).write_text("", encoding="utf-8")


def cut(folder: Path, update: int) -> None:
    """Drop what was written after an update, and a line cut short by a kill."""
    kept = [line for line in lines(folder) if line["update"] <= update]
    with atomic_file(folder / NAME) as temporary:
        temporary.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")


def lines(folder: Path) -> list[dict[str, Any]]:
    """What the log of a run says; a line cut short by a kill is left out."""
    path, found = folder / NAME, []
    if path.exists():
        for text in path.read_text(encoding="utf-8").split("\n"):
            with contextlib.suppress(json.JSONDecodeError):
                found.append(json.loads(text))
    return found
