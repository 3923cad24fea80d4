"""``xtremor train``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from xtremor.cli.options import CONFIG, ConfigOptions, ScoringOptions, TaskOptions
from xtremor.cli.recipe import BallOptions, MethodOptions, MixingOptions, TrainOptions
from xtremor.cli.retrieval import RETRIEVAL, PoolingOptions
from xtremor.cli.substitution import SubstitutionOptions
from xtremor.cli.tracking import TRACKING, TrackingOptions
from xtremor.console import say
from xtremor.errors import UserError

if TYPE_CHECKING:
    from xtremor.evaluation.selection import EvaluationSettings
    from xtremor.sources.base import Source
    from xtremor.tasks.base import TaskCard
    from xtremor.training.config import TrainSettings

DEFAULTS = (TaskOptions(), MethodOptions(), BallOptions(), TrainOptions(), ScoringOptions(), MixingOptions())
VECTORS = PoolingOptions()
WORDS = SubstitutionOptions()


def train(
    *,
    output: Annotated[Path, Parameter(alias="-o", help="Run folder; give the same command again to resume.")],
    seed: Annotated[int, Parameter(help="Of the head, the data order, dropout and perturbation.")] = 1,
    evaluate: Annotated[bool, Parameter(negative=(), help="Score every language when training is done.")] = False,
    keep_model: Annotated[bool, Parameter(help="Write the trained model into OUTPUT/model.")] = True,
    checkpoint_seconds: Annotated[
        float, Parameter(help="Seconds between checkpoints; results do not depend on it.")
    ] = 60.0,
    snapshots: Annotated[
        int | None,
        Parameter(help="Keep the weights this often over the schedule, for `evaluate --checkpoint` (default: not)."),
    ] = None,
    json_: Annotated[bool, Parameter(name="--json", negative=(), help="Print the run's record as JSON.")] = False,
    plan: Annotated[
        bool, Parameter(negative=(), help="Print the memory that the run will need, and stop; nothing is loaded.")
    ] = False,
    task: TaskOptions = DEFAULTS[0],
    method: MethodOptions = DEFAULTS[1],
    ball: BallOptions = DEFAULTS[2],
    recipe: TrainOptions = DEFAULTS[3],
    scoring: ScoringOptions = DEFAULTS[4],
    mixing: MixingOptions = DEFAULTS[5],
    temperature: Annotated[
        float | None, Parameter(group=RETRIEVAL, help="Cosines are divided by it in the loss (default 0.01).")
    ] = None,
    vectors: PoolingOptions = VECTORS,
    words: SubstitutionOptions = WORDS,
    tracking: TrackingOptions = TRACKING,
    config: ConfigOptions = CONFIG,
) -> None:
    """Fine-tune an encoder on a task's English rows with one method and one seed."""
    from xtremor.ranks import joined
    from xtremor.sources.own import OwnSource
    from xtremor.training.joint import joint_card
    from xtremor.training.learning import dev_sentence
    from xtremor.training.session import train_and_evaluate

    with joined() as together:
        # What is refused here is refused by all processes that share the run, and said by one.
        with together():
            trackers = tracking.made()
            settings_of_method, tasks = method.settings(ball, words), task.several()
            if tasks is None:
                mixing.refuse()
                card, source = task.open(to_train=True)
                settings = vectors.applied(recipe.settings(card, settings_of_method, seed), card, temperature)
                scored = _scored(scoring, settings) if evaluate else None
            else:
                if evaluate:
                    raise UserError(
                        "--evaluate scores one task; train on several first, then on yours from their encoder"
                    )
                recipe.refuse_text()
                card = joint_card([card for card, _ in tasks])
                vectors.check(card, temperature=temperature)
                settings, mixed = recipe.settings(card, settings_of_method, seed), mixing.mixing()
            settings = replace(settings, snapshots=snapshots)
        if plan:
            _plan(settings, None if tasks is not None else source, card, json_)
            return
        with trackers:
            options = (keep_model, recipe.threads, checkpoint_seconds, trackers)
            if tasks is not None:
                from xtremor.training.several import train_several

                _tell(train_several(settings, tasks, mixed, output, *options), output, keep_model, json_)
                return
            record = train_and_evaluate(settings, card, source, output, scored, *options)
    dev = record["english_dev"]
    if dev is not None:
        say(dev_sentence(dev))
    if keep_model:
        say(f"model: {output / 'model'}")
    if keep_model and not evaluate:
        data = f" --data {task.data}" if task.data else ""
        if isinstance(source, OwnSource) and not data:
            data = f" --data FOLDER, with labelled files such as {source.files.examples[0]} in it"
        say(f"next: xtremor evaluate {output}{data}")
    if json_:
        print(json.dumps(record, ensure_ascii=False, indent=2))


def _plan(settings: TrainSettings, source: Source | None, card: TaskCard, as_json: bool) -> None:
    """What memory the run will need, and whether the GPU has it."""
    if source is None:
        raise UserError("--plan is of a run on one task; name the one with the longest rows")
    import torch

    from xtremor.training.memory_plan import plan_run
    from xtremor.training.prepare import prepare

    on_gpu = torch.cuda.is_available()
    planned = plan_run(settings, prepare(settings, card, source), on_gpu)
    if as_json:
        print(json.dumps(planned.as_dict(), indent=2))
        return
    for sentence in planned.sentences():
        print(sentence)
    if on_gpu:
        has = torch.cuda.get_device_properties(0).total_memory
        print(f"this GPU has {has / 2**30:.1f} GiB")
        if planned.total > has:
            print("too much: try --accumulate, --gradient-checkpointing or --precision bf16")


def _scored(scoring: ScoringOptions, settings: TrainSettings) -> EvaluationSettings:
    """What is scored when training is done."""
    from xtremor.evaluation.selection import EvaluationSettings

    scored = EvaluationSettings(scoring.split, scoring.codes(), scoring.limit, settings.max_length)
    return scored if settings.embedding is None else replace(scored, embedding=settings.embedding)


def _tell(record: dict[str, Any], output: Path, keep_model: bool, as_json: bool) -> None:
    """What a run on several tasks came to, and where to go from it."""
    from xtremor.training.learning import dev_sentence

    for entry in record["tasks"]:
        dev = entry["english_dev"]
        said = dev_sentence(dev) if dev is not None else "no English dev set"
        say(f"{entry['task']}: {entry['updates']:,} updates, {said}")
    if keep_model:
        say(f"encoder: {output / 'model'}")
        say(f"next: xtremor train --task TASK --encoder {output / 'model'} --output FOLDER")
    if as_json:
        print(json.dumps(record, ensure_ascii=False, indent=2))
