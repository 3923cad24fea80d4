"""The examples as a user would start them, with encoders that need no download."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from xtremor.scoring.predictions import answers_table, write_predictions
from xtremor.tasks.base import TextExample

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(*command: str | Path, **more: str) -> str:
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": places, **more}
    done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_loop_of_ones_own() -> None:
    said = run(sys.executable, EXAMPLES / "plain_pytorch.py", "--tiny")
    assert "en: 100% of 12" in said
    # PGD-1 over 60 batches.
    assert "forward=120" in said and "backward_weights=60" in said


def test_the_trainer(tmp_path: Path) -> None:
    said = run(sys.executable, EXAMPLES / "hf_trainer.py", "--tiny", "--output", tmp_path / "run")
    # FreeLB-3: 9 passes for each of the 6 batches of 2 in an epoch.
    assert re.search(r"'robust_passes': '?54\b", said) and "sw: loss" in said


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
def test_the_command_line(tiny_encoder: Path, tmp_path: Path) -> None:
    more = "--train-rows 32 --epochs 1 --threads 1"
    said = run("sh", EXAMPLES / "command_line.sh", tmp_path / "runs", ENCODER=str(tiny_encoder), MORE=more)
    assert "freelb\tde\tattack\t0.1" in said and "done: open" in said
    record = json.loads((tmp_path / "runs" / "freelb" / "run.json").read_text(encoding="utf-8"))
    assert record["method"]["steps"] == 3 and record["training"]["rows"] == 32
    assert (tmp_path / "runs" / "report" / "index.html").is_file()


def test_balanced_answers(tmp_path: Path) -> None:
    """Right but for one class that is said too often: balanced on English it is right everywhere."""
    labels = ["no", "yes"]
    examples, gold, given = [], [], []
    for language in ("en", "sw", "sw+en"):
        for row in range(20):
            label = labels[row % 2]
            examples.append(TextExample("made", f"test-{language}", row, str(row), language, ("x",), label))
            gold.append(label)
            given.append("yes")
    table = answers_table(examples, gold, given).with_columns(
        pl.Series("logits", [[float(label == "no"), float(label == "yes") + 3] for label in gold], pl.List(pl.Float32))
    )
    write_predictions(tmp_path / "predictions.parquet", table, {"labels": labels, "arm": "plain", "seed": 1})
    said = run(sys.executable, EXAMPLES / "balanced_answers.py", tmp_path).splitlines()
    assert said[1].split("\t") == ["plain, seed 1", "no 0 yes 100", *["50.0"] * 3, *["100.0"] * 3]
