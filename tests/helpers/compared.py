"""Score tables and evaluated run folders with invented answers, whose truth is known."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xtremor.scoring.accuracy import ACCURACY
from xtremor.scoring.predictions import answers_table, write_predictions
from xtremor.tasks.base import TextExample

CODES = ("en", "de", "ru", "sw", "te")


def scores(
    arms: Mapping[str, float],
    seeds: Sequence[int] = range(1, 6),
    codes: Sequence[str] = CODES,
    seed_sd: float = 0.4,
    language_sd: float = 0.6,
    task: str = "panx",
    draw: int = 0,
) -> list[dict[str, Any]]:
    """Rows of a score table: arm -> points above 60 in every language, with scatter between seeds."""
    dice = np.random.default_rng(draw)
    level = {code: 40 + 40 * dice.random() for code in codes}
    rows = []
    for arm, gain in arms.items():
        for seed in seeds:
            shared = dice.normal(0, seed_sd)
            for code in codes:
                score = level[code] + gain + shared + dice.normal(0, language_sd)
                rows.append({"system": arm, "task": task, "language": code, "seed": seed, "score": round(score, 4)})
    return rows


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Rows of equal keys as CSV."""
    lines = [",".join(rows[0]), *(",".join(str(value) for value in row.values()) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_runs(
    folder: Path,
    arms: Mapping[str, float],
    seeds: Sequence[int] = range(1, 6),
    codes: Sequence[str] = CODES,
    items: int = 60,
    spread: float = 0.03,
    stage: Mapping[int, int] | None = None,
) -> Path:
    """``folder/ARM-seedN`` with run.json, scores.json and predictions.parquet of a task `xnli`.

    Args:
        folder: parent.
        arms: arm -> chance of a right answer in the mean.
        seeds: of every arm.
        codes: languages; rows are translations, so that clusters (three rows each) are shared.
        items: rows a language.
        spread: standard deviation of the chance between seeds.
        stage: seed -> seed of an earlier stage, where the runs build on one.
    """
    dice = np.random.default_rng(7)
    hard = {code: dice.normal(0, 0.3, items) for code in codes}
    for arm, chance in arms.items():
        for seed in seeds:
            share = chance + dice.normal(0, spread)
            right = {code: hard[code] + dice.random(items) * 0.6 - 0.3 < share - 0.5 for code in codes}
            _write_run(folder / f"{arm}-seed{seed}", arm, seed, right, None if stage is None else stage[seed])
    return folder


def _write_run(folder: Path, arm: str, seed: int, right: Mapping[str, np.ndarray], stage: int | None) -> None:
    folder.mkdir(parents=True)
    method = {"name": "plain"} if arm == "plain" else {"name": "pgd", "radius": 0.01, "steps": int(arm[-1])}
    info: dict[str, Any] = {
        "format": 1, "task": "xnli", "arm": arm, "seed": seed, "method": method,
        "encoder": {"name": "tiny", "fingerprint": "f"}, "training": {"epochs": 1, "seed": seed}, "machine": {},
    }  # fmt: skip
    if stage is not None:
        before = {"task": "mnli", "arm": "plain", "method": {"name": "plain"}, "seed": stage, "fingerprint": f"{stage}"}
        info["lineage"] = {"encoder": {"name": "tiny"}, "stages": [before]}
    examples, gold, given = [], [], []
    cells = {}
    for code, answers in right.items():
        labels = [str(row % 3) for row in range(len(answers))]
        predicted = [label if hit else str((int(label) + 1) % 3) for label, hit in zip(labels, answers, strict=True)]
        examples += [
            TextExample("xnli", f"test-{code}", row, str(row // 3), code, ("x",), labels[row])
            for row in range(len(labels))
        ]
        gold, given = gold + labels, given + predicted
        cells[code] = {"score": ACCURACY.score(labels, predicted)["accuracy"], "items": len(labels)}
    told = {"arm": arm, "seed": seed, "task": "xnli", "split": "test"}
    write_predictions(folder / "predictions.parquet", answers_table(examples, gold, given), told)
    scored = {"format": 1, **told, "metric": "accuracy", "unit": "percent", "languages": cells}
    (folder / "scores.json").write_text(json.dumps(scored), encoding="utf-8")
    (folder / "run.json").write_text(json.dumps(info), encoding="utf-8")
