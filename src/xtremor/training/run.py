"""One training run from settings to a finished run folder."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from xtremor import computing, machine
from xtremor.console import say, warn
from xtremor.encoders.runs import tokenizer_digest
from xtremor.errors import UserError
from xtremor.sources.base import Source
from xtremor.sources.own import own_record
from xtremor.tasks.base import TaskCard, TextExample
from xtremor.tasks.category import Category, category
from xtremor.tasks.features import Features
from xtremor.training import checkpoint
from xtremor.training.config import TrainSettings, derived_seed
from xtremor.training.folder import FORMAT, RunFolder, write_json
from xtremor.training.learning import doubts, english_dev
from xtremor.training.lineage import lineage_of
from xtremor.training.record import common_record, cost_sentence
from xtremor.training.sources import training_rows
from xtremor.training.token_cache import keeping_tokens

if TYPE_CHECKING:
    from torch import nn

    from xtremor.encoders.load import LoadReport
    from xtremor.training.adversary.step import AdversarialStep
    from xtremor.training.adversary.text import Opponent
    from xtremor.training.crew import Crew
    from xtremor.training.draws import Draws
    from xtremor.training.step import BatchStep
    from xtremor.training.unlabelled import JoinedStep, UnlabelledText


@dataclass
class Trained:
    """A finished run with its model still in memory.

    ``model`` is None when the run had been finished before this process began.
    """

    folder: RunFolder
    record: dict[str, Any]
    model: nn.Module | None
    tokenizer: Any


@dataclass(frozen=True)
class Prepared:
    """Everything that a run needs before the first update.

    Attributes:
        card, category, labels, tokenizer, features: of the task and its training rows.
        examples: training rows.
        texts: 2 where rows are pairs, None where they are not texts with a class.
        draws: where every pass over the data has features of its own; ``features`` are then those of all passes.
        unlabelled: text without labels that joins every update.
        opponent: a discriminator of languages, with the text that it is shown.
    """

    card: TaskCard
    category: Category
    labels: tuple[str, ...]
    tokenizer: Any
    features: Features
    examples: int
    texts: int | None
    draws: Draws | None = None
    unlabelled: UnlabelledText | None = None
    opponent: Opponent | None = None

    @property
    def tokens(self) -> np.ndarray:
        """Ids of all that is trained on."""
        beside = (each for each in (self.unlabelled, self.opponent) if each is not None and each.trains)
        return np.concatenate([part.features.rows.tokens for part in (self, *beside)])

    @property
    def read_tokens(self) -> np.ndarray | None:
        """Ids that are looked up besides, of text from which nothing reaches the encoder; None where there is none."""
        return None if self.opponent is None else self.opponent.features.rows.tokens

    def joined(self, step: BatchStep, updates: int, pieces: int) -> JoinedStep | AdversarialStep | None:
        """``step`` with what unlabelled text is for beside it; None where there is none."""
        if self.unlabelled is None:
            return None
        from xtremor.training.unlabelled import JoinedStep

        joined = JoinedStep(step, self.unlabelled, pieces) if self.unlabelled.trains else None
        if self.opponent is None:
            return joined
        from xtremor.training.adversary.step import AdversarialStep

        return AdversarialStep(joined or step, step, self.opponent, self.unlabelled, updates, pieces)


def train(
    settings: TrainSettings,
    card: TaskCard,
    source: Source,
    output: Path,
    keep_model: bool = True,
    threads: int | None = None,
    checkpoint_seconds: float = 60.0,
    keep_state: bool = False,
) -> Trained:
    """Train, resume, or find that the run is finished.

    Args:
        settings: of the run.
        card: of its task.
        source: rows of the task.
        output: the run folder.
        keep_model: write ``model/``.
        threads: for the CPU; None leaves torch's choice.
        checkpoint_seconds: time between checkpoints.
        keep_state: leave the last checkpoint for the caller to remove, who still needs the weights.

    Raises:
        UserError: bad input, a folder of another run, or a loss that is not finite.
        xtremor.training.loop.Interrupted: on Ctrl-C, resumable.
    """

    from xtremor.training.crew import Crew

    computing.prepare(threads)
    crew = Crew.current()
    folder = RunFolder(output)
    with crew.together():
        refuse_to_share(crew, settings)
        prepared = prepare(settings, card, source)
        identity = _identity(settings, prepared, source)
        if crew.leads:
            folder.check(identity)
    if crew.told(crew.leads and folder.finished() and (not keep_model or folder.model.is_dir())):
        say(f"{output}: already finished, nothing to train")
        return Trained(folder, folder.read_record(), None, prepared.tokenizer)
    try:
        model, record = _train(settings, prepared, source, folder, identity, keep_model, checkpoint_seconds, keep_state)
    finally:
        folder.release()
    return Trained(folder, record, model, prepared.tokenizer)


def refuse_to_share(crew: Crew, settings: TrainSettings) -> None:
    """Raise UserError where several processes cannot share a run."""
    if crew.size > 1 and settings.embedding is not None:
        raise UserError(
            f"{settings.task} is retrieval, where the other passages of a batch are what a query is told from, so that "
            f"a batch cannot be shared by {crew.size} processes; start one"
        )
    if crew.size > 1 and settings.adversary is not None:
        raise UserError(
            f"--language-adversary: {crew.size} processes cannot share the discriminator, one player; start one"
        )


def _identity(settings: TrainSettings, prepared: Prepared, source: Source) -> dict[str, Any]:
    """What decides whether a folder is this run."""
    from xtremor.encoders.load import fingerprint

    identity = {
        "format": FORMAT,
        "settings": settings.as_dict(),
        "encoder": fingerprint(settings.encoder),
        "data": features_digest(prepared.features),
        "labels": list(prepared.labels),
    }
    if prepared.unlabelled is not None:
        identity["unlabelled_data"] = prepared.unlabelled.digest
    if prepared.opponent is not None:
        identity["language_graph"] = prepared.opponent.graph.digest
    own = own_record(source)
    return identity if own is None else {**identity, "own": own}


def _train(
    settings: TrainSettings,
    prepared: Prepared,
    source: Source,
    folder: RunFolder,
    identity: dict[str, Any],
    keep_model: bool,
    checkpoint_seconds: float,
    keep_state: bool,
) -> tuple[nn.Module, dict[str, Any]]:
    """From a fresh head to the record on disk."""
    from xtremor.training.crew import Crew

    started = time.monotonic()
    crew = Crew.current()
    with crew.together():
        model, report = make_model(settings, prepared)
        say(report.sentences())
        ancestry = lineage_of(settings.encoder)
        check_positions(model, settings.max_length)
    record = fit(settings, prepared, model, report, folder, identity, checkpoint_seconds, keep_state)
    if not crew.leads:
        # Scoring and writing is the first one's work.
        return model, {**record, "english_dev": None}
    told = cost_sentence(record)
    if told is not None:
        say(told)
    record["data"] = asdict(source.record())
    record["own"] = own_record(source)
    record |= ancestry
    record["seconds"]["preparing"] = time.monotonic() - started - record["seconds"]["this_process"]
    record["english_dev"] = english_dev(settings, prepared, source, model)
    guess = prepared.category.guess_loss(prepared.features)
    constant = prepared.category.CONSTANT
    loss, perturbs = record["final_training_loss"], settings.method.perturbs
    record["warnings"] += doubts(loss, guess, record["english_dev"], constant, perturbs)
    for sentence in record["warnings"]:
        warn(sentence)
    if keep_model:
        from xtremor.training.export import write_model

        write_model(folder, model, prepared.tokenizer, settings, prepared.card, record)
        record["tokenizer"] = tokenizer_digest(folder.model)
    record["peak_memory_mb"] = machine.peak_memory_mb()
    write_json(folder.record, record)
    if not keep_state:
        checkpoint.remove(folder.path)
    return model, record


def prepare(settings: TrainSettings, card: TaskCard, source: Source) -> Prepared:
    """Read, draw and tokenise the English training rows."""
    from xtremor.encoders.load import load_tokenizer

    substitution = settings.method.substitution
    if substitution is not None:
        from xtremor.training.draws import check_files, make_draws

        check_files(substitution)
    if settings.unlabelled is not None:
        from xtremor.sources.unlabelled import check_category

        check_category(card)
    tokenizer = load_tokenizer(settings.encoder)
    examples = training_rows(source, settings)
    kind, labels = category_of(card, settings), source.labels()

    def featurize(rows: Sequence[Any]) -> Features:
        return kind.featurize(rows, tokenizer, labels, settings.max_length)

    draws = None
    if substitution is not None:
        draws = make_draws(substitution, settings.encoder, examples, settings.epochs, settings.seed, featurize)
    with keeping_tokens():
        features = featurize(examples) if draws is None else draws.features
    lengths = features.rows.lengths
    trained_on = "English" if settings.sources is None else ", ".join(settings.sources)
    classes = f"{len(labels)} classes, " if labels else ""
    inputs = f"{len(lengths):,} inputs, " if len(lengths) != len(examples) else ""
    say(
        f"{card.name}: {len(examples):,} {trained_on} training rows, {classes}{inputs}"
        f"{lengths.mean():.1f} tokens {'an input' if inputs else 'a row'} (longest {lengths.max()}, "
        f"{features.truncated} cut at {settings.max_length})"
    )
    texts = len(examples[0].texts) if isinstance(examples[0], TextExample) else None
    unlabelled, opponent = None, None
    if settings.unlabelled is not None:
        from xtremor.training.unlabelled import make_unlabelled

        unlabelled = make_unlabelled(settings, card, source, texts, featurize)
        if settings.adversary is not None and unlabelled is not None:
            from xtremor.training.adversary.text import make_opponent

            opponent = make_opponent(settings.adversary, unlabelled, examples, settings.encoder, featurize)
    return Prepared(card, kind, labels, tokenizer, features, len(examples), texts, draws, unlabelled, opponent)


def category_of(card: TaskCard, settings: TrainSettings) -> Category:
    """The category of a task, with the settings of the run where it has some."""
    if settings.embedding is None:
        return category(card.category)
    from xtremor.tasks.retrieval import DualEncoder

    return cast(Category, DualEncoder(settings.embedding, settings.temperature, settings.batch_size))


def features_digest(features: Features) -> str:
    """sha256 over token ids, row offsets and classes: what a run was really trained on."""
    digest = hashlib.sha256()
    groups = () if features.groups is None else (features.groups,)
    for array in (features.rows.tokens, features.rows.offsets, features.targets, *groups):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def make_model(settings: TrainSettings, prepared: Prepared) -> tuple[nn.Module, LoadReport]:
    """The encoder with a fresh head; the head depends on the seed alone, not on the method."""
    import torch

    torch.manual_seed(derived_seed(settings.seed, "head"))
    return load_model(settings, prepared)


def load_model(settings: TrainSettings, prepared: Prepared) -> tuple[nn.Module, LoadReport]:
    """The encoder with a head drawn from torch's generator as it stands.

    Of a model that was trained on a task, ours or anybody's, the encoder alone is taken.
    """
    from xtremor.encoders.boundary import check_vocabulary
    from xtremor.encoders.load import is_task_model, load_task_model

    config = prepared.category.head_config(prepared.labels)
    alone = settings.fresh_pooler or is_task_model(settings.encoder)
    model, report = load_task_model(settings.encoder, prepared.category.AUTO_CLASS, alone, **config)
    if alone:
        check_vocabulary(model, prepared.tokenizer, report.resolved)
    if prepared.category.AUTO_CLASS == "AutoModel":
        # Hidden states are pooled without it: it would have no gradient, and nothing in a checkpoint to resume from.
        for name, parameter in model.named_parameters():
            parameter.requires_grad_("pooler" not in name.split("."))
    return model, report


def positions_of(model: nn.Module) -> int | None:
    """Tokens of the longest input that the encoder has positions for; None where it has no table of positions."""
    from torch import nn

    block = getattr(getattr(model, "base_model", model), "embeddings", None)
    table = getattr(block, "position_embeddings", None)
    if not isinstance(table, nn.Embedding):
        return None
    # RoBERTa and its kin count positions from behind the padding id.
    return table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)


def check_positions(model: nn.Module, max_length: int) -> None:
    """Raise UserError where the encoder has a table of positions that is shorter than the longest input allowed."""
    positions = positions_of(model)
    if positions is not None and max_length > positions:
        raise UserError(
            f"--max-length {max_length} is more than the {positions} positions of this encoder; "
            f"name --max-length {positions} or less"
        )


def fit(
    settings: TrainSettings,
    prepared: Prepared,
    model: nn.Module,
    report: LoadReport,
    folder: RunFolder,
    identity: dict[str, Any],
    checkpoint_seconds: float,
    keep_state: bool,
) -> dict[str, Any]:
    """Train ``model`` in place and return the record of the run so far."""
    from xtremor.encoders.dropout import fast_dropout
    from xtremor.encoders.packing import packed, padding_note
    from xtremor.training.adapt import Adaptation, frozen_names
    from xtremor.training.batches import Epochs
    from xtremor.training.crew import Crew
    from xtremor.training.embeddings import compact, expand
    from xtremor.training.loop import Loop
    from xtremor.training.optimizer import decayed
    from xtremor.training.step import BatchStep

    started = time.monotonic()
    crew = Crew.current()
    accelerator = make_accelerator(settings)
    pad_token = pad_of(prepared.tokenizer)
    with crew.together():
        frozen = frozen_names(model, settings)
        trained = not (settings.freeze_embeddings or frozen)
        full, table = compact(model, prepared.tokens, pad_token, trained, prepared.read_tokens)
        model.to(accelerator.device)
        adaptation = Adaptation(model, settings, report.missing, frozen)
    model.train()
    if settings.gradient_checkpointing:
        with crew.together():
            recompute(model)
    draws = prepared.draws
    with packed(model, settings.packing) as packs, fast_dropout(model):
        note = padding_note(model, settings.packing and not packs)
        with crew.together():
            step = BatchStep(
                model, table, prepared.features, prepared.category, settings.method, settings.seed, pad_token,
                accelerator, full.weight, prepared.tokenizer.all_special_ids, crew=crew,
            )  # fmt: skip
            computing.release(full.weight)
            order = None if draws is None else draws.order(settings.batch_size, settings.seed)
            schedule = order or Epochs(step.lengths, settings.batch_size, settings.seed, settings.epochs)
            joined = prepared.joined(step, schedule.updates, settings.accumulate)
            # Not before: what is refused up to here leaves no folder behind.
            if crew.leads:
                folder.claim(identity)
        probed = None if draws is None else draws.features.lengths[: draws.starts[1]]
        loop = Loop(
            joined or step, settings, report.missing, folder.path, checkpoint_seconds, adaptation.penalty, order,
            probed, crew,
        )  # fmt: skip
        totals = loop.run(save_last=keep_state)
    held = adaptation.finish()
    full.to(accelerator.device)
    expand(model, full, table, decayed(settings, loop.updates - loop.probe))
    record = common_record(settings, prepared.examples, report, totals, step, table, accelerator.device)
    if joined is not None:
        joined.enter(record, totals.update - loop.probe)
    return {
        **record,
        "task": prepared.card.name,
        "category": prepared.card.category,
        "texts": prepared.texts,
        "packed": packs,
        "processes": crew.size,
        **note,
        "site_unit": step.unit,
        **held,
        **({} if draws is None else {"substitution": draws.record}),
        "seconds": {"training": totals.seconds, "this_process": time.monotonic() - started},
    }


def recompute(model: Any) -> None:
    """Have the layers keep their input alone; raises UserError where the architecture cannot."""
    if not getattr(model, "supports_gradient_checkpointing", False):
        raise UserError(
            f"--gradient-checkpointing: {type(model).__name__} cannot compute its layers again; leave it out"
        )
    # The reentrant kind forms weight gradients alone, and none for a perturbation.
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
    enable({"use_reentrant": False})


def make_accelerator(settings: TrainSettings) -> Any:
    """Device, precision and backward."""
    from accelerate import Accelerator

    return Accelerator(mixed_precision="bf16" if settings.precision == "bf16" else "no")


def pad_of(tokenizer: Any) -> int:
    """Id of the padding token; 0 for a tokenizer without one (padding is masked everywhere)."""
    return 0 if tokenizer.pad_token_id is None else int(tokenizer.pad_token_id)
