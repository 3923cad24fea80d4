"""Writing the official submission layout from the predictions of evaluated runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xtremor.errors import UserError
from xtremor.languages import PAIR
from xtremor.paths import atomic_folder
from xtremor.submission.layout import file_name, kind_of
from xtremor.tasks.base import TaskCard

if TYPE_CHECKING:
    import polars as pl

PREDICTIONS = "predictions.parquet"
SCORES = "scores.json"
# Kind of file -> the lines of an item's predicted answer; every empty line ends a sentence of tags.
_FORMS: dict[str, Callable[[str], str]] = {
    "labels": lambda label: f"{label}\n",
    "tags": lambda tags: "".join(f"{tag}\n" for tag in tags.split()) + "\n",
    "choices": lambda number: f"{json.dumps({'label': int(number)})}\n",
    "indices": lambda row: f"{row}\n",
    "pairs": lambda pairs: "".join(f"{pair}\n" for pair in json.loads(pairs)),
}


@dataclass(frozen=True)
class Written:
    """What was written of one run.

    Attributes:
        task: its name.
        folder: where its files are.
        split: the split that the predictions are of; the files are called ``test-*`` whatever it is.
        languages: of the files.
        missing: languages of the task that the run has no predictions in.
        limit: rows a language that the run was cut to, or None.
    """

    task: str
    folder: Path
    split: str
    languages: tuple[str, ...]
    missing: tuple[str, ...]
    limit: int | None


def write_submission(runs: Sequence[Path], output: Path, partial: bool = False) -> list[Written]:
    """Write ``output/<task>/test-<language>`` files, a task whole or not at all.

    Args:
        runs: folders with ``predictions.parquet`` and ``scores.json``, each of another task.
        output: the folder of the submission; a task that it already has is not replaced.
        partial: whether runs are taken that lack languages or rows.

    Raises:
        UserError: a run cannot be submitted, two are of one task, or a task's folder is there already.
    """
    read = [_Run.read(run) for run in runs]
    for number, run in enumerate(read):
        same = next((other for other in read[:number] if other.card.name == run.card.name), None)
        if same is not None:
            raise UserError(f"{same.folder} and {run.folder} are both of task {run.card.name}; submit one of them")
        if (output / run.card.name).exists():
            raise UserError(f"{output / run.card.name} is there already; remove it or name another --output")
        if not partial:
            run.check_whole()
    return [run.write(output) for run in read]


@dataclass(frozen=True)
class _Run:
    folder: Path
    card: TaskCard
    split: str
    limit: int | None
    tables: dict[str, pl.DataFrame]
    ids: dict[str, list[str]]

    @classmethod
    def read(cls, folder: Path) -> _Run:
        """Read and check a run's predictions."""
        from xtremor.report.records import refuse_upper_bound
        from xtremor.scoring.predictions import read_predictions
        from xtremor.tasks.cards import all_cards, card

        if not folder.is_dir():
            raise UserError(f"run folder {folder} does not exist; expected one that `xtremor evaluate` scored")
        if not (folder / PREDICTIONS).is_file():
            raise UserError(f"{folder} has no {PREDICTIONS}; score the run first: xtremor evaluate {folder}")
        table, told = read_predictions(folder / PREDICTIONS)
        refuse_upper_bound(told, folder)
        tasks = table["task"].unique().to_list()
        if len(tasks) != 1:
            raise UserError(f"{folder / PREDICTIONS} holds {len(tasks)} tasks; expected the predictions of one")
        if tasks[0] not in {each.name for each in all_cards() if each.benchmarks}:
            raise UserError(f"{folder}: the task {tasks[0]} is not of XTREME or XTREME-R and has no official files")
        found = card(tasks[0])
        if any(PAIR in str(language) for language in table["language"].unique()):
            raise UserError(
                f"{folder} was scored in the generalized setting, which has no official files; "
                "evaluate it without --generalized"
            )
        ids: dict[str, list[str]] = told.get("ids") or {}
        if kind_of(found).name not in _FORMS and not ids:
            raise UserError(f"{folder}: predictions of {found.name} ({found.category}) cannot be submitted yet")
        parts = table.partition_by("language", maintain_order=True)
        order = {"indices": _as_queried, "rankings": _as_numbered}.get(kind_of(found).name, _in_order)
        tables = {str(part["language"][0]): order(folder, part) for part in parts}
        return cls(folder, found, str(told.get("split", "test")), _limit(folder), tables, ids)

    @property
    def missing(self) -> tuple[str, ...]:
        """Languages of the task without predictions."""
        return tuple(code for code in self.card.languages if code not in self.tables)

    def check_whole(self) -> None:
        """Raise UserError where the run is only a part of its task."""
        lacks = [f"was scored on the first {self.limit:,} rows a language"] if self.limit else []
        lacks += [f"has no predictions in {', '.join(self.missing)}"] if self.missing else []
        if lacks:
            raise UserError(
                f"{self.folder} {' and '.join(lacks)}; evaluate it whole, or write what is there with --partial"
            )

    def write(self, output: Path) -> Written:
        """Write the task's folder."""
        target = output / self.card.name
        with atomic_folder(target) as folder:
            for language, table in self.tables.items():
                text = self._text(language, table)
                (folder / file_name(self.card, language)).write_text(text, encoding="utf-8", newline="\n")
        return Written(self.card.name, target, self.split, tuple(self.tables), self.missing, self.limit)

    def _text(self, language: str, table: pl.DataFrame) -> str:
        """What a language's file holds."""
        if not self.ids:
            return "".join(map(_FORMS[kind_of(self.card).name], table["predicted"]))
        read = json.loads if kind_of(self.card).name == "rankings" else str
        answers = dict(zip(self.ids[language], map(read, table["predicted"]), strict=True))
        if len(answers) < table.height:
            raise UserError(
                f"{self.folder}: {table.height - len(answers):,} questions in {language} repeat an id, which "
                "prediction files are keyed by; expected each once"
            )
        return json.dumps(answers, ensure_ascii=False, indent=0) + "\n"


def _in_order(folder: Path, part: pl.DataFrame) -> pl.DataFrame:
    """A language's rows in the order of its file; a file that has holes cannot be written a line a row."""
    table = part.sort("row")
    if table["row"].to_list() != list(range(table.height)) or table["file"].n_unique() != 1:
        raise UserError(
            f"{folder / PREDICTIONS}: the rows in {part['language'][0]} are not those of one file from its first row "
            "on; evaluate the run again"
        )
    return table


def _as_queried(folder: Path, part: pl.DataFrame) -> pl.DataFrame:
    """A language's rows in the order of its queries, which for Tatoeba is not that of the file: sorted sentences."""
    if part["row"].n_unique() < part.height or part["file"].n_unique() != 1:
        raise UserError(
            f"{folder / PREDICTIONS}: the rows in {part['language'][0]} are not each one line of one file; "
            "evaluate the run again"
        )
    return part


def _as_numbered(folder: Path, part: pl.DataFrame) -> pl.DataFrame:
    """A language's rows as they are numbered in a file that may hold other languages too (Mewsli-X)."""
    return _as_queried(folder, part).sort("row")


def _limit(folder: Path) -> int | None:
    """Rows a language that an evaluation was cut to, from the scores beside the predictions."""
    path = folder / SCORES
    if not path.is_file():
        raise UserError(f"{folder} has no {SCORES}, so that it is not known whether all rows were scored; evaluate it")
    try:
        limit = json.loads(path.read_text(encoding="utf-8"))["selection"]["limit"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged or not of this version of xtremor; evaluate the run again") from error
    return None if limit is None else int(limit)
