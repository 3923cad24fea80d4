"""Units as tasks of a Ray cluster (extra ``ray``). Nodes see the study's folders and have xtremor installed.

A task that is lost with its node is run again elsewhere by Ray itself; the lock of the dead worker runs out, and the
stage goes on from its checkpoint.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Sequence
from typing import Any

from xtremor.errors import UserError, unknown
from xtremor.study.launchers.base import LOST, Ended, Unit
from xtremor.study.launchers.options import call, options_of

OPTIONS = ("address", "cpus", "gpus", "memory_gb")
# Times that a unit follows from node to node before the driver hears of it.
MOVES = 10


def check_installed() -> None:
    """Raise UserError where Ray is missing."""
    if importlib.util.find_spec("ray") is None:
        raise UserError("--launcher ray needs the package ray: pip install 'xtremor[ray]'")


class Ray:
    """Tasks on a cluster.

    Args:
        threads: cores that a task is given, unless ``cpus`` says otherwise.
        workers: tasks handed to Ray at a time; None is twice what the cluster has cores for.
        options: ``address`` (default ``auto``, the cluster of this machine; ``local`` starts one), ``cpus``, ``gpus``
            and ``memory_gb`` of a task.
    """

    def __init__(self, threads: int, workers: int | None, options: Sequence[str]) -> None:
        # Nobody asked for a report to its makers.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray

        stated = options_of(options)
        for key in stated:
            if key not in OPTIONS:
                raise unknown("option of ray", key, OPTIONS)
        address = str(stated.get("address", "auto"))
        try:
            ray.init(address=address, log_to_driver=False, include_dashboard=False if address == "local" else None)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise UserError(
                f"no Ray cluster at address '{address}' ({str(error).splitlines()[0]}); start one with "
                "`ray start --head`, or name --cluster address=local"
            ) from error
        self.ray = ray
        cpus = float(stated.get("cpus", threads))
        resources: dict[str, Any] = {"num_cpus": cpus, "num_gpus": float(stated.get("gpus", 0)), "max_retries": MOVES}
        if "memory_gb" in stated:
            resources["memory"] = int(float(stated["memory_gb"]) * 1e9)
        self._task = ray.remote(**resources)(call)
        cores = float(ray.cluster_resources().get("CPU", 1.0))
        self.slots = workers or max(1, int(2 * cores / max(cpus, 0.01)))
        nodes = sum(bool(node["Alive"]) for node in ray.nodes())
        self.words = f"Ray cluster of {nodes} node{'' if nodes == 1 else 's'} with {cores:g} cores"
        self._running: dict[Any, Unit] = {}

    def start(self, unit: Unit, command: Sequence[str]) -> None:
        """Submit a task."""
        self._running[self._task.options(name=unit.name).remote(list(command), unit.threads)] = unit

    def ended(self) -> list[Ended]:
        """Tasks that came to an end, on whatever node."""
        if not self._running:
            return []
        waiting = list(self._running)
        done, _ = self.ray.wait(waiting, num_returns=len(waiting), timeout=0)
        found = []
        for reference in done:
            unit = self._running.pop(reference)
            try:
                code, said = self.ray.get(reference)
            except Exception as error:
                # Of Ray's own many kinds: nodes, workers and objects that were lost too often.
                code, said = LOST, f"Ray lost it: {str(error).splitlines()[0]}"
            found.append(Ended(unit, code, said))
        return found

    def stop(self) -> None:
        """Cancel what is under way, and leave the cluster."""
        for reference in self._running:
            with contextlib.suppress(Exception):
                self.ray.cancel(reference, force=False)
        if self._running:
            self.ray.wait(list(self._running), num_returns=len(self._running), timeout=30)
        self._running.clear()
        self.ray.shutdown()
