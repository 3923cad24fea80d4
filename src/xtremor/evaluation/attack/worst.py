"""The worst that was seen of each item."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np


class Worst:
    """For N items: the lowest score, what was answered there, and the loss.

    Args:
        count: N.

    Attributes:
        scores: (N,) float64; infinite before anything was seen.
        losses: (N,) float64.
        answers: texts.
        logits: of the same points; empty lists where they are not kept.
    """

    def __init__(self, count: int) -> None:
        self.scores, self.losses = np.full(count, np.inf), np.full(count, -np.inf)
        self.answers, self.logits = [""] * count, [np.zeros(0, dtype=np.float32)] * count

    def copy(self) -> Worst:
        """One that goes on from here."""
        return copy.deepcopy(self)

    def take(self, items: np.ndarray, scores: np.ndarray, losses: Any, answers: Sequence[str], logits: Any) -> None:
        """Remember a lower score, or at the same score a larger loss; what has reached 0 is final."""
        for place, item in enumerate(items.tolist()):
            score, loss, before = scores[place], float(losses[place]), self.scores[item]
            if before > 0 and (score < before or (score == before and loss > self.losses[item])):
                self.scores[item], self.losses[item] = score, loss
                self.answers[item] = answers[place]
                if logits:
                    self.logits[item] = logits[place]

    def standing(self) -> np.ndarray:
        """Numbers of the items that can still lose something."""
        return np.flatnonzero(self.scores > 0)
