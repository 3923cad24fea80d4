"""From a model with a fresh head to a trained one and the record of how it was trained."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from xtremor import computing
from xtremor.console import say
from xtremor.training.config import TrainSettings
from xtremor.training.folder import RunFolder
from xtremor.training.model import make_accelerator, pad_of, recompute
from xtremor.training.record import common_record, told_of
from xtremor.training.snapshots import Keeper, Snapshots, moments

if TYPE_CHECKING:
    from torch import nn

    from xtremor.encoders.load import LoadReport
    from xtremor.tracking.tracking import Tracking
    from xtremor.training.prepare import Prepared


def fit(
    settings: TrainSettings,
    prepared: Prepared,
    model: nn.Module,
    report: LoadReport,
    folder: RunFolder,
    identity: dict[str, Any],
    checkpoint_seconds: float,
    keep_state: bool,
    tracking: Tracking | None = None,
) -> dict[str, Any]:
    """Train ``model`` in place and return the record of the run so far."""
    from xtremor.encoders.dropout import fast_dropout
    from xtremor.encoders.packing import packed, padding_note
    from xtremor.training.adapt import Adaptation, frozen_names
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
    with packed(model, settings.packing, _head_alone(settings, model)) as packs, fast_dropout(model):
        note = padding_note(model, settings.packing and not packs)
        with crew.together():
            step = BatchStep(
                model, table, prepared.features, prepared.category, settings.method, settings.seed, pad_token,
                accelerator, full.weight, prepared.tokenizer.all_special_ids, crew=crew,
            )  # fmt: skip
            computing.release(full.weight)
            order = prepared.order(settings)
            joined = prepared.joined(step, order.updates, settings.accumulate)
            # Not before: what is refused up to here leaves no folder behind.
            if crew.leads:
                folder.claim(identity)
                if tracking is not None:
                    tracking.begin(folder.path, told_of(settings))
        probed = None if draws is None else draws.features.lengths[: draws.starts[1]]
        loop = Loop(
            joined or step, settings, report.missing, folder.path, checkpoint_seconds, adaptation.penalty, order,
            probed, crew, tracking,
        )  # fmt: skip
        if settings.snapshots is not None:
            taken = [loop.probe + update for update in moments(order.updates, settings.snapshots)]
            loop.keeper = Keeper(Snapshots(folder.snapshots), taken, adaptation.trained, model, table)
            say(loop.keeper.sentence())
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
        **({} if loop.keeper is None else {"snapshots": list(loop.keeper.updates)}),
        "seconds": {"training": totals.seconds, "this_process": time.monotonic() - started},
    }


def _head_alone(settings: TrainSettings, model: nn.Module) -> bool:
    """Whether nothing but the head reads the last hidden states: no method, and no discriminator of languages."""
    config: Any = model.config
    deepest = ("last", f"layer:{getattr(config, 'num_hidden_layers', None)}")
    read = settings.method.at in deepest or getattr(settings.method, "reads_states", False)
    return not read and settings.adversary is None
