"""How far one can go along a ray before something changes: a coarse grid, then bisection of the first crossing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

# Multiples of a row's displacement. 1, the translation itself, is among them, so that coverage is decided exactly.
GRID = (0.25, 0.5, 0.75, 1.0, 2.0, 4.0)
BISECTIONS = 6

# (numbers of rows (A,), how far (A,)) -> (A,) bool, whether it changed there.
Changed = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Crossing:
    """Where each of N rows first changed.

    Attributes:
        low, high: (N,) unchanged at ``low``, changed at ``high``; ``high`` is infinite where nothing changed up to the
            end of the grid, which is ``low`` then.
    """

    low: np.ndarray
    high: np.ndarray

    @property
    def censored(self) -> np.ndarray:
        """(N,) bool: no change was seen."""
        found: np.ndarray = np.isinf(self.high)
        return found


def on_grid(changed: Changed, count: int, grid: Sequence[float] = GRID) -> Crossing:
    """The first interval of an ascending grid that begins unchanged and ends changed.

    A change is not monotone: a row may change and change back between two points of the grid, and that is not seen.
    Rows that changed are not asked again.
    """
    low, high = np.zeros(count), np.full(count, np.inf)
    for far in grid:
        left = np.flatnonzero(np.isinf(high))
        if not len(left):
            break
        new = changed(left, np.full(len(left), float(far)))
        high[left[new]] = far
        low[left[~new]] = far
    return Crossing(low, high)


def bisected(changed: Changed, found: Crossing, steps: int = BISECTIONS) -> Crossing:
    """The same with intervals of 2**-``steps`` the width; changed at the end and unchanged at the start as before."""
    low, high = found.low.copy(), found.high.copy()
    left = np.flatnonzero(~found.censored)
    for _ in range(steps if len(left) else 0):
        middle = (low[left] + high[left]) / 2
        new = changed(left, middle)
        high[left] = np.where(new, middle, high[left])
        low[left] = np.where(new, low[left], middle)
    return Crossing(low, high)
