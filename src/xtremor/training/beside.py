"""What a method's step costs in time, measured beside plain's on the same batch while a run goes on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from xtremor.robust.methods import Method, Plain
from xtremor.robust.methods.base import Runner

if TYPE_CHECKING:
    from xtremor.training.loop import Step

# Of the updates, so that the measurement costs at most this share of plain training.
SHARE, MOST = 0.02, 8


class BesidePlain:
    """Takes a plain step before the method's own in some updates and forgets its gradients.

    Both then run on the same batch at the same moment, so that a noisy machine does not matter, and a run needs no
    plain twin. Weights, draws and counted passes are those of a run without it.

    Args:
        step: of the run.
        method: its method; plain is not compared with itself.
        updates: of the run; a fiftieth of them, at least 1 and at most 8, is measured, spread evenly.
        adds: whether the run's step does more than its method's, so that plain's is compared too.

    Attributes:
        seconds: time that went into it.
    """

    def __init__(self, step: Step, method: Method, updates: int, adds: bool = False) -> None:
        self.step, self.seconds = step, 0.0
        samples = (
            0 if isinstance(method, Plain) and not adds else min(updates, max(1, min(MOST, round(SHARE * updates))))
        )
        self.updates = {int((number + 0.5) * updates / samples) for number in range(samples)}

    def due(self, update: int) -> bool:
        """Whether this 0-based update is measured."""
        return update in self.updates

    def plain(self, units: np.ndarray, update: int) -> float:
        """Seconds of a plain step over ``units``; its gradients are left for the caller to drop."""
        counted = vars(self.step.counts).copy()
        _, _, spent = self.timed(units, update, 1.0, Plain())
        vars(self.step.counts).update(counted)
        self.seconds += spent
        return spent

    def timed(
        self, units: np.ndarray, update: int, weight: float, method: Runner | None = None
    ) -> tuple[Tensor, int, float]:
        """The first part of an update, and the seconds that it took."""
        began = self._now()
        loss, tokens = self.step.run(units, update, 0, weight, method)
        return loss, tokens, self._now() - began

    def _now(self) -> float:
        """The clock, when all that was asked of the model is done."""
        device = next(self.step.model.parameters()).device
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter()
