"""Units as jobs of Slurm through submitit (extra ``slurm``). Nodes see the study's folders and the same Python.

The driver waits on the login node; where it is ended, jobs that run go on, and the same command takes the study up.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xtremor.errors import UserError
from xtremor.study.launchers.base import Ended, Unit
from xtremor.study.launchers.options import call, options_of

# Our names of what submitit names alike for all clusters.
COMMON = {"minutes": "timeout_min", "memory_gb": "mem_gb", "gpus": "gpus_per_node", "cpus": "cpus_per_task"}
MINUTES = 240
SLOTS = 100


def check_installed() -> None:
    """Raise UserError where submitit is missing."""
    if importlib.util.find_spec("submitit") is None:
        raise UserError("--launcher slurm needs the package submitit: pip install 'xtremor[slurm]'")


class Slurm:
    """Jobs.

    Args:
        threads: cores of a job, unless ``cpus`` says otherwise.
        folder: for submitit's scripts and logs; seen by all nodes.
        workers: jobs in the queue at a time; None is `SLOTS`.
        options: ``minutes``, ``memory_gb``, ``gpus``, ``cpus``; ``cluster`` (``slurm``, or ``local`` for processes of
            submitit's own); every other one goes to sbatch: ``partition=long``.
    """

    def __init__(self, threads: int, folder: Path, workers: int | None, options: Sequence[str]) -> None:
        import submitit

        stated = options_of(options)
        cluster = str(stated.pop("cluster", "slurm"))
        parameters: dict[str, Any] = {"timeout_min": MINUTES, "cpus_per_task": threads, "name": "xtremor"}
        for key, value in stated.items():
            parameters[COMMON.get(key, f"slurm_{key}")] = value
        try:
            self._executor = submitit.AutoExecutor(folder=folder.absolute(), cluster=cluster)
            self._executor.update_parameters(**parameters)
        except (NameError, ValueError, TypeError, RuntimeError) as error:
            said = str(error).splitlines()[0].split(" Valid arguments")[0]
            raise UserError(
                f"--launcher slurm: {said}; see --cluster, and whether sbatch is on this machine"
            ) from error
        self.slots = workers or SLOTS
        self.words = f"jobs of {cluster}, at most {self.slots} in the queue"
        self._running: list[tuple[Unit, Any]] = []

    def start(self, unit: Unit, command: Sequence[str]) -> None:
        """Submit a job."""
        self._running.append((unit, self._executor.submit(call, list(command), unit.threads)))

    def ended(self) -> list[Ended]:
        """Jobs that are over: done, failed, out of time, or lost."""
        found, still = [], []
        for unit, job in self._running:
            if not job.done():
                still.append((unit, job))
                continue
            error = job.exception()
            if error is None:
                found.append(Ended(unit, *job.result()))
            else:
                said = [line for line in str(error).splitlines() if line.strip()]
                found.append(Ended(unit, 1, f"job {job.job_id}: {said[-1] if said else type(error).__name__}"))
        self._running = still
        return found

    def stop(self) -> None:
        """Cancel what is in the queue or runs."""
        for _, job in self._running:
            with contextlib.suppress(Exception):
                job.cancel()
        self._running = []
