"""What `xtremor expect` answers: English dev rows with labels, rows of the task's languages, text without labels."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from xtremor.analysis.expect import Rows
from xtremor.errors import UserError
from xtremor.evaluation.selection import EvaluationSettings, read_examples
from xtremor.languages import is_english
from xtremor.sources import HUB, open_source
from xtremor.sources.base import Source
from xtremor.sources.own import OwnSource
from xtremor.sources.own.task import OwnTask
from xtremor.sources.own.training import OwnRows, read_labelled, read_training
from xtremor.sources.unlabelled import UNDETERMINED, UnlabelledSettings, read_unlabelled
from xtremor.tasks.base import TaskCard
from xtremor.tasks.cards import card as known_card
from xtremor.training.learning import has_english_dev


def open_rows(record: dict[str, Any], data: Path | None, task: str | None, dev: Path | None) -> tuple[TaskCard, Source]:
    """The card and source of a run's task, its English dev at hand; official files may lack labels.

    Args:
        record: of the run.
        data: folder of the task's files, or a user's own labelled files by language.
        task: a built-in task in place of the run's.
        dev: of a user's own task, the English dev file, or the training file that dev rows were set aside from.

    Raises:
        UserError: files that are missing or cannot be used, or options of another kind of task.
    """
    if task is None and record.get("own") is not None:
        return _own(record["own"], data, dev)
    if dev is not None:
        raise UserError(f"--dev is about files of your own; the task is {task or record['task']}")
    card = known_card(task or record["task"])
    # The official download leaves test files without labels, which is text like any other here.
    lenient = card.source == "official" and data is not None and not (data == HUB and not data.exists())
    return card, open_source(card, data, **({"unlabelled": True} if lenient else {}))


def _own(recorded: dict[str, Any], data: Path | None, dev: Path | None) -> tuple[TaskCard, Source]:
    task = OwnTask.from_dict(recorded)
    if dev is None:
        raise UserError(
            f"the run is of your own task '{task.name}': name English rows with labels with --dev, the dev file or the "
            "training file (of that the rows are taken that were not trained on)"
        )
    if not dev.is_file():
        raise UserError(f"--dev {dev} does not exist; name a file with English rows and labels")
    rows, facts = read_labelled(task, dev, "en")
    notes: tuple[str, ...] = ()
    if facts.sha256 == task.train.sha256:
        rows, notes = _set_aside(task, dev), ("English dev rows are those of the training file that were set aside",)
    found = OwnSource(task, OwnRows(task, [], rows, (), notes), None if data is None else str(data))
    found.say_what_is_scored()
    return task.card(), found


def _set_aside(task: OwnTask, train: Path) -> list[Any]:
    """The dev rows of a training file, as they were chosen when the run was trained."""
    if task.dev is not None:
        raise UserError(
            f"--dev {train} is the file that the run was trained on; name its English dev file ({task.dev.file})"
        )
    columns = task.columns
    if columns is None:
        rows = read_training(task.name, train).dev
    else:
        named = (columns.text, columns.text_pair, columns.label)
        rows = read_training(task.name, train, *named, None, columns.choices or None).dev
    if not rows:
        raise UserError(f"--dev {train}: no row of it was set aside; name a file of English rows with labels")
    return rows


def gather(
    card: TaskCard,
    source: Source,
    settings: EvaluationSettings,
    text: UnlabelledSettings | None,
    texts: int | None,
) -> Rows:
    """Read all of it.

    Args:
        card, source: of the task.
        settings: split, languages and first rows.
        text: files without labels; None where there are none.
        texts: 2 where rows are pairs, 1 where they are single texts, None where they are neither.

    Raises:
        UserError: English dev is missing, or rows that cannot be used.
    """
    if not has_english_dev(source):
        raise UserError(f"{card.name} has no English dev rows, on which thresholds are chosen; add its dev file")
    split = settings.split or card.splits[0]
    found: dict[str, list[Any]] = {}
    if text is None or not isinstance(source, OwnSource) or source.languages(split):
        split, found = read_examples(card, source, settings)
    notes: list[str] = []
    if text is not None:
        grouped: dict[str, list[Any]] = defaultdict(list)
        for each in read_unlabelled(text, card, source, texts).examples:
            grouped[each.language].append(each)
        if UNDETERMINED in grouped:
            notes.append(f"text of a language that its file's name does not state is called {UNDETERMINED}")
        for code, rows in grouped.items():
            found[f"{code} (text)" if code in found else code] = rows[: settings.limit]
    if not any(not is_english(code) for code in found):
        raise UserError("there is English alone; name other languages with labels (--data), or text (--unlabelled)")
    return Rows(source.examples("dev", "en"), found, split, notes=tuple(notes))
