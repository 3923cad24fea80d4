"""From what a user typed after ``xtremor train`` to a card and its source."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from xtremor.console import say
from xtremor.errors import UserError
from xtremor.sources.own.source import OwnSource
from xtremor.sources.own.training import read_training
from xtremor.tasks.base import TaskCard


@dataclass(frozen=True)
class OwnFiles:
    """Files and columns of a user's own task, as typed.

    Attributes:
        train: the English training file.
        name: of the task; None takes the file's.
        text, text_pair, label: columns; None is inferred (a second text never is).
        choices: columns of a multiple-choice task.
        dev: English dev file; None sets rows of ``train`` aside.
        data: labelled files by language, to be scored.
    """

    train: Path
    name: str | None = None
    text: str | None = None
    text_pair: str | None = None
    label: str | None = None
    choices: tuple[str, ...] | None = None
    dev: Path | None = None
    data: str | None = None


def open_own(files: OwnFiles) -> tuple[TaskCard, OwnSource]:
    """Read the files, say what was found, and return the task.

    Raises:
        UserError: a file that cannot be used, or columns that must be named.
    """
    name = task_name(files)
    if not files.train.is_file():
        state = "is a folder" if files.train.is_dir() else "does not exist"
        raise UserError(f"--train {files.train} {state}; name the file with the English rows")
    rows = read_training(name, files.train, files.text, files.text_pair, files.label, files.dev, files.choices)
    for sentence in rows.sentences:
        say(sentence)
    source = OwnSource(rows.task, rows, files.data)
    source.say_what_is_scored()
    return rows.task.card(), source


def task_name(files: OwnFiles) -> str:
    """The name that was given, or the training file's without what a name may not hold.

    Raises:
        UserError: it is a built-in task's, or no name.
    """
    from xtremor.tasks.cards import all_cards

    name = files.name
    if name is None:
        name = re.sub(r"[^\w.-]+", "-", files.train.stem).strip("-.") or "own"
    elif not re.fullmatch(r"\w[\w.-]*", name):
        raise UserError(f"--task-name '{name}' may hold letters, digits, '-', '_' and '.' and begins with a letter")
    if name in {card.name for card in all_cards()}:
        raise UserError(f"'{name}' is a built-in task; give yours another name with --task-name")
    return name
