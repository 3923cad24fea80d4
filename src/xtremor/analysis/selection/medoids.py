"""k-medoids: the k sources from which targets are, in sum, nearest; by trying all sets, or by swaps with restarts."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

# Sets that are all tried; with more, swaps are.
EXHAUSTIVE = 50_000
RESTARTS = 20


@dataclass(frozen=True)
class Medoids:
    """A choice.

    Attributes:
        sources: numbers of the rows chosen, ascending.
        cost: mean over targets of the distance to the nearest.
        exact: whether every set was tried.
    """

    sources: tuple[int, ...]
    cost: float
    exact: bool


def cost(distances: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """(sources, targets) distances and (B, k) sets of sources -> (B,) mean over targets of the least distance."""
    found = np.empty(len(sets))
    for start in range(0, len(sets), 4096):
        found[start : start + 4096] = distances[sets[start : start + 4096]].min(axis=1).mean(axis=1)
    return found


def medoids(distances: np.ndarray, k: int, seed: int = 0, exhaustive: int = EXHAUSTIVE) -> Medoids:
    """Choose ``k`` of the rows of (sources, targets) distances; on ties the set that comes first in their order.

    Up to ``exhaustive`` sets all are tried. Else PAM's swaps (Kaufman and Rousseeuw 1990; every improving swap is made
    at once as in FasterPAM, Schubert and Rousseeuw 2021) from a greedy start and from random ones until none improves,
    the best of which is kept: a local optimum, which tests compare with the exact one on small cases.

    Raises:
        ValueError: there are fewer rows than ``k``, or k is less than 1.
    """
    count = len(distances)
    if not 1 <= k <= count:
        raise ValueError(f"expected k from 1 to {count}, not {k}")
    if math.comb(count, k) <= exhaustive:
        sets = np.array(list(itertools.combinations(range(count), k)))
        costs = cost(distances, sets)
        best = int(np.flatnonzero(costs <= costs.min() + 1e-12)[0])
        return Medoids(tuple(sets[best].tolist()), float(costs[best]), True)
    found = [_swapped(distances, start) for start in _starts(distances, k, seed)]
    best_cost, sources = min((round(value, 12), chosen) for chosen, value in found)
    return Medoids(sources, best_cost, False)


def _starts(distances: np.ndarray, k: int, seed: int) -> Iterator[np.ndarray]:
    """Greedy, then random."""
    nearest = np.full(distances.shape[1], np.inf)
    chosen: list[int] = []
    for _ in range(k):
        costs = np.minimum(distances, nearest).sum(axis=1)
        costs[chosen] = np.inf
        chosen.append(int(costs.argmin()))
        nearest = np.minimum(nearest, distances[chosen[-1]])
    yield np.array(chosen)
    draw = np.random.default_rng(seed)
    for _ in range(RESTARTS):
        yield draw.choice(len(distances), k, replace=False)


def _swapped(distances: np.ndarray, start: np.ndarray) -> tuple[tuple[int, ...], float]:
    """Swap until nothing improves."""
    chosen, now = start.copy(), float(distances[start].min(axis=0).sum())
    improved = True
    while improved:
        improved = False
        for place in range(len(chosen)):
            others = np.delete(chosen, place)
            rest = distances[others].min(axis=0) if len(others) else np.full(distances.shape[1], np.inf)
            costs = np.minimum(distances, rest).sum(axis=1)
            costs[others] = np.inf
            best = int(costs.argmin())
            if costs[best] < now - 1e-12:
                chosen[place], now, improved = best, float(costs[best]), True
    return tuple(sorted(chosen.tolist())), now / distances.shape[1]
