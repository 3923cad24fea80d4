"""What the encoder gives away without training: nearest class centroid of its frozen sentence vectors."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremor import computing, machine
from xtremor.console import say
from xtremor.errors import UserError
from xtremor.evaluation.selection import EvaluationSettings, evaluated, read_examples
from xtremor.evaluation.writing import write_untrained
from xtremor.sources.base import Source
from xtremor.sources.own import own_record
from xtremor.tasks.base import TaskCard
from xtremor.training.folder import FORMAT, RunFolder, read_json
from xtremor.training.lineage import lineage_of
from xtremor.training.token_cache import keeping_tokens

if TYPE_CHECKING:
    import torch

    from xtremor.encoders.load import LoadReport

ARM = "nearest centroid"


def has_baseline(card: TaskCard) -> bool:
    """Whether whole texts of the task have classes, which is what the baseline needs."""
    return card.category == "classification"


def centroids(vectors: np.ndarray, targets: np.ndarray, classes: int) -> np.ndarray:
    """(N, H) vectors and (N,) classes -> (C, H) unit vectors: the mean of each class's unit vectors.

    A class without rows gets zeros and is never the nearest.
    """
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    sums = np.zeros((classes, vectors.shape[1]))
    np.add.at(sums, targets, units)
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.divide(sums, norms, out=np.zeros_like(sums), where=norms > 0).astype(np.float32)


def frozen_record(
    card: TaskCard,
    arm: str,
    method: str,
    report: LoadReport,
    training: dict[str, Any],
    source: Source,
    device: torch.device,
) -> dict[str, Any]:
    """``run.json`` of an encoder that was not trained; ``training`` says what its answers depend on."""
    import torch

    return {
        "format": FORMAT,
        "task": card.name,
        "arm": arm,
        "method": {"name": method},
        "seed": 0,
        "encoder": asdict(report),
        "training": training,
        "data": asdict(source.record()),
        "own": own_record(source),
        "command": machine.command_line(),
        "created": machine.now(),
        "versions": machine.versions(),
        "machine": machine.machine(str(device), torch.get_num_threads()),
        "counts": {},
        "seconds": {"training": 0.0},
        "peak_memory_mb": machine.peak_memory_mb(),
        "english_dev": None,
        "warnings": [],
        **lineage_of(report.name),
    }


def run_baseline(
    encoder: str,
    card: TaskCard,
    source: Source,
    output: Path,
    train_rows: int | None,
    settings: EvaluationSettings,
    threads: int | None = None,
) -> dict[str, Any]:
    """Write a run folder for the frozen encoder and return its scores; cosines stand in for logits.

    Raises:
        UserError: the task has no classes that a sentence vector could be near.
    """
    if not has_baseline(card):
        raise UserError(
            f"the frozen baseline gives a whole text the class of the nearest centroid, and {card.name} is "
            f"{card.category}: it has none"
        )
    import torch

    from xtremor.encoders.load import fingerprint, load_encoder, load_tokenizer
    from xtremor.evaluation.predict import forward_rows, mean_pooled
    from xtremor.scoring.predictions import predictions_table
    from xtremor.tasks import classification
    from xtremor.training.model import check_positions, pad_of
    from xtremor.training.sources import draw

    computing.prepare(threads)
    folder = RunFolder(output)
    identity = {
        "format": FORMAT,
        "task": card.name,
        "encoder": fingerprint(encoder),
        "method": "centroid",
        "rows": train_rows,
    }
    identity |= {"max_length": settings.max_length}
    own = own_record(source)
    if own is not None:
        identity["own"] = own
    folder.check(identity)
    if evaluated(folder, settings, source):
        say(f"{output}: already scored")
        return read_json(folder.scores)
    started = time.monotonic()
    split, wanted = read_examples(card, source, settings)
    tokenizer = load_tokenizer(encoder)
    model, report = load_encoder(encoder)
    check_positions(model, settings.max_length)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.to(device)
    labels = source.labels()

    def vectors(examples: Any) -> tuple[np.ndarray, np.ndarray]:
        features = classification.featurize(examples, tokenizer, labels, settings.max_length)
        return forward_rows(model, features.rows, pad_of(tokenizer), device, mean_pooled), features.targets

    prototypes = centroids(*vectors(draw(source.examples("train", "en"), train_rows, 0)), len(labels))
    rows = [row for language in wanted.values() for row in language]
    with keeping_tokens():
        found, _ = vectors(rows)
    cosines = (found / np.linalg.norm(found, axis=1, keepdims=True)) @ prototypes.T
    table = predictions_table(rows, cosines, labels)
    training = {"rows": train_rows, "max_length": settings.max_length}
    record = frozen_record(card, ARM, "centroid", report, training, source, device)
    seconds = time.monotonic() - started
    return write_untrained(folder, identity, table, split, settings, card, record, seconds, source, labels)
