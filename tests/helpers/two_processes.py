"""Two processes over gloo, a half of the batch each; ``python two_processes.py FOLDER`` writes what each came to."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from helpers.problems import padded_inputs, random_features
from helpers.tiny import make_classifier
from safetensors.torch import save_file
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from xtremor.robust import AWP, FGM, PGD, R3F, SAM, SMART, FreeLB, Plain, Robust, RobustTrainer

# Without draws: what a process draws is its own.
METHODS: dict[str, Any] = {
    "plain": Plain(),
    "fgm": FGM(radius=0.2),
    "pgd": PGD(radius=0.2, steps=2, start=0.0, clean=0.5),
    "pgd-layer1": PGD(radius=0.2, start=0.0, site="layer:1"),
    "freelb": FreeLB(radius=0.2, steps=3),
    "sam": SAM(rho=0.1),
    "awp": AWP(radius=0.2, start=0.0, gamma=0.02),
    "smart": SMART(radius=0.0, bregman=1.0),
    "r3f": R3F(radius=0.0),
}
TRAINERS: dict[str, Any] = {"stock": None, "trained-plain": Plain(), "trained-pgd": PGD(radius=0.2)}
ROWS = 12


def batch() -> dict[str, torch.Tensor]:
    """Twelve rows; halves of as many."""
    features = random_features(rows=ROWS)
    return {**padded_inputs(features), "labels": torch.from_numpy(features.targets)}


def trained(model: Any, core: Any, method: Any, parts: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Weights after three updates, each on all parts."""
    optimizer = torch.optim.SGD(core.parameters(), lr=0.5)
    robust = Robust(model, method, optimizer=optimizer)
    for _ in range(3):
        for part in parts:
            robust.step(part, scale=1 / len(parts))
        optimizer.step()
        optimizer.zero_grad()
    return {name: value.detach().clone() for name, value in core.state_dict().items()}


def under_trainer(robust: Any, folder: str) -> dict[str, torch.Tensor]:
    """Weights after two updates of two micro-batches each; ``robust`` None is transformers' own Trainer."""
    from transformers import Trainer, TrainingArguments

    arguments = TrainingArguments(
        folder, per_device_train_batch_size=3, gradient_accumulation_steps=2, max_steps=2, learning_rate=1e-2,
        save_strategy="no", report_to=[], disable_tqdm=True, use_cpu=True, ddp_backend="gloo",
    )  # fmt: skip
    inputs = batch()
    rows = [{name: value[row] for name, value in inputs.items()} for row in range(ROWS)]
    if robust is None:
        trainer: Any = Trainer(model=make_classifier(), args=arguments, train_dataset=rows)  # type: ignore[arg-type]
    else:
        trainer = RobustTrainer(model=make_classifier(), args=arguments, train_dataset=rows, robust=robust)
    trainer.train()
    assert trainer.args.world_size == 2
    return {name: value.detach().clone() for name, value in trainer.model.state_dict().items()}


def work(rank: int, folder: str) -> None:
    """One of the processes."""
    torch.set_num_threads(1)
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "1",
    }
    distributed.init_process_group(
        "gloo", f"file://{folder}/meeting", rank=rank, world_size=2, timeout=timedelta(seconds=60)
    )
    half = {name: value[rank::2] for name, value in batch().items()}
    for name, method in METHODS.items():
        core = make_classifier()
        model = DistributedDataParallel(core)
        found = trained(model, core, method, [half])
        save_file(found, Path(folder) / f"{name}-{rank}.safetensors")
    for name, kind in TRAINERS.items():
        save_file(under_trainer(kind, f"{folder}/{name}-out-{rank}"), Path(folder) / f"{name}-{rank}.safetensors")
    distributed.barrier()
    # Gloo's threads now and then abort an interpreter that ends in the ordinary way.
    os._exit(0)


if __name__ == "__main__":
    torch.multiprocessing.spawn(work, (sys.argv[1],), nprocs=2)
