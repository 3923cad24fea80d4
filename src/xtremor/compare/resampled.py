"""Scores of all runs of a comparison on redrawn items, arranged as the balanced table is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from xtremor.compare.balance import Balanced
from xtremor.compare.folders import Items
from xtremor.stats.hierarchical import own_noise, resample_items


@dataclass(frozen=True)
class Resampled:
    """Bootstrap scores.

    Attributes:
        scores: system -> (R, runs, tests) float32 in points, runs in the order of `Balanced.seeds`; items redrawn.
        seed: of the draws.
    """

    scores: Mapping[str, np.ndarray]
    seed: int

    def of(self, system: str, weights: np.ndarray) -> np.ndarray:
        """(R, runs) weighted sum over test sets. Test sets without a weight do not count, missing or not."""
        used = np.flatnonzero(weights)
        found: np.ndarray = self.scores[system][:, :, used].astype(np.float64) @ weights[used]
        return found

    def item_noise(self, system: str, members: np.ndarray) -> tuple[float, float]:
        """Two standard deviations over redrawn items: of a run's score in one language around the mean of the runs, and
        of a run's mean over all of ``members``."""
        scores = self.scores[system][:, :, members].astype(np.float64)
        own = float(np.mean([own_noise(scores[:, :, place]) for place in range(scores.shape[2])]))
        whole = float(np.nanvar(scores.mean(2), axis=0, ddof=1).mean())
        return float(np.sqrt(own)), float(np.sqrt(whole))


def resample(items: Mapping[str, Items], balanced: Balanced, replicates: int, seed: int) -> Resampled | None:
    """Redraw the items of every task; None where the items of some test set are not known."""
    if not replicates or any(
        test.task not in items or test.language not in items[test.task].cells for test in balanced.tests
    ):
        return None
    systems = list(balanced.scores)
    shapes = {name: (replicates, len(balanced.seeds[name]), len(balanced.tests)) for name in systems}
    found = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    for task in balanced.tasks:
        own = items[task]
        places = {test.language: place for place, test in enumerate(balanced.tests) if test.task == task}
        drawn = resample_items({code: own.cells[code] for code in places}, replicates, seed, task)
        for system in systems:
            for number, unit in enumerate(balanced.seeds[system]):
                # Second stages on one first stage are averaged, as in the table.
                rows = [row for row, key in enumerate(own.runs) if (key.system, key.seed) == (system, unit)]
                for code, place in places.items():
                    found[system][:, number, place] = drawn[code][:, rows].mean(1)
    return Resampled(found, seed)
