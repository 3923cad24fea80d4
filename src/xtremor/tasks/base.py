"""What a task is: examples with an identity that lasts, and the card that describes the task."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TextExample:
    """One text or one pair of texts with a class label.

    Identity is (task, file, row), never an upstream id: those repeat. ``cluster`` names everything that shares
    text with this row (all translations and all hypotheses of an XNLI premise), which is what a bootstrap
    must resample.

    Attributes:
        task: name of the task's card.
        file: name of the file (or generated split) that the row comes from, relative to the data folder.
        row: 0-based row in that file (its line number is ``row + 1``).
        cluster: id of the group of rows that share text, unique within the task.
        language: language or locale code as the task spells it (``"sw"``, ``"pt-BR"``).
        texts: one text or two.
        label: name of the class, or None where the file has no labels.
    """

    task: str
    file: str
    row: int
    cluster: str
    language: str
    texts: tuple[str, ...]
    label: str | None


@dataclass(frozen=True, slots=True)
class Defaults:
    """Training settings that a task starts from; every one can be overridden on the command line.

    Attributes:
        epochs: passes over the training rows.
        batch_size: rows per weight update.
        learning_rate: peak rate of the encoder.
        head_learning_rate: peak rate of freshly initialised tensors (head and pooler).
        max_length: longest input in tokens, special tokens included.
        train_rows: rows drawn for training, or None for all.
    """

    epochs: float
    batch_size: int
    learning_rate: float
    head_learning_rate: float
    max_length: int
    train_rows: int | None = None


@dataclass(frozen=True, slots=True)
class TaskCard:
    """The facts about a task; one card makes it visible to every command.

    Attributes:
        name: as typed on the command line.
        title: one line for people.
        category: module of ``xtremor.tasks`` that turns its examples into batches and scores
            (``"classification"``).
        source: module of ``xtremor.sources`` that reads it.
        languages: codes in the task's own order, English included.
        labels: class names in the order of the logits; empty where the source decides.
        metric: name of the scorer.
        train: what the English training set is.
        licence: of the data.
        citation: where the task was published.
        defaults: training settings.
        splits: names of the splits that can be scored, the default first.
        notes: caveats that must travel with a score.
    """

    name: str
    title: str
    category: str
    source: str
    languages: tuple[str, ...]
    labels: tuple[str, ...]
    metric: str
    train: str
    licence: str
    citation: str
    defaults: Defaults
    splits: tuple[str, ...] = ("test",)
    notes: tuple[str, ...] = field(default=())
