"""Compact against dense word embeddings: time of an update on short rows, and the memory of a process that trains."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xtremor.benchmark.contest import Contestant, Measured, contest, ratio
from xtremor.benchmark.figures import Figure, figure
from xtremor.benchmark.own import CLIP
from xtremor.benchmark.training import OnTurn, Setting
from xtremor.benchmark.workload import Workload, drawn_rows
from xtremor.computing import release
from xtremor.encoders.dropout import fast_dropout
from xtremor.encoders.packing import packed
from xtremor.errors import UserError
from xtremor.tasks.features import Features
from xtremor.training.embeddings import compact
from xtremor.training.ragged import padded_view

# Rows as long as a command or a short sentence.
LENGTH, ROWS = 16, 32
UPDATES = 3
WARM = 3
KINDS = ("dense", "compact")


class Trainer:
    """An ordinary loop, packed, with fused AdamW; the table alone differs."""

    def __init__(self, load: Workload, kind: str, device: torch.device, bf16: bool) -> None:
        self.model = load.make()
        if kind == "compact":
            full, _ = compact(self.model, load.features.rows.tokens, load.pad_token, True)
            # As in `xtremor train`, which reads the table again when it writes the model.
            release(full.weight)
        self.model = self.model.to(device).train()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=2e-5, fused=True)
        self.pad_token, self.device, self.bf16 = load.pad_token, device, bf16

    def turn(self, batch: Features, number: int) -> None:
        """`update` in a contest."""
        self.update(batch)

    def update(self, batch: Features) -> None:
        """One weight update."""
        view = padded_view(batch.rows, self.pad_token, self.device)
        labels = torch.from_numpy(batch.targets).to(self.device)
        with packed(self.model, head_alone=True), fast_dropout(self.model):
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
                logits: Tensor = self.model(**view.inputs).logits
            nn.functional.cross_entropy(logits.float(), labels).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)


def short_batch(load: Workload, rows: int = ROWS) -> Features:
    """Rows of `LENGTH` tokens on average, of word pieces that the training rows have."""
    draw = np.random.default_rng(3)
    lengths = draw.integers(LENGTH // 2, LENGTH + LENGTH // 2 + 1, rows)
    drawn = drawn_rows(rows, 1000, draw, lengths)
    known = np.unique(load.features.rows.tokens)
    ids = known[drawn.tokens % len(known)]
    return Features(type(drawn)(ids, drawn.offsets), draw.integers(0, 3, rows), 0)


def compact_against_dense(
    load: Workload, setting: Setting, on_turn: OnTurn
) -> tuple[list[Figure], dict[str, Measured]]:
    """Time of an update."""
    batch = short_batch(load)
    trainers = {kind: Trainer(load, kind, setting.device, setting.bf16) for kind in KINDS}
    tables = {f"{kind} table": Contestant(partial(trainer.turn, batch), 0.0) for kind, trainer in trainers.items()}
    # The first updates make and touch the optimizer's states; what is asked is how long training takes.
    seconds = contest(tables, 2 * setting.rounds, setting.device, on_turn, warm=WARM * list(tables))
    quicker = ratio(seconds["dense table"], seconds["compact table"])
    title = f"compact against dense embeddings, {ROWS} short rows, same optimizer"
    return [figure("compact", title, quicker, limit=1.25)], seconds


def memory_share(arguments: dict[str, Any], threads: int) -> Figure:
    """Peak memory of a process that trains with a compact table, as a share of one with a dense table.

    Args:
        arguments: of `xtremor.benchmark.workload.make_workload`, with `bf16`.
        threads: of each process.
    """
    peaks = {kind: peak(kind, arguments, threads) for kind in KINDS}
    share = peaks["compact"] / peaks["dense"]
    title = f"its peak memory ({peaks['compact']:,.0f} of {peaks['dense']:,.0f} MB)"
    return Figure("memory", title, share, share, share, unit="share", limit=0.45, at_least=False)


def peak(kind: str, arguments: dict[str, Any], threads: int) -> float:
    """Peak memory, MB, of a process of its own that loads the model and makes `UPDATES` updates."""
    command = [sys.executable, "-m", __name__, json.dumps({**arguments, "kind": kind, "threads": threads})]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
    if done.returncode:
        last = done.stderr.strip().split("\n")[-1]
        raise UserError(f"the process that measures memory failed: {last}")
    return float(json.loads(done.stdout)["peak_mb"])


def main(told: dict[str, Any]) -> None:
    """In a process of its own: train, and print the peak."""
    from pathlib import Path

    from xtremor import computing, machine
    from xtremor.benchmark.workload import make_workload

    computing.prepare(told["threads"])
    data = None if told["data"] is None else Path(told["data"])
    load = make_workload(told["encoder"], told["shape"], data, 1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    trainer, batch = Trainer(load, told["kind"], device, told["bf16"]), short_batch(load)
    for _ in range(UPDATES):
        trainer.update(batch)
    found = machine.peak_memory_mb()
    if device.type == "cuda":
        found = torch.cuda.max_memory_allocated(device) / 2**20
    print(json.dumps({"peak_mb": found}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
