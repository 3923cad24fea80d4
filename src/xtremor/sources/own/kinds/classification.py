"""One text or two with a class, in a table: the columns are inferred where it is plain what they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xtremor.sources.official.clusters import numbered
from xtremor.sources.own.infer import Columns, check_named, choose_columns, classes, shares
from xtremor.sources.own.kinds.base import ENGLISH, Description, English, FileType, Named
from xtremor.sources.own.loaded import Loaded, load
from xtremor.sources.own.tables import LABELLED, SUFFIXES
from xtremor.sources.own.task import FileFacts, OwnTask
from xtremor.tasks.base import Defaults, TextExample
from xtremor.wording import number_of

FILES = FileType(
    tuple(suffix for suffix, each in SUFFIXES.items() if each in LABELLED),
    ("sw.csv", "swh.tsv", "sr-Latn.jsonl", "zho_Hant.parquet"),
    "table with labels",
)
DEFAULTS = Defaults(epochs=3, batch_size=32, learning_rate=1e-4, head_learning_rate=1e-3, max_length=128)


def read_english(name: str, path: Path, named: Named) -> English:
    """Read a table, infer what was not named, and check every row.

    Raises:
        UserError: a file that cannot be read, columns that must be named, labels that are no classes, a row without
            text or label.
    """
    loaded = load(path)
    columns = choose_columns(loaded.table.name, loaded.values, named.text, named.text_pair, named.label)
    labels = loaded.labels(str(columns.label))
    names = classes(loaded.table.name, str(columns.label), labels)
    examples = _examples(loaded, columns, labels, name, path.name, ENGLISH)
    task = OwnTask(name, columns, names, FileFacts(path.name, loaded.table.sha256, len(labels)))
    notes = _quoted(loaded, columns) + _conflicts(examples, path.name)
    return English(task, examples, _described(loaded, columns, labels, names), tuple(notes))


def read_language(
    task: OwnTask, path: Path, language: str, file: str, columns: Columns | None
) -> tuple[list[TextExample], FileFacts]:
    """All rows of a labelled table; see `Kind`."""
    assert columns is not None
    named = {"--text": columns.text, "--text-pair": columns.text_pair, "--label": columns.label}
    loaded = load(path, [column for column in named.values() if column])
    check_named(loaded.table.name, named, loaded.table.columns)
    labels = loaded.labels(str(columns.label), task.labels)
    examples = _examples(loaded, columns, labels, task.name, file, language)
    return examples, FileFacts(file, loaded.table.sha256, len(examples))


def describe(task: OwnTask) -> Description:
    """Accuracy over the classes of a column."""
    assert task.columns is not None
    return Description(f"own data, classes of the column '{task.columns.label}'", "accuracy", DEFAULTS)


def content(example: TextExample) -> tuple[str, ...]:
    """The texts."""
    return example.texts


def answers(example: TextExample) -> Sequence[str]:
    """The class."""
    return () if example.label is None else (example.label,)


def _examples(
    loaded: Loaded, columns: Columns, labels: Sequence[str], task: str, file: str, language: str
) -> list[TextExample]:
    """Examples with one cluster for the rows of a file that share their first text."""
    texts = loaded.texts(columns.texts)
    clusters = numbered((row[0] for row in texts), f"{task}/{file}")
    return [
        TextExample(task, file, row, cluster, language, each, label)
        for row, (cluster, each, label) in enumerate(zip(clusters, texts, labels, strict=True))
    ]


def _described(loaded: Loaded, columns: Columns, labels: Sequence[str], names: Sequence[str]) -> str:
    texts = " and ".join(f"'{column}'" for column in columns.texts)
    return (
        f"{loaded.table.name}: {len(labels):,} rows, none dropped; text in column{'s' * (len(columns.texts) - 1)} "
        f"{texts}, label in column '{columns.label}' with {number_of(len(names), 'classes')} ({shares(labels, names)})"
    )


def _quoted(loaded: Loaded, columns: Columns) -> list[str]:
    """A CSV writer that was told to use tabs has quoted what .tsv reads as it stands."""
    if loaded.table.kind != "tsv":
        return []
    texts = [text for column in columns.texts for text in loaded.values[column]]
    quoted = sum(len(text) > 3 and text[0] == text[-1] == '"' and '""' in text[1:-1] for text in texts)
    said = f"{quoted:,} texts of {loaded.table.name} are in CSV quotes, which .tsv keeps: save it as .csv to lose them"
    return [said] if quoted else []


def _conflicts(examples: Sequence[TextExample], file: str) -> list[str]:
    labels: dict[tuple[str, ...], set[str | None]] = {}
    for example in examples:
        labels.setdefault(example.texts, set()).add(example.label)
    rows = sum(len(labels[example.texts]) > 1 for example in examples)
    return [f"{number_of(rows, 'rows')} of {file} have a text that occurs with several labels"] if rows else []
