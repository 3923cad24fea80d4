"""One training run from settings to a finished run folder."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtremor import computing, machine
from xtremor.console import say, warn
from xtremor.encoders.runs import tokenizer_digest
from xtremor.errors import UserError
from xtremor.sources.base import Source
from xtremor.sources.own import own_record
from xtremor.tasks.base import TaskCard
from xtremor.training import checkpoint
from xtremor.training import log as log_file
from xtremor.training.config import TrainSettings
from xtremor.training.fit import fit
from xtremor.training.folder import FORMAT, RunFolder, write_json
from xtremor.training.learning import doubts, english_dev
from xtremor.training.lineage import lineage_of
from xtremor.training.model import check_positions, make_model
from xtremor.training.prepare import Prepared, features_digest, prepare
from xtremor.training.record import cost_sentence, told_of
from xtremor.training.snapshots import Snapshots, moments, score_snapshots

if TYPE_CHECKING:
    from torch import nn

    from xtremor.tracking.tracking import Tracking
    from xtremor.training.crew import Crew


@dataclass
class Trained:
    """A finished run with its model still in memory.

    ``model`` is None when the run had been finished before this process began.
    """

    folder: RunFolder
    record: dict[str, Any]
    model: nn.Module | None
    tokenizer: Any


def train(
    settings: TrainSettings,
    card: TaskCard,
    source: Source,
    output: Path,
    keep_model: bool = True,
    threads: int | None = None,
    checkpoint_seconds: float = 60.0,
    keep_state: bool = False,
    tracking: Tracking | None = None,
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
        tracking: trackers that are told what the log says, and English dev.

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
        refuse_snapshots(settings, keep_model)
        prepared = prepare(settings, card, source)
        if settings.snapshots is not None:
            moments(prepared.order(settings).updates, settings.snapshots)
        identity = _identity(settings, prepared, source)
        if crew.leads:
            folder.check(identity)
    if crew.told(crew.leads and folder.finished() and (not keep_model or folder.model.is_dir())):
        say(f"{output}: already finished, nothing to train")
        record = folder.read_record()
        if crew.leads and tracking is not None:
            told_anew(tracking, folder, settings, record)
        return Trained(folder, record, None, prepared.tokenizer)
    try:
        model, record = _train(
            settings, prepared, source, folder, identity, keep_model, checkpoint_seconds, keep_state, tracking
        )
    finally:
        folder.release()
    return Trained(folder, record, model, prepared.tokenizer)


def told_anew(tracking: Tracking, folder: RunFolder, settings: TrainSettings, record: dict[str, Any]) -> None:
    """Tell trackers of a run that had been finished what they do not know of it."""
    tracking.begin(folder.path, told_of(settings))
    tracking.catch_up(log_file.lines(folder.path))
    tracking.record(record)


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


def refuse_snapshots(settings: TrainSettings, keep_model: bool) -> None:
    """Raise UserError where snapshots would have no model to go into."""
    if settings.snapshots is not None and not keep_model:
        raise UserError(
            "--snapshots keep what was trained of a model, and --no-keep-model keeps no model; leave one out"
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
    tracking: Tracking | None,
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
    record = fit(settings, prepared, model, report, folder, identity, checkpoint_seconds, keep_state, tracking)
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
    if settings.snapshots is not None:
        kept, dev = Snapshots(folder.snapshots), partial(english_dev, settings, prepared, source, model)
        record["snapshots"] = score_snapshots(kept, record["snapshots"], model, dev)
        record["english_dev"] = record["snapshots"][-1]["english_dev"]
    else:
        record["english_dev"] = english_dev(settings, prepared, source, model)
    if tracking is not None:
        tracking.record(record)
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
    Snapshots(folder.snapshots).tidy()
    if not keep_state:
        checkpoint.remove(folder.path)
    return model, record
