"""Studies whose stages are finished and invented: a store as runs leave one, with nothing trained."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xtremor.study.design import Arm, Assumed, Contrast, Intermediate, Seeds, Study, Target
from xtremor.study.files import StudyFolder
from xtremor.study.plan import Cell, Plan
from xtremor.study.settings import Settings
from xtremor.study.stage import EVALUATION, INTERMEDIATE, TARGET, Size, Stage
from xtremor.study.store import Store

CODES = ("en", "de", "ru", "sw", "te", "yo", "zh")
MACHINE = {"platform": "Linux", "processor": "made up", "cores": 2, "threads": 1, "memory_gib": 4.0, "device": "cpu"}
ITEMS = 100
VERSIONS = {"xtremor": "0.1.0", "python": "3.11"}


def invent(
    folder: Path,
    gains: Mapping[str, float | Sequence[float]],
    seeds: Sequence[int] = (1, 2, 3, 4, 5),
    stage2: Sequence[int] = (1,),
    tasks: Sequence[str] = ("panx",),
    codes: Sequence[str] = CODES,
    contrasts: Sequence[tuple[str, str] | tuple[str, str, str]] = (),
    strata: Sequence[str] = (),
    methods: Mapping[str, Mapping[str, Any]] | None = None,
    noise: float = 0.3,
    missing: Sequence[tuple[str, int]] = (),
    intermediate: str = "xnli",
    encoder: str = "starter",
    calibrated: bool = False,
    assumed: Assumed | None = None,
    predicted: bool = False,
    scale: str = "full",
    sources: Mapping[str, Sequence[str]] | None = None,
) -> StudyFolder:
    """Write a study with its store.

    Args:
        folder: of the study.
        gains: arm -> points above 50 in every language but English, one number or one a seed;
            ``none`` has no first stage.
        seeds, stage2: ids.
        tasks, codes: what is scored.
        contrasts: (treatment, control) or with a role.
        strata: planned.
        methods: arm -> settings of its first stage's method; else plain.
        noise: standard deviation of a language in a run.
        missing: (arm, seed) that are not finished.
        intermediate: task of the first stage.
        encoder: its name.
        calibrated: scores hold calibration.
        assumed: of the design.
        scale: of the study, ``tiny`` for a rehearsal.
        predicted: evaluations keep predictions, which their scores are then computed from.
        sources: arm -> languages that its second stage is trained on, where not English.
    """
    dice = np.random.default_rng(3)
    level = {code: 90.0 if code == "en" else 45.0 + 20 * dice.random() for code in codes}
    stages: dict[str, Stage] = {}
    cells, told = [], {}
    for arm, gain in gains.items():
        for place, seed in enumerate(seeds):
            shift = float(gain) if isinstance(gain, int | float) else float(gain[place])
            first = None
            if arm != "none":
                method = dict((methods or {}).get(arm) or {"name": "plain"})
                first = _add(
                    stages, INTERMEDIATE, f"{intermediate}, {arm}, seed {seed}", intermediate, (), seed, method, arm
                )
            for nested in stage2:
                for task in tasks:
                    name = f"{task}, {arm}, seed {seed}.{nested}"
                    method = {"name": "plain"}
                    before = (first.key,) if first else ()
                    own_sources = (sources or {}).get(arm, ())
                    target = _add(
                        stages, TARGET, name, task, before, seed + 1000 * (nested - 1), method, arm, own_sources
                    )
                    scored = _add(stages, EVALUATION, f"{name}, scored", task, (target.key,), seed, None, arm)
                    cells.append(
                        Cell(arm, arm, encoder, intermediate if first else "", task, "test", seed, nested, scored.key,
                             target.key, first.key if first else None)
                    )  # fmt: skip
                    own = np.random.default_rng([seed, nested, sum(map(ord, arm + task))])
                    told[scored.key] = {
                        code: level[code] + (0 if code == "en" else shift) + float(own.normal(0, noise))
                        for code in codes
                    }
    study = Study(
        "invented", (encoder,), tuple(Arm(arm, None if arm == "none" else Settings()) for arm in gains),
        tuple(Target(task) for task in tasks), intermediate=(Intermediate(intermediate),) if intermediate else (),
        seeds=Seeds(tuple(seeds), tuple(stage2)), contrasts=tuple(Contrast(*each) for each in contrasts),
        strata=tuple(strata), assumed=assumed or Assumed(), scale=scale,
    )  # fmt: skip
    plan = Plan("invented", study.design(), {"target": "needed"}, None, stages, tuple(cells), "")
    there = StudyFolder(folder)
    there.write(plan, "")
    store = Store(folder / "store").open(make=True)
    lost = {
        key
        for cell in cells
        if (cell.arm, cell.stage1_seed) in missing
        for key in (cell.evaluation, cell.target, cell.stage1)
    }
    for stage in stages.values():
        if stage.key not in lost:
            _publish(store, stage, encoder, told.get(stage.key), calibrated, predicted)
    return there


def _add(
    stages: dict[str, Stage],
    kind: str,
    name: str,
    task: str,
    parents: tuple[str, ...],
    seed: int,
    method: dict[str, Any] | None,
    arm: str,
    sources: Sequence[str] = (),
) -> Stage:
    if kind == EVALUATION:
        config: dict[str, Any] = {"task": task, "split": "test"}
        data: dict[str, Any] = {"source": "made up", "files": {f"{task}/test": "0" * 64}}
    else:
        config = {"settings": {"task": task, "method": method, "seed": seed, "epochs": 2.0, "batch_size": 32}}
        # Two arms whose stages were alike would be one.
        config["settings"]["rows_seed"] = (
            sum(map(ord, arm)) if (kind, method) == (INTERMEDIATE, {"name": "plain"}) else 0
        )
        config["settings"] |= {"sources": list(sources)} if sources else {}
        config |= {} if parents else {"encoder": {"fingerprint": "f" * 64, "tokenizer": "e" * 64}}
        data = {task: {"source": "made up", "files": {f"{task}/train": "0" * 64}}}
    stage = Stage(kind, name, task, config, parents, data, 1, {"encoder": "starter"}, Size(1e4, 3.0, 100, 0.0))
    return stages.setdefault(stage.key, stage)


def _publish(
    store: Store, stage: Stage, encoder: str, scores: Mapping[str, float] | None, calibrated: bool, predicted: bool
) -> None:
    area = store.work / stage.key
    area.mkdir()
    root = {"name": encoder, "resolved": encoder, "architecture": "BertModel", "fingerprint": "f" * 64}
    ratio = 1.0 if scores is not None or stage.config["settings"]["method"]["name"] == "plain" else 5 / 3
    counts = {"updates": 100, "tokens": 10_000, "forward": 100, "passes_relative_to_plain": ratio}
    record = {"format": 1, "encoder": root, "counts": counts, "english_dev": {"score": 88.0},
              "time_beside_plain": {"ratio": 1.5 * ratio, "updates": 4}}  # fmt: skip
    (area / "run.json").write_text(json.dumps(record), encoding="utf-8")
    if scores is None:
        lines = [{"update": at, "loss": 2.0 / at} for at in range(1, 101)]
        (area / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    else:
        told: dict[str, Any] = {"format": 1, "task": stage.task, "metric": "chunk_f1", "unit": "percent"}
        if predicted:
            scores = _predict(area / "predictions.parquet", stage, scores)
            told["metric"] = "accuracy"
        told["languages"] = {code: {"score": score, "items": ITEMS} for code, score in scores.items()}
        if calibrated:
            told["calibration"] = {code: {"ece": score / 10, "confidence": 80.0} for code, score in scores.items()}
        (area / "scores.json").write_text(json.dumps(told), encoding="utf-8")
    environment = {"created": "2026-01-01T00:00:00+00:00", "versions": VERSIONS, "machine": MACHINE}
    warnings = [] if scores is not None else ["the run did not learn <much>"]
    store.publish(
        stage,
        {
            "seconds": {"work": 60.0, "process": 70.0},
            "environment": environment,
            "counts": counts,
            "warnings": warnings,
        },
    )


def _predict(path: Path, stage: Stage, scores: Mapping[str, float]) -> dict[str, float]:
    """Answers to the same `ITEMS` rows of which about so many are right; the scores that they have."""
    from xtremor.scoring.predictions import answers_table, write_predictions
    from xtremor.tasks.base import TextExample

    dice = np.random.default_rng(int(stage.key[:8], 16))
    examples, gold, given, found = [], [], [], {}
    for code, score in scores.items():
        right = dice.random(ITEMS) < score / 100
        labels = [str(row % 3) for row in range(ITEMS)]
        examples += [
            TextExample(stage.task, f"test-{code}", row, str(row // 3), code, ("x",), labels[row])
            for row in range(ITEMS)
        ]
        gold += labels
        given += [
            label if hit else str((int(label) + 1) % 3) for label, hit in zip(labels, right, strict=True)
        ]  # fmt: skip
        found[code] = 100 * float(right.mean())
    write_predictions(path, answers_table(examples, gold, given), {"task": stage.task, "split": "test"})
    return found
