"""One training run on several tasks at once: one encoder, a head for each, an update a batch of one task."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremor import computing, machine
from xtremor.console import say, warn
from xtremor.encoders.runs import tokenizer_digest
from xtremor.sources.base import Source
from xtremor.tasks.base import TaskCard
from xtremor.training import checkpoint
from xtremor.training.config import TrainSettings, derived_seed
from xtremor.training.folder import FORMAT, RunFolder, write_json
from xtremor.training.joint import CATEGORY, check_read
from xtremor.training.learning import doubts, english_dev, has_english_dev
from xtremor.training.lineage import lineage_of
from xtremor.training.mixture import MixedOrder, Mixing
from xtremor.training.model import check_positions, load_model, make_accelerator, pad_of, recompute
from xtremor.training.prepare import Prepared, features_digest, prepare
from xtremor.training.record import common_record, told_of
from xtremor.training.run import told_anew

if TYPE_CHECKING:
    from torch import nn

    from xtremor.encoders.load import LoadReport
    from xtremor.tracking.tracking import Tracking
    from xtremor.training.crew import Crew
    from xtremor.training.embeddings import CompactEmbedding
    from xtremor.training.shared import MixedStep, SharedEncoder


@dataclass(frozen=True)
class Member:
    """One of the tasks: its source, and its rows made ready."""

    source: Source
    prepared: Prepared

    @property
    def name(self) -> str:
        """The task's."""
        return self.prepared.card.name


def train_several(
    settings: TrainSettings,
    tasks: Sequence[tuple[TaskCard, Source]],
    mixing: Mixing,
    output: Path,
    keep_model: bool = True,
    threads: int | None = None,
    checkpoint_seconds: float = 60.0,
    tracking: Tracking | None = None,
) -> dict[str, Any]:
    """Train, resume, or find that the run is finished; return its record.

    Args:
        settings: of the run; ``task`` names all tasks, and ``train_rows`` are drawn of each.
        tasks: cards and sources, in the order of ``settings.task``.
        mixing: how often each is drawn.
        output: the run folder; its ``model`` becomes the bare encoder, with the heads in a folder of their own.
        keep_model: write it.
        threads: for the CPU; None leaves torch's choice.
        checkpoint_seconds: time between checkpoints.
        tracking: trackers that are told what the log says, and English dev of each task.

    Raises:
        UserError: bad input, a folder of another run, or a loss that is not finite.
        xtremor.training.loop.Interrupted: on Ctrl-C, resumable.
    """

    from xtremor.encoders.load import fingerprint
    from xtremor.training.crew import Crew

    computing.prepare(threads)
    crew = Crew.current()
    with crew.together():
        check_read(settings)
        members = [Member(source, prepare(settings, card, source)) for card, source in tasks]
        for member in members:
            # A damaged dev file is said now, and not after the last update.
            if has_english_dev(member.source):
                member.source.examples("dev", "en")
        folder = RunFolder(output)
        identity = {
            "format": FORMAT,
            "settings": settings.as_dict(),
            "sampling": mixing.as_dict(),
            "encoder": fingerprint(settings.encoder),
            "data": {member.name: features_digest(member.prepared.features) for member in members},
            "labels": {member.name: list(member.prepared.labels) for member in members},
        }
        if crew.leads:
            folder.check(identity)
    if crew.told(crew.leads and folder.finished() and (not keep_model or folder.model.is_dir())):
        say(f"{output}: already finished, nothing to train")
        if crew.leads and tracking is not None:
            told_anew(tracking, folder, settings, folder.read_record())
        return folder.read_record()
    try:
        return _train(settings, members, mixing, folder, identity, keep_model, checkpoint_seconds, tracking)
    finally:
        folder.release()


def _train(
    settings: TrainSettings,
    members: Sequence[Member],
    mixing: Mixing,
    folder: RunFolder,
    identity: dict[str, Any],
    keep_model: bool,
    checkpoint_seconds: float,
    tracking: Tracking | None,
) -> dict[str, Any]:
    """From fresh heads to the record on disk."""
    from xtremor.training.crew import Crew

    crew = Crew.current()
    started = time.monotonic()
    lengths = {member.name: member.prepared.features.lengths for member in members}
    order = MixedOrder(lengths, mixing, settings.batch_size, settings.epochs, settings.seed)
    say(_drawn(order))
    with crew.together():
        model, reports = make_shared(settings, members)
        ancestry = lineage_of(settings.encoder)
        check_positions(next(iter(model.models.values())), settings.max_length)
    record = _fit(
        settings, members, mixing, order, model, reports, folder, identity, checkpoint_seconds, crew, tracking
    )
    record |= ancestry
    if not crew.leads:
        for entry in record["tasks"]:
            entry["english_dev"] = None
        return record
    record["seconds"]["preparing"] = time.monotonic() - started - record["seconds"]["this_process"]
    for member, entry in zip(members, record["tasks"], strict=True):
        entry["english_dev"] = english_dev(settings, member.prepared, member.source, model.of(member.name))
        entry["data"] = asdict(member.source.record())
    if tracking is not None:
        tracking.record(record)
    record["warnings"] = _warnings(members, record, settings.method.perturbs)
    for sentence in record["warnings"]:
        warn(sentence)
    if keep_model:
        from xtremor.training.export_encoder import write_encoder

        write_encoder(folder, model, [member.prepared for member in members], settings, record)
        record["tokenizer"] = tokenizer_digest(folder.model)
    record["peak_memory_mb"] = machine.peak_memory_mb()
    write_json(folder.record, record)
    checkpoint.remove(folder.path)
    return record


def make_shared(settings: TrainSettings, members: Sequence[Member]) -> tuple[SharedEncoder, dict[str, LoadReport]]:
    """The encoder with a fresh head for each task; a head depends on the seed and its task's name alone."""
    import torch

    from xtremor.training.shared import SharedEncoder

    model = SharedEncoder()
    reports: dict[str, LoadReport] = {}
    for member in members:
        torch.manual_seed(derived_seed(settings.seed, "head", member.name))
        one, reports[member.name] = load_model(settings, member.prepared)
        model.add(member.name, one)
        say(f"{member.name}: {reports[member.name].sentences()}")
    return model, reports


def _fit(
    settings: TrainSettings,
    members: Sequence[Member],
    mixing: Mixing,
    order: MixedOrder,
    model: SharedEncoder,
    reports: dict[str, LoadReport],
    folder: RunFolder,
    identity: dict[str, Any],
    checkpoint_seconds: float,
    crew: Crew,
    tracking: Tracking | None,
) -> dict[str, Any]:
    """Train ``model`` in place and return the record of the run so far."""
    from xtremor.encoders.dropout import fast_dropout
    from xtremor.encoders.packing import packed, padding_note
    from xtremor.training.drift import Pretrained
    from xtremor.training.embeddings import compact, expand
    from xtremor.training.loop import Loop
    from xtremor.training.optimizer import decayed
    from xtremor.training.shared import POOLER

    started = time.monotonic()
    accelerator = make_accelerator(settings)
    pad_token = pad_of(members[0].prepared.tokenizer)
    tokens = np.unique(np.concatenate([np.unique(member.prepared.features.rows.tokens) for member in members]))
    full, table = compact(model, tokens, pad_token, not settings.freeze_embeddings)
    model.to(accelerator.device)
    model.train()
    if settings.gradient_checkpointing:
        with crew.together():
            for one in model.models.values():
                recompute(one)
    models = list(model.models.values())
    with packed(models, settings.packing) as packs, fast_dropout(models):
        note = padding_note(models[0], settings.packing and not packs)
        with crew.together():
            step = _mixed_step(settings, members, model, table, full, accelerator, crew)
            # Not before: what is refused up to here leaves no folder behind.
            if crew.leads:
                folder.claim(identity)
                if tracking is not None:
                    tracking.begin(folder.path, {**told_of(settings), "sampling": mixing.as_dict()})
        fresh = [f"models.{task}.{name}" for task, report in reports.items() for name in report.missing]
        one, poolers = model.of(members[0].name), f".{POOLER}."
        heads = {*reports[members[0].name].missing, *(name for name, _ in one.named_parameters() if poolers in name)}
        pretrained = Pretrained(one, heads, [name for name, each in one.named_parameters() if each.requires_grad])
        loop = Loop(
            step, settings, fresh, folder.path, checkpoint_seconds, order=order, crew=crew, tracking=tracking
        )  # fmt: skip
        totals = loop.run()
        drift = pretrained.distance(one)
    full.to(accelerator.device)
    expand(model, full, table, decayed(settings, loop.updates - loop.probe))
    # Some architectures keep the table beside the parts that were shared before.
    model.share()
    rows = sum(member.prepared.examples for member in members)
    return {
        **common_record(settings, rows, reports[members[0].name], totals, step, table, accelerator.device),
        "task": settings.task,
        "category": CATEGORY,
        "texts": None,
        "packed": packs,
        "processes": crew.size,
        **note,
        "tasks": [_entry(settings, member, order, step, place) for place, member in enumerate(members)],
        "sampling": mixing.as_dict(),
        "site_unit": step.steps[0].unit,
        "drift": drift,
        "seconds": {"training": totals.seconds, "this_process": time.monotonic() - started},
        "english_dev": None,
        "own": None,
    }


def _mixed_step(
    settings: TrainSettings,
    members: Sequence[Member],
    model: SharedEncoder,
    table: CompactEmbedding,
    full: nn.Embedding,
    accelerator: Any,
    crew: Crew,
) -> MixedStep:
    """A step for each task, behind one."""
    from xtremor.robust.counter import PassCounter, PassCounts
    from xtremor.training.shared import MixedStep
    from xtremor.training.step import BatchStep

    tokenizer = members[0].prepared.tokenizer
    pad_token = pad_of(tokenizer)
    steps, counts = [], PassCounts()
    for member in members:
        prepared = member.prepared
        steps.append(
            BatchStep(
                model.of(member.name), table, prepared.features, prepared.category, settings.method, settings.seed,
                pad_token, accelerator, full.weight, tokenizer.all_special_ids, counts, crew,
            )
        )  # fmt: skip
    # The encoder is one: hooks on the first model's see the passes of all.
    PassCounter(model.of(members[0].name), counts)
    return MixedStep(model, steps)


def _entry(settings: TrainSettings, member: Member, order: MixedOrder, step: MixedStep, place: int) -> dict[str, Any]:
    """What the record says of one task."""
    units, drawn = len(order.lengths[member.name]), order.drawn[member.name]
    return {
        "task": member.name,
        "category": member.prepared.card.category,
        "rows": member.prepared.examples,
        "units": units,
        "probability": float(order.probabilities[place]),
        "updates": drawn,
        # In batches, of which the last of an epoch may be smaller.
        "epochs": drawn / -(-units // settings.batch_size),
        "site_unit": step.steps[place].unit,
    }


def _drawn(order: MixedOrder) -> str:
    shares = ", ".join(
        f"{task} {count:,} ({share:.1%})"
        for (task, count), share in zip(order.drawn.items(), order.probabilities, strict=True)
    )
    return f"updates of each task (probability): {shares}"


def _warnings(members: Sequence[Member], record: dict[str, Any], perturbs: bool) -> list[str]:
    """What suggests that the run, or one of its tasks, did not learn."""
    entries = record["tasks"]
    drawn = sum(entry["updates"] for entry in entries)
    guesses = [member.prepared.category.guess_loss(member.prepared.features) for member in members]
    guess = sum(each * entry["updates"] / drawn for each, entry in zip(guesses, entries, strict=True))
    found = doubts(record["final_training_loss"], guess, None, perturbs=perturbs)
    for member, entry in zip(members, entries, strict=True):
        if not entry["updates"]:
            found.append(f"{member.name} was never drawn, so that its head is untrained; try another --sampling")
            continue
        constant = member.prepared.category.CONSTANT
        found += [f"{member.name}: {each}" for each in doubts(0.0, 1.0, entry["english_dev"], constant, perturbs)]
    return found
