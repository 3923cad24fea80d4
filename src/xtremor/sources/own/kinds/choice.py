"""Multiple choice in a table: a context, one column a choice, and the number (from 0) or column of the right one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xtremor.errors import UserError
from xtremor.sources.official.clusters import numbered
from xtremor.sources.own.infer import Columns, check_named, label_text, shares
from xtremor.sources.own.kinds import classification
from xtremor.sources.own.kinds.base import ENGLISH, Description, English, Named
from xtremor.sources.own.loaded import Loaded, load
from xtremor.sources.own.table import place
from xtremor.sources.own.task import FileFacts, OwnTask
from xtremor.tasks.base import ChoiceExample, Defaults

FILES = classification.FILES
DEFAULTS = Defaults(epochs=5, batch_size=32, learning_rate=1e-4, head_learning_rate=1e-3, max_length=128)


def read_english(name: str, path: Path, named: Named) -> English:
    """Read a table whose columns were named; nothing is inferred, for nothing tells a choice from a context.

    The task's labels are what the file calls the choices: their columns, or their numbers where it has those.

    Raises:
        UserError: a column that is not named or not there, an empty text, a label that is none of the choices.
    """
    if len(named.choices or ()) < 2:
        raise UserError("--choices needs two columns or more between commas, for example --choices a,b")
    if named.text is None or named.label is None:
        raise UserError("--choices needs --text (the context) and --label (the number or column of the right choice)")
    columns = Columns(named.text, named.text_pair, named.label, named.choices or ())
    loaded, examples = _read(path, columns, name, path.name, ENGLISH)
    numbers = tuple(str(number) for number in range(len(columns.choices)))
    by_column = all(label_text(value) in columns.choices for value in loaded.values[named.label])
    task = OwnTask(
        name, columns, columns.choices if by_column else numbers,
        FileFacts(path.name, loaded.table.sha256, len(examples)), category="choice",
    )  # fmt: skip
    right = [task.labels[int(example.label or 0)] for example in examples]
    asked = f" and question in '{columns.text_pair}'" if columns.text_pair else ""
    sentence = (
        f"{loaded.table.name}: {len(examples):,} rows, none dropped; context in column '{columns.text}'{asked}, "
        f"{len(columns.choices)} choices in {', '.join(columns.choices)}, the right one in '{columns.label}' "
        f"({shares(right, task.labels)})"
    )
    return English(task, examples, sentence)


def read_language(
    task: OwnTask, path: Path, language: str, file: str, columns: Columns | None
) -> tuple[list[ChoiceExample], FileFacts]:
    """All rows of a labelled table; see `Kind`. Its labels may be numbers or columns, whatever training had."""
    assert columns is not None
    if len(columns.choices) != len(task.labels):
        raise UserError(
            f"--choices names {len(columns.choices)} columns, and the run was trained on {len(task.labels)} choices; "
            "name as many"
        )
    loaded, examples = _read(path, columns, task.name, file, language)
    return examples, FileFacts(file, loaded.table.sha256, len(examples))


def describe(task: OwnTask) -> Description:
    """Accuracy over the right choices."""
    assert task.columns is not None
    listed = ", ".join(task.columns.choices)
    return Description(f"own data, the right one of {len(task.labels)} choices ({listed})", "accuracy", DEFAULTS)


def content(example: ChoiceExample) -> tuple[str, ...]:
    """Context, question and choices."""
    return (example.context, example.question, *example.choices)


def answers(example: ChoiceExample) -> Sequence[str]:
    """The number of the right choice."""
    return () if example.label is None else (example.label,)


def check_columns(name: str, columns: Columns, there: Sequence[str]) -> None:
    """Raise UserError where a column is not among those of the table called ``name``, or is named twice."""
    named = {"--text": columns.text, "--text-pair": columns.text_pair, "--label": columns.label}
    named |= {f"--choices ({number})": column for number, column in enumerate(columns.choices, start=1)}
    check_named(name, named, there)


def _read(path: Path, columns: Columns, task: str, file: str, language: str) -> tuple[Loaded, list[ChoiceExample]]:
    """Rows of the same context share a cluster."""
    wanted = [*columns.texts, *columns.choices, str(columns.label)]
    loaded = load(path, wanted)
    check_columns(loaded.table.name, columns, loaded.table.columns)
    right = _right(loaded, str(columns.label), columns.choices)
    asked, choices = loaded.texts(columns.texts), loaded.texts(columns.choices)
    clusters = numbered((row[0] for row in asked), f"{task}/{file}")
    return loaded, [
        ChoiceExample(
            task, file, row, cluster, language,
            context=texts[0], question=texts[1] if columns.text_pair else "", choices=given, label=number,
        )
        for row, (cluster, texts, given, number) in enumerate(zip(clusters, asked, choices, right, strict=True))
    ]  # fmt: skip


def _right(loaded: Loaded, label: str, choices: Sequence[str]) -> list[str]:
    """The number of the right choice of every row."""
    known = {column: str(number) for number, column in enumerate(choices)}
    numbers = ""
    # Columns that are called 1 and 2 leave no room for numbers from 0.
    if not any(column.isdecimal() for column in choices):
        known |= {str(number): str(number) for number in range(len(choices))}
        numbers = f"a number from 0 to {len(choices) - 1} or "
    found = []
    for number, value in zip(loaded.numbers, loaded.labels(label, pointer=True), strict=True):
        if value not in known:
            raise UserError(
                f"{place(loaded.table, number)}: label '{value[:40]}' is no choice; expected {numbers}one of "
                f"{', '.join(choices)}"
            )
        found.append(known[value])
    return found
