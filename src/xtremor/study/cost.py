"""What a plan costs: runs, passes, tokens, time and disk, and the smallest effect that it can see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from xtremor.console import duration
from xtremor.languages import is_english
from xtremor.study.design import Study
from xtremor.study.files import StudyFolder
from xtremor.study.freeze import verdict
from xtremor.study.plan import Plan
from xtremor.study.power import smallest_effect
from xtremor.study.stage import EVALUATION, INTERMEDIATE, KINDS, TARGET, Stage
from xtremor.study.status import seconds_left, status
from xtremor.wording import number_of

# Of an item in predictions.parquet with what lies beside it.
ITEM_BYTES = 120


def plan_lines(study: Study, plan: Plan, folder: StudyFolder, workers: int, probe: bool = True) -> list[str]:
    """The plan in words."""
    now = status(folder, plan)
    lines = [f"{plan.name}: {_counted(plan)}"]
    for kind in KINDS:
        own = [stage for stage in plan.stages.values() if stage.kind == kind]
        if own:
            done = sum(now.states[stage.key] == "finished" for stage in own)
            lines.append(f"  {kind}: {number_of(len(own), 'stages')}, {done} in the store, {_cost(own)}")
    lines += _arms(study, plan)
    lines.append(_time(plan, folder, now.states, workers, probe))
    lines.append(_disk(plan, workers))
    lines += _power(study, plan)
    return [*lines, verdict(folder, plan).sentence(), f"hash of the plan: {plan.digest}"]


def _counted(plan: Plan) -> str:
    arms = len({cell.arm for cell in plan.cells})
    tasks = len({cell.task for cell in plan.cells})
    seeds = len({(cell.stage1_seed, cell.stage2_seed) for cell in plan.cells})
    counts = {"arms": arms, "targets": tasks, "stages": len(plan.stages)}
    said = {things: number_of(count, things) for things, count in counts.items()}
    return f"{said['arms']}, {said['targets']}, {number_of(seeds, 'runs')} of each, {said['stages']}"


def _cost(stages: Iterable[Stage]) -> str:
    own = list(stages)
    tokens, work = sum(each.size.tokens for each in own), sum(each.size.work for each in own)
    return f"{_short(tokens)} tokens, {_short(work)} passes over a token"


def _short(number: float) -> str:
    for size, sign in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {sign}"
    return f"{number:.0f}"


def _arms(study: Study, plan: Plan) -> list[str]:
    """What each arm costs beside the first one."""
    found = []
    unit = None
    for arm in study.arms:
        keys = {key for cell in plan.cells if cell.arm == arm.name for key in (cell.stage1, cell.target) if key}
        work = sum(plan.stages[key].size.work for key in keys)
        unit = unit or work or 1.0
        label = "no intermediate task" if arm.stage1 is None else f"stage 1 {arm.stage1.get('method', 'plain')}"
        matched = f", compute of {arm.match_compute}" if arm.match_compute else ""
        found.append(f"    {arm.name}: {label}{matched}; trains for {work / unit:.2f} of the first arm's passes")
    return found


def _time(plan: Plan, folder: StudyFolder, states: Any, workers: int, probe: bool) -> str:
    left = [plan.stages[key] for key, state in states.items() if state != "finished"]
    if not left:
        return "time: everything is finished"
    store = folder.store(plan)
    facts = folder.facts(store, [key for key, state in states.items() if state == "finished"])
    seconds, how = seconds_left(plan, states, facts), "from the speed of finished stages"
    if seconds is None:
        if not probe:
            return "time: not known before a stage is finished; leave out --no-probe for a guess"
        seconds, how = _probed(left)
    count = min(workers, max(1, len(left)))
    return f"time: about {duration(seconds / count)} with {count} side by side ({duration(seconds)} in all), {how}"


def _probed(left: list[Stage]) -> tuple[float, str]:
    """Seconds of all work at the speed of a moment of plain training here."""
    from xtremor.sizes import open_task
    from xtremor.study.settings import Settings
    from xtremor.sweep.timing import measure
    from xtremor.training.config import TrainSettings

    first = next(stage for stage in left if stage.kind != EVALUATION) if any(
        stage.kind != EVALUATION for stage in left
    ) else None  # fmt: skip
    if first is None:
        return 0.0, "scoring alone is left"
    root = str(first.place.get("encoder") or "starter")
    told = {key: value for key, value in first.config["settings"].items() if key not in ("unlabelled", "adversary")}
    settings = TrainSettings.from_dict({**told, "encoder": root})
    data = first.place.get("data")
    recipe = Settings().recipe(root, first.threads)
    opened = open_task(first.task.split(",")[0], Path(data) if data else None, recipe, None)
    parts: dict[str, list[Stage]] = {}
    for stage in left:
        parts.setdefault(_precision(stage), []).append(stage)
    speeds = {name: measure(replace(settings, precision=name), opened, first.threads) for name in sorted(parts)}
    seconds = sum(speeds[name].seconds(sum(each.size.work for each in own), len(own)) for name, own in parts.items())
    rates = " and ".join(
        f"{speed.tokens:,.0f}{f' in {name}' if len(speeds) > 1 else ''}" for name, speed in speeds.items()
    )
    return seconds, (
        f"guessed from {rates} tokens a second of plain training on "
        f"{number_of(first.threads, 'threads')}, measured here just now for a moment"
    )


def _precision(stage: Stage) -> str:
    """Of the products of a stage."""
    told = stage.config if stage.kind == EVALUATION else stage.config["settings"]
    return str(told.get("precision", "fp32"))


def _disk(plan: Plan, workers: int) -> str:
    """Models that stay, and what is needed for a while."""
    stays = {kind: plan.keep.get(kind) == "always" for kind in (INTERMEDIATE, TARGET)}
    size = {kind: sum(s.size.model_mb for s in plan.stages.values() if s.kind == kind) for kind in stays}
    largest = max((s.size.model_mb for s in plan.stages.values()), default=0.0)
    items = sum(s.size.tokens for s in plan.stages.values() if s.kind == EVALUATION) / 20
    end = sum(size[kind] for kind in stays if stays[kind]) + items * ITEM_BYTES / 1e6
    # Snapshots go with the model of their target.
    kept = [s.size.snapshots_mb for s in plan.stages.values()]
    end += sum(kept) if stays[TARGET] else 0.0
    # A model and a checkpoint with two moments beside it.
    peak = end + (0 if stays[INTERMEDIATE] else size[INTERMEDIATE]) + workers * (5 * largest + max(kept, default=0.0))
    one = max(kept, default=0.0)
    beside = f" (snapshots of the weights: at most {_mb(one)} of each run on a target)" if one else ""
    return f"disk: about {_mb(end)} in the end, {_mb(peak)} while it runs{beside}"


def _mb(number: float) -> str:
    return f"{number / 1000:.1f} GB" if number >= 1000 else f"{number:.0f} MB"


def _power(study: Study, plan: Plan) -> list[str]:
    seeds, assumed = len(study.seeds.stage1), study.assumed
    found = []
    for task in dict.fromkeys(cell.task for cell in plan.cells):
        stage = next(plan.stages[cell.evaluation] for cell in plan.cells if cell.task == task)
        languages = sum(not is_english(code) for code in stage.config["languages"]) or 1
        least = smallest_effect(seeds, assumed.sd_seed, assumed.sd_language, languages)
        if least is None:
            found.append(f"power: one seed cannot tell an effect on {task} from luck")
            continue
        enough = "enough for" if least <= assumed.effect else "too few for"
        found.append(
            f"power: {seeds} seeds see a difference of {least:.2f} points on {task} "
            f"({number_of(languages, 'languages')}) four times in five; {enough} the {assumed.effect:g} that matter"
        )
    said = f"assumed standard deviations over seeds {assumed.sd_seed:g} shared + {assumed.sd_language:g} a language"
    return [*found, f"  ({said}; measure them)"]
