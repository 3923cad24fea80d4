"""Where rows come from: one protocol for the official layout on disk and the starter data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from xtremor.tasks.base import TextExample


@dataclass(frozen=True, slots=True)
class DataRecord:
    """What a source read, kept beside every score.

    Attributes:
        source: name of the source and the version of its data.
        files: file -> {"sha256": hex digest, "rows": kept rows, "dropped": rows dropped, "why": reason}.
        notes: anything a reader of the scores must know (missing languages, synthetic text, ...).
    """

    source: str
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Source(Protocol):
    """Rows of one task. Splits are ``train`` and ``dev`` (English) and those named by the card."""

    def languages(self, split: str) -> list[str]:
        """Codes for which ``split`` exists, in the card's order."""
        ...

    def examples(self, split: str, language: str) -> list[TextExample]:
        """All rows of a split in file order; raises UserError when the split or a row is unusable."""
        ...

    def labels(self) -> tuple[str, ...]:
        """Class names in the order of the logits."""
        ...

    def record(self) -> DataRecord:
        """What has been read so far."""
        ...
