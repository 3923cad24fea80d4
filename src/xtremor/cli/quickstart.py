"""``xtremor quickstart``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from xtremor.cli.options import CONFIG, ConfigOptions, ScoringOptions, TaskOptions
from xtremor.cli.recipe import BallOptions, TrainOptions
from xtremor.console import say
from xtremor.errors import UserError

DEFAULTS = (TaskOptions(), BallOptions(), TrainOptions(), ScoringOptions())
QUICK_METHODS = "plain,noise,pgd,freelb"


def quickstart(
    *,
    output: Annotated[
        Path | None,
        Parameter(alias="-o", help="Folder for runs and report (default: quickstart, of other tasks quickstart-TASK)."),
    ] = None,
    methods: Annotated[
        str, Parameter(help="Methods between commas; a number after a dash is K: freelb-3.")
    ] = QUICK_METHODS,
    seeds: Annotated[int, Parameter(help="Seeds 1 to this are run for every method.")] = 3,
    workers: Annotated[int | None, Parameter(help="Runs side by side (default: one a core, as memory allows).")] = None,
    keep_model: Annotated[bool, Parameter(help="Keep every trained model (470 MB each with the starter).")] = False,
    json_: Annotated[bool, Parameter(name="--json", negative=(), help="Print the scores of all runs as JSON.")] = False,
    task: TaskOptions = DEFAULTS[0],
    ball: BallOptions = DEFAULTS[1],
    recipe: TrainOptions = DEFAULTS[2],
    scoring: ScoringOptions = DEFAULTS[3],
    config: ConfigOptions = CONFIG,
) -> None:
    """Compare the methods over several seeds and write a report."""
    from xtremor.jobs import split_names
    from xtremor.quickstart import Grid, run_grid

    if seeds < 1:
        raise UserError(f"--seeds must be at least 1, not {seeds}")
    names = split_names(methods, "--methods", "method", "plain,pgd")
    folder = output or Path("quickstart" if task.task == DEFAULTS[0].task else f"quickstart-{task.task}")
    result = run_grid(Grid(names, seeds, task, ball, recipe, scoring, keep_model), folder, workers)
    say(f"report: {result.page} (open it in a browser)")
    if json_:
        print(json.dumps(result.scores, ensure_ascii=False, indent=2))
