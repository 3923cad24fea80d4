"""Units as jobs of Slurm through submitit (extra ``slurm``). Nodes see the study's folders and the same Python.

The driver waits on the login node; where it is ended, jobs that run go on, and the same command takes the study up.
"""

from __future__ import annotations

import contextlib
import importlib.util
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xtremor.errors import UserError
from xtremor.launch import last_words
from xtremor.study.launchers.base import LOST, Ended, Unit
from xtremor.study.launchers.options import call, options_of

# Our names of what submitit names alike for all clusters.
COMMON = {"minutes": "timeout_min", "memory_gb": "mem_gb", "gpus": "gpus_per_node", "cpus": "cpus_per_task"}
MINUTES = 240
SLOTS = 100
# Seconds between two looks at the queue, and for how many a file system may keep a result from us.
LOOK, PATIENCE = 15.0, 60.0


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
        self._queue = Queue() if self._executor.cluster == "slurm" else None
        self._running: list[tuple[Unit, Any]] = []

    def start(self, unit: Unit, command: Sequence[str]) -> None:
        """Submit a job."""
        self._running.append((unit, self._executor.submit(call, list(command), unit.threads)))

    def ended(self) -> list[Ended]:
        """Jobs that are over: done, failed, out of time, or lost."""
        found, still = [], []
        for unit, job in self._running:
            # A result is looked for here: submitit would ask the accounting, which not every cluster has.
            if self._queue is not None and not _has_result(job):
                if self._queue.lost(job.job_id):
                    last = last_words(job.paths.stderr) or "it said nothing"
                    found.append(Ended(unit, LOST, f"job {job.job_id} left the queue without a result: {last}"))
                else:
                    still.append((unit, job))
                continue
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


class Queue:
    """Which jobs Slurm still has, asked now and then for all at once."""

    def __init__(self) -> None:
        self._looked = float("-inf")
        self._there: set[str] | None = None
        self._missed: dict[str, float] = {}

    def lost(self, job: str) -> bool:
        """Whether a job has been out of the queue for `PATIENCE` seconds."""
        now = time.monotonic()
        if now - self._looked >= LOOK:
            self._looked, self._there = now, _jobs()
        # A controller that does not answer may be back in a while.
        if self._there is None or job in self._there:
            self._missed.pop(job, None)
            return False
        return now - self._missed.setdefault(job, now) >= PATIENCE


def _jobs() -> set[str] | None:
    """Numbers of this user's jobs that wait or run; None where Slurm does not answer."""
    try:
        asked = subprocess.run(
            ["squeue", "--noheader", "--me", "--format=%A"], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return set(asked.stdout.split())


def _has_result(job: Any) -> bool:
    # A touched folder is read anew where NFS remembers that there was no such file.
    with contextlib.suppress(OSError):
        job.paths.folder.chmod(job.paths.folder.stat().st_mode)
    return bool(job.paths.result_pickle.exists())
