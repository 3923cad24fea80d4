"""What a task is: examples with an identity that lasts, and the card that describes the task."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Example:
    """Where an item comes from; every kind of example begins with this.

    Identity is (task, file, row), never an upstream id: those repeat. ``cluster`` names everything that shares
    text with this row (all translations and all hypotheses of an XNLI premise), which is what a bootstrap
    must resample.

    Attributes:
        task: name of the task's card.
        file: name of the file (or generated split) that the row comes from, relative to the data folder.
        row: 0-based number of the item in that file: its line where an item is a line, else its place among
            the file's sentences or questions.
        cluster: id of the group of items that share text, unique within the task.
        language: language or locale code as the task spells it (``"sw"``, ``"pt-BR"``).
    """

    task: str
    file: str
    row: int
    cluster: str
    language: str


@dataclass(frozen=True, slots=True)
class TextExample(Example):
    """One text or one pair of texts with a class label.

    Attributes:
        texts: one text or two.
        label: name of the class, or None where the file has no labels.
    """

    texts: tuple[str, ...]
    label: str | None


@dataclass(frozen=True, slots=True)
class ChoiceExample(Example):
    """A context, a question about it and the answers to choose from.

    Attributes:
        context: what the question is about (the premise in XCOPA).
        question: in words, as an encoder reads it; empty where the context alone is completed.
        choices: two or more.
        label: number of the right choice as text (``"0"`` is the first), or None where it is not known.
    """

    context: str
    question: str
    choices: tuple[str, ...]
    label: str | None


@dataclass(frozen=True, slots=True)
class TaggingExample(Example):
    """A sentence with one tag a token.

    Attributes:
        tokens: as the file has them; a token may hold a space.
        tags: as many, or None where the file has tokens only.
    """

    tokens: tuple[str, ...]
    tags: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A gold answer: its text, and the index of its first character in the context."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class SpanExample(Example):
    """A question whose answer is a span of the context.

    Attributes:
        id: the upstream id, which submissions are keyed by; it may repeat.
        context, question: texts.
        answers: the gold answers, all equally right; empty where the paragraph holds none; None where the file does
            not say (stripped labels).
        answerable: whether there always is an answer; False where the task also asks whether there is one.
    """

    id: str
    context: str
    question: str
    answers: tuple[Answer, ...] | None
    answerable: bool = True


@dataclass(frozen=True, slots=True)
class RetrievalExample(Example):
    """A query, or a candidate that queries are matched with.

    Attributes:
        id: of the query or candidate, unique among those it is ranked with.
        text: what is embedded.
        context: text around it that a task hands to the encoder as well; empty where there is none.
        gold: ids of the candidates that are right for a query, None where they are not known; empty for a
            candidate.
    """

    id: str
    text: str
    context: str
    gold: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class RetrievalPair:
    """A query of the training set with the passage that answers it."""

    query: RetrievalExample
    passage: RetrievalExample


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
        source: what of ``xtremor.sources`` reads it: ``intents``, ``slots``, ``official`` (XTREME-R)
            or ``intermediate`` (English).
        languages: codes in the task's own order, English included where the task scores it.
        labels: class names in the order of the logits; empty where the source decides or there are none.
        metric: name of the scorer.
        train: what the English training set is.
        licence: of the data.
        citation: where the task was published.
        defaults: training settings.
        splits: names of the splits that can be scored, the default first.
        notes: caveats that must travel with a score.
        aliases: further names that find the card (the paper's name, other spellings).
        benchmarks: benchmarks that the task belongs to; empty for a task outside them.
        benchmark: the one of ``benchmarks`` whose list ``languages`` is; empty where there is none.
        published: settings and scores that papers report.
        exposure: what encoders saw in pretraining that bears on a zero-shot claim, one line an encoder.
        labels_at: where the labels of a split can be had whose official files come without.
        hub: where the data is on the Hugging Face hub, one repository a line.
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
    aliases: tuple[str, ...] = ()
    benchmarks: tuple[str, ...] = ()
    benchmark: str = ""
    published: tuple[str, ...] = ()
    exposure: tuple[str, ...] = ()
    labels_at: str = ""
    hub: tuple[str, ...] = ()
