"""Processes on this machine, cores and GPUs divided among them."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from typing import IO, Any

from xtremor.launch import WATCH, worker_count
from xtremor.study.launchers.base import Ended, Unit

PATIENCE = 60


def start_process(command: Sequence[str], output: IO[bytes], environment: dict[str, str]) -> Any:
    """A worker that ends when this process does, however this one ends."""
    return subprocess.Popen(
        command,
        # Its end is how a worker learns of our death.
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        env={**os.environ, WATCH: "1", **environment},
        start_new_session=True,
    )


class Local:
    """Worker processes.

    Args:
        units: how many there are to run.
        threads: of each.
        workers: side by side; None is what cores, memory and GPUs allow.
        gpus: number of GPUs, of which every worker is given one.
    """

    def __init__(self, units: int, threads: int, workers: int | None = None, gpus: int = 0) -> None:
        possible, _ = worker_count(max(1, units), None)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        asked, _ = worker_count(max(1, units), workers)
        self.slots = asked if workers is not None else gpus or max(1, min(possible, cores // threads))
        self.gpus = gpus
        self.words = f"{self.slots} side by side on this machine, threads each: {threads}"
        self._running: dict[int, tuple[Unit, Any, IO[bytes]]] = {}

    def start(self, unit: Unit, command: Sequence[str]) -> None:
        """Start a worker in the first free place."""
        place = next(number for number in range(len(self._running) + 1) if number not in self._running)
        output = tempfile.TemporaryFile()  # noqa: SIM115
        environment = {"CUDA_VISIBLE_DEVICES": str(place % self.gpus)} if self.gpus > 1 else {}
        environment["OMP_NUM_THREADS"] = str(unit.threads)
        self._running[place] = (unit, start_process(command, output, environment), output)

    def ended(self) -> list[Ended]:
        """Workers that are gone."""
        found = []
        for place, (unit, process, output) in list(self._running.items()):
            if process.poll() is not None:
                del self._running[place]
                with output:
                    found.append(Ended(unit, process.returncode, said_in(output, process.returncode)))
        return found

    def stop(self) -> None:
        """Ask all workers to stop, which write a checkpoint; kill those that do not."""
        for _, process, _ in self._running.values():
            process.terminate()
        for _, process, output in self._running.values():
            try:
                process.wait(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
            output.close()
        self._running.clear()


def said_in(output: IO[bytes], code: int) -> str:
    """Why a worker ended: the signal, or what it printed last outside its stage's log."""
    output.seek(0)
    lines = [line for line in output.read().decode("utf-8", "replace").split("\n") if line.strip()]
    if code < 0:
        return f"it was ended by signal {-code} (memory may have run out; try fewer --workers)"
    return lines[-1].removeprefix("error: ") if lines else ""
