"""Rows from the Hugging Face hub: published Parquet, put into the official layout and read by its readers.

Everything that the official readers check, repair and say holds for the hub's rows as well, and an item has the
same identity as in the official files.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from xtremor.errors import UserError
from xtremor.paths import cache_folder
from xtremor.sources.base import DataRecord, RetrievalSource
from xtremor.sources.hub.english import published_english
from xtremor.sources.hub.parquet import find, read, revision
from xtremor.sources.hub.published import Published, published
from xtremor.sources.official import open_official, reader
from xtremor.sources.official.folder import ENGLISH, OfficialSource
from xtremor.tasks.base import RetrievalExample, TaskCard

# Read beside a language that was asked for: what tells clusters, and XCOPA's right questions.
_REFERENCE = {"xcopa": "zh"}


class HubSource:
    """Rows of a task on the hub; implements ``sources.base.Source``.

    Files are fetched, a split of a language at a time, into the hub's own cache, and used from there without
    asking again. Their rows are written in the official layout to a temporary folder inside xtremor's
    cache folder, which goes when the source does.

    Args:
        card: the task.
        local: a folder that holds ``owner/name/<configuration>/<split>...parquet``, instead of the hub.
        settings: of the official reader.

    Raises:
        UserError: the task is not read from the hub.
    """

    def __init__(self, card: TaskCard, local: Path | None = None, **settings: Any) -> None:
        self.card, self.local, self.settings = card, local, settings
        if not any(self.languages(split) for split in card.splits):
            raise UserError(
                f"task {card.name} is not read from the hub; name the folder of the official download with --data DIR"
            )
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._inner: OfficialSource | None = None
        self._from: dict[str, None] = {}
        self._fetched: set[tuple[str, str]] = set()

    def languages(self, split: str) -> list[str]:
        """Codes for which the hub is known to have the split, in the card's order."""
        codes = self.card.languages if split in self.card.splits else dict.fromkeys((*self.card.languages, ENGLISH))
        return [code for code in codes if self._entries(split, code)]

    def examples(self, split: str, language: str) -> list[Any]:
        """All rows of a split in the order of the hub.

        Raises:
            UserError: there is no such split, the hub cannot be reached, or a row is unusable.
        """
        self._fetch(split, language)
        reference = _REFERENCE.get(self.card.name, ENGLISH)
        if split != "train" and self._entries(split, reference):
            self._fetch(split, reference)
        return self._official().examples(split, language)

    def labels(self) -> tuple[str, ...]:
        """Class names in the order of the logits."""
        return self.card.labels

    def record(self) -> DataRecord:
        """What was read, with the repositories and commits that it came from."""
        inner = DataRecord("") if self._inner is None else self._inner.record()
        # A split that was fetched in part is not missing on the hub.
        notes = [note for note in inner.notes if not note.startswith("no ")]
        for split in dict.fromkeys(split for split, _ in self._fetched if split in self.card.splits):
            absent = [code for code in self.card.languages if not self._entries(split, code)]
            if absent:
                notes.append(f"the hub has no {split} file for {', '.join(absent)}")
        if self.card.name == "mlqa":
            notes.append("the hub has no titles of articles: clusters are paragraphs, not articles")
        return replace(inner, source=f"Hugging Face hub, {', '.join(self._from)}", notes=tuple(notes))

    def close(self) -> None:
        """Remove the temporary folder now; it goes by itself when the process ends."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder, self._inner, self._fetched = None, None, set()

    def _entries(self, split: str, language: str) -> tuple[Published, ...]:
        """Where the files of a split are, in the order of the reader's parts; none where the hub has none."""
        if self.card.source == "intermediate":
            return published_english(self.card.name, split) if language == ENGLISH else ()
        return published(self.card.name, split, language)

    def _fetch(self, split: str, language: str) -> None:
        """Write the files of a split in the official layout, once."""
        if (split, language) in self._fetched:
            return
        entries = self._entries(split, language)
        if not entries:
            raise UserError(
                f"task {self.card.name}: the hub has no {split} in {language} that can be read; it has "
                f"{', '.join(self.languages(split)) or 'none in any language'}"
            )
        for entry, name in zip(entries, reader(self.card).parts(self.card, split, language), strict=True):
            paths = find(entry, self.local)
            text = self._converted(entry, *read(paths))
            commit = revision(paths[0])
            self._from[f"{entry.repository}{f' at {commit[:12]}' if commit else ''}"] = None
            target = self._root() / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="")
        self._fetched.add((split, language))

    def _converted(self, entry: Published, rows: list[dict[str, Any]], names: dict[str, list[str]]) -> str:
        where = f"{entry.repository} on the hub, {entry.folders[0]} {entry.split}"
        try:
            kept = [row for row in rows if entry.keep(row)]
            if not kept:
                raise UserError("it has no row of this language")
            return entry.convert(kept, names, self.card.labels)
        except UserError as error:
            raise UserError(f"{where}: {error}") from error
        except (KeyError, TypeError, ValueError) as error:
            columns = ", ".join(rows[0]) if rows else "none"
            raise UserError(
                f"{where} has not the published columns ({error} cannot be used; found: {columns}); "
                "use the files of the official download (--data DIR)"
            ) from error

    def _root(self) -> Path:
        if self._folder is None:
            cache_folder().mkdir(parents=True, exist_ok=True)
            self._folder = tempfile.TemporaryDirectory(prefix="hub-", dir=cache_folder())
        return Path(self._folder.name)

    def _official(self) -> OfficialSource:
        if self._inner is None:
            self._inner = open_official(self.card, self._root(), **self.settings)
        return self._inner


class HubRetrievalSource(HubSource):
    """Queries and candidates of a retrieval task on the hub; implements ``sources.base.RetrievalSource``."""

    shared_candidates = False

    def candidates(self, split: str, language: str) -> list[RetrievalExample]:
        """What the queries of a language are ranked against; raises UserError as ``examples`` does."""
        self._fetch(split, language)
        official = self._official()
        assert isinstance(official, RetrievalSource)
        return official.candidates(split, language)


def open_hub(card: TaskCard, local: Path | None = None, **settings: Any) -> HubSource:
    """Rows of a task on the hub, with candidates where it is a retrieval task; arguments as of ``HubSource``."""
    return (HubRetrievalSource if card.category == "retrieval" else HubSource)(card, local, **settings)
