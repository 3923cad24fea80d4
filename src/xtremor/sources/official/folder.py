"""What every reader of the official layout shares: finding files, refusing what is missing, keeping a record."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from xtremor.errors import UserError, unknown
from xtremor.sources.base import DataRecord
from xtremor.sources.text import TextFile
from xtremor.tasks.base import TaskCard

ENGLISH = "en"
SPLITS = ("train", "dev")


class OfficialSource(ABC):
    """Rows of one task in the layout that the XTREME and XTREME-R download scripts leave on a disk.

    Args:
        card: the task.
        folder: the data folder that holds ``<task>/``, or the task's own folder.
        unlabelled: read files without labels (as the official download leaves test files), with None for
            each label; by default they are refused with a word on where the labels can be had.

    Raises:
        UserError: the folder does not exist or holds no file of the layout.
    """

    # Splits beyond train, dev and the card's.
    further_splits: tuple[str, ...] = ()

    def __init__(self, card: TaskCard, folder: Path, unlabelled: bool = False) -> None:
        self.card, self.unlabelled = card, unlabelled
        self._files: dict[str, dict[str, Any]] = {}
        self._notes: dict[str, None] = {}
        self._scored: dict[str, None] = {}
        self.folder = self._task_folder(Path(folder))

    @classmethod
    @abstractmethod
    def names(cls, card: TaskCard, split: str, language: str) -> Sequence[str]:
        """Names that the file may have, relative to the data folder, the usual one first; none where no file can be."""

    @classmethod
    def parts(cls, card: TaskCard, split: str, language: str) -> Sequence[str]:
        """The files that a split of a language consists of, each by its usual name: one, but for ``anli``."""
        return cls.names(card, split, language)[:1]

    @abstractmethod
    def examples(self, split: str, language: str) -> list[Any]:
        """All rows of a split in file order; raises UserError at a missing file or the first unusable row."""

    @classmethod
    def layout(cls, card: TaskCard) -> str:
        """The files that a folder must hold, in words."""
        places = [(split, code) for split, code in (("train", ENGLISH), ("dev", "XX"), (card.splits[0], "XX"))]
        names = dict.fromkeys(name for place in places for name in cls.names(card, *place)[:1])
        return " and ".join(filter(None, (", ".join([*names][:-1]), [*names][-1])))

    def languages(self, split: str) -> list[str]:
        """Codes for which ``split`` has a file, in the card's order.

        Where a task scores no English, English is listed for the splits that are not scored (``train``); its other
        files can be read by name.
        """
        self._check_split(split)
        codes = self.card.languages if split in self.card.splits else self._codes()
        return [code for code in codes if self._find(split, code) is not None]

    def holds(self, split: str, language: str) -> bool:
        """Whether there is a file of the split in the language, listed or not."""
        return self._find(split, language) is not None

    def require(self, split: str, languages: Iterable[str]) -> None:
        """Raise UserError unless each of ``languages`` has a file of ``split``; it names all missing."""
        wanted = list(languages)
        there = self.languages(split)
        for code in wanted:
            if code not in self._codes():
                raise unknown("language", code, self._codes(), f"task {self.card.name}")
        missing = [code for code in wanted if self._find(split, code) is None]
        if not missing:
            return
        own = f"{self.card.name}/"
        names = ", ".join(self._name(split, code).removeprefix(own) or f"{split} in {code}" for code in missing)
        if split == "train" and missing != [ENGLISH]:
            raise UserError(
                f"task {self.card.name} trains on English alone; there is no training set in {missing[0]} ({names})"
            )
        if not there:
            if not self._name(split, missing[0]):
                raise UserError(f"task {self.card.name} has no {split} set in this layout")
            way = self._dev_instead(split, missing) or "download the task again"
            raise UserError(f"{self.folder} lacks {names}; it has no {split} file at all, so {way}")
        way = self._dev_instead(split, missing)
        raise UserError(
            f"{self.folder} lacks {names}; add what is missing{f', {way}' if way else ''}, or name only languages that "
            f"are there: --languages {','.join(there)}"
        )

    def _dev_instead(self, split: str, languages: Sequence[str]) -> str:
        """The words that dev can be scored where it has the files that the test lacks; else none."""
        there = split == self.card.splits[0] and "dev" in self.card.splits[1:]
        if not there or not all(self._find("dev", code) for code in languages):
            return ""
        return "score --split dev, whose files are there"

    def labels(self) -> tuple[str, ...]:
        """Class names in the order of the logits."""
        return self.card.labels

    def record(self) -> DataRecord:
        """Files read so far with their hashes and rows, and what departs from the published data."""
        notes = list(self._notes)
        for split in self._scored:
            there = self.languages(split)
            absent = [code for code in self.card.languages if code not in there]
            if absent:
                notes.append(f"no {split} file for {', '.join(absent)}")
        return DataRecord(f"official layout on disk, {self.card.name}", dict(self._files), tuple(notes))

    def _codes(self) -> tuple[str, ...]:
        languages = self.card.languages
        return languages if ENGLISH in languages else (*languages, ENGLISH)

    def _name(self, split: str, language: str) -> str:
        """The file's name, for identities and messages; the one on disk where there is one."""
        names = self.names(self.card, split, language)
        found = (name for name in names if self._place(name).is_file())
        return next(found, names[0] if names else "")

    def _find(self, split: str, language: str) -> Path | None:
        name = self._name(split, language)
        path = self._place(name) if name else None
        return path if path is not None and path.is_file() else None

    def _open(self, split: str, language: str) -> tuple[str, TextFile]:
        """The name and the file of a split that is there; counts it as scored."""
        self.require(split, [language])
        if split not in ("train", *self.further_splits):
            self._scored[split] = None
        name = self._name(split, language)
        return name, TextFile(self._place(name))

    def _place(self, name: str) -> Path:
        """Where a name of the layout lies: in the task's folder, or beside it for a shared training set."""
        first, _, rest = name.partition("/")
        return self.folder / rest if first == self.card.name else self.folder.absolute().parent / name

    def _check_split(self, split: str) -> None:
        known = dict.fromkeys((*SPLITS, *self.card.splits, *self.further_splits))
        if split not in known:
            raise unknown("split", split, known, f"task {self.card.name}")

    def _note(self, file: str, text: str) -> None:
        self._notes[f"{file}: {text}"] = None

    def _record(self, name: str, file: TextFile, rows: int) -> None:
        self._files[name] = {"sha256": file.sha256, "rows": rows, "dropped": 0, "why": ""}
        if file.bom:
            self._note(name, "a byte order mark at its start was dropped")

    def _check_bare(self, name: str, seen: str) -> None:
        """Accept a file without labels where it was asked for; raises UserError otherwise, with what was seen."""
        if not self.unlabelled:
            place = f"; add them from {self.card.labels_at}" if self.card.labels_at else ""
            raise UserError(
                f"{self._place(name)} has no labels ({seen}): the official download strips them from the test "
                f"files{place}"
            )
        self._note(name, "its rows have no labels")

    def _task_folder(self, folder: Path) -> Path:
        """The folder that holds the task's files: ``folder/task`` or ``folder`` itself."""
        layout = self.layout(self.card)
        if not folder.is_dir():
            state = "is not a folder" if folder.exists() else "does not exist"
            raise UserError(f"--data {folder}: the folder {state}; expected a folder that holds {layout}")
        for candidate in (folder / self.card.name, folder):
            self.folder = candidate
            splits = dict.fromkeys((*SPLITS, *self.card.splits, *self.further_splits))
            if any(self._find(split, code) for split in splits for code in self._codes()):
                return candidate
        raise UserError(f"--data {folder} holds no files of task {self.card.name}; expected {layout} in it")
