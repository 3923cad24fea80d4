"""Two processes over gloo that train runs together; ``python crew_processes.py FOLDER DATA ENCODER``."""

from __future__ import annotations

import os
import sys
from datetime import timedelta

import torch
from torch import distributed

# Without dropout, every draw that is left does not depend on the number of processes.
RUNS: dict[str, tuple[str, ...]] = {
    "plain": ("--method", "plain"),
    "pgd": ("--method", "pgd", "--steps", "2", "--radius", "0.1"),
    "freelb": ("--method", "freelb", "--steps", "2", "--radius", "0.1", "--scope", "sequence", "--start", "1"),
    "sam": ("--method", "sam", "--accumulate", "2"),
    "smart": ("--method", "smart", "--bregman", "1"),
    "layer": ("--method", "noise", "--site", "layer:1", "--radius", "0.1", "--l2-sp", "0.1", "--probe-epochs", "0.5"),
    "snapshots": ("--method", "plain", "--snapshots", "2", "--tracker", "tensorboard"),
}
# The last batch of an epoch is one row: fewer than there are processes.
TAGGING = ("--task", "panx", "--method", "pgd", "--radius", "0.1", "--train-rows", "13", "--batch-size", "4")


def command(name: str, folder: str, data: str, encoder: str) -> list[str]:
    """Two epochs of 25 rows, 7 to a batch: the last of an epoch has 4."""
    more = RUNS.get(name, ())
    if name == "tagging":
        more = TAGGING
    elif name == "joint":
        more = ("--task", "xnli,panx", "--method", "pgd", "--train-rows", "9", "--batch-size", "4")
    usual = {"--task": "xnli", "--train-rows": "25", "--batch-size": "7"}
    stated = [word for option, value in usual.items() if option not in more for word in (option, value)]
    return [
        "train", *stated, "--data", data, "--encoder", encoder, "--epochs", "2", "--learning-rate", "3e-3",
        "--threads", "1", *more, "--output", f"{folder}/{name}",
    ]  # fmt: skip


NAMES = (*RUNS, "tagging", "joint")


def work(rank: int, folder: str, data: str, encoder: str) -> None:
    """One of the processes."""
    torch.set_num_threads(1)
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    log = open(f"{folder}/log-{rank}", "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = log
    distributed.init_process_group(
        "gloo", f"file://{folder}/meeting", rank=rank, world_size=2, timeout=timedelta(seconds=120)
    )
    from xtremor.__main__ import run

    for name in NAMES:
        assert run(command(name, folder, data, encoder)) == 0, name
    # Refused in both, said in one.
    assert run([*command("plain", folder, data, encoder), "--seed", "7"]) == 2
    distributed.barrier()
    log.close()
    # Gloo's threads now and then abort an interpreter that ends in the ordinary way.
    os._exit(0)


if __name__ == "__main__":
    torch.multiprocessing.spawn(work, tuple(sys.argv[1:]), nprocs=2)
