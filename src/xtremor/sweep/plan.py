"""From what is swept to runs: every trial's settings, checked, as commands, with what they cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from xtremor.cli.adversary import AdversaryOptions
from xtremor.cli.options import ScoringOptions, TaskOptions
from xtremor.cli.recipe import BallOptions, MethodOptions, TrainOptions
from xtremor.cli.tracking import TRACKING, TrackingOptions
from xtremor.errors import UserError
from xtremor.jobs import flags, parse_methods, train_arguments
from xtremor.launch import Job, share_of_run
from xtremor.robust.registry import parse
from xtremor.sizes import Opened, open_options
from xtremor.sweep.space import Axis, kinds, read_by_some, settings_read, shown
from xtremor.sweep.trials import Trial, make_trials
from xtremor.training.config import TrainSettings
from xtremor.training.controls import Controls
from xtremor.training.learning import has_english_dev

# What changes the work of a run on a task.
SIZES = ("encoder", "epochs", "probe_epochs", "batch_size", "max_length", "train_rows")


@dataclass(frozen=True)
class Sweep:
    """What is searched.

    Attributes:
        methods: as named; ``pgd-3`` is K = 3.
        axes: settings that the user listed values of, one value or more.
        seeds: runs of a trial.
        trials: draws a method; None is the full grid.
        draw_seed: of the draws.
        task: what is trained on.
        ball, recipe: the settings that cannot be listed.
        scoring: of the targets; None scores none.
        keep_model: keep every run's model.
        tracking: trackers of every run.
    """

    methods: tuple[str, ...]
    axes: tuple[Axis, ...]
    seeds: int
    trials: int | None
    draw_seed: int
    task: TaskOptions
    ball: BallOptions
    recipe: TrainOptions
    scoring: ScoringOptions | None
    keep_model: bool = False
    tracking: TrackingOptions = TRACKING

    @property
    def varying(self) -> tuple[Axis, ...]:
        """The axes that make trials."""
        return tuple(axis for axis in self.axes if axis.varies)

    @property
    def constant(self) -> dict[str, Any]:
        """The settings of which one value was named, for every trial that reads them."""
        return {axis.name: axis.values[0] for axis in self.axes if not axis.varies}


@dataclass(frozen=True)
class PlannedRun:
    """One run of a trial: the folder that it fills and the job that fills it."""

    seed: int
    folder: Path
    job: Job


@dataclass(frozen=True)
class PlannedTrial:
    """A trial with its settings resolved.

    Attributes:
        trial: its point and seeds.
        settings: of its first seed.
        opened: the task under its recipe.
        runs: one a seed.
        training: work of one run's training, in forward passes over a token.
        scoring: work of scoring one run.
    """

    trial: Trial
    settings: TrainSettings
    opened: Opened
    runs: tuple[PlannedRun, ...]
    training: float
    scoring: float

    @property
    def passes(self) -> float:
        """Counted passes per batch; plain has 3."""
        return self.settings.method.expected_passes()

    @property
    def radius(self) -> float | None:
        """Size of the ball, the method's default filled in; None for a method without one."""
        return getattr(self.settings.method, "radius", None)


def plan(sweep: Sweep, output: Path) -> list[PlannedTrial]:
    """Every trial of the sweep, by number and then by method.

    Raises:
        UserError: a method, a value, a task, a language or an option that cannot be; nothing varies; no English dev
            set to choose on; a folder that holds a run of other settings.
    """
    _refuse(sweep)
    bases = {name: parse(name)[0] for name in sweep.methods}
    of_recipe = kinds(TrainOptions)
    own = {
        name: [axis for axis in sweep.varying if axis.name in of_recipe or axis.name in settings_read(base)]
        for name, base in bases.items()
    }
    trials = make_trials(own, sweep.seeds, sweep.trials, sweep.draw_seed)
    opener = Opener(sweep)
    planned = [
        _planned(sweep, trial, opener, output) for number in zip(*trials.values(), strict=True) for trial in number
    ]
    folders = [run.folder for each in planned for run in each.runs]
    if len(set(folders)) < len(folders):
        raise UserError("two trials differ by less than the six digits that folders are named by; name other values")
    return planned


def _refuse(sweep: Sweep) -> None:
    """What is wrong whatever the task."""
    parse_methods(sweep.methods, BallOptions())
    numbered = [name for name in sweep.methods if "steps" in parse(name)[1]]
    if numbered and any(axis.name == "steps" for axis in sweep.axes):
        raise UserError(f"--methods {numbered[0]} and --steps both state K; leave the number out of the method's name")
    read_by_some(sweep.axes, dict.fromkeys(parse(name)[0] for name in sweep.methods))
    if sweep.trials is None and not sweep.varying:
        raise UserError(
            "nothing is swept: name several values of a setting, for example --radius 0.001,0.003,0.01 "
            "(`xtremor quickstart` compares methods at one)"
        )
    if sweep.ball.absolute and not any("absolute" in settings_read(parse(name)[0]) for name in sweep.methods):
        raise UserError(f"--absolute means nothing to any of the methods {', '.join(sweep.methods)}; leave it out")


class Opener:
    """The task under a recipe, read once for all recipes that make runs of one size."""

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        self.known: dict[tuple[Any, ...], Opened] = {}

    def __call__(self, recipe: TrainOptions) -> Opened:
        """Raises UserError as `xtremor.sizes.open_options`, and where a choice on English dev cannot be made."""
        key = tuple(getattr(recipe, name) for name in SIZES)
        if key not in self.known:
            self.known[key] = self._open(recipe)
        return self.known[key]

    def _open(self, recipe: TrainOptions) -> Opened:
        scoring = self.sweep.scoring
        if self.sweep.task.train is None:
            # A file of the user's own always has one: named, or a part of the training rows.
            card, source = self.sweep.task.open(to_train=True)
            if card.category == "retrieval" or not has_english_dev(source):
                raise UserError(
                    f"{card.name} has no English dev set that a run is checked on, so that nothing could be chosen "
                    "without target languages; sweep on another task"
                )
        opened = open_options(self.sweep.task, recipe, scoring)
        kept = (opened.scoring and opened.scoring.codes()) or ()
        for code in (scoring and scoring.codes()) or ():
            if code not in kept:
                raise UserError(
                    f"--languages names '{code}', which is none of {opened.name}'s; `xtremor languages --task "
                    f"{opened.name}` lists them"
                )
        return opened


def trial_options(sweep: Sweep, trial: Trial) -> tuple[MethodOptions, BallOptions, TrainOptions]:
    """What a user would type for the trial."""
    base, numbered = parse(trial.method)
    read = settings_read(base) | kinds(TrainOptions).keys()
    stated = {**{name: value for name, value in sweep.constant.items() if name in read}, **dict(trial.point)}

    def values(options: type) -> dict[str, Any]:
        return {name: stated[name] for name in kinds(options) if name in stated}

    own = {**numbered, **values(MethodOptions)}
    absolute = sweep.ball.absolute and "absolute" in read
    ball = BallOptions(absolute=absolute, **values(BallOptions))
    return MethodOptions(method=base, **own), ball, replace(sweep.recipe, **values(TrainOptions))


def _planned(sweep: Sweep, trial: Trial, opener: Opener, output: Path) -> PlannedTrial:
    method, ball, recipe = trial_options(sweep, trial)
    of_method = method.settings(ball)
    opened = opener(recipe)
    settings = recipe.settings(opened.card, of_method, trial.seeds[0])
    training = opened.training_tokens * of_method.expected_passes() + 3 * opened.text_tokens
    name = "-".join([settings.arm, *_not_in_arm(trial)])
    runs = []
    for seed in trial.seeds:
        folder = output / "runs" / f"{name}-seed{seed}"
        opened.refuse_other_run(folder, recipe, of_method, seed)
        arguments = train_arguments(folder, seed, of_method, sweep.task, recipe, sweep.scoring, sweep.keep_model)
        arguments += flags(sweep.tracking)
        work = training + opened.scored_tokens
        done = _done(folder, opened.updates, training / work, sweep.scoring is not None)
        runs.append(PlannedRun(seed, folder, Job(folder.name, tuple(arguments), work, done)))
    return PlannedTrial(trial, settings, opened, tuple(runs), training, opened.scored_tokens)


def _not_in_arm(trial: Trial) -> list[str]:
    """Settings of the recipe that vary and that an arm's label does not tell: ``learning-rate-5e-05``."""
    told = {*Controls.names(), "lora", "unlabelled_rows", *(each.name for each in fields(AdversaryOptions))}
    of_recipe = [(name, value) for name, value in trial.point if name in kinds(TrainOptions)]
    return [f"{name.replace('_', '-')}-{shown(value)}" for name, value in of_recipe if name not in told]


def _done(folder: Path, updates: int, share: float, scored: bool) -> Callable[[], float]:
    """Share of a run that is finished; a run that is not scored is finished with its record."""
    found = share_of_run(folder, updates, share)
    if scored:
        return found
    return lambda: 1.0 if (folder / "run.json").exists() else found()
