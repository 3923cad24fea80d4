"""How long `xtremor study status` and `xtremor study report` take on a study of 2,000 finished stages.

    python bench/study_status.py [--stages 2000] [--report]

writes a study whose stages hold files of their own, as a run leaves them (no models and predictions), and times the
command in a process of its own: with nothing remembered, then again. ``--report`` makes the report too, and says how
large its page is. Nothing is trained.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from xtremor import machine
from xtremor.languages import all_languages
from xtremor.study.design import Arm, Contrast, Intermediate, Seeds, Study, Target
from xtremor.study.files import StudyFolder
from xtremor.study.plan import Cell, Plan
from xtremor.study.settings import Settings
from xtremor.study.stage import EVALUATION, INTERMEDIATE, TARGET, Size, Stage
from xtremor.study.store import Store

ARMS, TASKS, LANGUAGES = 5, 4, 47
# Lines of a training's log.
LINES = 500


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
    seeds = tuple(dict.fromkeys(cell.stage1_seed for cell in cells))
    study = Study(
        "bench", ("starter",), arms, tuple(Target(f"task{number}") for number in range(TASKS)), seeds=Seeds(seeds),
        contrasts=(Contrast("arm 1", "arm 0"), Contrast("arm 2", "arm 0"), Contrast("arm 3", "arm 0", "secondary")),
        intermediate=(Intermediate("mnli"),), strata=("joshi_class", "script"),
    )  # fmt: skip
    plan = Plan("bench", study.design(), {"target": "needed"}, None, stages, tuple(cells))
    folder.write(plan, "")
    store = Store(folder.path / "store").open(make=True)
    told = {
        "seconds": {"work": 60.0, "process": 70.0},
        "environment": {"created": machine.now(), "machine": machine.machine(), "versions": machine.versions()},
        "counts": {"updates": LINES, "tokens": 1_000_000, "passes_relative_to_plain": 1.0},
    }
    dice = random.Random(1)
    for stage in stages.values():
        area = store.work / stage.key
        area.mkdir()
        for name, text in files_of(stage, dice).items():
            (area / name).write_text(text, encoding="utf-8")
        store.publish(stage, told)
    return len(stages)


def files_of(stage: Stage, dice: random.Random) -> dict[str, str]:
    """Name -> content of what a run leaves, with invented figures."""
    counts = {"updates": LINES, "passes_relative_to_plain": 1.0}
    record = {"encoder": {"name": "starter"}, "english_dev": {"score": 80.0}, "counts": counts}
    found = {"config.json": json.dumps(record, indent=2), "run.json": json.dumps(record, indent=2)}
    if stage.kind == EVALUATION:
        codes = ["en", *(each.code for each in all_languages() if each.tasks and each.code != "en")][:LANGUAGES]
        shift = dice.gauss(0, 0.4)
        cells = {
            code: {"score": 40 + at / 2 + shift + dice.gauss(0, 0.6), "items": 200} for at, code in enumerate(codes)
        }
        calibration = {code: {"ece": 5 + dice.random(), "confidence": 80.0} for code in codes}
        found["scores.json"] = json.dumps({"metric": "f1", "languages": cells, "calibration": calibration}, indent=2)
    else:
        lines = (
            {"update": at, "loss": 1 / at, "gradient_norm": 1.0, "tokens": at * 1000} for at in range(1, LINES + 1)
        )
        found["log.jsonl"] = "".join(json.dumps(line) + "\n" for line in lines)
    return found


def main() -> None:
    """Write, time, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--stages", type=int, default=2000)
    parser.add_argument("--report", action="store_true", help="make the report too")
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
        if asked.report:
            for more in ((), ("--no-pictures",)):
                started = time.perf_counter()
                command = [sys.executable, "-m", "xtremor", "study", "report", str(folder.path), *more]
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
                seconds = time.perf_counter() - started
                size = (folder.path / "report" / "report.html").stat().st_size / 1e6
                print(
                    f"study report {' '.join(more)}: {seconds:.1f} s, page {size:.1f} MB, load {os.getloadavg()[0]:.1f}"
                )


if __name__ == "__main__":
    main()
