"""The source of a user's own task: its English rows, and files by language to score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xtremor.console import say
from xtremor.errors import UserError
from xtremor.sources.base import DataRecord, Source
from xtremor.sources.own.infer import Columns
from xtremor.sources.own.kinds import FileType, Named, kind
from xtremor.sources.own.kinds.base import ENGLISH
from xtremor.sources.own.language_files import LanguageFiles, language_files
from xtremor.sources.own.task import FileFacts, OwnTask
from xtremor.sources.own.training import OwnRows, read_labelled


class OwnSource:
    """Splits ``train`` and ``dev`` (English, only in the session that trains) and ``test`` (the files of ``--data``).

    Rows of one file that share text (their first text, sentence or paragraph) are one cluster; files of different
    languages share none, since nothing says that they are parallel.

    Args:
        task: its kind, columns and labels.
        rows: the English rows, or None where a finished run is scored.
        data: what ``--data`` named, or None.
        columns: of the files to score, where they are called otherwise than in the training file.
    """

    def __init__(
        self, task: OwnTask, rows: OwnRows | None = None, data: str | None = None, columns: Columns | None = None
    ) -> None:
        self.task, self.rows, self.columns = task, rows, columns or task.columns
        self.found = LanguageFiles({}, {}) if data is None else language_files(data, self.files, task.digests)
        self._read: dict[str, FileFacts] = {}
        self._notes: dict[str, None] = {}

    @property
    def files(self) -> FileType:
        """What labelled files of the task are."""
        return kind(self.task.category).FILES

    def languages(self, split: str) -> list[str]:
        """English for ``train`` and ``dev``, the codes of the files for ``test``."""
        if split == "test":
            return list(self.found.files)
        return [ENGLISH] if self._english(split) else []

    def examples(self, split: str, language: str) -> list[Any]:
        """All rows in file order; raises UserError where there is no such file or a row is unusable."""
        if split != "test":
            if language != ENGLISH or not self._english(split):
                raise UserError(f"task {self.task.name} has no {split} rows in {language}")
            return self._english(split)
        if language not in self.found.files:
            raise UserError(f"task {self.task.name} has no file of {language} among those that --data names")
        path, name = self.found.files[language], self.found.names[language]
        examples, facts = read_labelled(self.task, path, language, name, self.columns)
        self._read[name] = facts
        if facts.sha256 in self.task.digests:
            self._notes[f"{name} is a file that the run was trained or checked with, so its score says little"] = None
        return examples

    def labels(self) -> tuple[str, ...]:
        """Names of classes, tags or choices in the order of the logits; none for questions."""
        return self.task.labels

    def scored_files(self) -> dict[str, str]:
        """Language -> digest of the file that is scored."""
        return self.found.digests()

    def say_what_is_scored(self) -> None:
        """Tell people which files of ``--data`` are not scored, and on which languages we have no facts."""
        for sentence in self.found.sentences():
            say(f"--data: {sentence}")

    def record(self) -> DataRecord:
        """Files read so far with their digests and rows; no row is ever dropped."""
        english = () if self.rows is None else (self.task.train, self.task.dev)
        files = {facts.file: facts for facts in english if facts is not None} | self._read
        notes = () if self.rows is None else self.rows.notes
        return DataRecord(
            "own files",
            {name: {"sha256": each.sha256, "rows": each.rows, "dropped": 0, "why": ""} for name, each in files.items()},
            (*notes, *self.found.sentences(), *self._notes),
        )

    def _english(self, split: str) -> list[Any]:
        if self.rows is None:
            return []
        return {"train": self.rows.train, "dev": self.rows.dev}.get(split, [])


def own_record(source: Source) -> dict[str, Any] | None:
    """What a run must record of a task that no card file knows; None for a built-in task."""
    return source.task.as_dict() if isinstance(source, OwnSource) else None


def recorded_source(record: dict[str, Any], data: Path | None, named: Named) -> OwnSource:
    """The source of a run's own task, from its record alone.

    Args:
        record: `own_record` of the run.
        data: folder or files to score.
        named: columns of those files, where they are called otherwise than in training.

    Raises:
        UserError: no files are named, or they are none of the task.
    """
    task = OwnTask.from_dict(record)
    files = kind(task.category).FILES
    if task.columns is None:
        named.refuse(f"the run is of the task '{task.name}', whose files are none ({files.examples[0]})")
    elif task.category == "classification" and named.choices is not None:
        raise UserError(
            f"--choices is for multiple choice, and the run is of the task '{task.name}', which has classes"
        )
    if data is None:
        first = files.examples[0]
        raise UserError(
            f"the run is of your own task '{task.name}': name labelled files with --data, a folder of files such as "
            f"{first}, or {first},de=german{Path(first).suffix}"
        )
    source = OwnSource(task, data=str(data), columns=_renamed(task.columns, named))
    source.say_what_is_scored()
    return source


def _renamed(columns: Columns | None, named: Named) -> Columns | None:
    """The columns of training, where others were not named."""
    if columns is None:
        return None
    return Columns(
        named.text or columns.text,
        named.text_pair or columns.text_pair,
        named.label or columns.label,
        named.choices or columns.choices,
    )
