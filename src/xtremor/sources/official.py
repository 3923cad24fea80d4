"""Rows from the layout that the XTREME and XTREME-R download scripts leave on a disk.

``DIR/<task>/{train-en,dev-XX,test-XX}.tsv``: header-less UTF-8, the texts and the label between tabs. The
official preprocessing writes these files as CSV (rows end in ``\\r\\n``, a text with a quote character is
wrapped in quotes and its quotes doubled) and the official reader takes them without quoting, so doubled
quotes are what published models have seen: they are kept.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xtremor.errors import UserError, nearest, unknown
from xtremor.sources.base import DataRecord
from xtremor.sources.text import TextFile, counted, described
from xtremor.tasks.base import TaskCard, TextExample

ENGLISH = "en"
_FILE = re.compile(r"(train|dev|test)-[A-Za-z]+(-[A-Za-z]+)?\.tsv")


@dataclass(frozen=True, slots=True)
class Layout:
    """How the files of one classification task look.

    Attributes:
        columns: the texts and, last, the label.
        group: rows that share their first text in the files that are translations of each other.
        spellings: other spellings of a label -> the label.
        published: split -> rows of the published file in each language.
        labels_at: where the labels of the test files can be had, since the official download strips them.
    """

    columns: tuple[str, ...]
    group: int = 1
    spellings: Mapping[str, str] = field(default_factory=dict)
    published: Mapping[str, int] = field(default_factory=dict)
    labels_at: str = ""


LAYOUTS: dict[str, Layout] = {
    "xnli": Layout(
        columns=("premise", "hypothesis", "label"),
        group=3,
        # The original XNLI and MNLI training files write it so; the official scripts turn it into ours.
        spellings={"contradictory": "contradiction"},
        published={"train": 392_702, "dev": 2_490, "test": 5_010},
        labels_at="the row-parallel labelled test of XNLI 1.0 (on the hub: facebook/xnli)",
    )
}


class OfficialSource:
    """Rows of one task of the official layout.

    Cluster ids: rows of dev and test share an id when their English premises are equal, in all languages
    alike (``xnli/test/17``: three rows in each of 15 languages); training rows when their premises are equal.
    Where the English file is absent or not row-parallel, ``record().notes`` says what was done instead.

    Args:
        card: the task.
        folder: the data folder that holds ``<task>/``, or the task's own folder.

    Raises:
        UserError: the folder does not exist or holds no file of the layout.
    """

    def __init__(self, card: TaskCard, folder: Path) -> None:
        self.card = card
        self.layout = LAYOUTS[card.name]
        self.folder = _task_folder(Path(folder), card.name)
        self._files: dict[str, dict[str, Any]] = {}
        self._notes: dict[str, None] = {}
        self._scored: dict[str, None] = {}
        self._english: dict[str, tuple[list[str], list[str]] | None] = {}

    def languages(self, split: str) -> list[str]:
        """Codes for which ``split`` has a file, in the card's order."""
        self._check_split(split)
        known = (ENGLISH,) if split == "train" else self.card.languages
        return [code for code in known if self._path(split, code).is_file()]

    def require(self, split: str, languages: Iterable[str]) -> None:
        """Raise UserError unless each of ``languages`` has a file of ``split``; it names all missing."""
        wanted = list(languages)
        there = self.languages(split)
        for code in wanted:
            if code not in self.card.languages:
                raise unknown("language", code, self.card.languages, f"task {self.card.name}")
        missing = [code for code in wanted if code not in there]
        if not missing:
            return
        if split == "train" and missing != [ENGLISH]:
            raise UserError(f"task {self.card.name} trains on English alone; there is no training set in {missing[0]}")
        names = ", ".join(f"{split}-{code}.tsv" for code in missing)
        if not there:
            raise UserError(f"{self.folder} lacks {names}; it has no {split} file at all, so download the task again")
        raise UserError(
            f"{self.folder} lacks {names}; add what is missing, or name only languages that are there: "
            f"--languages {','.join(there)}"
        )

    def examples(self, split: str, language: str) -> list[TextExample]:
        """All rows of a split in file order; raises UserError at a missing file or the first unusable row."""
        self.require(split, [language])
        texts, labels = self._read(split, language)
        clusters = self._clusters(split, language, texts, labels)
        task, file = self.card.name, self._name(split, language)
        if split != "train":
            self._scored[split] = None
        return [
            TextExample(task, file, row, cluster, language, pair, label)
            for row, (cluster, pair, label) in enumerate(zip(clusters, texts, labels, strict=True))
        ]

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

    def _name(self, split: str, language: str) -> str:
        return f"{self.card.name}/{split}-{language}.tsv"

    def _path(self, split: str, language: str) -> Path:
        return self.folder / f"{split}-{language}.tsv"

    def _check_split(self, split: str) -> None:
        known = dict.fromkeys(("train", "dev", *self.card.splits))
        if split not in known:
            raise unknown("split", split, known, f"task {self.card.name}")

    def _note(self, file: str, text: str) -> None:
        self._notes[f"{file}: {text}"] = None

    def _read(self, split: str, language: str) -> tuple[list[tuple[str, ...]], list[str]]:
        """Read one file into its texts and labels, and record it."""
        file = TextFile(self._path(split, language))
        labels = _Labels(self.card.labels, self.layout.spellings)
        texts: list[tuple[str, ...]] = []
        found: list[str] = []
        quoted = 0
        for number, fields in self._rows(file, split):
            pair = tuple(fields[:-1])
            for column, text in zip(self.layout.columns, pair, strict=False):
                if not text.strip():
                    raise UserError(
                        f"{file.name}, line {number}: the {column} is empty; expected a text, "
                        "so restore or remove the row"
                    )
                quoted += _csv_quoted(text)
            found.append(labels.of(fields[-1], file.name, number))
            texts.append(pair)
        self._record(split, language, file, labels.respelt, quoted)
        return texts, found

    def _rows(self, file: TextFile, split: str) -> Iterable[tuple[int, list[str]]]:
        """Rows of the file; a file without its label column gets the error that says where the labels are."""
        first = next(iter(TextFile(file.path, file.name).lines()))[1]
        width = len(self.layout.columns)
        if first.count("\t") + 1 == width - 1 and split != "train":
            raise UserError(
                f"{file.name} has no labels (line 1 has {counted(width - 1)}; "
                f"expected {described(self.layout.columns)}): the official download strips them from the "
                f"test files; add them from {self.layout.labels_at}"
            )
        return file.rows(self.layout.columns)

    def _record(self, split: str, language: str, file: TextFile, respelt: Counter[str], quoted: int) -> None:
        name = self._name(split, language)
        self._files[name] = {"sha256": file.sha256, "rows": file.count, "dropped": 0, "why": ""}
        if file.bom:
            self._note(name, "a byte order mark at its start was dropped")
        for spelling, times in respelt.items():
            self._note(name, f"{times:,} labels '{spelling}' read as '{self.layout.spellings[spelling]}'")
        if quoted:
            self._note(name, f"{quoted:,} texts in CSV quotes, kept as the official reader does")
        published = self.layout.published.get(split)
        if published not in (None, file.count):
            self._note(name, f"{file.count:,} rows, the published file has {published:,}")

    def _clusters(self, split: str, language: str, texts: list[tuple[str, ...]], labels: list[str]) -> list[str]:
        """One cluster id a row; see the class."""
        prefix, name = f"{self.card.name}/{split}", self._name(split, language)
        own = _numbered((pair[0] for pair in texts), prefix)
        if split == "train" or language == ENGLISH:
            self._english.setdefault(split, (own, labels))
            return own
        english = self._reference(split)
        if english is not None and len(english[0]) == len(texts):
            differing = sum(a != b for a, b in zip(english[1], labels, strict=True))
            if differing:
                self._note(name, f"{differing:,} of {len(labels):,} labels differ from the English file's")
            return english[0]
        if english is not None:
            counts = f"{len(texts):,} rows but {len(english[0]):,} in English"
            self._note(name, f"{counts}: clusters follow its own premises")
        else:
            self._note(name, f"no usable {split}-{ENGLISH}.tsv beside it: clusters follow its own premises")
            if _in_groups(own, self.layout.group):
                return [f"{prefix}/{row // self.layout.group}" for row in range(len(own))]
        return _numbered((pair[0] for pair in texts), f"{prefix}/{language}")

    def _reference(self, split: str) -> tuple[list[str], list[str]] | None:
        """Clusters and labels of the English rows, or None where that file is absent or unusable."""
        if split not in self._english:
            self._english[split] = None
            if self._path(split, ENGLISH).is_file():
                try:
                    texts, labels = self._read(split, ENGLISH)
                except UserError as error:
                    # The user asked for another language, whose file is fine.
                    self._note(self._name(split, ENGLISH), f"not used for clusters: {error}")
                else:
                    clusters = _numbered((pair[0] for pair in texts), f"{self.card.name}/{split}")
                    self._english[split] = (clusters, labels)
        return self._english[split]


class _Labels:
    """Checks labels, and counts those that were respelt."""

    def __init__(self, known: tuple[str, ...], spellings: Mapping[str, str]) -> None:
        self.known, self.spellings = known, spellings
        self.respelt: Counter[str] = Counter()
        self._same = {label: label for label in known}

    def of(self, written: str, file: str, number: int) -> str:
        label = written.strip()
        if label in self.spellings:
            self.respelt[label] += 1
            label = self.spellings[label]
        if label not in self._same:
            close = nearest(label, self.known)
            hint = f"nearest: {close[0]}; " if close else ""
            first = "; the layout has no header line" if number == 1 else ""
            raise UserError(
                f"{file}, line {number}: unknown label '{label}' ({hint}allowed: {', '.join(self.known)}{first})"
            )
        # One string a label, however many rows.
        return self._same[label]


def _task_folder(folder: Path, task: str) -> Path:
    """The folder that holds the task's files: ``folder/task`` or ``folder`` itself."""
    layout = f"{task}/train-en.tsv, {task}/dev-XX.tsv and {task}/test-XX.tsv"
    if not folder.is_dir():
        state = "is not a folder" if folder.exists() else "does not exist"
        raise UserError(f"--data {folder}: the folder {state}; expected a folder that holds {layout}")
    for candidate in (folder / task, folder):
        if candidate.is_dir() and any(_FILE.fullmatch(path.name) for path in candidate.iterdir()):
            return candidate
    raise UserError(f"--data {folder} holds no files of task {task}; expected {layout} in it")


def _numbered(texts: Iterable[str], prefix: str) -> list[str]:
    """Number distinct texts in the order of their first row; equal texts share one id (and one string)."""
    ids: dict[str, str] = {}
    return [ids.setdefault(text, f"{prefix}/{len(ids)}") for text in texts]


def _in_groups(ids: list[str], size: int) -> bool:
    """Whether ids are constant in consecutive groups of ``size``."""
    return len(ids) % size == 0 and all(
        ids[row] == ids[row + offset] for row in range(0, len(ids), size) for offset in range(1, size)
    )


def _csv_quoted(text: str) -> bool:
    """Whether a text looks wrapped in quotes by a CSV writer, which doubles the quotes inside."""
    return len(text) > 3 and text[0] == text[-1] == '"' and '""' in text[1:-1]
