"""The main job: methods x seeds on one task, a frozen baseline beside them where there can be one, one report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xtremor.cli.options import ScoringOptions, TaskOptions
from xtremor.cli.recipe import BallOptions, TrainOptions
from xtremor.evaluation.selection import EvaluationSettings, count_examples
from xtremor.jobs import flag, flags, parse_methods, train_arguments
from xtremor.launch import Job, run_side_by_side, share_of_run
from xtremor.robust.methods.base import Method
from xtremor.sources.base import training_examples
from xtremor.training.batches import updates_in
from xtremor.training.folder import RunFolder, read_json
from xtremor.wording import number_of

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

    settings = parse_methods(grid.methods, grid.ball)
    card, source = grid.task.open(to_train=True)
    first = grid.recipe.settings(card, settings[0], 1)
    counts = count_examples(
        card, source, EvaluationSettings(grid.scoring.split, grid.scoring.codes(), grid.scoring.limit, first.max_length)
    )[1]
    rows = len(training_examples(source))
    rows = rows if first.train_rows is None else min(rows, first.train_rows)
    # Decoding the starter, or fetching from the hub, happens here once and not in every worker.
    load_tokenizer(grid.recipe.encoder)
    updates = updates_in(rows, first.batch_size, first.all_epochs)
    items = sum(counts.values())
    trained_rows = rows * first.all_epochs
    jobs = [baseline_job(grid, output, items + rows)] if has_baseline(card) else []
    for seed in range(1, grid.seeds + 1):
        jobs += [training_job(grid, each, seed, output, updates, trained_rows, items) for each in settings]
    news = (
        f"{card.name}: {len(settings):,} methods x {grid.seeds} seeds, {rows:,} English rows, {items:,} items in "
        f"{number_of(len(counts), 'languages')}"
    )
    run_side_by_side(jobs, output, "quickstart", news, workers, grid.recipe.threads)
    folders = [output / "runs" / job.name for job in jobs]
    files = build_report(folders, output / "report")
    return GridResult(files.page, {folder.name: read_json(RunFolder(folder).scores) for folder in folders})


def baseline_job(grid: Grid, output: Path, rows: int) -> Job:
    """The frozen nearest-centroid baseline."""
    folder = output / "runs" / BASELINE
    arguments = ["baseline", "--output", str(folder), *flags(grid.task), *flags(grid.scoring)]
    for name in ("encoder", "train_rows", "max_length"):
        arguments += flag(name, getattr(grid.recipe, name), getattr(TrainOptions(), name))
    return Job(BASELINE, tuple(arguments), rows, lambda: float((folder / "scores.json").exists()))


def training_job(
    grid: Grid, method: Method, seed: int, output: Path, updates: int, trained_rows: float, items: int
) -> Job:
    """One run of the grid as a command that a user could type."""
    name = f"{method.arm}-seed{seed}"
    folder = output / "runs" / name
    arguments = train_arguments(folder, seed, method, grid.task, grid.recipe, grid.scoring, grid.keep_model)
    # Work in forward passes over one row.
    training = trained_rows * method.expected_passes()
    done = share_of_run(folder, updates, training / (training + items))
    return Job(name, tuple(arguments), training + items, done)
