"""``xtremor sweep``: the options of training, each of which takes several values."""

from __future__ import annotations

import json
from dataclasses import fields, make_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_type_hints

from cyclopts import Group, Parameter

from xtremor.cli.options import CONFIG, ConfigOptions, ScoringOptions, TaskOptions
from xtremor.cli.quickstart import QUICK_METHODS
from xtremor.cli.recipe import METHOD, TRAINING, BallOptions, MethodOptions, TrainOptions
from xtremor.cli.tracking import TRACKING, TrackingOptions
from xtremor.console import say
from xtremor.errors import UserError
from xtremor.sweep.space import kinds, parse_axes


def listed(options: type, group: Group) -> type:
    """The same options with text for numbers and names, so that each takes several values between commas."""
    hints = get_type_hints(options, include_extras=True)
    made: list[tuple[str, Any, Any]] = []
    for each in fields(options):
        hint, default = hints[each.name], each.default
        if each.name in kinds(options):
            hint, default = Annotated[str | None, get_args(hint)[1]], None
        # Of methods there are several by another name.
        if each.name != "method":
            made.append((each.name, hint, default))
    # Without a module of ours cyclopts takes the class for one of the standard library's, and would not spread it.
    of_ours = {"__module__": __name__}
    return Parameter(name="*", group=group)(
        make_dataclass(f"Listed{options.__name__}", made, frozen=True, namespace=of_ours)
    )


if TYPE_CHECKING:
    from xtremor.cli.recipe import BallOptions as ListedBall
    from xtremor.cli.recipe import MethodOptions as ListedMethod
    from xtremor.cli.recipe import TrainOptions as ListedRecipe
else:
    ListedMethod = listed(MethodOptions, METHOD)
    ListedBall = listed(BallOptions, METHOD)
    ListedRecipe = listed(TrainOptions, TRAINING)
DEFAULTS = (TaskOptions(), ScoringOptions(), ListedMethod(), ListedBall(), ListedRecipe())


def sweep(
    *,
    output: Annotated[Path, Parameter(alias="-o", help="Folder for runs, sweep.json and report.")],
    methods: Annotated[
        str, Parameter(alias="--method", help="Methods between commas; a number after a dash is K: freelb-3.")
    ] = QUICK_METHODS,
    seeds: Annotated[int, Parameter(help="Runs of each trial, with seeds 1 to this.")] = 1,
    trials: Annotated[int | None, Parameter(help="Draw this many trials a method (default: the full grid).")] = None,
    draw_seed: Annotated[int, Parameter(help="Seed of the draws of --trials.")] = 0,
    targets: Annotated[
        bool, Parameter(help="Score the target languages of every run; they are never used for a choice.")
    ] = True,
    dry_run: Annotated[bool, Parameter(negative=(), help="Print the plan with its cost, and run nothing.")] = False,
    workers: Annotated[int | None, Parameter(help="Runs side by side (default: one a core, as memory allows).")] = None,
    keep_model: Annotated[bool, Parameter(help="Keep every trained model (470 MB each with the starter).")] = False,
    json_: Annotated[bool, Parameter(name="--json", negative=(), help="Print sweep.json.")] = False,
    task: TaskOptions = DEFAULTS[0],
    own: ListedMethod = DEFAULTS[2],
    ball: ListedBall = DEFAULTS[3],
    recipe: ListedRecipe = DEFAULTS[4],
    scoring: ScoringOptions = DEFAULTS[1],
    tracking: TrackingOptions = TRACKING,
    config: ConfigOptions = CONFIG,
) -> None:
    """Search settings with equal trials for every method, and choose on English dev."""
    from xtremor.jobs import split_names
    from xtremor.sweep.plan import Sweep, plan
    from xtremor.sweep.run import plan_lines, run_sweep

    for option, number, least in (("--seeds", seeds, 1), ("--trials", trials, 1), ("--draw-seed", draw_seed, 0)):
        if number is not None and number < least:
            raise UserError(f"{option} must be at least {least}, not {number}")
    if not targets and scoring != DEFAULTS[1]:
        raise UserError("--split, --languages and --limit say which targets are scored; leave out --no-targets")
    tracking.names()
    names = split_names(methods, "--methods", "method", "plain,pgd")
    several, single = _apart(own, ball, recipe)
    axes = parse_axes(several, trials is not None)
    base = TrainOptions(**{name: value for name, value in single.items() if name != "absolute"})
    chosen = Sweep(
        names, axes, seeds, trials, draw_seed, task, BallOptions(absolute=single.get("absolute", False)), base,
        scoring if targets else None, keep_model, tracking,
    )  # fmt: skip
    if dry_run:
        print("\n".join(plan_lines(chosen, plan(chosen, output), workers)))
        return
    result = run_sweep(chosen, output, workers)
    say(f"report: {result.page}")
    if json_:
        print(json.dumps(result.record, ensure_ascii=False, indent=2))


def _apart(*options: Any) -> tuple[dict[str, str], dict[str, Any]]:
    """What was typed of options with several values, and of those with one."""
    several: dict[str, str] = {}
    single: dict[str, Any] = {}
    lists = {*kinds(MethodOptions), *kinds(BallOptions), *kinds(TrainOptions)}
    for each in options:
        for field in fields(each):
            value = getattr(each, field.name)
            if value != field.default:
                (several if field.name in lists else single)[field.name] = value
    return several, single
