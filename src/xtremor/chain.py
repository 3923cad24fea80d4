"""Two stages of training: an intermediate task once, then every target task from its encoder, with one report each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xtremor.cli.options import ScoringOptions, TaskOptions
from xtremor.cli.recipe import BallOptions, StageOptions, TrainOptions
from xtremor.cli.tracking import TRACKING, TrackingOptions
from xtremor.errors import UserError, unknown
from xtremor.jobs import flags, parse_methods, train_arguments
from xtremor.launch import Job, run_side_by_side, share_of_run
from xtremor.robust.methods.base import Method
from xtremor.sizes import Opened, open_task
from xtremor.training.folder import RunFolder, read_json
from xtremor.wording import number_of

TEXT_STAGES = ("intermediate", "target", "both")


@dataclass(frozen=True)
class Chain:
    """What is compared: encoders after an intermediate task under several methods, and without one.

    Attributes:
        intermediate: task of the first stage; several between commas are trained on at once.
        targets: tasks of the second stage.
        data: folder of their files.
        methods: of the first stage.
        target_methods: of the second.
        seeds: 1 to this, each with a first stage of its own.
        direct: train the targets without a first stage too.
        ball, recipe, scoring: of both stages.
        stage: where the recipe of the first differs.
        text_stage: stages that unlabelled text joins, ``intermediate``, ``target`` or ``both``.
        keep_model: keep the models of the targets; those of the first stage always stay.
        tracking: trackers of every run.
    """

    intermediate: str
    targets: tuple[str, ...]
    data: Path | None
    methods: tuple[str, ...]
    target_methods: tuple[str, ...]
    seeds: int
    direct: bool
    ball: BallOptions
    recipe: TrainOptions
    stage: StageOptions
    scoring: ScoringOptions
    keep_model: bool = False
    tracking: TrackingOptions = TRACKING
    text_stage: str = "target"

    @property
    def first_recipe(self) -> TrainOptions:
        """Of the first stage."""
        recipe = self.stage.recipe(self.recipe)
        return recipe.without_text() if self.text_stage == "target" else recipe

    @property
    def target_recipe(self) -> TrainOptions:
        """Of the second."""
        return self.recipe.without_text() if self.text_stage == "intermediate" else self.recipe


@dataclass(frozen=True)
class Planned:
    """A job with the folder that it fills, and the target that it is of (None in the first stage)."""

    job: Job
    folder: Path
    target: str | None


@dataclass(frozen=True)
class ChainResult:
    """The overview, and the scores of every run by target and folder name."""

    page: Path
    scores: dict[str, dict[str, Any]]


def run_chain(chain: Chain, output: Path, workers: int | None = None) -> ChainResult:
    """Run what is missing of the chain and write ``output/report``.

    Everything that can be refused is refused before the first run starts.
    """
    from xtremor.report.overview import build_overview

    planned = list(plan(chain, output))
    first = sum(each.target is None for each in planned)
    news = (
        f"{chain.intermediate}, then {', '.join(chain.targets)}: {number_of(first, 'runs')} of the first stage, "
        f"{len(planned) - first} of the second"
    )
    run_side_by_side([each.job for each in planned], output, "chain", news, workers, chain.recipe.threads)
    targets = list(dict.fromkeys(each.target for each in planned if each.target is not None))
    folders = {name: [each.folder for each in planned if each.target == name] for name in targets}
    page = build_overview(folders, output / "report")
    scores = {
        name: {folder.name: read_json(RunFolder(folder).scores) for folder in each} for name, each in folders.items()
    }
    return ChainResult(page, scores)


def plan(chain: Chain, output: Path) -> Iterator[Planned]:
    """Every run of the chain, the first stage of a seed before what builds on it.

    Raises:
        UserError: a task, a method, a language or an option that cannot be; files that are missing; an encoder
            without the head of some task; a folder that holds a run of other settings.
    """
    methods = parse_methods(chain.methods, chain.ball)
    target_methods = parse_methods(chain.target_methods, chain.ball, "--target-method")
    if chain.text_stage not in TEXT_STAGES:
        raise UserError(f"--text-stage: {unknown('stage', chain.text_stage, TEXT_STAGES)}")
    recipe = chain.first_recipe
    if "," in chain.intermediate:
        recipe.refuse_text()
    # The parts of several tasks at once are looked at one by one; how they are mixed is training's business.
    parts = [open_task(name, chain.data, recipe, None) for name in chain.intermediate.split(",")]
    targets = [open_task(name, chain.data, chain.target_recipe, chain.scoring) for name in chain.targets]
    if len({target.name for target in targets}) < len(targets):
        raise UserError(f"--targets names a task twice: {', '.join(chain.targets)}")
    scored = {code for target in targets for code in (target.scoring and target.scoring.codes()) or ()}
    for code in chain.scoring.codes() or ():
        if code not in scored:
            raise UserError(f"--languages names '{code}', in which no task of --targets is scored")
    for seed in range(1, chain.seeds + 1):
        stages = [_first(chain, parts, recipe, method, seed, output) for method in methods]
        yield from stages
        for before in [*([None] if chain.direct else []), *zip(stages, methods, strict=True)]:
            for target in targets:
                for method in target_methods:
                    yield _second(chain, target, method, seed, output, before)


def _first(chain: Chain, parts: list[Opened], recipe: TrainOptions, method: Method, seed: int, output: Path) -> Planned:
    name = _safe(chain.intermediate)
    folder = output / "intermediate" / name / f"{method.arm}-seed{seed}"
    # The starter's tasks have no folder, and may stand beside one that has.
    data = next((part.options.data for part in parts if part.options.data is not None), None)
    task = TaskOptions(chain.intermediate, data)
    if len(parts) == 1:
        parts[0].refuse_other_run(folder, recipe, method, seed)
    arguments = train_arguments(folder, seed, method, task, recipe, None, True) + flags(chain.tracking)
    work = sum(part.training_tokens * method.expected_passes() + 3 * part.text_tokens for part in parts)
    done = share_of_run(folder, sum(part.updates for part in parts), 1.0)
    return Planned(Job(f"{name}-{folder.name}", tuple(arguments), work, done), folder, None)


def _second(
    chain: Chain,
    target: Opened,
    method: Method,
    seed: int,
    output: Path,
    before: tuple[Planned, Method] | None,
) -> Planned:
    """A target from the encoder of ``before``, or from the pretrained one; heads and poolers are fresh in both."""
    recipe = replace(chain.target_recipe, fresh_pooler=True)
    name, after = method.arm, tuple[str, ...]()
    if before is not None:
        stage, earlier = before
        recipe = replace(recipe, encoder=str(stage.folder))
        name, after = f"{method.arm}-after-{earlier.arm}-on-{_safe(chain.intermediate)}", (stage.job.name,)
    folder = output / "runs" / _safe(target.name) / f"{name}-seed{seed}"
    target.refuse_other_run(folder, recipe, method, seed)
    arguments = train_arguments(folder, seed, method, target.options, recipe, target.scoring, chain.keep_model)
    arguments += flags(chain.tracking)
    training = target.training_tokens * method.expected_passes() + 3 * target.text_tokens
    done = share_of_run(folder, target.updates, training / (training + target.scored_tokens))
    job = Job(f"{target.name}-{folder.name}", tuple(arguments), training + target.scored_tokens, done, after)
    return Planned(job, folder, target.name)


def _safe(task: str) -> str:
    """A task's name, or several, as part of a folder's name."""
    return task.replace(",", "+").replace(" ", "")
