"""From the command to the first training step."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from xtremor.benchmark.contest import Measured
from xtremor.benchmark.figures import Figure, figure
from xtremor.errors import UserError

PATIENCE = 300.0
ROWS = 4_000


def first_step(encoder: str, data: Path | None, folder: Path, threads: int, runs: int = 2) -> Figure:
    """Seconds until `xtremor train` has made its first update; a first run fills the caches and is not counted.

    Args:
        encoder: as ``--encoder``.
        data: folder with ``xnli/``; None trains on a made-up file of as many rows.
        folder: for the runs, which are stopped after that update.
        threads: of the CPU.
        runs: that count.
    """
    if data is None:
        table = write_rows(folder / "rows.csv")
        task = ["--train", str(table), "--text", "premise", "--text-pair", "hypothesis", "--label", "label"]
    else:
        task = ["--task", "xnli", "--data", str(data), "--train-rows", str(ROWS)]
    spent = []
    for number in range(runs + 1):
        output = folder / f"run{number}"
        command = [
            sys.executable, "-m", "xtremor", "train", *task, "--encoder", encoder, "--output", str(output),
            "--batch-size", "32", "--threads", str(threads), "--no-keep-model",
        ]  # fmt: skip
        spent.append(_until_first_line(command, output / "log.jsonl", folder / "log"))
    title = f"first training step after the command, {ROWS:,} rows, features cached"
    return figure("start", title, Measured(tuple(spent[1:])), unit="seconds", limit=10.0, at_least=False)


def write_rows(path: Path) -> Path:
    """Pairs of made-up sentences, together as long as XNLI's."""
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghijklmnoprstuvw", k=draw.randint(2, 8))) for _ in range(3000)]
    lines = ["premise,hypothesis,label"]
    for row in range(ROWS):
        premise, hypothesis = (" ".join(draw.choices(words, k=draw.randint(3, most))) for most in (16, 8))
        lines.append(f"{premise},{hypothesis},{('yes', 'maybe', 'no')[row % 3]}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _until_first_line(command: list[str], line: Path, log: Path) -> float:
    began = time.monotonic()
    with open(log, "wb") as opened:
        process = subprocess.Popen(command, stdout=opened, stderr=subprocess.STDOUT, env=dict(os.environ))
    try:
        while not (line.exists() and line.stat().st_size):
            if process.poll() is not None or time.monotonic() - began > PATIENCE:
                said = log.read_text(encoding="utf-8", errors="replace").strip().split("\n")[-1]
                raise UserError(f"the run that measures the first training step made none: {said}")
            time.sleep(0.01)
        return time.monotonic() - began
    finally:
        process.kill()
        process.wait()
