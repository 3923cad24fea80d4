"""How long `xtremor study status` takes on a study of 2,000 finished stages.

    python bench/study_status.py [--stages 2000]

writes a study whose stages hold small files of their own, as a run leaves them, and times the command in a process of
its own: with nothing remembered, then again. Nothing is trained.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from xtremor import machine
from xtremor.study.design import Arm, Contrast, Seeds, Study, Target
from xtremor.study.files import StudyFolder
from xtremor.study.plan import Cell, Plan
from xtremor.study.settings import Settings
from xtremor.study.stage import EVALUATION, INTERMEDIATE, TARGET, Size, Stage
from xtremor.study.store import Store

ARMS, TASKS, LANGUAGES = 5, 4, 47


def stages_of(count: int) -> tuple[dict[str, Stage], list[Cell]]:
    """A grid of about ``count`` stages: arms, seeds, and targets with their scores."""
    stages: dict[str, Stage] = {}
    cells: list[Cell] = []

    def add(kind: str, name: str, task: str, parents: tuple[str, ...] = ()) -> Stage:
        config = {"name": name, "settings": {"seed": 1, "method": {"name": "plain"}, "epochs": 2.0, "batch_size": 32}}
        data = {"source": "made up", "files": {f"{task}/{number}": "0" * 64 for number in range(LANGUAGES)}}
        stage = Stage(kind, name, task, config, parents, data, 1, {}, Size(1e6, 3.0, 100, 0.0))
        return stages.setdefault(stage.key, stage)

    seed = 0
    while len(stages) < count:
        seed += 1
        for number in range(ARMS):
            arm = f"arm {number}"
            first = add(INTERMEDIATE, f"mnli, {arm}, seed {seed}", "mnli")
            for task in range(TASKS):
                name = f"task{task}"
                target = add(TARGET, f"{name}, {arm}, seed {seed}", name, (first.key,))
                scored = add(EVALUATION, f"{name}, {arm}, seed {seed}, scored", name, (target.key,))
                cells.append(
                    Cell(arm, arm, "starter", "mnli", name, "test", seed, 1, scored.key, target.key, first.key)
                )
    return stages, cells


def write(folder: StudyFolder, count: int) -> int:
    """Write the study and its store; return the number of stages."""
    stages, cells = stages_of(count)
    arms = tuple(Arm(f"arm {number}", Settings()) for number in range(ARMS))
    study = Study(
        "bench", ("starter",), arms, (Target("panx"),), seeds=Seeds((1,)), contrasts=(Contrast("arm 1", "arm 0"),)
    )
    plan = Plan("bench", study.design(), {"target": "needed"}, None, stages, tuple(cells))
    folder.write(plan, "")
    store = Store(folder.path / "store").open(make=True)
    scores = {"metric": "f1", "languages": {f"l{number}": {"score": 50.0, "items": 200} for number in range(LANGUAGES)}}
    told = {
        "seconds": {"work": 60.0, "process": 70.0},
        "environment": {"machine": machine.machine(), "versions": machine.versions()},
        "counts": {},
    }
    for stage in stages.values():
        area = store.work / stage.key
        area.mkdir()
        for name in ("config.json", "run.json", "scores.json"):
            (area / name).write_text(json.dumps(scores, indent=2), encoding="utf-8")
        store.publish(stage, told)
    return len(stages)


def main() -> None:
    """Write, time, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--stages", type=int, default=2000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        folder = StudyFolder(Path(home) / "study")
        count = write(folder, asked.stages)
        print(f"{count} stages, {machine.machine()['processor']}, load {os.getloadavg()[0]:.1f}")
        for what in ("nothing remembered", "again", "again"):
            started = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "xtremor", "study", "status", str(folder.path)],
                check=True, stdout=subprocess.DEVNULL,
            )  # fmt: skip
            print(f"study status, {what}: {time.perf_counter() - started:.2f} s")
        started = time.perf_counter()
        command = [sys.executable, "-m", "xtremor", "results", str(folder.path)]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        print(f"results (exit code {done.returncode}): {time.perf_counter() - started:.2f} s")


if __name__ == "__main__":
    main()
