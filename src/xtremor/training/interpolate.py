"""WiSE-FT of a finished run (Wortsman et al. 2022, arXiv 2109.01903): another run folder, without training again."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from xtremor import computing, machine
from xtremor.console import say, warn
from xtremor.encoders.runs import tokenizer_digest
from xtremor.errors import UserError
from xtremor.sources.base import Source
from xtremor.tasks.base import TaskCard
from xtremor.tasks.category import category
from xtremor.tasks.features import Features
from xtremor.training.config import TrainSettings
from xtremor.training.controls import check_share
from xtremor.training.folder import RunFolder, read_json, write_json
from xtremor.training.ragged import Ragged


def interpolate_run(
    run: Path,
    share: float,
    card: TaskCard,
    source: Source,
    output: Path,
    threads: int | None = None,
    encoder: str | None = None,
) -> dict[str, Any]:
    """Write ``output``: the encoder at (1 - ``share``) pretrained + ``share`` trained, the head as trained.

    The folder is what `xtremor train --interpolate` would have written, bit for bit, but for times and command.
    ``encoder`` is where the run's encoder is now; None is where it was.

    Raises:
        UserError: a share that is none, a run without a model or interpolated already, an encoder that is not the one
            that the run began from, an output that holds something else.
    """

    check_share(share, "--alpha")
    computing.prepare(threads)
    before, folder = RunFolder(run), RunFolder(output)
    record = before.read_record()
    settings = _settings(before, record, share, encoder)
    identity = {**read_json(before.config), "settings": settings.as_dict()}
    folder.check(identity)
    if folder.finished() and folder.model.is_dir():
        say(f"{output}: already there, nothing to do")
        return folder.read_record()
    try:
        folder.claim(identity)
        return _write(before, folder, record, settings, share, card, source)
    finally:
        folder.release()


def _settings(before: RunFolder, record: dict[str, Any], share: float, encoder: str | None) -> TrainSettings:
    """What the new run is; refuses a run that cannot be interpolated."""
    from xtremor.encoders.load import fingerprint

    if not before.model.is_dir():
        raise UserError(f"{before.path} keeps no model, which interpolation needs; train it without --no-keep-model")
    try:
        settings = TrainSettings.from_dict(read_json(before.config)["settings"])
    except (KeyError, TypeError) as error:
        raise UserError(f"{before.config}: its settings cannot be used ({error}); was the file edited?") from error
    if settings.controls.interpolate is not None:
        raise UserError(f"{before.path} is interpolated already; name the run that it was made from")
    if encoder is not None:
        settings = replace(settings, encoder=encoder)
    try:
        there = fingerprint(settings.encoder)
    except UserError as error:
        raise UserError(
            f"the encoder of {before.path} cannot be read ({error}); where it has been moved, name it with --encoder"
        ) from error
    if there != record["encoder"]["fingerprint"]:
        raise UserError(
            f"the encoder {settings.encoder} is not the one that {before.path} was trained from; put those weights "
            "back, or say with --encoder where they are"
        )
    # The snapshots stay with the run that they are of.
    return replace(settings, controls=replace(settings.controls, interpolate=share), snapshots=None)


def _write(
    before: RunFolder,
    folder: RunFolder,
    record: dict[str, Any],
    settings: TrainSettings,
    share: float,
    card: TaskCard,
    source: Source,
) -> dict[str, Any]:
    from xtremor.encoders.load import load_task_model, load_tokenizer
    from xtremor.training.drift import Pretrained
    from xtremor.training.export import write_model
    from xtremor.training.learning import doubts, english_dev
    from xtremor.training.prepare import Prepared

    kind, labels, fresh = category(card.category), source.labels(), record["encoder"]["missing"]
    model, _ = load_task_model(str(before.model), kind.AUTO_CLASS)
    start, _ = load_task_model(settings.encoder, kind.AUTO_CLASS, **kind.head_config(labels))
    Pretrained(start, fresh, [name for name, _ in start.named_parameters()]).interpolate(model, share)
    tokenizer = load_tokenizer(str(before.model))
    nothing = Features(Ragged.from_rows([]), np.zeros(0, dtype=np.int64), 0)
    prepared = Prepared(card, kind, labels, tokenizer, nothing, record["training"]["rows"], record["texts"])
    dev = english_dev(settings, prepared, source, model)
    made = {
        **{name: value for name, value in record.items() if name != "snapshots"},
        "arm": settings.arm,
        "training": {
            **{name: value for name, value in record["training"].items() if name != "snapshots"},
            **settings.controls.as_dict(),
        },
        "english_dev": dev,
        # The loss was that of other weights: it raises no doubt about these.
        "warnings": record["warnings"] if dev is None else doubts(0.0, math.inf, dev, kind.CONSTANT),
        "interpolated_from": {"run": str(before.path), "command": record["command"], "created": record["created"]},
        "command": machine.command_line(),
        "created": machine.now(),
        "versions": machine.versions(),
    }
    if "drift" in record:
        made["drift"] = _shrunk(record["drift"], share)
    for sentence in made["warnings"]:
        warn(sentence)
    write_model(folder, model, tokenizer, settings, card, made)
    made["tokenizer"] = tokenizer_digest(folder.model)
    write_json(folder.record, made)
    return made


def _shrunk(drift: dict[str, Any], share: float) -> dict[str, Any]:
    """Distances on the way back to the pretrained weights are shares of the whole way."""
    return {key: _shrunk(value, share) if isinstance(value, dict) else value * share for key, value in drift.items()}
