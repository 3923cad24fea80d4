"""Unlabelled text of languages, for the encoder's own distances: one line a text, or the texts of a task's rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xtremor.analysis.states import States
from xtremor.console import Progress
from xtremor.errors import UserError
from xtremor.sources.base import RetrievalSource, Source
from xtremor.sources.own.language_files import canonical
from xtremor.sources.text import TextFile
from xtremor.tasks.base import TaskCard, TextExample


def from_folder(folder: Path, codes: Sequence[str], limit: int) -> dict[str, list[str]]:
    """``XX.txt``, a text a line; of languages without a file nothing.

    Raises:
        UserError: no folder, no file of any of the languages, an empty line.
    """
    if not folder.is_dir():
        raise UserError(
            f"--text {folder} is no folder; name one with a file of texts for each language, such as sw.txt"
        )
    files = {canonical(path.stem): path for path in sorted(folder.glob("*.txt"))}
    found: dict[str, list[str]] = {}
    for code in codes:
        path = files.get(canonical(code))
        if path is None:
            continue
        found[code] = []
        for number, line in TextFile(path).lines():
            if not line.strip():
                raise UserError(f"{path}, line {number} is empty; expected a text on every line")
            if len(found[code]) < limit:
                found[code].append(line)
    if not found:
        raise UserError(f"--text {folder} holds no file of {', '.join(codes[:5])}; expected files such as sw.txt")
    return found


def from_task(card: TaskCard, source: Source, codes: Sequence[str], limit: int) -> dict[str, list[str]]:
    """Texts of a task's rows, whose labels are not looked at: of the first split that has the language."""
    found: dict[str, list[str]] = {}
    for split in dict.fromkeys((*card.splits, "dev", "train")):
        for code in source.languages(split):
            if code in codes and code not in found:
                rows: Sequence[Any] = source.examples(split, code)
                if isinstance(source, RetrievalSource):
                    rows = source.candidates(split, code)
                found[code] = [plain(row) for row in rows[:limit]]
    return found


def plain(row: Any) -> str:
    """The text of a row of any kind."""
    for name in ("text", "context", "question"):
        if getattr(row, name, ""):
            return str(getattr(row, name))
    return " ".join(row.tokens) if hasattr(row, "tokens") else str(row.texts[0])


def mean_vectors(states: States, texts: dict[str, list[str]], layer: int | None) -> dict[str, np.ndarray]:
    """Language -> (H,) mean of the pooled vectors of its texts at a layer (None: the middle one)."""
    chosen = states.embedder.layers // 2 if layer is None else layer
    found = {}
    with Progress("embedding text", sum(map(len, texts.values()))) as progress:
        for code, lines in texts.items():
            rows = [TextExample("text", code, at, str(at), code, (line,), None) for at, line in enumerate(lines)]
            found[code] = states(rows)[:, chosen].mean(axis=0)
            progress.advance(len(lines), code)
    return found
