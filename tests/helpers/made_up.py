"""Plans whose arms are told by their methods, and stores of stages that nobody trained."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from xtremor.compare.table import Row, ScoreTable, Target
from xtremor.robust.registry import make, parse
from xtremor.study.claims.roles import systems
from xtremor.study.design import Arm, Assumed, Contrast, Intermediate, Seeds, Study
from xtremor.study.design import Target as Aim
from xtremor.study.files import StudyFolder
from xtremor.study.plan import Cell, Plan
from xtremor.study.settings import Settings
from xtremor.study.stage import EVALUATION, INTERMEDIATE, TARGET, Size, Stage
from xtremor.study.store import Store

# Eight that differ in family and script from English, in either or in neither.
CODES = ("de", "nl", "ru", "hi", "sw", "tr", "zh", "te")
MACHINE = {"platform": "Linux", "processor": "made up", "device": "cpu", "threads": 1}
VERSIONS = {"xtremor": "0.1.0", "python": "3.11", "torch": "2", "transformers": "5", "tokenizers": "0", "numpy": "2"}
Arms = Mapping[str, tuple[str | None, str]]
TASK = ("panx", False)


def method(text: str, **own: Any) -> dict[str, Any]:
    """``freelb-2`` as a record holds it."""
    name, numbered = parse(text)
    return make(name, **{**numbered, **own}).as_dict()


def plan_of(
    arms: Arms,
    seeds: int = 6,
    tasks: Sequence[tuple[str, bool]] = (TASK,),
    codes: Sequence[str] = CODES,
    contrasts: Sequence[tuple[str, str] | tuple[str, str, str]] = (),
    encoder: str = "xlm-r-base",
    intermediate: str = "siqa",
    own: Mapping[str, Mapping[str, Any]] | None = None,
    work: Mapping[str, float] | None = None,
    limit: int | None = None,
    assumed: Assumed | None = None,
    stated: Mapping[str, Mapping[str, Any]] | None = None,
) -> Plan:
    """A plan.

    Args:
        arms: name -> methods of the first stage (None: it has none) and of the second.
        seeds: how many.
        tasks: name, and whether generalized.
        codes: languages that are scored beside English.
        contrasts: treatment, control, role.
        encoder, intermediate: names.
        own: arm -> settings of its second stage's training that are not the others'.
        work: arm -> passes over tokens of a target's training; 3000 for the others.
        limit: of the targets.
        assumed: of the design.
        stated: arm -> options of its second stage, as the file has them.
    """
    stages: dict[str, Stage] = {}
    cells = []

    def stage(kind: str, name: str, task: str, config: dict[str, Any], parents: tuple[str, ...], passes: float) -> str:
        found = Stage(kind, name, task, config, parents, {"made": "up"}, 1, {}, Size(1000.0, passes / 1000.0, 10))
        stages.setdefault(found.key, found)
        return found.key

    for arm, (first, second) in arms.items():
        for seed in range(1, seeds + 1):
            before = None
            if first is not None:
                told = {"settings": {"method": method(first), "seed": seed, "learning_rate": 1e-5, "arm": arm}}
                del told["settings"]["arm"]
                before = stage(INTERMEDIATE, f"{intermediate}, {arm}, seed {seed}", intermediate, told, (), 3000.0)
            for task, generalized in tasks:
                label = f"{task} generalized" if generalized else task
                mine = {"method": method(second), "seed": seed, "learning_rate": 2e-5, "epochs": 2.0}
                mine |= (own or {}).get(arm, {})
                passes = (work or {}).get(arm, 3000.0)
                parents = (before,) if before else ()
                target = stage(TARGET, f"{label}, {arm}, seed {seed}", task, {"settings": mine}, parents, passes)
                languages = [f"{a}+{b}" for a in codes[:3] for b in codes[:3]] if generalized else ["en", *codes]
                scored = {"task": task, "languages": languages, "limit": limit, "generalized": generalized}
                key = stage(EVALUATION, f"{label}, {arm}, seed {seed}, scored", task, scored, (target,), 1.0)
                cells.append(
                    Cell(arm, arm, encoder, intermediate if before else "", label, "test", seed, 1, key, target, before)
                )
    study = Study(
        "made up", (encoder,),
        tuple(
            Arm(name, None if first is None else Settings(), Settings(tuple((stated or {}).get(name, {}).items())))
            for name, (first, _) in arms.items()
        ),
        tuple(Aim(task, generalized=generalized) for task, generalized in tasks),
        intermediate=(Intermediate(intermediate),),
        seeds=Seeds(tuple(range(1, seeds + 1))), contrasts=tuple(Contrast(*each) for each in contrasts),
        assumed=assumed or Assumed(),
    )  # fmt: skip
    # As it comes back from a disk.
    design = json.loads(json.dumps(study.design()))
    return Plan("made up", design, {}, None, stages, tuple(cells), "")


def scores_of(plan: Plan, gain: Callable[[str, str, str], float], noise: float = 0.1) -> ScoreTable:
    """Scores of every run: 60, what a seed does to all alike, noise, and ``gain`` of arm, task label and language."""
    rows = []
    owner = {cell.evaluation: system.name for system in systems(plan) for cell in system.cells}
    for cell in plan.cells:
        dice = np.random.default_rng([cell.stage1_seed, sum(map(ord, cell.arm + cell.task))])
        shared = float(np.random.default_rng(cell.stage1_seed).normal(0, 1))
        for code in plan.stages[cell.evaluation].config["languages"]:
            score = 60 + shared + float(dice.normal(0, noise)) + gain(cell.arm, cell.task, code)
            rows.append(Row(owner[cell.evaluation], Target(cell.task, code), str(cell.stage1_seed), score, "1"))
    return ScoreTable.of(rows)


def write_store(
    folder: Path,
    plan: Plan,
    scores: Callable[[Cell, str], float] = lambda cell, code: (
        60.0 + cell.stage1_seed / 7 + len(code + cell.arm) % 3 / 10
    ),
    told: Callable[[Stage], Mapping[str, Any]] = lambda stage: {},
    left_out: Callable[[Cell], bool] = lambda cell: False,
    items: Callable[[str], int] = lambda code: 2000,
) -> StudyFolder:
    """Write a study with its finished stages.

    Args:
        folder: of the study.
        plan: of it.
        scores: of a run in a language.
        told: what the manifest of a stage says beside, or instead of, the usual.
        left_out: runs that are not finished; first stages are.
        items: of a language.
    """
    there = StudyFolder(folder)
    there.write(plan, "")
    store = Store(folder / "store").open(make=True)
    owners = {key: cell for cell in plan.cells for key in (cell.stage1, cell.target, cell.evaluation) if key}
    for key, stage in plan.stages.items():
        if stage.kind != INTERMEDIATE and left_out(owners[key]):
            continue
        area = store.work / key
        area.mkdir()
        if stage.kind == EVALUATION:
            cells = {
                code: {"score": scores(owners[key], code), "items": items(code)} for code in stage.config["languages"]
            }
            (area / "scores.json").write_text(json.dumps({"languages": cells, "metric": "f1"}), encoding="utf-8")
        passes = stage.size.passes
        counts = {"updates": 10, "tokens": 1000, "forward": 10 * passes / 3, "backward_activations": 10 * passes / 3,
                  "backward_weights": 10 * passes / 3}  # fmt: skip
        usual = {
            "environment": {"versions": VERSIONS, "machine": MACHINE}, "counts": counts,
            "seconds": {"work": 1.0, "process": 1.0}, "warnings": [],
        }  # fmt: skip
        store.publish(stage, {**usual, **told(stage)})
    return there


def of_rules(plan: Plan, rules: Sequence[str]) -> Plan:
    """The plan with cells of further checkpoint rules."""
    cells, stages = [], dict(plan.stages)
    for rule in rules:
        for cell in plan.cells:
            old = plan.stages[cell.evaluation]
            config = {**old.config, "checkpoint": rule}
            stage = Stage(old.kind, f"{old.name}, {rule}", old.task, config, old.parents, old.data, 1)
            stages[stage.key] = stage
            cells.append(replace(cell, evaluation=stage.key, checkpoint=rule))
    return replace(plan, stages=stages, beside=tuple(cells))
