"""Several processes that train one run together, each on its share of every update's rows.

What a method does within a step needs no other process, SAM's climb excepted; the gradients meet once an update. The
first process writes the run folder, speaks and scores.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from xtremor.errors import Elsewhere, UserError
from xtremor.ranks import launched
from xtremor.robust.processes import sum_gradients

# A process may wait for the first one while that writes a checkpoint.
PATIENCE = timedelta(minutes=30)
CPU = torch.device("cpu")


class Share(NamedTuple):
    """What one process has of a batch.

    Attributes:
        units: that it works on.
        first: place of the first of them in the batch.
        counts: False where there was nothing left for it: it then goes along on a unit of somebody else's, because
            all processes must come to the same meetings, and its gradient has weight 0.
    """

    units: np.ndarray
    first: int
    counts: bool


@dataclass(frozen=True)
class Crew:
    """The processes of a run.

    Attributes:
        rank: number of this one.
        size: how many there are.
        device: where messages to the others are.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = CPU

    @staticmethod
    def current() -> Crew:
        """Those that this process has joined, or it alone."""
        if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
            return Crew()
        on_gpu = "nccl" in torch.distributed.get_backend()
        device = torch.device("cuda", torch.cuda.current_device()) if on_gpu else CPU
        return Crew(torch.distributed.get_rank(), torch.distributed.get_world_size(), device)

    @property
    def leads(self) -> bool:
        """Whether this process writes, speaks and scores."""
        return self.rank == 0

    def share(self, units: np.ndarray, weights: np.ndarray) -> Share:
        """This process's part of a batch.

        Args:
            units: of the batch, (N,).
            weights: of all units, by their number: targets that count.
        """
        if self.size == 1:
            return Share(units, 0, True)
        parts = np.array_split(units, self.size)
        own, first = parts[self.rank], sum(map(len, parts[: self.rank]))
        if weights[own].sum() > 0:
            return Share(own, first, True)
        most = int(weights[units].argmax())
        return Share(units[most : most + 1], most, False)

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Replace every gradient by its sum over the processes."""
        if self.size > 1 and parameters:
            with _explained():
                sum_gradients(parameters)

    def sum(self, *values: float) -> list[float]:
        """Each value summed over the processes."""
        return self._reduced(values, torch.distributed.ReduceOp.SUM) if self.size > 1 else list(values)

    def told(self, value: bool) -> bool:
        """What the first process says."""
        return bool(self.sum(float(value if self.leads else 0.0))[0])

    def check_same(self, value: int, what: str) -> None:
        """Raise UserError where processes disagree on a number."""
        if self.size > 1:
            low, high = self._reduced((value, -value), torch.distributed.ReduceOp.MIN)
            if low != -high:
                raise self.once(UserError(what))

    def broadcast(self, parameters: Sequence[torch.Tensor]) -> None:
        """Give all processes the first one's values."""
        if self.size > 1:
            with _explained():
                for each in parameters:
                    torch.distributed.broadcast(each.detach(), 0)

    def once(self, error: UserError) -> UserError:
        """The error in the first process, where all raise it; a silent one in the others."""
        return error if self.leads else Elsewhere(str(error))

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """What is refused inside in one process is refused in all; the first of those that refuse says why."""
        failed: UserError | None = None
        try:
            yield
        except UserError as error:
            failed = error
        if self.size == 1:
            if failed is not None:
                raise failed
            return
        first = self._reduced((self.size if failed is None else self.rank,), torch.distributed.ReduceOp.MIN)[0]
        if first < self.size:
            raise failed if failed is not None and first == self.rank else Elsewhere("refused in another process")

    def _reduced(self, values: Sequence[float], how: Any) -> list[float]:
        message = torch.tensor(values, dtype=torch.float64, device=self.device)
        with _explained():
            torch.distributed.all_reduce(message, how)
            found: list[float] = message.tolist()
        return found


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """One sentence where the others are gone."""
    try:
        yield
    except RuntimeError as error:
        raise UserError(
            "another process of this run has ended, so that this one ends too; the lines above say why, and the same "
            f"command goes on from the last checkpoint ({str(error).strip().splitlines()[0]})"
        ) from error


@contextlib.contextmanager
def joined() -> Iterator[Crew]:
    """Join the processes that a launcher started beside this one, if it did, and leave them at the end."""
    if launched().size == 1 or torch.distributed.is_initialized():
        yield Crew.current()
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count())
    torch.distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)
    try:
        yield Crew.current()
    finally:
        # Gloo is left as it is: its threads now and then abort a process that destroys it; see `xtremor.ranks.leave`.
        if torch.distributed.get_backend() != "gloo":
            torch.distributed.destroy_process_group()
