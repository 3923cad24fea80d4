"""Options that several commands share, as dataclasses that cyclopts spreads into flags."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from xtremor.errors import UserError

if TYPE_CHECKING:
    from xtremor.robust.registry import MethodSettings
    from xtremor.sources.base import Source
    from xtremor.tasks.base import TaskCard
    from xtremor.training.config import TrainSettings
    from xtremor.training.lora import LoraSettings
    from xtremor.training.mixture import Mixing

OWN = Group("Your own data", sort_key=1)
METHOD = Group("Perturbation", sort_key=2)
TRAINING = Group("Training", sort_key=3)
DRIFT = Group("Drift and adapters", sort_key=4)
STAGE = Group("Intermediate task", sort_key=5)
SCORING = Group("Scoring", sort_key=6)

GENERALIZED_HELP = "Of xnli and pawsx: score every ordered pair of languages, a text in each (en+sw)."
DATA_HELP = (
    "Folder of XTREME-R files in the official layout; not for `intents` and `slots`. Of a task of your own: labelled "
    "files to score by language, a folder of files such as sw.csv, or sw.csv,de=german.csv."
)


def check_threads(threads: int | None) -> None:
    """Raise UserError for a number of threads that cannot be."""
    if threads is not None and threads < 1:
        raise UserError(f"--threads must be at least 1, not {threads}")


@Parameter(name="*")
@dataclass(frozen=True)
class TaskOptions:
    """Which task, and where its files are."""

    task: Annotated[
        str, Parameter(help="Name of a task (`xtremor tasks` lists them); `train` takes several between commas.")
    ] = "intents"
    data: Annotated[Path | None, Parameter(help=DATA_HELP)] = None
    generalized: Annotated[bool, Parameter(negative=(), help=GENERALIZED_HELP)] = False
    train: Annotated[
        Path | None,
        Parameter(
            group=OWN,
            help="English file of your own, instead of --task: a table (.csv, .tsv, .jsonl, .parquet), tagged "
            "sentences (.conll, .bio, .iob, .conllu) or SQuAD's .json.",
        ),
    ] = None
    text: Annotated[str | None, Parameter(group=OWN, help="Its text column (default: inferred and shown).")] = None
    text_pair: Annotated[str | None, Parameter(group=OWN, help="Its second text column, for pairs.")] = None
    label: Annotated[str | None, Parameter(group=OWN, help="Its label column (default: inferred and shown).")] = None
    choices: Annotated[
        str | None, Parameter(group=OWN, help="Columns of multiple choice, between commas; --text is the context.")
    ] = None
    dev: Annotated[
        Path | None, Parameter(group=OWN, help="English dev file (default: 5% of the training file, at most 1,000).")
    ] = None
    task_name: Annotated[str | None, Parameter(group=OWN, help="Name of the task (default: the file's).")] = None

    def open(self, to_train: bool = False) -> tuple[TaskCard, Source]:
        """The card and the source of its rows; files of the user's own are read here, and what they hold is said.

        With ``to_train`` a task that has no training set is refused before its files are looked for.
        """
        from xtremor.sources import open_source
        from xtremor.sources.generalized import generalized_card
        from xtremor.tasks.cards import card
        from xtremor.tasks.category import check_trainable

        if self.train is not None:
            return self._open_own(self.train)
        if "," in self.task:
            raise UserError(f"--task {self.task} names several tasks, which `xtremor train` alone takes; name one here")
        settings = {"generalized": True} if self.generalized else {}
        for option in ("text", "text_pair", "label", "choices", "dev", "task_name"):
            if getattr(self, option) is not None:
                raise UserError(
                    f"--{option.replace('_', '-')} is about a file of your own; name that with --train FILE"
                )
        found = card(self.task)
        if to_train:
            check_trainable(found)
        source = open_source(found, self.data, **settings)
        return generalized_card(found) if self.generalized else found, source

    def several(self) -> list[tuple[TaskCard, Source]] | None:
        """The cards and sources of ``--task mnli,qqp``; None where one task is named.

        Raises:
            UserError: a name is empty, unknown or repeated, or an option is given that is about one task.
        """
        if "," not in self.task:
            return None
        from xtremor.sources import ON_DISK, open_source
        from xtremor.tasks.cards import card

        names = [name.strip() for name in self.task.split(",")]
        if not all(names):
            raise UserError(f"--task {self.task}: a name is missing beside a comma; write them as in --task mnli,qqp")
        if self.generalized:
            raise UserError("--generalized is about the scores of one task; leave it out where several are trained on")
        for option in ("train", "text", "text_pair", "label", "choices", "dev", "task_name"):
            if getattr(self, option) is not None:
                raise UserError(f"--{option.replace('_', '-')} is about a file of your own, which is trained on alone")
        cards = [card(name) for name in names]
        repeated = [each.name for place, each in enumerate(cards) if each in cards[:place]]
        if repeated:
            raise UserError(f"--task {self.task}: {repeated[0]} is named more than once")
        for each in cards:
            if each.category == "retrieval":
                raise UserError(
                    f"--task {self.task}: {each.name} is retrieval, which is trained on alone; leave it out"
                )
        return [(each, open_source(each, self.data if each.source in ON_DISK else None)) for each in cards]

    def _open_own(self, train: Path) -> tuple[TaskCard, Source]:
        from xtremor.sources.own.opening import OwnFiles, open_own

        if self.generalized:
            raise UserError("--generalized is for the task xnli or pawsx, not for a file of your own")
        if self.task != TaskOptions.task:
            raise UserError(f"--train makes a task of its own; leave out --task {self.task} (--task-name names yours)")
        data = None if self.data is None else str(self.data)
        columns = (self.text, self.text_pair, self.label)
        return open_own(OwnFiles(train, self.task_name, *columns, column_names(self.choices), self.dev, data))


def column_names(choices: str | None) -> tuple[str, ...] | None:
    """``a, b`` -> the names of columns; None stays None."""
    return None if choices is None else tuple(name.strip() for name in choices.split(","))


def open_recorded(
    record: dict[str, Any],
    data: Path | None,
    columns: dict[str, str | None],
    generalized: bool,
    task: str | None = None,
) -> tuple[TaskCard, Source]:
    """The card and source of a run's task, from ``run.json``.

    Args:
        record: of the run.
        data: as ``--data``.
        columns: ``text``, ``text_pair``, ``label`` and ``choices`` of a user's own files, as typed; None where they are
            as in training.
        generalized: as ``--generalized``.
        task: a built-in task in place of the run's.
    """
    chosen = task or record["task"]
    if task is not None or record.get("own") is None:
        for name, column in columns.items():
            if column is not None:
                raise UserError(f"--{name.replace('_', '-')} is about files of your own; the task is {chosen}")
        return TaskOptions(chosen, data, generalized).open()
    if generalized:
        raise UserError(f"--generalized is for the task xnli or pawsx; the run is of the task {record['task']}")
    from xtremor.sources.own import Named, recorded_source

    choices = column_names(columns["choices"])
    named = Named(columns["text"], columns["text_pair"], columns["label"], choices)
    source = recorded_source(record["own"], data, named)
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
class MixingOptions:
    """How often each of several tasks is drawn."""

    sampling: Annotated[
        str | None,
        Parameter(help="With --task A,B,...: proportional (to their sizes; default), capped or temperature."),
    ] = None
    sampling_cap: Annotated[int | None, Parameter(help="Of capped: the size that a task counts as at most.")] = None
    sampling_temperature: Annotated[
        float | None, Parameter(help="Of temperature: sizes count to the power 1/T; 1 is proportional.")
    ] = None

    def mixing(self) -> Mixing:
        """Checked settings."""
        from xtremor.training.mixture import Mixing

        return Mixing(self.sampling or "proportional", self.sampling_cap, self.sampling_temperature)

    def refuse(self) -> None:
        """Raise UserError where one is given, which a run on one task does not read."""
        for name in ("sampling", "sampling_cap", "sampling_temperature"):
            if getattr(self, name) is not None:
                raise UserError(f"--{name.replace('_', '-')} is for several tasks at once, as in --task mnli,qqp")


@Parameter(name="*", group=TRAINING)
@dataclass(frozen=True)
class TrainOptions:
    """The recipe; what is left out comes from the task's card."""

    encoder: Annotated[str, Parameter(help="Hub name, local folder, run folder (its encoder alone), or `starter`.")] = (
        "starter"
    )
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
    l2_sp: Annotated[
        float | None,
        Parameter(group=DRIFT, help="Alpha of L2-SP: the encoder is pulled back to its pretrained weights."),
    ] = None
    l2_sp_head: Annotated[float | None, Parameter(group=DRIFT, help="Beta of L2-SP: the new head is pulled to 0.")] = (
        None
    )
    probe_epochs: Annotated[
        float | None, Parameter(group=DRIFT, help="Epochs of the new head alone, plainly, before the schedule.")
    ] = None
    freeze_layers: Annotated[
        int | None, Parameter(group=DRIFT, help="Keep embeddings and this many layers from below as they are.")
    ] = None
    interpolate: Annotated[
        float | None,
        Parameter(group=DRIFT, help="Keep this share of what training changed in the encoder (WiSE-FT), 0 to 1."),
    ] = None
    lora: Annotated[
        int | None, Parameter(group=DRIFT, help="Rank of LoRA adapters, trained in place of the encoder (extra peft).")
    ] = None
    lora_alpha: Annotated[
        float | None, Parameter(group=DRIFT, help="Adapters count alpha/rank (default 2 x rank).")
    ] = None
    lora_dropout: Annotated[float, Parameter(group=DRIFT, help="Dropout on the adapters' input.")] = 0.0
    lora_targets: Annotated[
        str | None,
        Parameter(group=DRIFT, help="Names of matrices between commas (default: query and value of the attention)."),
    ] = None
    threads: Annotated[int | None, Parameter(help="Threads on the CPU (default: all cores).")] = None
    fresh_pooler: Annotated[
        bool, Parameter(negative=(), help="Take the encoder alone, without its pretrained pooler, as from a run.")
    ] = False

    def settings(self, card: TaskCard, method: MethodSettings, seed: int) -> TrainSettings:
        """Checked settings of a run, the card's defaults filled in."""
        from xtremor.tasks.category import check_trainable
        from xtremor.tasks.embedding import default_embedding
        from xtremor.training.config import TrainSettings
        from xtremor.training.controls import Controls

        check_trainable(card)
        check_threads(self.threads)
        shared = ("encoder", "accumulate", "warmup", "weight_decay", "clip", "freeze_embeddings", "precision")
        own = {name: getattr(self, name) for name in (*shared, "fresh_pooler")}
        for name in ("epochs", "batch_size", "learning_rate", "head_learning_rate", "max_length", "train_rows"):
            value = getattr(self, name)
            own[name] = getattr(card.defaults, name) if value is None else value
        own["controls"] = Controls(**{name: getattr(self, name) for name in Controls.names()})
        if card.category == "retrieval":
            own["embedding"] = default_embedding(card, self.encoder, trained=True)
        return TrainSettings(task=card.name, method=method, seed=seed, lora=self._adapters(), **own)

    def _adapters(self) -> LoraSettings | None:
        from xtremor.training.lora import LoraSettings, check_installed

        if self.lora is None:
            for name in ("lora_alpha", "lora_dropout", "lora_targets"):
                if getattr(self, name) != getattr(type(self), name):
                    raise UserError(f"--{name.replace('_', '-')} is about adapters; name their rank with --lora")
            return None
        targets = (self.lora_targets or "").split(",")
        settings = LoraSettings(
            self.lora, self.lora_alpha, self.lora_dropout, tuple(name.strip() for name in targets if name.strip())
        )
        check_installed()
        return settings


@Parameter(name="*", group=STAGE)
@dataclass(frozen=True)
class StageOptions:
    """Where the recipe of an intermediate task differs from the targets'."""

    intermediate_epochs: Annotated[float | None, Parameter(help="As --epochs, for the intermediate task.")] = None
    intermediate_batch_size: Annotated[int | None, Parameter(help="As --batch-size.")] = None
    intermediate_learning_rate: Annotated[float | None, Parameter(help="As --learning-rate.")] = None
    intermediate_head_learning_rate: Annotated[float | None, Parameter(help="As --head-learning-rate.")] = None
    intermediate_max_length: Annotated[int | None, Parameter(help="As --max-length.")] = None
    intermediate_train_rows: Annotated[int | None, Parameter(help="As --train-rows.")] = None

    def recipe(self, common: TrainOptions) -> TrainOptions:
        """The recipe of the intermediate task; what is not stated here is as in ``common``."""
        stated = {each.name.removeprefix("intermediate_"): getattr(self, each.name) for each in fields(self)}
        return replace(common, **{name: value for name, value in stated.items() if value is not None})


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
