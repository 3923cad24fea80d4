"""``xtremor train``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from xtremor.cli.options import BallOptions, MethodOptions, ScoringOptions, TaskOptions, TrainOptions
from xtremor.cli.retrieval import RETRIEVAL, PoolingOptions
from xtremor.console import say

DEFAULTS = (TaskOptions(), MethodOptions(), BallOptions(), TrainOptions(), ScoringOptions(), PoolingOptions())


def train(
    *,
    output: Annotated[Path, Parameter(alias="-o", help="Run folder; give the same command again to resume.")],
    seed: Annotated[int, Parameter(help="Of the head, the data order, dropout and perturbation.")] = 1,
    evaluate: Annotated[bool, Parameter(negative=(), help="Score every language when training is done.")] = False,
    keep_model: Annotated[bool, Parameter(help="Write the trained model into OUTPUT/model.")] = True,
    checkpoint_seconds: Annotated[
        float, Parameter(help="Seconds between checkpoints; results do not depend on it.")
    ] = 60.0,
    json_: Annotated[bool, Parameter(name="--json", negative=(), help="Print the run's record as JSON.")] = False,
    task: TaskOptions = DEFAULTS[0],
    method: MethodOptions = DEFAULTS[1],
    ball: BallOptions = DEFAULTS[2],
    recipe: TrainOptions = DEFAULTS[3],
    scoring: ScoringOptions = DEFAULTS[4],
    temperature: Annotated[
        float | None, Parameter(group=RETRIEVAL, help="Cosines are divided by it in the loss (default 0.01).")
    ] = None,
    vectors: PoolingOptions = DEFAULTS[5],
) -> None:
    """Fine-tune an encoder on a task's English rows with one method and one seed."""
    from xtremor.evaluation.evaluate import EvaluationSettings
    from xtremor.training.learning import dev_sentence
    from xtremor.training.session import train_and_evaluate

    settings_of_method = method.settings(ball)
    card, source = task.open()
    settings = vectors.applied(recipe.settings(card, settings_of_method, seed), card, temperature)
    scored = EvaluationSettings(scoring.split, scoring.codes(), scoring.limit, settings.max_length)
    if settings.embedding is not None:
        scored = replace(scored, embedding=settings.embedding)
    record = train_and_evaluate(
        settings, card, source, output, scored if evaluate else None, keep_model, recipe.threads, checkpoint_seconds
    )
    dev = record["english_dev"]
    if dev is not None:
        say(dev_sentence(dev))
    if keep_model:
        say(f"model: {output / 'model'}")
    if keep_model and not evaluate:
        data = f" --data {task.data}" if task.data else ""
        data = data or (" --data FOLDER, with labelled files such as sw.csv in it" if task.train else "")
        say(f"next: xtremor evaluate {output}{data}")
    if json_:
        print(json.dumps(record, ensure_ascii=False, indent=2))
