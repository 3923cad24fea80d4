"""Options that several commands share, as dataclasses that cyclopts spreads into flags."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from xtremor.errors import UserError

if TYPE_CHECKING:
    from xtremor.robust.registry import MethodSettings
    from xtremor.sources.base import Source
    from xtremor.tasks.base import TaskCard
    from xtremor.training.config import TrainSettings

OWN = Group("Your own data", sort_key=1)
METHOD = Group("Perturbation", sort_key=2)
TRAINING = Group("Training", sort_key=3)
SCORING = Group("Scoring", sort_key=4)

GENERALIZED_HELP = "Of xnli and pawsx: score every ordered pair of languages, a text in each (en+sw)."
DATA_HELP = (
    "Folder of XTREME-R files in the official layout; not for `intents`. Of a task of your own: labelled files to "
    "score by language, a folder of files such as sw.csv, or sw.csv,de=german.csv."
)


def check_threads(threads: int | None) -> None:
    """Raise UserError for a number of threads that cannot be."""
    if threads is not None and threads < 1:
        raise UserError(f"--threads must be at least 1, not {threads}")


@Parameter(name="*")
@dataclass(frozen=True)
class TaskOptions:
    """Which task, and where its files are."""

    task: Annotated[str, Parameter(help="Name of a task (`xtremor tasks` lists them).")] = "intents"
    data: Annotated[Path | None, Parameter(help=DATA_HELP)] = None
    generalized: Annotated[bool, Parameter(negative=(), help=GENERALIZED_HELP)] = False
    train: Annotated[
        Path | None,
        Parameter(group=OWN, help="English file of your own: .csv, .tsv, .jsonl or .parquet, instead of --task."),
    ] = None
    text: Annotated[str | None, Parameter(group=OWN, help="Its text column (default: inferred and shown).")] = None
    text_pair: Annotated[str | None, Parameter(group=OWN, help="Its second text column, for pairs.")] = None
    label: Annotated[str | None, Parameter(group=OWN, help="Its label column (default: inferred and shown).")] = None
    choices: Annotated[str | None, Parameter(group=OWN, help="Columns of multiple choice, between commas.")] = None
    dev: Annotated[
        Path | None, Parameter(group=OWN, help="English dev file (default: 5% of the training file, at most 1,000).")
    ] = None
    task_name: Annotated[str | None, Parameter(group=OWN, help="Name of the task (default: the file's).")] = None

    def open(self) -> tuple[TaskCard, Source]:
        """The card and the source of its rows; files of the user's own are read here, and what they hold is said."""
        from xtremor.sources import open_source
        from xtremor.sources.generalized import generalized_card
        from xtremor.tasks.cards import card

        if self.train is not None:
            return self._open_own(self.train)
        settings = {"generalized": True} if self.generalized else {}
        for option in ("text", "text_pair", "label", "choices", "dev", "task_name"):
            if getattr(self, option) is not None:
                raise UserError(
                    f"--{option.replace('_', '-')} is about a file of your own; name that with --train FILE"
                )
        found = card(self.task)
        source = open_source(found, self.data, **settings)
        return generalized_card(found) if self.generalized else found, source

    def _open_own(self, train: Path) -> tuple[TaskCard, Source]:
        from xtremor.sources.own.opening import OwnFiles, open_own

        if self.generalized:
            raise UserError("--generalized is for the task xnli or pawsx, not for a file of your own")
        if self.task != TaskOptions.task:
            raise UserError(f"--train makes a task of its own; leave out --task {self.task} (--task-name names yours)")
        choices = None if self.choices is None else tuple(name.strip() for name in self.choices.split(","))
        data = None if self.data is None else str(self.data)
        columns = (self.text, self.text_pair, self.label)
        return open_own(OwnFiles(train, self.task_name, *columns, choices, self.dev, data))


def open_recorded(
    record: dict[str, Any], data: Path | None, columns: dict[str, str | None], generalized: bool
) -> tuple[TaskCard, Source]:
    """The card and source of a run's task, from ``run.json``.

    Args:
        record: of the run.
        data: as ``--data``.
        columns: ``text``, ``text_pair`` and ``label`` of a user's own files, None where they are as in training.
        generalized: as ``--generalized``.
    """
    if record.get("own") is None:
        for name, column in columns.items():
            if column is not None:
                raise UserError(
                    f"--{name.replace('_', '-')} is about files of your own; the run is of the task {record['task']}"
                )
        return TaskOptions(record["task"], data, generalized).open()
    if generalized:
        raise UserError(f"--generalized is for the task xnli or pawsx; the run is of the task {record['task']}")
    from xtremor.sources.own import recorded_source

    source = recorded_source(record["own"], data, columns)
    return source.task.card(), source


@Parameter(name="*", group=METHOD)
@dataclass(frozen=True)
class BallOptions:
    """How far and where the input is perturbed; every robust method reads these."""

    radius: Annotated[
        float | None,
        Parameter(help="Size of the ball, relative to the mean norm of a vector at the site (default 0.003)."),
    ] = None
    absolute: Annotated[bool, Parameter(negative=(), help="The radius is absolute, not relative.")] = False
    norm: Annotated[str, Parameter(help="l2 or linf.")] = "l2"
    scope: Annotated[
        str,
        Parameter(
            help="token: each token has the radius; sequence: a row shares it; sequence-scaled: times sqrt(length)."
        ),
    ] = "token"
    site: Annotated[str, Parameter(help="word (word embeddings) or embeddings (after their LayerNorm).")] = "word"
    dropout: Annotated[str, Parameter(help="shared (same masks in all passes over a batch) or fresh.")] = "shared"

    def as_dict(self) -> dict[str, Any]:
        """Settings of a method."""
        values = {name: getattr(self, name) for name in ("radius", "norm", "scope", "site", "dropout")}
        return {**values, "relative": not self.absolute}


@Parameter(name="*", group=METHOD)
@dataclass(frozen=True)
class MethodOptions:
    """The method's own settings."""

    method: Annotated[str, Parameter(help="plain, noise, pgd, freelb or noise-k (`xtremor methods` explains).")] = (
        "plain"
    )
    steps: Annotated[int | None, Parameter(help="K of pgd (default 1), freelb and noise-k (default 2).")] = None
    step_size: Annotated[float | None, Parameter(help="Ascent step as a share of the radius (default 2.5 / K).")] = None
    start: Annotated[
        float | None, Parameter(help="Random start as a share of the radius (default: pgd 1, freelb and noise-k 0).")
    ] = None
    draws: Annotated[int, Parameter(help="Draws that noise averages over.")] = 1

    def settings(self, ball: BallOptions) -> MethodSettings:
        """Checked settings of the method."""
        from xtremor.robust.registry import MethodSettings

        own = {name: getattr(self, name) for name in ("steps", "step_size", "start", "draws")}
        return MethodSettings(name=self.method, **ball.as_dict(), **own)


@Parameter(name="*", group=TRAINING)
@dataclass(frozen=True)
class TrainOptions:
    """The recipe; what is left out comes from the task's card."""

    encoder: Annotated[str, Parameter(help="Hub name, local folder, or `starter`.")] = "starter"
    epochs: Annotated[float | None, Parameter(help="Passes over the training rows; fractions are allowed.")] = None
    batch_size: Annotated[int | None, Parameter(help="Rows per weight update.")] = None
    accumulate: Annotated[int, Parameter(help="Micro-batches that an update's rows are split into.")] = 1
    learning_rate: Annotated[float | None, Parameter(help="Peak rate of the encoder.")] = None
    head_learning_rate: Annotated[float | None, Parameter(help="Peak rate of the new head.")] = None
    max_length: Annotated[int | None, Parameter(help="Longest input in tokens.")] = None
    train_rows: Annotated[
        int | None, Parameter(help="Rows drawn for training, the same for every seed and method.")
    ] = None
    warmup: Annotated[float, Parameter(help="Share of the updates with a rising rate.")] = 0.1
    weight_decay: Annotated[float, Parameter(help="Of AdamW, on the encoder's matrices.")] = 0.0
    clip: Annotated[float, Parameter(help="Largest gradient norm of an update.")] = 1.0
    freeze_embeddings: Annotated[bool, Parameter(negative=(), help="Keep the word embeddings as they are.")] = False
    precision: Annotated[str, Parameter(help="fp32 or bf16.")] = "fp32"
    threads: Annotated[int | None, Parameter(help="Threads on the CPU (default: all cores).")] = None

    def settings(self, card: TaskCard, method: MethodSettings, seed: int) -> TrainSettings:
        """Checked settings of a run, the card's defaults filled in."""
        from xtremor.tasks.category import check_trainable
        from xtremor.tasks.embedding import default_embedding
        from xtremor.training.config import TrainSettings

        check_trainable(card)
        check_threads(self.threads)
        own = {
            name: getattr(self, name)
            for name in ("encoder", "accumulate", "warmup", "weight_decay", "clip", "freeze_embeddings", "precision")
        }
        for name in ("epochs", "batch_size", "learning_rate", "head_learning_rate", "max_length", "train_rows"):
            value = getattr(self, name)
            own[name] = getattr(card.defaults, name) if value is None else value
        embedding = default_embedding(card, self.encoder, trained=True) if card.category == "retrieval" else None
        return TrainSettings(task=card.name, method=method, seed=seed, embedding=embedding, **own)


@Parameter(name="*", group=SCORING)
@dataclass(frozen=True)
class ScoringOptions:
    """What is scored."""

    split: Annotated[str | None, Parameter(help="Split to score (default: the task's test).")] = None
    languages: Annotated[str | None, Parameter(help="Codes between commas (default: every language of the task).")] = (
        None
    )
    limit: Annotated[int | None, Parameter(help="First rows of each language (default: all).")] = None

    def codes(self) -> tuple[str, ...] | None:
        """The languages named, or None for all."""
        if self.languages is None:
            return None
        codes = tuple(code.strip() for code in self.languages.split(",") if code.strip())
        if not codes:
            raise UserError("--languages names no language; write codes between commas, for example sw,tr")
        return codes
