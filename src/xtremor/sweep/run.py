"""The whole of a sweep: the plan in words, the runs, ``sweep.json`` and the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xtremor.console import duration, say
from xtremor.launch import run_side_by_side, worker_count
from xtremor.paths import explained
from xtremor.sweep.plan import PlannedTrial, Sweep, plan
from xtremor.sweep.results import summarise
from xtremor.sweep.timing import measure
from xtremor.training.folder import write_json


@dataclass(frozen=True)
class SweepResult:
    """The page, and what ``sweep.json`` holds."""

    page: Path
    record: dict[str, Any]


def run_sweep(sweep: Sweep, output: Path, workers: int | None = None) -> SweepResult:
    """Run what is missing of the sweep, write ``output/sweep.json`` and ``output/report``.

    Everything that can be refused is refused before the first run starts.

    Raises:
        UserError: as `xtremor.sweep.plan.plan`; a run failed.
    """
    from xtremor.report.sweep.page import build_sweep_page, summary_lines

    planned = plan(sweep, output)
    for line in plan_lines(sweep, planned, workers):
        say(line)
    with explained(output):
        output.mkdir(parents=True, exist_ok=True)
    jobs = [run.job for each in planned for run in each.runs]
    news = f"{planned[0].opened.name}: {len(jobs)} runs"
    run_side_by_side(jobs, output, "sweep", news, workers, sweep.recipe.threads)
    record = summarise(sweep, planned)
    write_json(output / "sweep.json", record)
    page = build_sweep_page(output)
    for line in summary_lines(record):
        say(line)
    return SweepResult(page, record)


def plan_lines(sweep: Sweep, planned: Sequence[PlannedTrial], workers: int | None) -> list[str]:
    """The plan in words: trials of each method, their cost beside plain training, and how long all of it takes."""
    trials = {name: [each for each in planned if each.trial.method == name] for name in sweep.methods}
    first, runs = planned[0], sum(len(each.runs) for each in planned)
    count = len(trials[sweep.methods[0]])
    how = "a full grid" if sweep.trials is None else f"random draws with seed {sweep.draw_seed}"
    said = "; ".join(axis.said() for axis in sweep.varying)
    lines = [
        f"{first.opened.name}: {count} trial{'s' if count > 1 else ''} a method x {sweep.seeds} "
        f"seed{'s' if sweep.seeds > 1 else ''} = {runs} runs, {how}{f' of {said}' if said else ''}"
    ]
    unit = first.training / first.passes * 3
    for name, own in trials.items():
        training = sum(each.training * len(each.runs) for each in own) / unit
        scoring = sum(each.scoring * len(each.runs) for each in own) / unit
        scored = f", and {scoring:.1f} for scoring the targets" if scoring else ""
        lines.append(f"  {name}: the cost of {training:.1f} plain trainings{scored}")
        lines += [f"    {each.trial.number}. {_said(each)}" for each in own]
    return [*lines, _time(sweep, planned, workers)]


def _said(each: PlannedTrial) -> str:
    """``radius 0.001, learning rate 5e-05; seeds 1, 2``."""
    seeds = each.trial.seeds
    again = "" if each.trial.repeats is None else f"; repeats {each.trial.repeats}, to see what seeds do"
    return f"{each.trial.label or 'as it is'}; seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}{again}"


def _time(sweep: Sweep, planned: Sequence[PlannedTrial], workers: int | None) -> str:
    """How long what is missing takes, from a few seconds of training here."""
    left = [run.job.work * (1 - run.job.done()) for each in planned for run in each.runs]
    missing = sum(work > 0 for work in left)
    if not missing:
        return "all runs are finished"
    count, threads = worker_count(len(left), workers)
    threads = threads if sweep.recipe.threads is None else sweep.recipe.threads
    speed = measure(planned[0].settings, planned[0].opened, threads)
    seconds = speed.seconds(sum(left), missing) / min(count, missing)
    return (
        f"time: about {duration(seconds)} for {missing} runs, {count} side by side; guessed from {speed.tokens:,.0f} "
        "tokens a second of plain training, measured here just now for a moment; other work beside it makes it longer"
    )
