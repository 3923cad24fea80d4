"""Train, then score the model that is still in memory."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from xtremor.console import say
from xtremor.errors import UserError
from xtremor.evaluation.checkpoints import choose
from xtremor.evaluation.evaluate import LAST_STEP, evaluate, evaluate_run
from xtremor.evaluation.selection import EvaluationSettings, count_examples, evaluated
from xtremor.evaluation.writing import summary, write_evaluation
from xtremor.scoring.parts import parts
from xtremor.sources.base import Source
from xtremor.tasks.base import TaskCard
from xtremor.tracking.tracking import Tracking
from xtremor.training import checkpoint
from xtremor.training.config import TrainSettings
from xtremor.training.folder import RunFolder, read_json
from xtremor.training.run import train


def train_and_evaluate(
    settings: TrainSettings,
    card: TaskCard,
    source: Source,
    output: Path,
    scored: EvaluationSettings | None,
    keep_model: bool = True,
    threads: int | None = None,
    checkpoint_seconds: float = 60.0,
    tracking: Tracking | None = None,
) -> dict[str, Any]:
    """Train (or resume) a run and, if ``scored`` is given, evaluate it; return the run's record.

    Every file that the evaluation needs is read before training begins, so that a missing language is said at once
    and not hours later. A run that keeps no model keeps its last checkpoint until it has been evaluated. ``tracking``
    is told the log, English dev and the scores.
    """
    tracking = tracking or Tracking()
    if scored is None:
        return train(settings, card, source, output, keep_model, threads, checkpoint_seconds, tracking=tracking).record
    from xtremor.training.crew import Crew

    folder, crew, is_scored = RunFolder(output), Crew.current(), False
    with crew.together():
        # Of several processes the first one scores.
        if crew.leads:
            count_examples(card, source, scored)
            is_scored = evaluated(folder, scored, source)
            if not keep_model and folder.finished() and not folder.model.is_dir() and not is_scored:
                _reopen(folder)
    done = train(settings, card, source, output, keep_model, threads, checkpoint_seconds, not keep_model, tracking)
    if not crew.leads:
        return done.record
    if done.model is None:
        if not is_scored:
            evaluate_run(output, source, card, scored, threads)
        tracking.scores(read_json(folder.scores), done.record["counts"]["updates"])
        return done.record
    import torch

    device = torch.device(next(done.model.parameters()).device)
    started = time.monotonic()
    labels = source.labels()
    with parts() as found:
        split = evaluate(done.model, done.tokenizer, labels, card, source, scored, device, found)
        seconds = time.monotonic() - started
        facts = {"checkpoint": choose(folder, done.record, LAST_STEP).facts()}
        scores = write_evaluation(folder, found, split, scored, card, done.record, seconds, source, labels, facts)
    checkpoint.remove(folder.path)
    tracking.scores(scores, done.record["counts"]["updates"])
    say(summary(scores))
    return done.record


def _reopen(folder: RunFolder) -> None:
    """Let a run whose evaluation was cut short be finished again from its last checkpoint."""
    if not (folder.path / checkpoint.NAME).exists():
        raise UserError(
            f"{folder.path} keeps no model, so that other rows cannot be scored now; delete it to train it again, "
            "or name another --output"
        )
    folder.record.unlink()
