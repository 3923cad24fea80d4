"""Where the stages of a study run: processes of this machine, a Ray cluster, Slurm."""

from __future__ import annotations

from pathlib import Path

from xtremor.errors import UserError, unknown
from xtremor.study.launchers.base import Ended, Launcher, Unit

__all__ = ["NAMES", "Ended", "Launcher", "Unit", "check_launcher"]

NAMES = ("local", "ray", "slurm")


def check_launcher(name: str) -> None:
    """Raise UserError for a launcher that there is none of, or whose package is not installed."""
    if name not in NAMES:
        raise unknown("launcher", name, NAMES)
    if name == "ray":
        from xtremor.study.launchers.ray import check_installed

        check_installed()
    if name == "slurm":
        from xtremor.study.launchers.slurm import check_installed as check_submitit

        check_submitit()


def make_launcher(
    name: str, units: int, threads: int, folder: Path, workers: int | None = None, options: tuple[str, ...] = ()
) -> Launcher:
    """A launcher by name.

    Args:
        name: one of `NAMES`.
        units: how many there are to run.
        threads: of each.
        folder: of the study, for what the launcher writes.
        workers: units side by side; None is as many as the launcher finds right.
        options: ``KEY=VALUE`` for the cluster.

    Raises:
        UserError: as `check_launcher`; a cluster that cannot be reached; an option that it has not.
    """
    check_launcher(name)
    if name == "ray":
        from xtremor.study.launchers.ray import Ray

        return Ray(threads, workers, options)
    if name == "slurm":
        from xtremor.study.launchers.slurm import Slurm

        return Slurm(threads, folder / "slurm", workers, options)
    from xtremor.study.launchers.local import Local

    if options:
        raise UserError("--cluster is for --launcher ray and slurm; processes of this machine take --workers")
    return Local(units, threads, workers, _gpus())


def _gpus() -> int:
    import torch

    return torch.cuda.device_count()
