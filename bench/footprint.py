"""Memory and start-up, each in a process of its own.

    python bench/footprint.py embeddings    compact against dense word embeddings: time of a step and peak memory
    python bench/footprint.py evaluation    peak memory of scoring 15 languages: N rows each, and ten times as many
    python bench/footprint.py start --data DIR    seconds from the command to the first update, token ids kept

The first takes the starter encoder, 32 short rows and the same fused AdamW for both; its peak is the process's. The
second takes a random encoder of two narrow layers, so that rows cannot hide behind the model. The third takes the
starter and 4,000 rows of XNLI.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from xtremor.machine import machine, versions

STEPS, ROWS, LENGTH = 8, 32, 16


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("embeddings", "evaluation", "start"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rows", type=int, default=1000, help="rows of a language, the small number")
    parser.add_argument("--data", type=Path, help="folder that holds xnli/, for `start`")
    options = parser.parse_args()
    print({**machine(threads=options.threads), **versions()})
    if options.what == "embeddings":
        embeddings(options.threads)
    elif options.what == "evaluation":
        evaluation(options.rows, options.threads)
    elif options.data is None:
        parser.error("start needs --data")
    else:
        start(options.data, options.threads)


def embeddings(threads: int) -> None:
    """Seconds of a step and peak MiB, dense and compact."""
    context = multiprocessing.get_context("spawn")
    found: dict[bool, tuple[float, float]] = {}
    for dense in (True, False):
        with context.Pool(1) as pool:
            found[dense] = pool.apply(_steps, (dense, threads))
        seconds, peak = found[dense]
        print(f"{'dense' if dense else 'compact'}: {seconds:.3f} s a step, peak {peak:,.0f} MiB", flush=True)
    (slow, large), (quick, small) = found[True], found[False]
    print(f"compact is {slow / quick:.2f} times as fast and takes {small / large:.0%} of the memory")


def _steps(dense: bool, threads: int) -> tuple[float, float]:
    """The median time of a plain step, and the peak of the process in MiB."""
    import numpy as np
    import torch
    from accelerate import Accelerator

    from xtremor.computing import prepare
    from xtremor.encoders.load import load_task_model
    from xtremor.encoders.packing import packed
    from xtremor.machine import peak_memory_mb
    from xtremor.robust.methods import Plain
    from xtremor.tasks import classification
    from xtremor.tasks.features import Features
    from xtremor.training.config import TrainSettings
    from xtremor.training.embeddings import compact
    from xtremor.training.optimizer import make_optimizer
    from xtremor.training.ragged import Ragged
    from xtremor.training.step import BatchStep

    prepare(threads)
    model, report = load_task_model("starter", classification.AUTO_CLASS, num_labels=3)
    draw = np.random.default_rng(0)
    rows = Ragged.from_rows([draw.integers(5, 30_000, LENGTH).tolist() for _ in range(ROWS)])
    features = Features(rows, draw.integers(0, 3, ROWS), 0)
    # A compact table of all rows is a dense one: the same step, every row with a gradient and moments.
    size = model.get_input_embeddings().num_embeddings  # type: ignore[operator]
    full: Any
    full, table = compact(model, np.arange(size) if dense else rows.tokens, 1, True)
    if dense:
        # The table that was copied would count twice.
        full = table
    model.train()
    with packed(model):
        step = BatchStep(model, table, features, classification, Plain(), 1, 1, Accelerator(cpu=True), full.weight)
        optimizer = make_optimizer(model, report.missing, TrainSettings("xnli"))
        spent = []
        for update in range(STEPS):
            began = time.perf_counter()
            optimizer.zero_grad()
            step.run(np.arange(ROWS), update, 0, 1.0)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            spent.append(time.perf_counter() - began)
    return float(np.median(spent)), peak_memory_mb() or 0.0


def evaluation(rows: int, threads: int) -> None:
    """Peak MiB of ``xtremor evaluate`` at so many rows a language, and at ten times as many."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
    from helpers.tiny import write_encoder, write_xnli

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        encoder, data = write_encoder(folder / "encoder"), write_xnli(folder / "small", scored=rows)
        command = ["train", "--task", "xnli", "--data", data, "--encoder", encoder, "--epochs", "1"]
        subprocess.run(_command(*command, "--output", folder / "run"), check=True, stderr=subprocess.DEVNULL)
        peaks = []
        for scored in (rows, 10 * rows):
            held = data if scored == rows else write_xnli(folder / "large", scored=scored)
            began = time.monotonic()
            peaks.append(_peak(_command("evaluate", folder / "run", "--data", held, "--threads", threads)))
            print(f"15 languages of {scored:,} rows: peak {peaks[-1]:,.0f} MiB, {time.monotonic() - began:.0f} s")
        print(f"ten times the rows take {peaks[1] / peaks[0]:.2f} times the memory")


def start(data: Path, threads: int) -> None:
    """Seconds from the command to the first update: token ids unknown, then known."""
    with tempfile.TemporaryDirectory() as name:
        for turn in ("first time", "token ids kept", "token ids kept"):
            run = Path(name) / str(time.monotonic_ns())
            options = ["--task", "xnli", "--data", data, "--train-rows", 4000, "--threads", threads, "--output", run]
            began = time.monotonic()
            process = subprocess.Popen(_command("train", *options), stderr=subprocess.DEVNULL)
            log = run / "log.jsonl"
            while not (log.is_file() and log.read_text().count("\n")) and process.poll() is None:
                time.sleep(0.02)
            seconds = time.monotonic() - began
            process.kill()
            process.wait()
            first: dict[str, Any] = json.loads(log.read_text().split("\n")[0])
            print(f"{turn}: {seconds:.1f} s to the end of update {first['update']}", flush=True)


def _command(*words: object) -> list[str]:
    return [sys.executable, "-m", "xtremor", *map(str, words)]


def _peak(command: list[str]) -> float:
    """Run a command; its own peak in MiB."""
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"failed: {' '.join(command)}")
    return usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
