"""What a report reads of a study: its plan, how it stands, and every finished stage. No model, no data, no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from xtremor.console import Progress
from xtremor.errors import UserError
from xtremor.languages import is_english
from xtremor.report import lineage
from xtremor.report.places import Place, describe
from xtremor.study.files import StudyFolder
from xtremor.study.plan import Cell, Plan
from xtremor.study.stage import EVALUATION, Stage
from xtremor.study.status import Status, status
from xtremor.study.store import Store
from xtremor.training.folder import read_json

# Points of a learning curve that are kept.
POINTS = 60


@dataclass(frozen=True)
class Trained:
    """A finished stage.

    Attributes:
        stage: as planned.
        told: its ``stage.json``.
        record: its ``run.json``.
        curve: (update, loss), downsampled; empty for an evaluation.
    """

    stage: Stage
    told: Mapping[str, Any]
    record: Mapping[str, Any]
    curve: tuple[tuple[int, float], ...] = ()

    @property
    def seconds(self) -> float:
        """Of training or scoring."""
        return float((self.told.get("seconds") or {}).get("work") or 0.0)

    @property
    def counts(self) -> Mapping[str, Any]:
        """Updates, tokens and passes, as counted."""
        return self.told.get("counts") or {}


@dataclass(frozen=True)
class Run:
    """A finished evaluation: one run of the grid.

    Attributes:
        cell: where it stands.
        system: the arm, with intermediate task and encoder where the study has several.
        scores: language -> score in percent, without those of `Material.labelled`.
        items: language -> scored items.
        scored: the whole of ``scores.json``.
    """

    cell: Cell
    system: str
    scores: Mapping[str, float]
    items: Mapping[str, int]
    scored: Mapping[str, Any]

    @property
    def headline(self) -> tuple[str, ...]:
        """Languages that are averaged: all but English, or English where nothing else was scored."""
        return tuple(code for code in self.scores if not is_english(code)) or tuple(self.scores)

    @property
    def mean(self) -> float:
        """Unweighted mean over the headline languages."""
        return sum(self.scores[code] for code in self.headline) / len(self.headline)

    @property
    def seed(self) -> str:
        """``3``, or ``3.2`` for the second run nested in seed 3."""
        own = self.cell
        return f"{own.stage1_seed}" if own.stage2_seed == 1 else f"{own.stage1_seed}.{own.stage2_seed}"


@dataclass(frozen=True)
class Material:
    """A study as a report sees it.

    Attributes:
        folder, plan, store, status: of the study.
        stages: key -> finished stage.
        runs: finished evaluations by the primary checkpoint rule, in the order of the plan.
        beside: those by the other rules, which are no further runs.
    """

    folder: StudyFolder
    plan: Plan
    store: Store
    status: Status
    stages: Mapping[str, Trained]
    runs: tuple[Run, ...]
    beside: tuple[Run, ...] = ()

    @property
    def design(self) -> Mapping[str, Any]:
        """What the study asks."""
        return self.plan.design

    @cached_property
    def arms(self) -> tuple[str, ...]:
        """Names of arms, as planned; a colour each."""
        return tuple(arm["name"] for arm in self.design["arms"])

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """Tasks with a finished evaluation, as planned."""
        return tuple(dict.fromkeys(run.cell.task for run in self.runs))

    @cached_property
    def systems(self) -> tuple[str, ...]:
        """With a finished evaluation, arms in the order of the study."""
        return tuple(dict.fromkeys(run.system for run in self.runs))

    @cached_property
    def arm_of(self) -> dict[str, str]:
        """System -> arm."""
        return {run.system: run.cell.arm for run in self.runs}

    @cached_property
    def places(self) -> dict[str, Place]:
        """Facts about every language that was scored."""
        codes = dict.fromkeys(code for run in self.runs for code in run.scores)
        encoders = {run.cell.encoder for run in self.runs}
        return describe(list(codes), self.encoder(self.runs[0]) if len(encoders) == 1 else None)

    @property
    def done(self) -> bool:
        """Whether every evaluation of the plan is finished."""
        return len(self.runs) == len(self.plan.cells)

    def of(self, system: str | None = None, task: str | None = None) -> list[Run]:
        """Runs of a system, of a task."""
        return self._index.get((system, task), [])

    @cached_property
    def _index(self) -> dict[tuple[str | None, str | None], list[Run]]:
        found: dict[tuple[str | None, str | None], list[Run]] = {}
        for run in self.runs:
            for system in (run.system, None):
                for task in (run.cell.task, None):
                    found.setdefault((system, task), []).append(run)
        return found

    def called(self, code: str) -> str:
        """A language for people: ``Swahili (sw)``."""
        name = self.places[code].name
        return name if name == code or name.endswith(f"({code})") else f"{name} ({code})"

    def encoder(self, run: Run) -> dict[str, Any]:
        """What is recorded of the pretrained encoder of a run."""
        record = self.stages[run.cell.evaluation].record
        return {**lineage.root(record), "name": named(run.cell.encoder)}


def named(encoder: str) -> str:
    """An encoder for people: of a folder its own name, because where it lay tells a reader nothing."""
    return Path(encoder).name if Path(encoder).is_absolute() else encoder


def gather(folder: StudyFolder) -> Material:
    """Read a study.

    Raises:
        UserError: no study, nothing scored yet, or a stage that was edited since it was stored.
    """
    plan = folder.read()
    store = folder.store(plan).open()
    now = status(folder, plan)
    finished = [key for key in plan.stages if now.states[key] == "finished"]
    if not any(plan.stages[key].kind == EVALUATION for key in finished):
        raise UserError(
            f"{folder.path} has no finished evaluation yet, so that there is nothing to report; "
            f"`xtremor study resume {folder.path}` goes on"
        )
    stages, scored = {}, {}
    with Progress("reading stages", len(finished)) as progress:
        for key in finished:
            stages[key] = _stage(plan.stages[key], store)
            if plan.stages[key].kind == EVALUATION:
                store.verify(key, whole=False)
                scored[key] = _scores(store.stages / key / "scores.json")
            progress.advance()
    left_out = {task: labelled_in(plan, task) for task in dict.fromkeys(cell.task for cell in plan.cells)}
    runs, beside = (
        tuple(
            _run(cell, plan, scored[cell.evaluation], left_out[cell.task])
            for cell in cells
            if cell.evaluation in scored
        )
        for cells in (plan.cells, plan.beside)
    )
    if not runs:
        raise UserError(f"{folder.path} has no evaluation by its primary checkpoint rule yet; study resume goes on")
    return Material(folder, plan, store, now, stages, runs, beside)


def _stage(stage: Stage, store: Store) -> Trained:
    place = store.stages / stage.key
    told, record = store.manifest(stage.key), read_json(place / "run.json")
    curve = () if stage.kind == EVALUATION else read_curve(place / "log.jsonl")
    return Trained(stage, told, record, curve)


def read_curve(path: Path, points: int = POINTS) -> tuple[tuple[int, float], ...]:
    """(update, loss) of a training log: means over stretches of as many lines, at the stretches' last updates.

    Lines that were cut short by a kill are left out; without a log there is none.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ()
    found: list[tuple[int, float]] = []
    for line in lines:
        try:
            told = json.loads(line)
            found.append((int(told["update"]), float(told["loss"])))
        except (ValueError, KeyError, TypeError):
            continue
    size = -(-len(found) // points) or 1
    parts = [found[start : start + size] for start in range(0, len(found), size)]
    return tuple((part[-1][0], sum(loss for _, loss in part) / len(part)) for part in parts)


def _scores(path: Path) -> dict[str, Any]:
    found = read_json(path)
    cells = found.get("languages")
    if (
        not isinstance(cells, dict)
        or not cells
        or not all("score" in each and "items" in each for each in cells.values())
    ):
        raise UserError(f"{path} holds no scores by language; delete its folder and run the study again")
    return found


def labelled_in(plan: Plan, task: str) -> tuple[str, ...]:
    """Languages besides English that some arm is trained on with labels for a task: zero-shot for the others alone."""
    return tuple(sorted({code for cell in plan.cells if cell.task == task for code in plan.labelled(cell)}))


def _run(cell: Cell, plan: Plan, scored: Mapping[str, Any], left_out: Sequence[str]) -> Run:
    cells = {code: each for code, each in scored["languages"].items() if code not in left_out}
    scores = {code: float(each["score"]) for code, each in cells.items()}
    # The planner puts the encoder into the name as it was given, which may be a path.
    system = cell.system.replace(cell.encoder, named(cell.encoder)) if _several(plan) else cell.system
    return Run(cell, system, scores, {code: int(each["items"]) for code, each in cells.items()}, scored)


def _several(plan: Plan) -> bool:
    return len(plan.design["encoders"]) > 1


def short(key: str) -> str:
    """A stage's key as it is shown."""
    return key[:8]


def listed(names: Sequence[str], last: str = "and") -> str:
    """``a, b and c``; nothing for none."""
    return "" if not names else names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}"
