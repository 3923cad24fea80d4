"""``xtremor chain``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from xtremor.cli.options import CONFIG, ConfigOptions, ScoringOptions
from xtremor.cli.recipe import BallOptions, StageOptions, TrainOptions
from xtremor.cli.tracking import TRACKING, TrackingOptions
from xtremor.console import say
from xtremor.errors import UserError

DEFAULTS = (BallOptions(), TrainOptions(), StageOptions(), ScoringOptions())


def chain(
    *,
    intermediate: Annotated[str, Parameter(help="Task of the first stage; several between commas at once.")],
    targets: Annotated[str, Parameter(help="Tasks of the second stage, between commas.")],
    output: Annotated[Path, Parameter(alias="-o", help="Folder for runs and report.")],
    data: Annotated[Path | None, Parameter(help="Folder of their files in the official layout.")] = None,
    methods: Annotated[
        str, Parameter(alias="--method", help="Methods of the first stage, between commas; freelb-3 is K = 3.")
    ] = "plain",
    target_method: Annotated[str, Parameter(help="Method of the second stage, or several between commas.")] = "plain",
    seeds: Annotated[int, Parameter(help="Seeds 1 to this, each with a first stage of its own.")] = 3,
    direct: Annotated[bool, Parameter(negative=(), help="Also the arm without a first stage.")] = False,
    workers: Annotated[int | None, Parameter(help="Runs side by side (default: one a core, as memory allows).")] = None,
    text_stage: Annotated[
        str, Parameter(help="Stage that unlabelled text and a language adversary join: intermediate, target or both.")
    ] = "target",
    keep_model: Annotated[bool, Parameter(help="Keep the targets' models; the first stage's always stay.")] = False,
    json_: Annotated[bool, Parameter(name="--json", negative=(), help="Print the scores of all runs as JSON.")] = False,
    ball: BallOptions = DEFAULTS[0],
    recipe: TrainOptions = DEFAULTS[1],
    stage: StageOptions = DEFAULTS[2],
    scoring: ScoringOptions = DEFAULTS[3],
    tracking: TrackingOptions = TRACKING,
    config: ConfigOptions = CONFIG,
) -> None:
    """Train an intermediate task once, then every target from its encoder, and report each."""
    from xtremor.chain import Chain, run_chain
    from xtremor.jobs import split_names

    if seeds < 1:
        raise UserError(f"--seeds must be at least 1, not {seeds}")
    tasks = split_names(targets, "--targets", "task", "panx,udpos")
    first = split_names(methods, "--methods", "method", "plain,freelb")
    second = split_names(target_method, "--target-method", "method", "plain")
    whole = ",".join(split_names(intermediate, "--intermediate", "task", "xnli"))
    tracking.names()
    options = (ball, recipe, stage, scoring, keep_model, tracking, text_stage)
    chosen = Chain(whole, tasks, data, first, second, seeds, direct, *options)
    result = run_chain(chosen, output, workers)
    say(f"report: {result.page}")
    if json_:
        print(json.dumps(result.scores, ensure_ascii=False, indent=2))
