"""The command line on the tiny task: in this process, or in one of its own that can be killed."""

from __future__ import annotations

import functools
import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

# Imported once, by a server from which killable processes are forked: that saves each of them several seconds.
HEAVY = [
    "accelerate",
    "polars",
    "transformers.models.bert.modeling_bert",
    "transformers.models.auto.tokenization_auto",
    "xtremor.cli.app",
    "xtremor.cli.train",
    "xtremor.encoders.load",
    "xtremor.evaluation.predict",
    "xtremor.training.export",
    "xtremor.training.loop",
    "xtremor.training.session",
]


def train_command(data: Path, encoder: Path, output: Path, *more: str) -> list[str]:
    """A run of 12 updates (96 rows, batch 8) on one thread; ``more`` overrides."""
    stated = {
        "--task": "xnli", "--data": str(data), "--encoder": str(encoder), "--output": str(output),
        "--epochs": "1", "--batch-size": "8", "--learning-rate": "3e-3", "--threads": "1",
    }  # fmt: skip
    return ["train", *(word for pair in stated.items() if pair[0] not in more for word in pair), *more]


def call(arguments: list[str]) -> int:
    """Run a command in this process; its exit code."""
    from xtremor.__main__ import run

    return run(arguments)


@functools.cache
def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(HEAVY)
    return context


def start(arguments: list[str], log: Path, kill: tuple[str, int, str] | None = None) -> BaseProcess:
    """Start a command in a process of its own, its output in ``log``.

    ``kill`` = (name, n, "before" or "after"): the process kills itself with -9 around the n-th renaming of
    something to ``name``, the moment in which a file or folder appears whole.
    """
    process = _server().Process(target=_run, args=(arguments, str(log), kill))
    process.start()
    return process


def finish(process: BaseProcess, seconds: float = 60) -> int | None:
    """Wait for the process; its exit code, negative for a signal."""
    process.join(seconds)
    return process.exitcode


class Forked:
    """A worker like those of `launch`, forked from a process that has imported all that is slow."""

    def __init__(self, arguments: list[str], log: Path, kill: Any) -> None:
        self.process = start(arguments, log, kill)

    @property
    def returncode(self) -> int | None:
        return self.process.exitcode

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self, timeout: float) -> int | None:
        return finish(self.process, timeout)

    def terminate(self) -> None:
        self.process.terminate()

    def kill(self) -> None:
        self.process.kill()


def read_json(path: Path) -> dict[str, Any]:
    """A record or score file."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def assert_resumes(command: Callable[[Path], list[str]], folder: Path, update: int) -> None:
    """Train once straight and once killed after the checkpoint of ``update``: the weights are equal, bit for bit.

    Args:
        command: run folder -> arguments of a training that writes a checkpoint at every update.
        folder: where both runs and their log go.
        update: of the last checkpoint before the kill.
    """
    import torch
    from safetensors.torch import load_file

    log, runs = folder / "log", (folder / "straight", folder / "killed")
    assert finish(start(command(runs[1]), log, ("checkpoint.safetensors", update, "after"))) == -signal.SIGKILL
    for run in runs:
        assert finish(start(command(run), log)) == 0, log.read_text(encoding="utf-8")
    weights = [load_file(run / "model" / "model.safetensors") for run in runs]
    assert all(torch.equal(weight, weights[1][key]) for key, weight in weights[0].items())
    assert f"resuming after update {update}" in log.read_text(encoding="utf-8")


def wait_for(condition: Callable[[], Any], seconds: float = 60) -> None:
    """Return when the condition holds; fails the test after ``seconds``."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.002)


def _run(arguments: list[str], log: str, kill: tuple[str, int, str] | None) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(output, stream)
    # Tests that were started in the background may have been told to ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if kill is not None:
        _kill_at(*kill)
    from xtremor.__main__ import main

    sys.argv = ["xtremor", *arguments]
    main(arguments)


def _kill_at(name: str, number: int, when: str) -> None:
    replace, seen = os.replace, 0

    def watched(source: Any, target: Any) -> None:
        nonlocal seen
        seen += Path(target).name == name
        if seen == number and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = watched  # type: ignore[assignment]
