"""What the stages of a study read, looked at once: whether it is there, its fingerprint, how much work it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from xtremor.cli.adversary import AdversaryOptions
from xtremor.cli.options import TaskOptions
from xtremor.cli.recipe import TrainOptions
from xtremor.cli.unlabelled import UnlabelledOptions
from xtremor.errors import UserError, unknown
from xtremor.evaluation.selection import EvaluationSettings, read_examples
from xtremor.robust.methods.base import Method
from xtremor.robust.methods.plain import Plain
from xtremor.sizes import Opened, open_task
from xtremor.sources import ON_DISK
from xtremor.sources.base import DataRecord, Source
from xtremor.study.design import Target
from xtremor.tasks.base import TaskCard
from xtremor.tasks.cards import card as find_card
from xtremor.training.config import TrainSettings

# What changes the work of a run on a task, or what it reads.
SIZES = (
    "encoder", "epochs", "probe_epochs", "batch_size", "max_length", "train_rows", "sources",
    *(each.name for each in (*fields(UnlabelledOptions), *fields(AdversaryOptions))),
)  # fmt: skip
BYTES_A_WEIGHT = 4
# Forward, to the activations, to the weights.
PASSES_OF_TEXT = 3.0


@dataclass(frozen=True)
class Training:
    """A task, or several at once, as a stage trains on it.

    Attributes:
        card: of the task, or the joint one.
        opened: each task.
        data: fingerprint of the rows.
        model_mb: of a trained model.
    """

    card: TaskCard
    opened: tuple[Opened, ...]
    data: dict[str, Any]
    model_mb: float

    @property
    def tokens(self) -> float:
        """Of all epochs."""
        return sum(each.training_tokens for each in self.opened)

    @property
    def text_tokens(self) -> float:
        """Of unlabelled text beside all updates."""
        return sum(each.text_tokens for each in self.opened)

    @property
    def updates(self) -> int:
        """Of the whole schedule."""
        return sum(each.updates for each in self.opened)

    @property
    def row_tokens(self) -> float:
        """Mean tokens of an input, by which scored rows are taken to be as long."""
        first = self.opened[0]
        return first.training_tokens / max(1, first.updates)


@dataclass(frozen=True)
class Scored:
    """What of a target is scored."""

    split: str
    languages: tuple[str, ...]
    items: int
    data: dict[str, Any]


@dataclass(frozen=True)
class Root:
    """A pretrained encoder: its name, and the digests of its weights and tokenizer."""

    name: str
    fingerprint: str
    tokenizer: str

    def identity(self) -> dict[str, str]:
        """For a key."""
        return {"fingerprint": self.fingerprint, "tokenizer": self.tokenizer}


class Opener:
    """Reads every task and encoder of a study once.

    Args:
        data: folder of the files.
        threads: of every run.
    """

    def __init__(self, data: Path | None, threads: int) -> None:
        self.data, self.threads = data, threads
        self._training: dict[Any, Training] = {}
        self._scored: dict[Any, Scored] = {}
        self._sizes: dict[Any, float] = {}
        self._layers: dict[str, int] = {}
        self._snapshots: dict[Any, float] = {}

    def root(self, name: str) -> Root:
        """An encoder; raises UserError where there is none of that name."""
        from xtremor.encoders.fingerprint import folder_fingerprint
        from xtremor.encoders.load import resolve
        from xtremor.encoders.runs import tokenizer_digest

        folder = Path(resolve(name))
        # A folder is looked for from the store, where the stages work.
        placed = str(Path(name).expanduser().absolute()) if Path(name).expanduser().exists() else name
        return Root(placed, folder_fingerprint(folder), tokenizer_digest(folder))

    def training(self, task: str, recipe: TrainOptions) -> Training:
        """A task to train on; raises UserError as `xtremor.sizes.open_options`."""
        key = (task, *(getattr(recipe, name) for name in SIZES))
        if key not in self._training:
            self._training[key] = self._open(task, recipe)
        return self._training[key]

    def _open(self, task: str, recipe: TrainOptions) -> Training:
        names = [name.strip() for name in task.split(",")]
        if len(names) > 1:
            recipe.refuse_text()
        opened = tuple(open_task(name, self.data, recipe, None) for name in names)
        records = [trained_on(each.source) for each in opened]
        whole = opened[0].card
        if len(opened) > 1:
            from xtremor.training.joint import joint_card

            whole = joint_card([each.card for each in opened])
        data = {each.name: fingerprint(record) for each, record in zip(opened, records, strict=True)}
        return Training(whole, opened, data, self._model_mb(recipe.encoder, opened[0]))

    def _model_mb(self, encoder: str, opened: Opened) -> float:
        from xtremor.encoders.load import skeleton
        from xtremor.tasks.category import category

        kind = category(opened.card.category).AUTO_CLASS
        if (encoder, kind) not in self._sizes:
            model = skeleton(encoder, kind)
            self._layers[encoder] = int(getattr(model.config, "num_hidden_layers", 0) or 0)
            count = sum(parameter.numel() for parameter in model.parameters())
            self._sizes[encoder, kind] = count * BYTES_A_WEIGHT / 1e6
        return self._sizes[encoder, kind]

    def snapshots_mb(self, training: Training, settings: TrainSettings) -> float:
        """Of all snapshots of a run, at most."""
        from xtremor.encoders.load import skeleton
        from xtremor.tasks.category import category
        from xtremor.training.snapshots import planned_mb

        kind = category(training.card.category).AUTO_CLASS
        key = (settings.encoder, kind, training.tokens, settings.lora, settings.controls, settings.freeze_embeddings)
        if key not in self._snapshots:
            tokens = training.tokens / (1 if settings.method.substitution is not None else settings.all_epochs)
            self._snapshots[key] = planned_mb(skeleton(settings.encoder, kind), settings, tokens)
        return self._snapshots[key] * (settings.snapshots or 0)

    def passes(self, method: Method, encoder: str, texts: float = 0.0) -> float:
        """Passes per batch of the data as it is, what lies below a hidden layer counted as in plain training.

        ``texts`` are those that a discriminator of languages is shown, for each labelled row. Word substitution
        that goes over several copies in an epoch makes as many times the passes.
        """
        name, _, depth = method.at.partition(":")
        layers = self._layers.get(encoder, 0)
        below = int(depth) / layers if name == "layer" and layers else 0.0
        copies = 1 if method.substitution is None else method.substitution.copies
        return method.expected_passes(below) * copies + PASSES_OF_TEXT * texts

    def scored(self, target: Target, settings: TrainSettings) -> Scored:
        """What is scored; raises UserError for a split, a language or files that are not there."""
        key = (target.task, target.split, target.languages, target.limit, target.generalized)
        if key not in self._scored:
            self._scored[key] = self._score(target, settings)
        return self._scored[key]

    def _score(self, target: Target, settings: TrainSettings) -> Scored:
        card, source = self.open(target)
        if card.source == "intermediate":
            raise UserError(f"{card.name} is an English intermediate task and no test of transfer; name another target")
        split = target.split or card.splits[0]
        if split not in card.splits:
            raise UserError(f"targets: {unknown(f'split of {card.name}', split, card.splits)}")
        codes = languages_of(target, card, source, split)
        _, rows = read_examples(card, source, EvaluationSettings(split, codes, target.limit, settings.max_length))
        return Scored(split, tuple(rows), sum(map(len, rows.values())), fingerprint(source.record()))

    def open(self, target: Target) -> tuple[TaskCard, Source]:
        """Card and a fresh source of a target."""
        where = self.data if find_card(target.task).source in ON_DISK else None
        return TaskOptions(target.task, where, target.generalized).open()


def languages_of(target: Target, card: TaskCard, source: Source, split: str) -> tuple[str, ...] | None:
    """The codes named, or all but those named with a dash before them (``-th``); None where none is named."""
    without = [code[1:] for code in target.languages if code.startswith("-")]
    named = tuple(code for code in target.languages if not code.startswith("-"))
    if not without:
        return named or None
    if named:
        raise UserError(f"targets: languages of {card.name} are either named, or left out with a dash before them")
    known = card.languages or tuple(source.languages(split))
    for code in without:
        if code not in known:
            raise UserError(f"targets: {unknown(f'language of {card.name}', code, known)}")
    return tuple(code for code in known if code not in without)


def files_of(method: Method) -> dict[str, str]:
    """Settings of a method that name files, with their places; a key holds what is in them."""
    stated = {} if method.substitution is None else method.settings()
    named = {name: Path(str(stated.get(name))).expanduser() for name in ("neighbours", "protect")}
    return {name: str(path.absolute()) for name, path in named.items() if path.is_file()}


def fingerprint(record: DataRecord) -> dict[str, Any]:
    """Source and digests of its files."""
    digests = {name: facts.get("sha256") or str(facts) for name, facts in record.files.items()}
    return {"source": record.source, "files": digests}


def trained_on(source: Source) -> DataRecord:
    """The record of a source whose English training rows have been read, and now its dev rows too."""
    from xtremor.training.learning import has_english_dev

    if has_english_dev(source):
        source.examples("dev", "en")
    return source.record()


def check_unchanged(stage_data: Mapping[str, Any], found: Mapping[str, Any], name: str) -> None:
    """Raise UserError where the rows that a stage reads now are not those that it was planned for."""
    if dict(stage_data) != dict(found):
        raise UserError(
            f"{name}: the data is not what it was when the study was planned; give `xtremor study run` the study file "
            "again, which plans anew"
        )


def first_settings(training: Training, recipe: TrainOptions, method: Method | None = None) -> TrainSettings:
    """The settings of a run with seed 1, for what does not depend on the seed."""
    return recipe.settings(training.card, method or Plain(), 1)


def stretched(recipe: TrainOptions, epochs: float) -> TrainOptions:
    """The same with a longer or shorter schedule."""
    return replace(recipe, epochs=epochs)
