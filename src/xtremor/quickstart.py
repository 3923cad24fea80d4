"""The main job: methods x seeds on one task, a frozen baseline beside them where there can be one, one report."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from xtremor.cli.options import BallOptions, MethodOptions, ScoringOptions, TaskOptions, TrainOptions
from xtremor.console import say
from xtremor.errors import UserError
from xtremor.evaluation.evaluate import EvaluationSettings, read_examples
from xtremor.launch import Job, run_jobs, share_of_run, worker_count
from xtremor.robust.registry import METHODS, MethodSettings, expected_passes
from xtremor.sources.base import training_examples
from xtremor.training.batches import updates_in
from xtremor.training.folder import RunFolder, read_json

BASELINE = "centroid"


@dataclass(frozen=True)
class Grid:
    """What is compared: every method with seeds 1 to ``seeds``, all else equal."""

    methods: tuple[str, ...]
    seeds: int
    task: TaskOptions
    ball: BallOptions
    recipe: TrainOptions
    scoring: ScoringOptions
    keep_model: bool = False


@dataclass(frozen=True)
class GridResult:
    """The page, and the scores of every run by its folder's name."""

    page: Path
    scores: dict[str, Any]


def run_grid(grid: Grid, output: Path, workers: int | None = None) -> GridResult:
    """Run what is missing of the grid and write ``output/report``.

    Everything that can be refused is refused before the first run starts.
    """
    from xtremor.encoders.load import load_tokenizer
    from xtremor.evaluation.centroid import has_baseline
    from xtremor.report.page import build_report

    settings = [parse_method(name, grid.ball) for name in grid.methods]
    if len({each.arm for each in settings}) < len(settings):
        raise UserError(f"--methods names a method twice: {', '.join(grid.methods)}")
    card, source = grid.task.open()
    first = grid.recipe.settings(card, settings[0], 1)
    examples = read_examples(
        card, source, EvaluationSettings(grid.scoring.split, grid.scoring.codes(), grid.scoring.limit, first.max_length)
    )[1]
    rows = len(training_examples(source))
    rows = rows if first.train_rows is None else min(rows, first.train_rows)
    # Decoding the starter, or fetching from the hub, happens here once and not in every worker.
    load_tokenizer(grid.recipe.encoder)
    updates = updates_in(rows, first.batch_size, first.epochs)
    items = sum(map(len, examples.values()))
    trained_rows = rows * first.epochs
    jobs = [baseline_job(grid, output, items + rows)] if has_baseline(card) else []
    for seed in range(1, grid.seeds + 1):
        jobs += [training_job(grid, each, seed, output, updates, trained_rows, items) for each in settings]
    count, threads = worker_count(len(jobs), workers)
    if grid.recipe.threads is not None:
        threads = grid.recipe.threads
    say(
        f"{card.name}: {len(settings)} methods x {grid.seeds} seeds, {rows:,} English rows, {items:,} items in "
        f"{len(examples)} languages; runs side by side: {count}, threads each: {threads}"
    )
    jobs = [replace(job, arguments=(*job.arguments, "--threads", str(threads))) for job in jobs]
    # A run whose folder is finished ends at once; it is asked again so that changed options are noticed.
    run_jobs(jobs, count, output / "logs", "quickstart")
    folders = [output / "runs" / job.name for job in jobs]
    files = build_report(folders, output / "report")
    return GridResult(files.page, {folder.name: read_json(RunFolder(folder).scores) for folder in folders})


def parse_method(name: str, ball: BallOptions) -> MethodSettings:
    """``plain``, ``pgd``, ``pgd-3``, ``noise-k``, ``noise-k3`` -> settings."""
    base, steps = name, None
    if name not in METHODS:
        head, _, tail = name.rpartition("-")
        if tail.isdecimal() and head in METHODS:
            base, steps = head, int(tail)
        elif name.startswith("noise-k") and name[7:].isdecimal():
            base, steps = "noise-k", int(name[7:])
    options = BallOptions() if base == "plain" else ball
    return MethodOptions(method=base, steps=steps).settings(options)


def baseline_job(grid: Grid, output: Path, rows: int) -> Job:
    """The frozen nearest-centroid baseline."""
    folder = output / "runs" / BASELINE
    arguments = ["baseline", "--output", str(folder), *_flags(grid.task), *_flags(grid.scoring)]
    for name in ("encoder", "train_rows", "max_length"):
        arguments += _flag(name, getattr(grid.recipe, name), getattr(TrainOptions(), name))
    return Job(BASELINE, tuple(arguments), rows, lambda: float((folder / "scores.json").exists()))


def training_job(
    grid: Grid, method: MethodSettings, seed: int, output: Path, updates: int, trained_rows: float, items: int
) -> Job:
    """One run of the grid as a command that a user could type."""
    name = f"{method.arm}-seed{seed}"
    folder = output / "runs" / name
    own = MethodOptions(method=method.name, steps=method.steps)
    arguments = ["train", "--output", str(folder), "--seed", str(seed), "--evaluate"]
    arguments += [*_flags(grid.task), *_flags(own), *_flags(grid.recipe), *_flags(grid.scoring)]
    arguments += _flags(grid.ball) if method.name != "plain" else []
    arguments += [] if grid.keep_model else ["--no-keep-model"]
    # Work in forward passes over one row.
    training = trained_rows * expected_passes(method)
    done = share_of_run(folder, updates, training / (training + items))
    return Job(name, tuple(arguments), training + items, done)


def _flags(options: Any) -> list[str]:
    """The options that differ from their defaults, as a user would type them."""
    found: list[str] = []
    for each in fields(options):
        if each.name != "threads":
            found += _flag(each.name, getattr(options, each.name), each.default)
    return found


def _flag(name: str, value: Any, default: Any) -> list[str]:
    if value == default:
        return []
    flag = f"--{name.replace('_', '-')}"
    return [flag] if value is True else [flag, str(value)]
